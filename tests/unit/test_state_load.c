/*
 * Loading a project into a shared state: the lease, populate, offers, another run of the server;
 * and what is refused meanwhile. Every call is made again where that matters: it must do nothing,
 * or tell what it did.
 */
#include "check.h"
#include "shared_world.h"

/* A project "new" of one file under a lease: "x.txt" at version 7, n 3 of ANN seen. */
static struct state_populate new_project(const char *token, const char *epoch)
{
    static const struct state_seen seen = {ANN, 3};
    static struct state_populate_file file;
    file = (struct state_populate_file){.f = 4,
                                        .version = 7,
                                        .rev = 9,
                                        .saved_version = 7,
                                        .saved_rev = 9,
                                        .path = "x.txt",
                                        .eol = "\r",
                                        .text = "caf\xc3\xa9",
                                        .len = 5,
                                        .utf16_len = 4,
                                        .seen = &seen,
                                        .seen_count = 1,
                                        .updated_at = 1730000000000,
                                        .updated_by = BOB};
    return (struct state_populate){.token = token,
                                   .epoch = epoch,
                                   .name = "New",
                                   .template = "blank",
                                   .e = 12,
                                   .next_file = 8,
                                   .files = &file,
                                   .file_count = 1};
}

/* ---- the loading lease ---- */

static void one_loads_and_the_others_wait(void)
{
    struct probe *first = begin_plain(), *second = second_of(first);
    char token[64];
    first->project = second->project = "new";
    CHECK_EQ_INT(probe_hello(first, ANN, 1, 21), STATE_LOAD);
    CHECK(!first->got.recover);
    REQUIRE(first->got.token != NULL);
    snprintf(token, sizeof(token), "%s", first->got.token);
    CHECK_EQ_INT(probe_hello(second, BOB, 1, 21), STATE_WAIT);
    CHECK(second->got.wait_ms > 0 && second->got.wait_ms <= 1000);
    /* The same hello is told the same; another one of the same instance waits. */
    CHECK_EQ_INT(probe_hello(first, ANN, 1, 21), STATE_LOAD);
    CHECK_EQ_STR(first->got.token, token);
    CHECK_EQ_INT(probe_hello(first, ANN, 1, 22), STATE_WAIT);
    probe_abandon(first, token);
    CHECK_EQ_INT(probe_hello(first, ANN, 1, 23), STATE_LOAD);
    CHECK(strcmp(first->got.token, token) != 0);
    probe_abandon(first, first->got.token);
    CHECK_EQ_INT(probe_poll(first, 0, 0, NULL, 0), STATE_UNLOADED);
    CHECK_EQ_INT(backend->keys("new"), 0);
}

static void who_loads_is_told_to_ask_where_others_live(void)
{
    struct probe *first = begin_plain(), *second = second_of(first);
    second->project = "new";
    CHECK_EQ_INT(probe_hello(second, ANN, 1, 21), STATE_LOAD);
    CHECK(second->got.ask_ms > 0);
}

static void a_dead_loader_leaves_nothing(void)
{
    struct probe *first = begin(&(struct backend_options){.load_ms = 300});
    struct probe *second = second_of(first);
    char token[64];
    first->project = second->project = "new";
    CHECK_EQ_INT(probe_hello(first, ANN, 1, 21), STATE_LOAD);
    snprintf(token, sizeof(token), "%s", first->got.token);
    CHECK_EQ_INT(probe_hello(second, BOB, 1, 31), STATE_WAIT);
    UNTIL(probe_hello(second, BOB, 1, 31) == STATE_LOAD);
    CHECK(strcmp(second->got.token, token) != 0);
    /* The first one wakes up. */
    struct state_populate populate = new_project(token, "1.old");
    CHECK_EQ_INT(probe_ask_offers(first, token), STATE_LOST);
    CHECK_EQ_INT(probe_populate(first, &populate), STATE_LOST);
    probe_abandon(first, token);
    CHECK_EQ_INT(probe_hello(first, ANN, 1, 22), STATE_WAIT);
    UNTIL(backend->keys("new") == 0);
}

