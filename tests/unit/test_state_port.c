/*
 * What every backend of the state port must do, as one table of cases for each backend of
 * state_backends.h; what only shared ones do is in test_state_shared.c. Each case gets a state with
 * a project "demo" of two files (1 "a.txt": "base", 2 "src/b.txt": ""), opened for cid 5 at
 * generation 1.
 */
#include "check.h"
#include "state_backends.h"
#include "weft/base/log.h"

#define ANN 5u
#define BOB 6u

/* ---- open and create ---- */

static void a_project_that_is_not_there_cannot_be_opened(struct probe *probe)
{
    /* A shared state has a look at who else may have it; core says so when there is nobody. */
    enum state_result nothing = probe->state->is_shared ? STATE_LOAD : STATE_NO_PROJECT;
    probe->project = "nobody";
    CHECK_EQ_INT(probe_open(probe, ANN, 1, true), nothing);
    if (probe->state->is_shared)
        probe_abandon(probe, probe->got.token);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), nothing);
}

static void create_does_it_once(struct probe *probe)
{
    struct state_new_file file = {"other.txt", "x", 1, "\n"};
    CHECK_EQ_INT(probe_create(probe, "Again", &file, 1), STATE_EXISTS);
    probe->project = "demo2";
    CHECK_EQ_INT(probe_create(probe, "Again", NULL, 0), STATE_OK);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe->got.file_count, 0);
    CHECK_EQ_STR(probe->got.name, "Again");
    CHECK_EQ_INT(probe->got.e, 0);
}

static void of_first_files_that_get_in_each_others_way_the_first_is_made(struct probe *probe)
{
    struct state_new_file files[] = {{"a", "1", 1, "\n"},
                                     {"a/b.txt", "2", 1, "\n"},
                                     {"a", "3", 1, "\n"},
                                     {"b/c/d.txt", "4", 1, "\n"},
                                     {"b/c", "5", 1, "\n"}};
    probe->project = "demo2";
    CHECK_EQ_INT(probe_create(probe, "Demo", files, 5), STATE_OK);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe->got.file_count, 2);
    CHECK(probe_listed(probe, "a") && probe_listed(probe, "b/c/d.txt"));
}

static void open_tells_the_tree(struct probe *probe)
{
    CHECK_EQ_INT(probe_open(probe, BOB, 0, true), STATE_OK);
    CHECK_EQ_INT(probe->got.file_count, 2);
    const struct state_file *file = probe_listed(probe, "a.txt");
    REQUIRE(file != NULL);
    CHECK_EQ_INT(file->f, 1);
    CHECK_EQ_INT(file->version, 0);
    CHECK_EQ_INT(file->utf16_len, 4);
    CHECK_EQ_INT(file->size, 4);
    CHECK_EQ_INT(file->saved_version, 0);
    CHECK_EQ_STR(file->eol, "\n");
    CHECK_EQ_STR(probe_listed(probe, "src/b.txt")->eol, "\r\n");
    CHECK(strlen(probe->epoch) > 2 && strncmp(probe->epoch, "1.", 2) == 0);
}

static void a_look_raises_no_generation(struct probe *probe)
{
    CHECK_EQ_INT(probe_open(probe, 0, 0, false), STATE_OK);
    CHECK_EQ_INT(probe->got.file_count, 0);
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
}

static void a_straggler_is_told_from_a_successor(struct probe *probe)
{
    CHECK_EQ_INT(probe_open(probe, ANN, 3, false), STATE_OK);
    CHECK_EQ_INT(probe->got.k, 3);
    CHECK_EQ_INT(probe_open(probe, ANN, 3, false), STATE_STRAGGLER);
    CHECK_EQ_INT(probe_open(probe, ANN, 2, false), STATE_STRAGGLER);
    CHECK_EQ_INT(probe_open(probe, ANN, 4, false), STATE_OK);
    /* Without k: in order of arrival. */
    CHECK_EQ_INT(probe_open(probe, ANN, 0, false), STATE_OK);
    CHECK_EQ_INT(probe->got.k, 5);
    CHECK_EQ_INT(probe_open(probe, BOB, 0, false), STATE_OK);
    CHECK_EQ_INT(probe->got.k, 1);
}

