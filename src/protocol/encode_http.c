#include "weft/protocol/http.h"
#include "weft/text/rope.h"

#include <string.h>

/* Appends key, which leads to the value as ",\"name\":", and text as a JSON string. */
static void add_text(struct buf *out, const char *key, const char *text)
{
    buf_add_text(out, key);
    buf_add_json(out, text, strlen(text));
}

static void add_number(struct buf *out, const char *key, uint64_t number)
{
    buf_add_text(out, key);
    buf_add_u64(out, number);
}

void encode_http_error(struct buf *out, const struct error *error)
{
    add_text(out, "{\"error\":{\"code\":", err_name(error->code));
    add_text(out, ",\"msg\":", error->text[0] ? error->text : err_text(error->code));
    buf_add_text(out, "}}\n");
}

void encode_http_created(struct buf *out, const char *id)
{
    add_text(out, "{\"id\":", id);
    buf_add_text(out, "}\n");
}

void encode_http_templates(struct buf *out, const struct http_template *templates, size_t count)
{
    buf_add_text(out, "{\"templates\":[");
    for (size_t i = 0; i < count; i++) {
        add_text(out, i > 0 ? ",{\"name\":" : "{\"name\":", templates[i].name);
        add_text(out, ",\"title\":", templates[i].title);
        add_text(out, ",\"description\":", templates[i].description);
        buf_add_char(out, '}');
    }
    buf_add_text(out, "]}\n");
}

void encode_http_project(struct buf *out, const struct http_project *project)
{
    add_text(out, "{\"id\":", project->id);
    add_text(out, ",\"name\":", project->name);
    add_text(out, ",\"ep\":", project->ep);
    add_number(out, ",\"e\":", project->e);
    add_number(out, ",\"sessions\":", project->sessions);
    buf_add_text(out, ",\"files\":[");
    for (size_t i = 0; i < project->file_count; i++) {
        const struct file_info *file = &project->files[i];
        add_number(out, i > 0 ? ",{\"f\":" : "{\"f\":", file->f);
        add_text(out, ",\"path\":", file->path);
        add_number(out, ",\"v\":", file->v);
        add_number(out, ",\"len\":", file->len);
        add_number(out, ",\"s\":", project->saved[i]);
        buf_add_char(out, '}');
    }
    buf_add_text(out, "]}\n");
}

void encode_http_file(struct buf *out, const struct http_file *file)
{
    add_number(out, "{\"f\":", file->f);
    add_text(out, ",\"path\":", file->path);
    add_text(out, ",\"ep\":", file->ep);
    add_number(out, ",\"v\":", file->v);
    add_text(out, ",\"eol\":", file->eol);
    buf_add_text(out, ",\"text\":\"");
    struct rope_iter iter = {0};
    size_t len;
    for (const char *piece; (piece = rope_next(file->text, &iter, &len));)
        buf_add_json_piece(out, piece, len);
    buf_add_text(out, "\"}\n");
}

void encode_http_points_begin(struct buf *out)
{
    buf_add_text(out, "{\"points\":[");
}

void encode_http_point(struct buf *out, const struct http_point *point)
{
    bool is_first = out->data[out->len - 1] == '[';
    add_number(out, is_first ? "{\"epoch\":" : ",{\"epoch\":", point->epoch_number);
    add_number(out, ",\"v\":", point->v);
    add_number(out, ",\"ts\":", point->ts);
    add_number(out, ",\"by\":", point->by);
    add_number(out, ",\"size\":", point->size);
    buf_add_char(out, '}');
}

void encode_http_points_end(struct buf *out)
{
    buf_add_text(out, "]}\n");
}