/* ---- populate ---- */

static void populate_brings_it_back_as_it_was(void)
{
    struct probe *probe = begin_plain();
    probe->project = "new";
    CHECK_EQ_INT(probe_hello(probe, ANN, 1, 21), STATE_LOAD);
    struct state_populate populate = new_project(probe->got.token, "3.new");
    char *token = token_of(probe);
    populate.token = token;
    CHECK_EQ_INT(probe_populate(probe, &populate), STATE_OK);
    CHECK_EQ_INT(probe_hello(probe, ANN, 5, 22), STATE_OK);
    CHECK_EQ_STR(probe->epoch, "3.new");
    CHECK_EQ_STR(probe->got.name, "New");
    CHECK_EQ_INT(probe->got.e, 12);
    REQUIRE(probe->got.file_count == 1);
    const struct state_file *file = &probe->got.files[0];
    CHECK_EQ_INT(file->f, 4);
    CHECK_EQ_INT(file->version, 7);
    CHECK_EQ_INT(file->rev, 9);
    CHECK_EQ_INT(file->saved_version, 7);
    CHECK_EQ_INT(file->utf16_len, 4);
    CHECK_EQ_INT(file->size, 5);
    CHECK_EQ_STR(file->eol, "\r");
    CHECK_EQ_INT(probe_read(probe, 4, true, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.updated_at, 1730000000000);
    CHECK_EQ_INT(probe->got.updated_by, BOB);
    CHECK_EQ_STR(probe->got.path, "x.txt");
    REQUIRE(probe->got.seen_count == 1);
    CHECK_EQ_INT(probe->got.seen[0].n, 3);
    check_text(probe, 4, "caf\xc3\xa9");
    /* What was seen then is seen now; and the reply of populate may have been lost. */
    CHECK_EQ_INT(probe_append(probe, 4, 7, ANN, 3, 5, 4, "x"), STATE_SEEN);
    CHECK_EQ_INT(probe_append(probe, 4, 7, ANN, 4, 5, 4, "x"), STATE_OK);
    CHECK_EQ_INT(probe_populate(probe, &populate), STATE_OK);
    check_text(probe, 4, "caf\xc3\xa9x");
    free(token);
    CHECK_EQ_INT(probe_new_file(probe, "y.txt", ""), STATE_OK);
    CHECK_EQ_INT(probe->got.entries[0].f, 8);
    CHECK_EQ_INT(probe->got.e, 13);
}

static void what_is_here_is_not_populated(void)
{
    struct probe *probe = begin_plain();
    struct state_populate populate = new_project("some.token", "9.x");
    CHECK_EQ_INT(probe_populate(probe, &populate), STATE_LOST);
    CHECK_EQ_INT(probe_offer(probe, NULL, NULL, 0), STATE_LOST);
    CHECK_EQ_INT(probe_ask_offers(probe, "some.token"), STATE_LOST);
    CHECK_EQ_INT(probe_ask_offers(probe, ""), STATE_LOST);
    check_text(probe, 1, "base");
}

static void only_what_is_told_to_be_is_dirty(void)
{
    struct probe *probe = begin(&(struct backend_options){.save_after_ms = 1000});
    probe->project = "new";
    CHECK_EQ_INT(probe_hello(probe, 0, 0, 21), STATE_LOAD);
    struct state_populate populate = new_project(probe->got.token, "3.new");
    char *token = token_of(probe);
    populate.token = token;
    CHECK_EQ_INT(probe_populate(probe, &populate), STATE_OK);
    free(token);
    CHECK_EQ_INT(probe_ask_dirty(probe, 10), STATE_OK);
    CHECK_EQ_INT(probe->got.dirty_count, 0);
    CHECK_EQ_STR(probe->got.epoch, "3.new");
    CHECK_EQ_INT(probe->got.next_file, 8);
}

static void what_was_deleted_is_put_as_a_tombstone(void)
{
    struct probe *probe = begin(&(struct backend_options){.save_after_ms = 1000});
    probe->project = "new";
    CHECK_EQ_INT(probe_hello(probe, 0, 0, 21), STATE_LOAD);
    struct state_populate populate = new_project(probe->got.token, "3.new");
    const struct state_populate_deleted deleted[] = {{2, 6, "gone.txt"}, {3, 1, "also gone"}};
    char *token = mem_strdup(probe->got.token);
    populate.token = token;
    populate.deleted = deleted;
    populate.deleted_count = 2;
    CHECK_EQ_INT(probe_populate(probe, &populate), STATE_OK);
    free(token);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe->got.file_count, 1);
    CHECK_EQ_INT(probe_read(probe, 2, true, 0), STATE_GONE);
    CHECK_EQ_INT(probe_ask_dirty(probe, 10), STATE_OK);
    REQUIRE(probe->got.dirty_count == 2);
    CHECK(probe->got.dirty[0].deleted && probe->got.dirty[1].deleted);
    CHECK_EQ_INT(probe->got.dirty[0].f, 2);
    CHECK_EQ_INT(probe->got.dirty[0].rev, 6);
    CHECK_EQ_STR(probe->got.dirty[0].path, "gone.txt");
    CHECK_EQ_INT(probe_unload(probe), STATE_BUSY);
    CHECK_EQ_INT(probe_tell_saved(probe, 2, 6, 0), STATE_OK);
    CHECK_EQ_INT(probe_tell_saved(probe, 3, 1, 0), STATE_OK);
    CHECK_EQ_INT(probe_unload(probe), STATE_OK);
    CHECK_EQ_INT(backend->keys("new"), 0);
}