/* ---- append ---- */

static void an_append_makes_a_version(struct probe *probe)
{
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, " one"), STATE_OK);
    CHECK_EQ_INT(probe->got.version, 1);
    CHECK_EQ_INT(probe->got.f, 1);
    uint64_t rev = probe->got.rev;
    CHECK_EQ_INT(probe_append(probe, 1, 1, BOB, 9, 0, 8, " two"), STATE_OK);
    CHECK_EQ_INT(probe->got.version, 2);
    CHECK_EQ_INT(probe->got.rev, rev + 1);
    char *text = probe_fold(probe, 1);
    CHECK_EQ_STR(text, "base one two");
    free(text);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe_listed(probe, "a.txt")->version, 2);
    CHECK_EQ_INT(probe_listed(probe, "a.txt")->utf16_len, 12);
}

static void a_batch_is_all_or_none(struct probe *probe)
{
    struct state_entry batch[3] = {probe_entry(1, 1, ANN, 1, 1, 4, 4, "a"),
                                   probe_entry(1, 2, BOB, 4, 0, 5, 5, "b"),
                                   probe_entry(1, 3, ANN, 2, 1, 6, 6, "c")};
    probe_send(probe, 1, 0, batch, 3, 3);
    probe_expect(probe);
    CHECK_EQ_INT(probe->got.result, STATE_OK);
    CHECK_EQ_INT(probe->got.version, 3);

    struct state_entry bad[3] = {probe_entry(1, 4, ANN, 3, 1, 7, 7, "d"),
                                 probe_entry(1, 5, BOB, 5, 0, 8, 8, "e"),
                                 probe_entry(1, 6, ANN, 3, 1, 9, 9, "f")};
    probe_send(probe, 1, 3, bad, 3, 3);
    probe_expect(probe);
    CHECK_EQ_INT(probe->got.result, STATE_SEEN);
    CHECK_EQ_INT(probe->got.index, 2);
    char *text = probe_fold(probe, 1);
    CHECK_EQ_STR(text, "baseabc");
    free(text);
    /* What was not written does not count as seen either. */
    CHECK_EQ_INT(probe_append(probe, 1, 3, ANN, 3, 1, 7, "d"), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 1, 4, BOB, 5, 0, 8, "e"), STATE_OK);
}

static void a_conflict_brings_what_was_missed(struct probe *probe)
{
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "1"), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 1, 1, ANN, 2, 1, 5, "2"), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 1, 0, BOB, 1, 0, 4, "x"), STATE_CONFLICT);
    CHECK_EQ_INT(probe->got.version, 2);
    REQUIRE(probe->got.message_count == 2);
    struct logged_edit edit;
    REQUIRE(decode_logged_edit(probe->got.messages[1], strlen(probe->got.messages[1]), &edit,
                               NULL) == ERR_OK);
    CHECK_EQ_INT(edit.v, 2);
    CHECK_EQ_INT(edit.by, ANN);
    CHECK_EQ_INT(edit.n, 2);
    change_unref(edit.change);
    CHECK_EQ_INT(probe_append(probe, 1, 1, BOB, 1, 0, 5, "x"), STATE_CONFLICT);
    CHECK_EQ_INT(probe->got.message_count, 1);
    CHECK_EQ_INT(probe_append(probe, 1, 2, BOB, 1, 0, 6, "x"), STATE_OK);
}

static void a_number_is_never_used_twice(struct probe *probe)
{
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 7, 1, 4, "1"), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 1, 1, ANN, 7, 1, 5, "1"), STATE_SEEN);
    CHECK_EQ_INT(probe->got.index, 0);
    CHECK_EQ_INT(probe_append(probe, 1, 1, ANN, 3, 1, 5, "1"), STATE_SEEN);
    CHECK_EQ_INT(probe_append(probe, 2, 0, ANN, 3, 1, 0, "1"), STATE_OK); /* per file */
    CHECK_EQ_INT(probe_append(probe, 1, 1, ANN, 9, 1, 5, "1"), STATE_OK); /* gaps are allowed */
}

