/* Bad messages are made from the decoder's own table: each field of each type with values of the
 * wrong kind, at and beyond both ends of its range, and left out. The samples say what is good. */
#include "protocol/fields.h"

#include "check.h"

/* Every field of every type is in one of them (checked). */
static const char *const samples[] = {
    ("{'t':'hello','v':1,'project':'demo','token':'eyJ','name':'Ann','color':4,'resume':'31.Qm',"
     "'k':2,'ep':'1.k2','e':991,'template':'react'}"),
    "{'t':'hello','v':1,'project':'demo'}",
    "{'t':'ping','ts':123}",
    "{'t':'list'}",
    "{'t':'open','f':3,'v':1842,'ep':'1.k2'}",
    "{'t':'open','path':'src/main.c'}",
    "{'t':'close','f':3}",
    "{'t':'create','path':'src/a.c','text':'int a;'}",
    "{'t':'rename','f':9,'path':'lib/a.c'}",
    "{'t':'rename','from':'src/','path':'lib/'}",
    "{'t':'delete','f':9}",
    "{'t':'delete','from':'lib/'}",
    "{'t':'edit','f':3,'v':1842,'n':17,'c':[4,[0,'u'],2],'sel':[5,5]}",
    "{'t':'edit','f':3,'v':1842,'n':18,'cs':[[1],[1]]}",
    "{'t':'edit','f':3,'at':120,'del':3,'ins':'abc'}",
    "{'t':'cursor','f':3,'v':1843,'sel':[10,24]}",
    "{'t':'cursor','f':0}",
    "{'t':'check','f':3}",
    "{'t':'run','kind':'build','f':3,'args':{'std':'c11'}}",
    "{'t':'run','kind':'zip'}",
    "{'t':'cancel','job':'j81'}",
};
#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

static struct limits limits;
static struct decoder *decoder;
static struct message message;

/* Returns a new object: the sample, with a q that every answer must bring back. */
static json_t *sample(size_t i)
{
    char text[256];
    snprintf(text, sizeof(text), "%s", samples[i]);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *object = json_loads(text, 0, NULL);
    REQUIRE(object != NULL);
    json_object_set_new(object, "q", json_string("q\"1"));
    return object;
}

/* Decodes object as a frame into `message`. */
static enum err decode(const json_t *object)
{
    struct error error = {0};
    size_t count;
    char *text = json_dumps(object, JSON_COMPACT);
    enum err err = decoder_frame(decoder, text, strlen(text), &count, &error);
    if (err == ERR_OK)
        err = decoder_message(decoder, 0, &message, &error);
    CHECK_EQ_INT(err, error.code);
    free(text);
    return err;
}

/* Takes value. */
static void expect(json_t *object, const char *key, json_t *value, enum err code)
{
    json_t *changed = json_copy(object);
    json_object_set_new(changed, key, value);
    enum err err = decode(changed);
    if (err != code) {
        char *text = json_dumps(changed, JSON_COMPACT);
        CHECK_FAIL("%.200s is %s, not %s", text, err_name(err), err_name(code));
        free(text);
    }
    if (strcmp(key, "q") != 0)
        CHECK_EQ_STR(message.q.json, "\"q\\\"1\"");
    json_decref(changed);
}

static const struct message_shape *shape_of(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "t"));
    for (enum message_type i = 0; i < MESSAGE_TYPES; i++) {
        if (strcmp(message_type_name(i), type) == 0)
            return message_shape(i);
    }
    return NULL;
}

/* Calls check for each field of its type that a sample has, and for q. */
static void for_each_field(void (*check_field)(json_t *object, const struct field *field))
{
    for (size_t i = 0; i < SAMPLES; i++) {
        json_t *object = sample(i);
        const struct message_shape *shape = shape_of(object);
        REQUIRE(shape != NULL);
        for (size_t j = 0; j < shape->count; j++) {
            if (json_object_get(object, shape->fields[j].name))
                check_field(object, &shape->fields[j]);
        }
        check_field(object, &field_q);
        json_decref(object);
    }
}

