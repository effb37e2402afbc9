#include "epoch.h"
#include "weft/base/random.h"

void epoch_make(char out[EPOCH_SIZE], uint64_t number)
{
    epoch_print(out, number, random_u64());
}