static void an_older_connection_is_fenced(struct probe *probe)
{
    CHECK_EQ_INT(probe_open(probe, ANN, 2, false), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_FENCED);
    CHECK_EQ_INT(probe->got.index, 0);
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 2, 4, "x"), STATE_OK);
    struct state_entry batch[2] = {probe_entry(1, 2, BOB, 1, 0, 5, 5, "y"),
                                   probe_entry(1, 3, ANN, 2, 1, 6, 6, "z")};
    probe_send(probe, 1, 1, batch, 2, 2);
    probe_expect(probe);
    CHECK_EQ_INT(probe->got.result, STATE_FENCED);
    CHECK_EQ_INT(probe->got.index, 1);
    CHECK_EQ_INT(probe_append(probe, 1, 1, BOB, 1, 0, 5, "y"), STATE_OK);
}

static void another_epoch_is_told(struct probe *probe)
{
    snprintf(probe->epoch, sizeof(probe->epoch), "1.other");
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_EPOCH);
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_EPOCH);
    CHECK_EQ_INT(probe_new_file(probe, "new.txt", ""), STATE_EPOCH);
    CHECK_EQ_INT(probe_ask_events(probe, 0), STATE_EPOCH);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe->got.file_count, 2);
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
}

static void answers_come_in_the_order_of_the_calls(struct probe *probe)
{
    for (uint64_t i = 0; i < 200; i++) {
        struct state_entry entry = probe_entry(1, i + 1, ANN, i + 1, 1, 4 + i, 4 + i, "x");
        probe_send(probe, 1, i, &entry, 1, 1);
    }
    probe_expect(probe);
    CHECK_EQ_INT(probe->got.result, STATE_OK);
    CHECK_EQ_INT(probe->got.version, 200);
}

/* ---- read ---- */

static void a_read_gives_text_log_and_authors(struct probe *probe)
{
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 3, 1, 4, "1"), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 1, 1, BOB, 8, 0, 5, "2"), STATE_OK);
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.version, 2);
    CHECK_EQ_INT(probe->got.content_version + probe->got.message_count, 2);
    REQUIRE(probe->got.seen_count == 2);
    for (size_t i = 0; i < 2; i++)
        CHECK_EQ_INT(probe->got.seen[i].n, probe->got.seen[i].cid == ANN ? 3 : 8);
    CHECK_EQ_INT(probe_read(probe, 1, false, 1), STATE_OK);
    CHECK(probe->got.content == NULL);
    CHECK_EQ_INT(probe->got.message_count, 1);
    CHECK_EQ_INT(probe_read(probe, 1, false, 2), STATE_OK);
    CHECK_EQ_INT(probe->got.message_count, 0);
}

static void a_file_that_never_was_is_told_from_a_deleted_one(struct probe *probe)
{
    CHECK_EQ_INT(probe_read(probe, 99, true, 0), STATE_NO_FILE);
    CHECK_EQ_INT(probe_delete(probe, 2, NULL), STATE_OK);
    CHECK_EQ_INT(probe_read(probe, 2, true, 0), STATE_GONE);
    CHECK_EQ_INT(probe_append(probe, 2, 0, ANN, 1, 1, 0, "x"), STATE_GONE);
}

/* ---- tree ---- */

static void a_new_file_gets_a_new_id(struct probe *probe)
{
    CHECK_EQ_INT(probe_new_file(probe, "c.txt", "caf\xc3\xa9"), STATE_OK);
    CHECK_EQ_INT(probe->got.e, 1);
    CHECK_EQ_INT(probe->got.by, ANN);
    CHECK(!probe->got.folder);
    REQUIRE(probe->got.entry_count == 1);
    CHECK_EQ_INT(probe->got.entries[0].f, 3);
    CHECK_EQ_STR(probe->got.entries[0].path, "c.txt");
    CHECK_EQ_INT(probe_delete(probe, 3, NULL), STATE_OK);
    CHECK_EQ_STR(probe->got.entries[0].path, "c.txt");
    CHECK_EQ_INT(probe_new_file(probe, "c.txt", "again"), STATE_OK);
    CHECK_EQ_INT(probe->got.entries[0].f, 4);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe->got.e, 3);
    CHECK_EQ_INT(probe_listed(probe, "c.txt")->f, 4);
    char *text = probe_fold(probe, 4);
    CHECK_EQ_STR(text, "again");
    free(text);
}

