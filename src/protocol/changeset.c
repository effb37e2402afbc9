#include "changeset.h"
#include "parse.h"

#include <string.h>

void changeset_reader_init(struct changeset_reader *reader, size_t parts_most, size_t insert_most)
{
    reader->builder = change_builder_new();
    buf_init(&reader->lines);
    reader->parts_most = parts_most;
    reader->insert_most = insert_most;
}

void changeset_reader_close(struct changeset_reader *reader)
{
    change_builder_free(reader->builder);
    buf_close(&reader->lines);
}

/* One change set under way. The lengths are counted here, before the builder is asked, so that no
 * sum of a stranger's numbers comes near an overflow. */
struct reading {
    struct changeset_reader *reader;
    size_t part;
    uint64_t before; /* units kept and deleted so far */
    size_t inserted; /* bytes so far */
    struct error *error;
};

static enum err take_units(struct reading *reading, const json_t *value, uint64_t least,
                           uint64_t *units)
{
    if (!parse_number(value, least, CHANGE_LEN_MAX, units))
        return error_set(reading->error, ERR_BAD_CHANGE,
                         "part %zu: a length from %d to %u is expected", reading->part, (int)least,
                         CHANGE_LEN_MAX);
    reading->before += *units;
    if (reading->before > CHANGE_LEN_MAX)
        return error_set(reading->error, ERR_BAD_CHANGE, "part %zu: the length before is above %u",
                         reading->part, CHANGE_LEN_MAX);
    return ERR_OK;
}

static enum err take_keep(struct reading *reading, const json_t *value)
{
    uint64_t units;
    enum err err = take_units(reading, value, 1, &units);
    if (err == ERR_OK && change_builder_keep(reading->reader->builder, units) != ERR_OK)
        err = error_set(reading->error, ERR_BAD_CHANGE, "part %zu: too long", reading->part);
    return err;
}

static enum err take_line(struct reading *reading, const json_t *value)
{
    if (!json_is_string(value))
        return error_set(reading->error, ERR_BAD_CHANGE, "part %zu: a line is not a string",
                         reading->part);
    const char *line = json_string_value(value);
    size_t len = json_string_length(value);
    if (memchr(line, '\r', len))
        return error_set(reading->error, ERR_BAD_TEXT, "part %zu: a line has a carriage return",
                         reading->part);
    reading->inserted += len;
    if (reading->inserted > reading->reader->insert_most)
        return error_set(reading->error, ERR_TOO_BIG, "more than %zu bytes are inserted",
                         reading->reader->insert_most);
    buf_add(&reading->reader->lines, line, len);
    return ERR_OK;
}

/* The lines of a part, joined in reader->lines. */
static enum err take_lines(struct reading *reading, const json_t *part)
{
    struct buf *lines = &reading->reader->lines;
    buf_reset(lines);
    enum err err = ERR_OK;
    for (size_t i = 1; i < json_array_size(part) && err == ERR_OK; i++) {
        if (i > 1) {
            buf_add_char(lines, '\n');
            reading->inserted++;
        }
        err = take_line(reading, json_array_get(part, i));
    }
    return err;
}

static enum err take_replace(struct reading *reading, const json_t *part)
{
    uint64_t del;
    enum err err = take_units(reading, json_array_get(part, 0), 0, &del);
    if (err == ERR_OK)
        err = take_lines(reading, part);
    if (err != ERR_OK)
        return err;
    const struct buf *lines = &reading->reader->lines;
    if (del == 0 && lines->len == 0)
        return error_set(reading->error, ERR_BAD_CHANGE, "part %zu: it does nothing",
                         reading->part);
    const char *text = lines->len > 0 ? lines->data : NULL;
    if (change_builder_replace(reading->reader->builder, del, text, lines->len) != ERR_OK)
        return error_set(reading->error, ERR_BAD_CHANGE, "part %zu: too long", reading->part);
    return ERR_OK;
}

static enum err take_part(struct reading *reading, const json_t *part)
{
    if (json_is_array(part))
        return take_replace(reading, part);
    return take_keep(reading, part);
}

enum err changeset_read(struct changeset_reader *reader, const json_t *parts, struct change **out,
                        struct error *error)
{
    *out = NULL;
    size_t count = json_array_size(parts);
    if (count > reader->parts_most)
        return error_set(error, ERR_TOO_MANY, "a change set of more than %zu parts",
                         reader->parts_most);
    struct reading reading = {.reader = reader, .error = error};
    enum err err = ERR_OK;
    for (; reading.part < count && err == ERR_OK; reading.part++)
        err = take_part(&reading, json_array_get(parts, reading.part));
    struct change *change = change_builder_finish(reader->builder);
    if (err == ERR_OK)
        *out = change;
    else
        change_unref(change); /* the parts before the bad one */
    return err;
}