static void samples_are_good_and_have_every_field(void)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        json_t *object = sample(i);
        CHECK_EQ_INT(decode(object), ERR_OK);
        CHECK_EQ_STR(message_type_name(message.type),
                     json_string_value(json_object_get(object, "t")));
        json_decref(object);
    }
    for (enum message_type type = 0; type < MESSAGE_TYPES; type++) {
        const struct message_shape *shape = message_shape(type);
        bool seen[KEY_COUNT] = {false};
        bool seen_type = false;
        for (size_t i = 0; i < SAMPLES; i++) {
            json_t *object = sample(i);
            bool same = shape_of(object) == shape;
            seen_type |= same;
            for (size_t j = 0; j < shape->count; j++)
                seen[j] |= same && json_object_get(object, shape->fields[j].name);
            json_decref(object);
        }
        CHECK(seen_type);
        for (size_t j = 0; j < shape->count; j++) {
            if (!seen[j])
                CHECK_FAIL("no sample of %s has %s", shape->name, shape->fields[j].name);
        }
    }
}

static bool is_array_kind(enum field_kind kind)
{
    return kind == FIELD_SELECTION || kind == FIELD_ARRAY;
}

static void refuses_wrong_kinds(json_t *object, const struct field *field)
{
    bool number = field->kind == FIELD_NUMBER || field->kind == FIELD_ID;
    bool object_kind = field->kind == FIELD_OBJECT;
    bool text = field->kind == FIELD_ID || (!number && !object_kind && !is_array_kind(field->kind));
    expect(object, field->name, json_null(), ERR_BAD_MESSAGE);
    expect(object, field->name, json_true(), ERR_BAD_MESSAGE);
    expect(object, field->name, json_false(), ERR_BAD_MESSAGE);
    expect(object, field->name, json_object(), object_kind ? ERR_OK : ERR_BAD_MESSAGE);
    expect(object, field->name, json_pack("{s:i}", "f", 1), object_kind ? ERR_OK : ERR_BAD_MESSAGE);
    expect(object, field->name, json_real(1.0), ERR_BAD_MESSAGE);
    expect(object, field->name, json_real(1.5), ERR_BAD_MESSAGE);
    expect(object, field->name, json_real(1e300), ERR_BAD_MESSAGE);
    expect(object, field->name, json_integer(-1), ERR_BAD_MESSAGE);
    expect(object, field->name, json_integer(INT64_MIN), ERR_BAD_MESSAGE);
    expect(object, field->name, json_integer(INT64_MAX), ERR_BAD_MESSAGE);
    if (!number)
        expect(object, field->name, json_integer(1), ERR_BAD_MESSAGE);
    if (!text)
        expect(object, field->name, json_string("1"), ERR_BAD_MESSAGE);
    if (!is_array_kind(field->kind))
        expect(object, field->name, json_pack("[i]", 1), ERR_BAD_MESSAGE);
}

static void a_value_of_the_wrong_kind_is_refused(void)
{
    for_each_field(refuses_wrong_kinds);
}

static void keeps_range(json_t *object, const struct field *field)
{
    if (field->kind != FIELD_NUMBER)
        return;
    CHECK(field->most <= NUMBER_MAX);
    expect(object, field->name, json_integer((json_int_t)field->most + 1), ERR_BAD_MESSAGE);
    if (field->least > 0)
        expect(object, field->name, json_integer((json_int_t)field->least - 1), ERR_BAD_MESSAGE);
    /* Two change sets cannot end at number 1, and a cursor in file 0 says nothing else. */
    bool in_pair = field->key == KEY_n && json_object_get(object, "cs");
    json_int_t least = in_pair ? 2 : (json_int_t)field->least;
    expect(object, field->name, json_integer(least), ERR_OK);
    if (!(field->key == KEY_f && field->least == 0 && json_object_size(object) == 3))
        expect(object, field->name, json_integer((json_int_t)field->most), ERR_OK);
}