static void names_are_unique_among_files_and_folders(struct probe *probe)
{
    CHECK_EQ_INT(probe_new_file(probe, "a.txt", ""), STATE_EXISTS);
    CHECK_EQ_INT(probe_new_file(probe, "src", ""), STATE_EXISTS);         /* a folder */
    CHECK_EQ_INT(probe_new_file(probe, "a.txt/c.txt", ""), STATE_EXISTS); /* in a file */
    CHECK_EQ_INT(probe_new_file(probe, "a.txt/c/d/e.txt", ""), STATE_EXISTS);
    CHECK_EQ_INT(probe_rename(probe, 1, NULL, "src/b.txt"), STATE_EXISTS);
    CHECK_EQ_INT(probe_rename(probe, 1, NULL, "src"), STATE_EXISTS);
    CHECK_EQ_INT(probe_new_file(probe, "src/b.tx", ""), STATE_OK);
    CHECK_EQ_INT(probe_delete(probe, 2, NULL), STATE_OK);
    CHECK_EQ_INT(probe_delete(probe, 3, NULL), STATE_OK);
    CHECK_EQ_INT(probe_new_file(probe, "src", "now a file"),
                 STATE_OK); /* the folder went with its last file */
}

static void files_max_holds(struct probe *probe)
{
    struct state_tree tree = {
        .op = TREE_CREATE, .by = ANN, .path = "c.txt", .text = "", .eol = "\n", .files_max = 2};
    CHECK_EQ_INT(probe_tree(probe, &tree), STATE_FULL);
    tree.files_max = 3;
    CHECK_EQ_INT(probe_tree(probe, &tree), STATE_OK);
}

static void a_rename_keeps_the_id_and_raises_rev(struct probe *probe)
{
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "1"), STATE_OK);
    uint64_t rev = probe->got.rev;
    CHECK_EQ_INT(probe_rename(probe, 1, NULL, "lib/deep/a.txt"), STATE_OK);
    REQUIRE(probe->got.entry_count == 1);
    CHECK_EQ_INT(probe->got.entries[0].f, 1);
    CHECK_EQ_INT(probe->got.entries[0].rev, rev + 1);
    CHECK_EQ_STR(probe->got.entries[0].path, "lib/deep/a.txt");
    CHECK_EQ_INT(probe_append(probe, 1, 1, ANN, 2, 1, 5, "2"), STATE_OK);
    CHECK_EQ_INT(probe->got.rev, rev + 2);
    CHECK_EQ_INT(probe_new_file(probe, "a.txt", ""), STATE_OK);
    CHECK_EQ_INT(probe_new_file(probe, "lib", ""), STATE_EXISTS);
    CHECK_EQ_INT(probe_rename(probe, 99, NULL, "x"), STATE_NO_FILE);
}

static void a_folder_moves_as_a_whole(struct probe *probe)
{
    CHECK_EQ_INT(probe_new_file(probe, "src/in/c.txt", "c"), STATE_OK);
    CHECK_EQ_INT(probe_new_file(probe, "srcx.txt", ""), STATE_OK);
    CHECK_EQ_INT(probe_rename(probe, 0, "src/", "lib/"), STATE_OK);
    CHECK(probe->got.folder);
    CHECK_EQ_INT(probe->got.entry_count, 2);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK(probe_listed(probe, "lib/b.txt") && probe_listed(probe, "lib/in/c.txt"));
    CHECK(probe_listed(probe, "srcx.txt") && probe_listed(probe, "a.txt"));
    CHECK_EQ_INT(probe_rename(probe, 0, "src/", "lib2/"), STATE_NO_FILE);
    CHECK_EQ_INT(probe_rename(probe, 0, "lib/", "a.txt/"), STATE_EXISTS);
    CHECK_EQ_INT(probe_new_file(probe, "other/x.txt", ""), STATE_OK);
    CHECK_EQ_INT(probe_rename(probe, 0, "lib/", "other/"), STATE_EXISTS);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK(probe_listed(probe, "lib/b.txt") && probe_listed(probe, "lib/in/c.txt"));
}

