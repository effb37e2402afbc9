#include "weft/text/document.h"
#include "weft/base/blob.h"
#include "weft/base/buf.h"
#include "weft/text/change.h"
#include "weft/text/rope.h"

#include "random_change.h"

static const struct document_limits wide = {5000, 1 << 20};

static struct document *document_of(const char *text, uint64_t version,
                                    struct document_limits limits)
{
    return document_new(rope_new(text, strlen(text)), version, limits);
}

/* Puts text in at a position as the author's next change. */
static void type(struct document *document, size_t at, const char *text)
{
    size_t len = rope_utf16_len(document_rope(document));
    struct change *change = change_splice(len, at, 0, text, strlen(text));
    struct blob *message = blob_new(NULL, 100);
    document_push(document, change, 7, document_version(document) + 1, message);
    change_unref(change);
    blob_unref(message);
}

static void check_text(const struct document *document, const char *expected)
{
    const struct rope *rope = document_rope(document);
    char text[256] = "";
    REQUIRE(rope_len(rope) < sizeof(text));
    rope_copy(rope, text);
    CHECK_EQ_STR(text, expected);
}

static void it_moves_by_entries(void)
{
    struct document *document = document_of("ab", 40, wide);
    CHECK_EQ_INT(document_version(document), 40);
    CHECK_EQ_INT(document_oldest(document), 40);
    CHECK(document_entry(document, 40) == NULL && document_entry(document, 41) == NULL);
    type(document, 1, "x");
    type(document, 3, "yz");
    check_text(document, "axbyz");
    CHECK_EQ_INT(document_version(document), 42);
    CHECK_EQ_INT(document_oldest(document), 40);
    const struct document_entry *entry = document_entry(document, 41);
    REQUIRE(entry != NULL);
    CHECK_EQ_INT(entry->version, 41);
    CHECK_EQ_INT(entry->by, 7);
    CHECK_EQ_INT(entry->n, 41);
    CHECK_EQ_INT(entry->message->len, 100);
    CHECK_EQ_INT(change_len_after(entry->change), 3);
    CHECK_EQ_INT(document_len_at(document, 40), 2);
    CHECK_EQ_INT(document_len_at(document, 41), 3);
    CHECK_EQ_INT(document_len_at(document, 42), 5);
    document_free(document);
    document_free(NULL);
}

static void the_ring_keeps_the_newest_entries(void)
{
    struct document *document = document_of("", 0, (struct document_limits){20, 1 << 20});
    for (int i = 0; i < 100; i++) {
        type(document, 0, "x");
        uint64_t version = document_version(document);
        CHECK_EQ_INT(document_oldest(document), version > 20 ? version - 20 : 0);
        for (uint64_t v = document_oldest(document) + 1; v <= version; v++)
            CHECK_EQ_INT(document_entry(document, v)->version, v);
        CHECK(document_entry(document, document_oldest(document)) == NULL);
        CHECK(document_entry(document, version + 1) == NULL);
    }
    document_free(document);
}

static void the_ring_is_limited_in_bytes_too(void)
{
    struct document *document = document_of("", 0, (struct document_limits){5000, 1010});
    for (int i = 0; i < 50; i++)
        type(document, 0, "x");
    CHECK_EQ_INT(document_oldest(document), 40);
    char text[2001];
    memset(text, 'y', 2000);
    text[2000] = '\0';
    type(document, 0, text);
    CHECK_EQ_INT(document_oldest(document), 50);
    CHECK(document_entry(document, 51) != NULL);
    CHECK(document_bytes(document) > 4000);
    document_free(document);
}