static void a_number_keeps_its_range(void)
{
    for_each_field(keeps_range);
}

static void is_missed(json_t *object, const struct field *field)
{
    if (!field->required)
        return;
    json_t *without = json_copy(object);
    json_object_del(without, field->name);
    CHECK_EQ_INT(decode(without), ERR_BAD_MESSAGE);
    json_decref(without);
}

static void a_field_that_is_needed_is_missed(void)
{
    for_each_field(is_missed);
}

static size_t most_bytes(const struct field *field)
{
    if (field->kind == FIELD_FILE_TEXT)
        return limits.text;
    return field->kind == FIELD_INSERT ? limits.insert : (size_t)field->most;
}

static bool is_text_kind(enum field_kind kind)
{
    return kind != FIELD_NUMBER && kind != FIELD_OBJECT && !is_array_kind(kind);
}

static void keeps_length(json_t *object, const struct field *field)
{
    if (!is_text_kind(field->kind))
        return;
    size_t most = most_bytes(field);
    char *text = malloc(most + 2);
    REQUIRE(text != NULL);
    memset(text, 'a', most + 1);
    text[most + 1] = '\0';
    enum err code = field->kind == FIELD_PATH ? ERR_BAD_PATH : ERR_TOO_BIG;
    expect(object, field->name, json_string(text), code);
    text[most] = '\0';
    expect(object, field->name, json_string(text), ERR_OK);
    memset(text, '\x01', most);
    enum err control = field->kind == FIELD_NAME      ? ERR_BAD_TEXT
                       : field->kind == FIELD_PROJECT ? ERR_BAD_MESSAGE
                                                      : ERR_OK;
    expect(object, field->name, json_string(text), control);
    free(text);
}

static void a_text_keeps_its_length(void)
{
    limits.text = 2000;
    limits.insert = 1024;
    for_each_field(keeps_length);
    limits = limits_default();
}

static bool is_project(const char *text)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = strlen(text);
    return len > 0 && strspn(text, allowed) == len && strcmp(text, ".") && strcmp(text, "..");
}

static bool has_control(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f))
            return true;
    }
    return false;
}

static enum err judge_naughty(const struct field *field, const char *text)
{
    if (strlen(text) > most_bytes(field))
        return field->kind == FIELD_PATH ? ERR_BAD_PATH : ERR_TOO_BIG;
    if (field->kind == FIELD_PROJECT)
        return is_project(text) ? ERR_OK : ERR_BAD_MESSAGE;
    if (field->kind == FIELD_NAME)
        return has_control(text) ? ERR_BAD_TEXT : ERR_OK;
    if (field->kind == FIELD_INSERT)
        return strchr(text, '\r') ? ERR_BAD_TEXT : ERR_OK;
    return ERR_OK;
}

static json_t *naughty;

static void takes_naughty_strings(json_t *object, const struct field *field)
{
    if (!is_text_kind(field->kind))
        return;
    size_t i;
    json_t *value;
    json_array_foreach(naughty, i, value)
    {
        const char *text = json_string_value(value);
        enum err code = judge_naughty(field, text);
        expect(object, field->name, json_incref(value), code);
        if (code != ERR_OK)
            continue;
        if (field->kind == FIELD_ID) {
            json_t *back = json_loads(message.q.json, JSON_DECODE_ANY, NULL);
            CHECK(back && json_equal(back, value));
            json_decref(back);
        } else {
            const struct text *got = (const void *)((const char *)&message + field->offset);
            CHECK_EQ_STR(got->text, text);
            CHECK_EQ_INT(got->len, strlen(text));
        }
    }
}