static void a_folder_may_move_into_itself_and_back(struct probe *probe)
{
    CHECK_EQ_INT(probe_new_file(probe, "src/src/b.txt", ""), STATE_OK);
    CHECK_EQ_INT(probe_rename(probe, 0, "src/", "src/src/"), STATE_OK);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe_listed(probe, "src/src/b.txt") ? probe_listed(probe, "src/src/b.txt")->f : 0,
                 2);
    CHECK_EQ_INT(
        probe_listed(probe, "src/src/src/b.txt") ? probe_listed(probe, "src/src/src/b.txt")->f : 0,
        3);
    CHECK_EQ_INT(probe_rename(probe, 0, "src/src/", "src/"), STATE_OK);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK(probe_listed(probe, "src/b.txt") && probe_listed(probe, "src/src/b.txt"));
}

static void a_path_that_would_grow_too_long_is_refused(struct probe *probe)
{
    char to[200];
    memset(to, 'd', sizeof(to));
    to[sizeof(to) - 2] = '/';
    to[sizeof(to) - 1] = '\0';
    char path[400];
    snprintf(path, sizeof(path), "src/%.190s/%.150s.txt", to, to);
    CHECK_EQ_INT(probe_new_file(probe, path, ""), STATE_OK);
    CHECK_EQ_INT(probe_rename(probe, 0, "src/", to), STATE_FULL);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK(probe_listed(probe, path) && probe_listed(probe, "src/b.txt"));
}

static void a_folder_is_deleted_with_its_files(struct probe *probe)
{
    CHECK_EQ_INT(probe_new_file(probe, "src/in/c.txt", "c"), STATE_OK);
    CHECK_EQ_INT(probe_delete(probe, 0, "src/"), STATE_OK);
    CHECK(probe->got.folder);
    CHECK_EQ_INT(probe->got.entry_count, 2);
    CHECK_EQ_INT(probe_delete(probe, 0, "src/"), STATE_NO_FILE);
    CHECK_EQ_INT(probe_delete(probe, 2, NULL), STATE_NO_FILE);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe->got.file_count, 1);
}

/* ---- events ---- */

static void events_are_kept_in_order(struct probe *probe)
{
    CHECK_EQ_INT(probe_new_file(probe, "x.txt", ""), STATE_OK);
    CHECK_EQ_INT(probe_rename(probe, 0, "src/", "lib/"), STATE_OK);
    CHECK_EQ_INT(probe_delete(probe, 3, NULL), STATE_OK);
    CHECK_EQ_INT(probe_ask_events(probe, 0), STATE_OK);
    REQUIRE(probe->got.message_count == 3);
    CHECK(strstr(probe->got.messages[0], "\"e\":1") &&
          strstr(probe->got.messages[0], "\"create\""));
    CHECK(strstr(probe->got.messages[1], "\"e\":2") && strstr(probe->got.messages[1], "lib/b.txt"));
    CHECK(strstr(probe->got.messages[2], "\"e\":3") &&
          strstr(probe->got.messages[2], "\"delete\""));
    CHECK_EQ_INT(probe_ask_events(probe, 2), STATE_OK);
    CHECK_EQ_INT(probe->got.message_count, 1);
    CHECK_EQ_INT(probe_ask_events(probe, 3), STATE_OK);
    CHECK_EQ_INT(probe->got.message_count, 0);
    CHECK_EQ_INT(probe_ask_events(probe, 4), STATE_TRIMMED); /* nobody can have seen it */
}