static void older_entries_are_put_back_below(void)
{
    struct document *past = document_of("", 0, wide);
    const struct document_limits narrow = {4, 1 << 20};
    for (int i = 0; i < 10; i++)
        type(past, (size_t)i, "x");
    struct document *document = document_of("xxxxxxxxxx", 10, narrow);
    for (uint64_t version = 10; version > 0; version--) {
        const struct document_entry *entry = document_entry(past, version);
        document_unshift(document, entry->change, entry->by, entry->n, entry->message);
        uint64_t oldest = version > 7 ? version - 1 : 6;
        CHECK_EQ_INT(document_oldest(document), oldest);
        CHECK_EQ_INT(document_entry(document, oldest + 1)->n, oldest + 1);
        CHECK_EQ_INT(document_len_at(document, oldest), oldest);
        if (version <= 7)
            break;
    }
    document_unshift(document, document_entry(past, 6)->change, 1, 1, NULL);
    CHECK_EQ_INT(document_oldest(document), 6);
    type(document, 0, "y");
    CHECK_EQ_INT(document_oldest(document), 7);
    CHECK_EQ_INT(document_version(document), 11);
    check_text(document, "yxxxxxxxxxx");
    document_free(document);
    document_free(past);
}

static void positions_move_with_the_text(void)
{
    struct document *document = document_of("abcd", 0, (struct document_limits){2, 1 << 20});
    CHECK_EQ_INT(document_map_pos(document, 0, 99, 1), 4);
    type(document, 2, "12");
    type(document, 0, "3");
    CHECK_EQ_INT(document_map_pos(document, 0, 2, -1), 3);
    CHECK_EQ_INT(document_map_pos(document, 0, 2, 1), 5);
    CHECK_EQ_INT(document_map_pos(document, 0, 99, 1), 7);
    CHECK_EQ_INT(document_map_pos(document, 1, 6, 1), 7);
    CHECK_EQ_INT(document_map_pos(document, 2, 6, 1), 6);
    CHECK_EQ_INT(document_map_pos(document, 77, 6, 1), 6);
    type(document, 0, "4");
    /* Version 0 is not known any more; 1 stands in for it. */
    CHECK_EQ_INT(document_map_pos(document, 0, 2, -1), 4);
    document_free(document);
}

static void the_checksum_is_that_of_the_text(void)
{
    struct document *document = document_of("", 5, wide);
    CHECK_EQ_INT(document_crc(document), 0);
    type(document, 0, "123456789");
    CHECK_EQ_INT(document_crc(document), 0xcbf43926u); /* the check value of CRC-32 */
    CHECK_EQ_INT(document_crc(document), 0xcbf43926u);
    type(document, 9, "x");
    CHECK(document_crc(document) != 0xcbf43926u);
    document_free(document);
}

/* Texts of every version kept beside it, under random changes, limits and versions asked for. */
static void the_ring_leads_from_any_version_to_the_present(void)
{
    enum { VERSIONS = 200 };
    uint64_t random = check_seed();
    for (int round = 0; round < 100 && !check.failures; round++) {
        struct document_limits limits = {1 + check_random(&random) % 70,
                                         1 + check_random(&random) % 4000};
        struct document *document = document_of("warp", 0, limits);
        uint32_t crcs[VERSIONS + 1];
        struct change *changes[VERSIONS];
        crcs[0] = document_crc(document);
        for (size_t v = 0; v < VERSIONS; v++) {
            changes[v] = random_ascii_change(&random, rope_utf16_len(document_rope(document)));
            document_push(document, changes[v], 1, v + 1, NULL);
            crcs[v + 1] = document_crc(document);
        }
        uint64_t oldest = document_oldest(document);
        CHECK(oldest < VERSIONS && VERSIONS - oldest <= limits.entries);
        struct rope *rope = rope_new("warp", 4);
        for (uint64_t v = 0; v < VERSIONS; v++) {
            if (v >= oldest)
                CHECK_EQ_INT(document_len_at(document, v), rope_utf16_len(rope));
            const struct document_entry *entry = document_entry(document, v + 1);
            CHECK_EQ_INT(entry != NULL, v >= oldest);
            change_apply(entry ? entry->change : changes[v], rope);
            CHECK_EQ_INT(rope_crc(rope), crcs[v + 1]);
            change_unref(changes[v]);
        }
        rope_free(rope);
        document_free(document);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(it_moves_by_entries);
    RUN(the_ring_keeps_the_newest_entries);
    RUN(the_ring_is_limited_in_bytes_too);
    RUN(older_entries_are_put_back_below);
    RUN(positions_move_with_the_text);
    RUN(the_checksum_is_that_of_the_text);
    RUN(the_ring_leads_from_any_version_to_the_present);
    return check_finish();
}