/* ---- offers ---- */

static const struct state_seen bobs = {BOB, 8};

static struct state_offer_file offered(uint64_t f, uint64_t number, uint64_t version,
                                       const char *text)
{
    return (struct state_offer_file){.f = f,
                                     .epoch_number = number,
                                     .version = version,
                                     .rev = version + 1,
                                     .path = "p.txt",
                                     .eol = "\n",
                                     .text = text,
                                     .len = strlen(text),
                                     .seen = &bobs,
                                     .seen_count = 1,
                                     .updated_at = 17,
                                     .updated_by = BOB};
}

static const struct state_offer_file *best(const struct probe *probe, uint64_t f)
{
    for (size_t i = 0; i < probe->got.offer_count; i++)
        if (probe->got.offers[i].f == f)
            return &probe->got.offers[i];
    return NULL;
}

static void of_offers_the_best_are_kept(void)
{
    struct probe *first = begin_plain(), *second = second_of(first);
    first->project = second->project = "new";
    CHECK_EQ_INT(probe_hello(first, 0, 0, 21), STATE_LOAD);
    char *token = token_of(first);
    struct state_file listed[] = {{.f = 1, .path = "p.txt", .eol = "\r\n", .version = 7}};
    struct state_offer_tree old = {2, 90, 4, "Name", "blank", listed, 1};
    struct state_offer_tree newer = {3, 5, 3, "Na\nme", "react", listed, 1};
    struct state_offer_file files[] = {offered(1, 3, 7, "three seven"), offered(2, 3, 1, "")};
    struct state_offer_file worse[] = {offered(1, 2, 100, "two"), offered(2, 3, 2, "two\n"),
                                       offered(9, 1, 0, "alone")};
    struct state_offer_file late = offered(1, 3, 6, "three six");
    CHECK_EQ_INT(probe_offer(first, &newer, files, 2), STATE_OK);
    CHECK_EQ_INT(probe_offer(second, &old, worse, 3), STATE_OK);
    CHECK_EQ_INT(probe_offer(second, NULL, &late, 1), STATE_OK);
    CHECK_EQ_INT(probe_offer(second, &old, worse, 3), STATE_OK);

    CHECK_EQ_INT(probe_ask_offers(second, "another"), STATE_LOST);
    CHECK_EQ_INT(probe_ask_offers(first, token), STATE_OK);
    CHECK_EQ_INT(first->got.epoch_number, 3);
    REQUIRE(first->got.tree_count == 1 && first->got.offer_count == 3);
    const struct state_offer_tree *tree = &first->got.trees[0];
    CHECK_EQ_INT(tree->epoch_number, 3);
    CHECK_EQ_INT(tree->e, 5);
    CHECK_EQ_INT(tree->next_file, 3);
    CHECK_EQ_STR(tree->name, "Na\nme");
    CHECK_EQ_STR(tree->template, "react");
    REQUIRE(tree->file_count == 1);
    CHECK_EQ_STR(tree->files[0].eol, "\r\n");
    CHECK_EQ_INT(tree->files[0].version, 7);
    REQUIRE(best(first, 1) && best(first, 2) && best(first, 9));
    CHECK_EQ_STR(best(first, 1)->text, "three seven");
    CHECK_EQ_INT(best(first, 1)->rev, 8);
    CHECK_EQ_INT(best(first, 1)->entry_count, 0);
    CHECK_EQ_STR(best(first, 2)->text, "two\n");
    REQUIRE(best(first, 2)->seen_count == 1);
    CHECK_EQ_INT(best(first, 2)->seen[0].n, 8);

    struct state_populate populate = new_project(token, "4.new");
    CHECK_EQ_INT(probe_populate(first, &populate), STATE_OK);
    CHECK_EQ_INT(probe_offer(second, NULL, &late, 1), STATE_LOST);
    CHECK_EQ_INT(probe_ask_offers(first, token), STATE_LOST);
    free(token);
}

