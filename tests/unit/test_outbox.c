/* What an author gets in the place of its own messages, beside a plain way to make it. */
#include "check.h"

#include "core/join.h"
#include "core/outbox.h"
#include "weft/base/blob.h"

static struct blob *text(const char *format, int i)
{
    char data[64];
    int len = snprintf(data, sizeof(data), format, i);
    return blob_new(data, (size_t)len);
}

static void expect(struct outbox *outbox, uint64_t cid, const char *wanted, unsigned elements)
{
    struct blob *got = outbox_for_author(outbox, cid);
    CHECK_EQ_STR(got ? got->data : NULL, wanted);
    if (got) {
        CHECK_EQ_INT(got->elements, elements);
        CHECK_EQ_INT(got->len, strlen(wanted));
    }
    blob_unref(got);
}

static void an_author_gets_its_own_in_place(void)
{
    struct outbox outbox;
    outbox_init(&outbox);
    outbox_add(&outbox, text("{\"e\":%d}", 1), text("{\"ack\":%d}", 1), 7);
    CHECK_EQ_STR(outbox_all(&outbox)->data, "{\"e\":1}");
    expect(&outbox, 7, "{\"ack\":1}", 1);
    expect(&outbox, 8, "{\"e\":1}", 1);
    outbox_add(&outbox, text("{\"e\":%d}", 22), NULL, 8);
    outbox_add(&outbox, text("{\"e\":%d}", 333), text("{\"ack\":%d}", 3), 7);
    CHECK_EQ_STR(outbox_all(&outbox)->data, "[{\"e\":1},{\"e\":22},{\"e\":333}]");
    expect(&outbox, 7, "[{\"ack\":1},{\"e\":22},{\"ack\":3}]", 3);
    expect(&outbox, 8, "[{\"e\":1},{\"e\":333}]", 2);
    expect(&outbox, 9, "[{\"e\":1},{\"e\":22},{\"e\":333}]", 3);
    outbox_close(&outbox);
}

static void who_wrote_everything_may_get_nothing(void)
{
    struct outbox outbox;
    outbox_init(&outbox);
    outbox_add(&outbox, text("{\"c\":%d}", 1), NULL, 7);
    expect(&outbox, 7, NULL, 0);
    outbox_add(&outbox, text("{\"c\":%d}", 2), NULL, 7);
    expect(&outbox, 7, NULL, 0);
    outbox_add(&outbox, text("{\"c\":%d}", 3), NULL, 8);
    expect(&outbox, 7, "{\"c\":3}", 1);
    expect(&outbox, 8, "[{\"c\":1},{\"c\":2}]", 2);
    outbox_close(&outbox);
}

static void any_mixture_is_what_a_join_makes(void)
{
    uint64_t seed = check_seed();
    for (int round = 0; round < 2000; round++) {
        struct outbox outbox;
        outbox_init(&outbox);
        int count = 1 + (int)(check_random(&seed) % 12);
        for (int i = 0; i < count; i++)
            outbox_add(&outbox, text("{\"edit\":%d}", i),
                       check_random(&seed) % 2 ? text("{\"a\":%d}", i) : NULL,
                       check_random(&seed) % 3);
        for (uint64_t cid = 0; cid < 3; cid++) {
            struct join join;
            struct blob *single = NULL;
            int left = 0;
            join_begin(&join, 1000);
            for (int i = 0; i < count; i++) {
                struct outbox_item *item = &outbox.items[i];
                struct blob *blob = item->by == cid ? item->own : item->message;
                if (!blob)
                    continue;
                join_add(&join, blob);
                single = blob;
                left++;
            }
            struct blob *array = join_end(&join);
            expect(&outbox, cid,
                   left == 0   ? NULL
                   : left == 1 ? single->data
                               : array->data,
                   (unsigned)left);
            blob_unref(array);
        }
        outbox_close(&outbox);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(an_author_gets_its_own_in_place);
    RUN(who_wrote_everything_may_get_nothing);
    RUN(any_mixture_is_what_a_join_makes);
    return check_finish();
}