static void projects_do_not_meet(struct probe *probe)
{
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 5, 1, 4, "demo"), STATE_OK);
    probe->project = "other";
    CHECK_EQ_INT(probe_append(probe, 1, 1, ANN, 6, 1, 8, "x"),
                 probe->state->is_shared ? STATE_UNLOADED : STATE_EPOCH);
    struct state_new_file file = {"a.txt", "other", 5, "\n"};
    CHECK_EQ_INT(probe_create(probe, "Other", &file, 1), STATE_OK);
    CHECK_EQ_INT(probe_open(probe, ANN, 1, false), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 5, "!"), STATE_OK);
    char *text = probe_fold(probe, 1);
    CHECK_EQ_STR(text, "other!");
    free(text);
}

static void leaving_loses_nothing(struct probe *probe)
{
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "1"), STATE_OK);
    struct state_ticket ticket = {77, 0, probe->project, probe->epoch};
    probe->state->ops->leave(probe->state, &ticket, ANN, 1);
    probe->state->ops->forget(probe->state, &ticket);
    CHECK_EQ_INT(probe_open(probe, ANN, 2, true), STATE_OK);
    CHECK_EQ_INT(probe_listed(probe, "a.txt")->version, 1);
    CHECK_EQ_INT(probe_append(probe, 1, 1, ANN, 1, 2, 5, "1"), STATE_SEEN);
    CHECK_EQ_INT(probe_append(probe, 1, 1, ANN, 2, 2, 5, "2"), STATE_OK);
}

#define CASES(X)                                                                                   \
    X(a_project_that_is_not_there_cannot_be_opened)                                                \
    X(create_does_it_once)                                                                         \
    X(of_first_files_that_get_in_each_others_way_the_first_is_made)                                \
    X(open_tells_the_tree)                                                                         \
    X(a_look_raises_no_generation)                                                                 \
    X(a_straggler_is_told_from_a_successor)                                                        \
    X(an_append_makes_a_version)                                                                   \
    X(a_batch_is_all_or_none)                                                                      \
    X(a_conflict_brings_what_was_missed)                                                           \
    X(a_number_is_never_used_twice)                                                                \
    X(an_older_connection_is_fenced)                                                               \
    X(another_epoch_is_told)                                                                       \
    X(answers_come_in_the_order_of_the_calls)                                                      \
    X(a_read_gives_text_log_and_authors)                                                           \
    X(a_file_that_never_was_is_told_from_a_deleted_one)                                            \
    X(a_new_file_gets_a_new_id)                                                                    \
    X(names_are_unique_among_files_and_folders)                                                    \
    X(files_max_holds)                                                                             \
    X(a_rename_keeps_the_id_and_raises_rev)                                                        \
    X(a_folder_moves_as_a_whole)                                                                   \
    X(a_folder_may_move_into_itself_and_back)                                                      \
    X(a_path_that_would_grow_too_long_is_refused)                                                  \
    X(a_folder_is_deleted_with_its_files)                                                          \
    X(events_are_kept_in_order)                                                                    \
    X(projects_do_not_meet)                                                                        \
    X(leaving_loses_nothing)

/* ---- the backends ---- */

static const struct backend *const backends[] = {&sqlite_backend, &redis_backend, &model_backend};

static const struct backend *backend;
static void (*this_case)(struct probe *probe);

static void run_case(void)
{
    struct probe *probe = backend->start(&(struct backend_options){0});
    struct state_new_file files[] = {{"a.txt", "base", 4, "\n"}, {"src/b.txt", "", 0, "\r\n"}};
    CHECK_EQ_INT(probe_create(probe, "Demo", files, 2), STATE_OK);
    CHECK_EQ_INT(probe_open(probe, ANN, 1, false), STATE_OK);
    this_case(probe);
    backend->stop();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    log_setup(LOG_WARN, false);
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        char name[160];
        backend = backends[i];
#define RUN_CASE(case)                                                                             \
    snprintf(name, sizeof(name), "%s_" #case, backend->name);                                      \
    this_case = case;                                                                              \
    check_run(name, run_case);
        CASES(RUN_CASE)
#undef RUN_CASE
    }
    backends_close();
    return check_finish();
}