static void offers_outlive_a_loader(void)
{
    struct probe *probe = begin_plain();
    probe->project = "new";
    struct state_offer_file file = offered(1, 3, 7, "kept");
    CHECK_EQ_INT(probe_hello(probe, 0, 0, 21), STATE_LOAD);
    CHECK_EQ_INT(probe_offer(probe, NULL, &file, 1), STATE_OK);
    probe_abandon(probe, "another");
    CHECK_EQ_INT(probe_hello(probe, 0, 0, 21), STATE_LOAD);
    probe_abandon(probe, probe->got.token);
    CHECK_EQ_INT(probe_hello(probe, 0, 0, 22), STATE_LOAD);
    char *token = token_of(probe);
    CHECK_EQ_INT(probe_ask_offers(probe, token), STATE_OK);
    CHECK_EQ_INT(probe->got.offer_count, 1);
    free(token);
}

/* ---- another run ---- */

static void after_a_restart_the_project_is_recovered(void)
{
    struct probe *first = begin_plain(), *second = second_of(first);
    CHECK_EQ_INT(probe_append(first, 1, 0, ANN, 1, 1, 4, " one"), STATE_OK);
    CHECK_EQ_INT(probe_checkpoint(first, 1, 1, "base one"), STATE_OK);
    CHECK_EQ_INT(probe_append(first, 1, 1, ANN, 2, 1, 8, " two"), STATE_OK);
    CHECK_EQ_INT(probe_delete(first, 2, NULL), STATE_OK);
    uint64_t number = strtoull(first->epoch, NULL, 10);
    backend->restart();
    CHECK_EQ_INT(SETTLED(probe_read(first, 1, true, 0)), STATE_UNLOADED);
    CHECK_EQ_INT(probe_append(first, 1, 2, ANN, 3, 1, 12, "x"), STATE_UNLOADED);
    CHECK_EQ_INT(probe_new_file(first, "y.txt", ""), STATE_UNLOADED);
    CHECK_EQ_INT(probe_ask_dirty(first, 10), STATE_UNLOADED);
    CHECK_EQ_INT(probe_unload(first), STATE_UNLOADED);
    CHECK_EQ_INT(probe_hello(first, ANN, 2, 21), STATE_LOAD);
    CHECK(first->got.recover);
    char *token = token_of(first);
    CHECK_EQ_INT(SETTLED(probe_hello(second, BOB, 1, 31)), STATE_WAIT);

    CHECK_EQ_INT(probe_ask_offers(first, token), STATE_OK);
    CHECK_EQ_INT(first->got.epoch_number, number);
    REQUIRE(first->got.tree_count == 1 && first->got.offer_count == 1);
    CHECK_EQ_INT(first->got.trees[0].e, 1);
    CHECK_EQ_INT(first->got.trees[0].next_file, 3);
    CHECK_EQ_STR(first->got.trees[0].name, "Demo");
    REQUIRE(first->got.trees[0].file_count == 1);
    CHECK_EQ_STR(first->got.trees[0].files[0].path, "a.txt");
    CHECK_EQ_INT(first->got.offers[0].version, 2);
    CHECK_EQ_INT(first->got.offers[0].content_version, 1);
    CHECK_EQ_INT(first->got.offers[0].entry_count, 1);
    CHECK_EQ_STR(first->got.offers[0].text, "base one");
    REQUIRE(first->got.offers[0].seen_count == 1);
    CHECK_EQ_INT(first->got.offers[0].seen[0].n, 2);

    struct state_populate populate = new_project(token, "7.next");
    CHECK_EQ_INT(probe_populate(first, &populate), STATE_OK);
    CHECK_EQ_INT(probe_append(second, 1, 2, ANN, 3, 1, 12, "x"), STATE_EPOCH);
    CHECK_EQ_INT(probe_hello(second, BOB, 1, 31), STATE_OK);
    CHECK_EQ_STR(second->epoch, "7.next");
    CHECK_EQ_INT(second->got.file_count, 1);
    CHECK_EQ_INT(probe_read(second, 1, true, 0), STATE_GONE);
    check_text(second, 4, "caf\xc3\xa9");
    free(token);
}

