/* The queue of one connection: what is dropped, what stays, and that looking for what is not there
 * costs nothing. */
#include "check.h"

#include "core/queue.h"
#include "weft/base/blob.h"

static void push(struct queue *queue, enum queue_class class, uint64_t f, const char *text)
{
    struct blob *blob = blob_new(text, strlen(text));
    queue_push(queue, blob, class, f);
    blob_unref(blob);
}

static void a_class_of_a_file_is_dropped_and_the_rest_keeps_its_order(void)
{
    struct queue queue;
    uint32_t taken;
    queue_init(&queue);
    push(&queue, QUEUE_PLAIN, 0, "1");
    push(&queue, QUEUE_EDIT, 1, "2");
    push(&queue, QUEUE_PRESENCE, 1, "3");
    push(&queue, QUEUE_EDIT, 2, "4");
    push(&queue, QUEUE_SNAPSHOT, 1, "56");
    CHECK_EQ_INT(queue.bytes, 4);
    CHECK_EQ_INT(queue.snapshot_bytes, 2);
    CHECK_EQ_INT(queue_edit_file(&queue), 1);
    CHECK_EQ_INT(queue_drop(&queue, QUEUE_EDIT, 1), 1);
    CHECK_EQ_INT(queue_edit_file(&queue), 2);
    CHECK_EQ_INT(queue_drop(&queue, QUEUE_PRESENCE, 0), 1);
    CHECK_EQ_INT(queue_drop(&queue, QUEUE_PRESENCE, 0), 0);
    struct blob *all = queue_join(&queue, 256, &taken);
    CHECK_EQ_STR(all->data, "[1,4,56]");
    blob_unref(all);
    queue_shift(&queue, taken);
    CHECK_EQ_INT(queue.bytes + queue.snapshot_bytes + queue.count, 0);
    CHECK_EQ_INT(queue_edit_file(&queue), 0);
    queue_close(&queue);
}

/* A slow reader's queue is looked through for every message that comes. */
static void what_is_not_there_is_not_looked_for(void)
{
    struct queue queue;
    queue_init(&queue);
    for (int i = 0; i < 20000; i++)
        push(&queue, QUEUE_PLAIN, 1, "x");
    for (int i = 0; i < 5000000; i++) {
        CHECK_EQ_INT(queue_drop(&queue, QUEUE_PRESENCE, 0), 0);
        CHECK_EQ_INT(queue_edit_file(&queue), 0);
    }
    queue_close(&queue);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(a_class_of_a_file_is_dropped_and_the_rest_keeps_its_order);
    RUN(what_is_not_there_is_not_looked_for);
    return check_finish();
}