static void naughty_strings_are_kept_byte_for_byte_or_refused(void)
{
    FILE *file = check_open_shared("blns.json");
    naughty = json_loadf(file, 0, NULL);
    fclose(file);
    REQUIRE(json_array_size(naughty) > 400);
    for_each_field(takes_naughty_strings);
    json_decref(naughty);
}

static void names_have_no_control_characters(void)
{
    static const struct {
        const char *name;
        enum err code;
    } cases[] = {
        {"", ERR_OK},
        {"Zo\u00eb \U0001f600", ERR_OK},
        {"\u00a0", ERR_OK},
        {"a\nb", ERR_BAD_TEXT},
        {"a\x1b[31m", ERR_BAD_TEXT},
        {"\x7f", ERR_BAD_TEXT},
        {"\xc2\x80", ERR_BAD_TEXT},
        {"a\xc2\x9f", ERR_BAD_TEXT},
        {"\xc3\x80", ERR_OK},
    };
    json_t *object = sample(0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect(object, "name", json_string(cases[i].name), cases[i].code);
    json_decref(object);
}

static void unknown_keys_are_ignored(void)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        json_t *object = sample(i);
        expect(object, "zz", json_true(), ERR_OK);
        expect(object, "", json_pack("{s:[i]}", "f", -1), ERR_OK);
        if (strcmp(json_string_value(json_object_get(object, "t")), "ping") != 0)
            expect(object, "ts", json_string("of another type"), ERR_OK);
        json_decref(object);
    }
}

/* What the error names is read even where another field is bad, in whatever order they come. */
static void a_refused_message_still_says_which_it_was(void)
{
    static const char *const frames[] = {
        "{\"t\":\"edit\",\"f\":3,\"n\":17,\"q\":7,\"v\":-1,\"c\":[1]}",
        "{\"v\":\"x\",\"c\":[1],\"t\":\"edit\",\"f\":3,\"n\":17,\"q\":7}",
        "{\"q\":7,\"f\":3,\"n\":17,\"v\":1,\"c\":[0],\"t\":\"edit\"}",
        "{\"q\":7,\"f\":3,\"n\":17,\"t\":\"no such\"}",
        "{\"q\":7,\"f\":3,\"n\":17}",
        "{\"q\":7,\"f\":3,\"n\":17,\"t\":5}",
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        json_t *object = json_loads(frames[i], 0, NULL);
        CHECK(decode(object) != ERR_OK);
        CHECK_EQ_STR(message.q.json, "7");
        CHECK_EQ_INT(message.f, 3);
        CHECK_EQ_INT(message.n, 17);
        CHECK_EQ_INT(message.type, i < 3 ? MESSAGE_EDIT : MESSAGE_TYPES);
        CHECK(message.u.edit.changes == NULL && message.u.edit.count == 0);
        json_decref(object);
    }
}

static void what_is_wrong_itself_is_not_said(void)
{
    json_t *object = json_loads("{\"t\":\"edit\",\"f\":-3,\"n\":1.5,\"q\":[7]}", 0, NULL);
    CHECK_EQ_INT(decode(object), ERR_BAD_MESSAGE);
    CHECK_EQ_STR(message.q.json, "");
    CHECK_EQ_INT(message.f, 0);
    CHECK_EQ_INT(message.n, 0);
    json_decref(object);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    limits = limits_default();
    decoder = decoder_new(&limits);
    RUN(samples_are_good_and_have_every_field);
    RUN(a_value_of_the_wrong_kind_is_refused);
    RUN(a_number_keeps_its_range);
    RUN(a_field_that_is_needed_is_missed);
    RUN(a_text_keeps_its_length);
    RUN(naughty_strings_are_kept_byte_for_byte_or_refused);
    RUN(names_have_no_control_characters);
    RUN(unknown_keys_are_ignored);
    RUN(a_refused_message_still_says_which_it_was);
    RUN(what_is_wrong_itself_is_not_said);
    decoder_free(decoder);
    return check_finish();
}
