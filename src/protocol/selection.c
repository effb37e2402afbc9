#include "selection.h"
#include "parse.h"

bool selection_read(const json_t *value, uint32_t ranges_most, struct selection *out)
{
    size_t count = json_array_size(value);
    if (count == 0 || count % 2 != 0 || count > 2 * (size_t)ranges_most)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!parse_number(json_array_get(value, i), 0, NUMBER_MAX, &out->pos[i]))
            return false;
    out->count = (uint32_t)count;
    return true;
}