static void a_lease_ends_with_its_run(void)
{
    struct probe *probe = begin_plain();
    backend->restart();
    CHECK_EQ_INT(SETTLED(probe_hello(probe, ANN, 2, 21)), STATE_LOAD);
    char *token = token_of(probe);
    backend->restart();
    CHECK_EQ_INT(SETTLED(probe_ask_offers(probe, token)), STATE_LOST);
    struct state_populate populate = new_project(token, "7.next");
    CHECK_EQ_INT(probe_populate(probe, &populate), STATE_LOST);
    CHECK_EQ_INT(probe_hello(probe, ANN, 2, 21), STATE_LOAD);
    CHECK(probe->got.recover);
    /* Given up, it is there for the next one. */
    probe_abandon(probe, probe->got.token);
    CHECK_EQ_INT(probe_hello(probe, ANN, 2, 22), STATE_LOAD);
    CHECK(probe->got.recover);
    free(token);
}

static void a_dead_recoverer_is_followed_by_another(void)
{
    struct probe *first = begin(&(struct backend_options){.load_ms = 1000});
    struct probe *second = second_of(first);
    backend->restart();
    CHECK_EQ_INT(SETTLED(probe_hello(first, ANN, 2, 21)), STATE_LOAD);
    char *token = token_of(first);
    UNTIL(probe_hello(second, BOB, 1, 31) == STATE_LOAD);
    CHECK(second->got.recover);
    CHECK_EQ_INT(probe_ask_offers(first, token), STATE_LOST);
    free(token);
    token = token_of(second);
    CHECK_EQ_INT(probe_ask_offers(second, token), STATE_OK);
    CHECK_EQ_INT(second->got.offer_count, 2); /* nothing went with the lease */
    free(token);
}

static void a_restart_that_is_trusted_changes_nothing(void)
{
    struct probe *probe = begin(&(struct backend_options){.trust_restarts = true});
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, " one"), STATE_OK);
    CHECK_EQ_INT(probe_poll(probe, 0, 0, NULL, 0), STATE_OK);
    uint64_t tick = probe->got.tick;
    char epoch[EPOCH_SIZE];
    snprintf(epoch, sizeof(epoch), "%s", probe->epoch);
    backend->restart();
    CHECK_EQ_INT(SETTLED(probe_append(probe, 1, 1, ANN, 2, 1, 8, "x")), STATE_UNLOADED);
    CHECK_EQ_INT(probe_hello(probe, ANN, 2, 21), STATE_OK);
    CHECK_EQ_STR(probe->epoch, epoch);
    CHECK(probe->got.tick > tick + 1);
    CHECK_EQ_INT(probe_append(probe, 1, 1, ANN, 2, 2, 8, "x"), STATE_OK);
    check_text(probe, 1, "base onex");
}

/* ---- gates ---- */

static void everything_is_refused_where_the_epoch_is_over(void)
{
    struct probe *probe = begin_plain();
    snprintf(probe->epoch, sizeof(probe->epoch), "1.other");
    CHECK_EQ_INT(probe_poll(probe, 0, 0, NULL, 0), STATE_EPOCH);
    CHECK_EQ_INT(probe_checkpoint(probe, 1, 0, "x"), STATE_EPOCH);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 1, 0), STATE_EPOCH);
    CHECK_EQ_INT(probe_unload(probe), STATE_EPOCH);
    probe_leave(probe, ANN, 1);
    CHECK_EQ_INT(probe_ask_dirty(probe, 10), STATE_OK); /* of any epoch */
    CHECK_EQ_INT(probe->got.members, 1);
}

static void everything_is_refused_where_nothing_is_loaded(void)
{
    struct probe *probe = begin_plain();
    probe->project = "new";
    for (int round = 0; round < 2; round++) { /* the second one while somebody loads */
        CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_UNLOADED);
        CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_UNLOADED);
        CHECK_EQ_INT(probe_new_file(probe, "x.txt", ""), STATE_UNLOADED);
        CHECK_EQ_INT(probe_ask_events(probe, 0), STATE_UNLOADED);
        CHECK_EQ_INT(probe_poll(probe, 0, 0, NULL, 0), STATE_UNLOADED);
        CHECK_EQ_INT(probe_checkpoint(probe, 1, 1, "x"), STATE_UNLOADED);
        CHECK_EQ_INT(probe_ask_dirty(probe, 10), STATE_UNLOADED);
        CHECK_EQ_INT(probe_tell_saved(probe, 1, 1, 0), STATE_UNLOADED);
        CHECK_EQ_INT(probe_unload(probe), STATE_UNLOADED);
        if (round == 0)
            CHECK_EQ_INT(probe_hello(probe, 0, 0, 21), STATE_LOAD);
    }
    CHECK_EQ_INT(probe_create(probe, "New", NULL, 0), STATE_BUSY);
}

#define CASES(X)                                                                                   \
    X(one_loads_and_the_others_wait)                                                               \
    X(who_loads_is_told_to_ask_where_others_live)                                                  \
    X(a_dead_loader_leaves_nothing)                                                                \
    X(populate_brings_it_back_as_it_was)                                                           \
    X(what_is_here_is_not_populated)                                                               \
    X(only_what_is_told_to_be_is_dirty)                                                            \
    X(what_was_deleted_is_put_as_a_tombstone)                                                      \
    X(of_offers_the_best_are_kept)                                                                 \
    X(offers_outlive_a_loader)                                                                     \
    X(after_a_restart_the_project_is_recovered)                                                    \
    X(a_lease_ends_with_its_run)                                                                   \
    X(a_dead_recoverer_is_followed_by_another)                                                     \
    X(a_restart_that_is_trusted_changes_nothing)                                                   \
    X(everything_is_refused_where_the_epoch_is_over)                                               \
    X(everything_is_refused_where_nothing_is_loaded)

int main(int argc, char **argv)
{
    check_init(argc, argv);
    return RUN_SHARED(CASES);
}
