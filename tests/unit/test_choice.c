/* What a load chooses from what was offered: the rules of docs/redis.md, one by one. */
#include "check.h"

#include "core/choice.h"
#include "weft/base/blob.h"
#include "weft/protocol/message.h"
#include "weft/text/change.h"

static struct choice choice;
static struct state_populate plan;

static void begin(void)
{
    choice_init(&choice, "demo");
}

static void end(void)
{
    choice_close(&choice);
}

static struct state_offer_file file_of(uint64_t f, uint64_t epoch, uint64_t version,
                                       const char *text)
{
    return (struct state_offer_file){.f = f,
                                     .epoch_number = epoch,
                                     .version = version,
                                     .rev = version + 1,
                                     .path = "a.txt",
                                     .eol = "\n",
                                     .text = text,
                                     .len = strlen(text),
                                     .content_version = version};
}

static void offer(uint64_t f, uint64_t epoch, uint64_t version, const char *text)
{
    struct state_offer_file file = file_of(f, epoch, version, text);
    CHECK(choice_add_file(&choice, &file));
}

/* A tree of files 1 to count, "a1" to "a9". */
static void offer_tree(uint64_t epoch, uint64_t e, uint64_t next_file, size_t count)
{
    static const char *const paths[] = {"a1", "a2", "a3", "a4"};
    struct state_file files[4] = {{0}};
    for (size_t i = 0; i < count; i++)
        files[i] = (struct state_file){.f = i + 1, .path = paths[i], .eol = "\n", .rev = 3};
    const struct state_offer_tree tree = {.epoch_number = epoch,
                                          .e = e,
                                          .next_file = next_file,
                                          .name = "Demo",
                                          .files = files,
                                          .file_count = count};
    choice_add_tree(&choice, &tree);
}

static const struct state_populate_file *planned(uint64_t f)
{
    for (size_t i = 0; i < plan.file_count; i++)
        if (plan.files[i].f == f)
            return &plan.files[i];
    return NULL;
}

static void decide(bool is_fresh)
{
    choice_decide(&choice, is_fresh, &plan);
}

static void check_planned(uint64_t f, const char *path, const char *text)
{
    const struct state_populate_file *file = planned(f);
    REQUIRE(file);
    CHECK_EQ_STR(file->path, path);
    CHECK_EQ_STR(file->text, text);
    CHECK_EQ_INT(file->len, strlen(text));
}

static void the_higher_version_wins_and_the_higher_epoch_before_it(void)
{
    begin();
    offer(1, 2, 7, "seven");
    offer(1, 2, 9, "nine");
    offer(1, 2, 8, "eight");
    offer(2, 2, 90, "ninety");
    offer(2, 3, 4, "four");
    offer_tree(3, 5, 3, 2);
    decide(true);
    CHECK_EQ_INT(plan.file_count, 2);
    check_planned(1, "a1", "nine");
    check_planned(2, "a2", "four");
    CHECK_EQ_INT(planned(1)->version, 9);
    CHECK_EQ_INT(planned(1)->rev, 10);
    CHECK_EQ_INT(choice.epoch_number, 3);
    end();
}

static void under_a_new_epoch_all_is_dirty_and_else_nothing(void)
{
    begin();
    offer(1, 2, 7, "seven");
    offer_tree(2, 5, 2, 1);
    decide(true);
    CHECK(planned(1)->dirty);
    CHECK_EQ_INT(planned(1)->saved_version, 0);
    CHECK_EQ_INT(planned(1)->saved_rev, 0);
    decide(false);
    CHECK(!planned(1)->dirty);
    CHECK_EQ_INT(planned(1)->saved_version, 7);
    CHECK_EQ_INT(planned(1)->saved_rev, planned(1)->rev);
    end();
}

/* A client whose edit is in a history that lost must not hear that it is in the text. */
static void numbers_of_what_lost_are_not_taken(void)
{
    const struct state_seen few[] = {{5, 3}}, more[] = {{5, 4}, {6, 1}}, none[] = {{5, 9}};
    begin();
    struct state_offer_file file = file_of(1, 2, 7, "same");
    file.seen = few;
    file.seen_count = 1;
    CHECK(choice_add_file(&choice, &file));
    file.seen = more; /* the same text: known in two places */
    file.seen_count = 2;
    CHECK(choice_add_file(&choice, &file));
    file = file_of(1, 1, 99, "of an older epoch");
    file.seen = none;
    file.seen_count = 1;
    CHECK(choice_add_file(&choice, &file));
    decide(true);
    REQUIRE(planned(1));
    CHECK_EQ_INT(planned(1)->seen_count, 2);
    CHECK_EQ_INT(planned(1)->seen[0].cid, 5);
    CHECK_EQ_INT(planned(1)->seen[0].n, 4);
    CHECK_EQ_INT(planned(1)->seen[1].cid, 6);
    end();
}

static void a_file_that_the_tree_can_know_and_does_not_list_was_deleted(void)
{
    begin();
    struct choice stored;
    choice_init(&stored, "demo");
    struct state_offer_file file = file_of(2, 1, 4, "deleted");
    file.path = "old";
    CHECK(choice_add_file(&stored, &file));
    file = file_of(3, 1, 4, "made later");
    file.path = "new";
    CHECK(choice_add_file(&stored, &file));
    offer(1, 1, 5, "one");
    offer_tree(1, 8, 3, 1); /* file 1; the next would be 3 */
    choice_add_stored(&choice, &stored);
    decide(true);
    CHECK_EQ_INT(plan.file_count, 2);
    check_planned(1, "a1", "one");
    check_planned(3, "new", "made later");
    CHECK_EQ_INT(plan.deleted_count, 1);
    CHECK_EQ_INT(plan.deleted[0].f, 2);
    CHECK_EQ_INT(plan.deleted[0].rev, 6);
    CHECK_EQ_STR(plan.deleted[0].path, "old");
    CHECK_EQ_INT(plan.next_file, 4);
    CHECK_EQ_INT(plan.e, 8);
    choice_close(&stored);
    end();
}

/* Two that know the same tree, and one of them more of what was in it. */
static void of_equal_trees_the_one_that_knows_more_says_what_was_deleted(void)
{
    for (int i = 0; i < 2; i++) {
        begin();
        offer(2, 1, 5, "two");
        offer_tree(1, 8, i ? 2 : 3, 1);
        offer_tree(1, 8, i ? 3 : 2, 1);
        decide(true);
        CHECK(!planned(2));
        CHECK(planned(1));
        end();
    }
}

static void what_was_deleted_needs_a_tombstone_only_where_there_is_a_repository(void)
{
    for (int i = 0; i < 2; i++) {
        struct choice stored;
        begin();
        choice_init(&stored, "demo");
        offer(2, 1, 5, "two");
        offer_tree(1, 8, 3, 1);
        if (i)
            choice_add_stored(&choice, &stored);
        decide(true);
        CHECK(!planned(2));
        CHECK_EQ_INT(plan.deleted_count, i);
        end();
    }
}

/* Nobody has it any more; but a save of it may still be on its way to the repository. */
static void what_was_deleted_and_forgotten_gets_a_tombstone_too(void)
{
    struct choice stored;
    begin();
    choice_init(&stored, "demo");
    offer(1, 3, 5, "one");
    offer_tree(3, 8, 1000, 1);
    choice_add_stored(&choice, &stored);
    decide(true);
    CHECK_EQ_INT(plan.deleted_count, 256); /* of a long life, the last of it */
    CHECK_EQ_INT(plan.deleted[255].f, 999);
    CHECK(plan.deleted[255].rev > 0); /* under the new epoch that is above any other */
    decide(false);
    CHECK_EQ_INT(plan.deleted_count, 0);
    end();
    begin();
    offer(1, 3, 5, "one");
    offer_tree(3, 8, 4, 2);
    choice_add_stored(&choice, &stored);
    decide(true);
    REQUIRE(plan.deleted_count == 1);
    CHECK_EQ_INT(plan.deleted[0].f, 3);
    end();
}

static void of_two_trees_the_later_wins_and_the_highest_numbers_stay(void)
{
    begin();
    offer_tree(2, 9, 20, 1);
    offer_tree(2, 12, 4, 3);
    offer_tree(1, 99, 5, 2);
    decide(true);
    CHECK_EQ_INT(plan.file_count, 3);
    CHECK_EQ_INT(plan.next_file, 20);
    CHECK_EQ_INT(plan.e, 99);
    CHECK_EQ_STR(plan.name, "Demo");
    end();
}

static void the_repositorys_tree_loses_against_an_equal_one(void)
{
    begin();
    struct choice stored;
    choice_init(&stored, "demo");
    const struct state_file file = {.f = 9, .path = "stale", .eol = "\n"};
    const struct state_offer_tree tree = {.epoch_number = 2,
                                          .e = 5,
                                          .next_file = 10,
                                          .name = "Stored",
                                          .template = "vite",
                                          .files = &file,
                                          .file_count = 1};
    choice_add_tree(&stored, &tree);
    offer_tree(2, 5, 2, 1);
    choice_add_stored(&choice, &stored);
    decide(true);
    CHECK_EQ_INT(plan.file_count, 1);
    CHECK_EQ_STR(plan.files[0].path, "a1");
    CHECK_EQ_STR(plan.name, "Demo");
    CHECK_EQ_STR(plan.template, "vite"); /* instances do not know it */
    CHECK(choice_is_empty(&stored));
    end();
}

static void a_file_without_any_text_is_kept_empty(void)
{
    begin();
    offer(1, 1, 5, "one");
    offer_tree(1, 8, 3, 2);
    decide(true);
    check_planned(1, "a1", "one");
    check_planned(2, "a2", "");
    CHECK(planned(2)->dirty);
    end();
}

static void without_a_tree_files_keep_their_own_paths_each_once(void)
{
    begin();
    struct state_offer_file file = file_of(4, 1, 1, "four");
    file.path = "../secret";
    CHECK(choice_add_file(&choice, &file));
    offer(1, 1, 1, "one");
    offer(3, 1, 1, "three");
    file = file_of(2, 1, 1, "two");
    file.path = "recovered-3";
    CHECK(choice_add_file(&choice, &file));
    decide(true);
    CHECK_EQ_INT(plan.file_count, 4);
    check_planned(1, "a.txt", "one");
    check_planned(2, "recovered-3", "two");
    check_planned(3, "recovered-3-1", "three");
    check_planned(4, "recovered-4", "four");
    CHECK_EQ_INT(plan.next_file, 5);
    CHECK_EQ_STR(plan.name, "demo");
    end();
}

static void what_is_no_text_is_not_taken(void)
{
    begin();
    struct state_offer_file file = file_of(1, 9, 9, "\xff");
    CHECK(!choice_add_file(&choice, &file));
    file.text = NULL;
    CHECK(!choice_add_file(&choice, &file));
    CHECK(choice_is_empty(&choice));
    CHECK_EQ_INT(choice.epoch_number, 0);
    offer(1, 1, 1, "text");
    decide(true);
    check_planned(1, "a.txt", "text");
    end();
}

/* ---- entries behind a text ---- */

static struct blob *entry(uint64_t v, uint64_t by, uint64_t n, size_t len, size_t at,
                          const char *text)
{
    struct change *change = change_splice(len, at, 0, text, strlen(text));
    struct buf out = BUF_EMPTY;
    encode_edit(&out, 1, v, by, n, change, NULL, NULL);
    struct blob *blob = blob_new(out.data, out.len);
    buf_close(&out);
    change_unref(change);
    return blob;
}

static void offer_log(struct blob **entries, size_t count, const struct state_seen *seen,
                      size_t seen_count)
{
    struct state_offer_file file = file_of(1, 1, 4 + count, "abc");
    file.content_version = 4;
    file.entries = entries;
    file.entry_count = count;
    file.seen = seen;
    file.seen_count = seen_count;
    CHECK(choice_add_file(&choice, &file));
    for (size_t i = 0; i < count; i++)
        blob_unref(entries[i]);
}

static void entries_are_applied_to_the_text(void)
{
    begin();
    struct blob *entries[] = {entry(5, 7, 1, 3, 3, "d"), entry(6, 7, 2, 4, 0, "_")};
    const struct state_seen seen = {7, 2};
    offer(1, 1, 5, "abcd");
    offer_log(entries, 2, &seen, 1);
    decide(true);
    check_planned(1, "a.txt", "_abcd");
    CHECK_EQ_INT(planned(1)->version, 6);
    CHECK_EQ_INT(planned(1)->seen[0].n, 2);
    end();
}

/* The log's tail is torn: what is before it holds, and nobody is told that the rest is there. */
static void an_entry_that_does_not_fit_ends_the_log(void)
{
    struct blob *broken[] = {blob_new("{\"t\":", 5), entry(6, 7, 2, 99, 0, "_"),
                             entry(7, 7, 2, 4, 0, "_"), entry(6, 7, 2, 4, 5 - 1, "\xc3\xa9")};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        begin();
        struct blob *entries[] = {entry(5, 7, 1, 3, 3, "d"), blob_ref(broken[i]),
                                  entry(7, 8, 3, 5, 0, "x")};
        const struct state_seen seen[] = {{7, 2}, {8, 3}, {9, 1}};
        offer_log(entries, 3, seen, 3);
        decide(true);
        bool fits = i == 3;
        check_planned(1, "a.txt", fits ? "xabcd\xc3\xa9" : "abcd");
        CHECK_EQ_INT(planned(1)->version, fits ? 7 : 5);
        CHECK_EQ_INT(planned(1)->seen[0].n, fits || i == 0 ? 2 : 1);
        CHECK_EQ_INT(planned(1)->seen[1].n, fits ? 3 : 2);
        CHECK_EQ_INT(planned(1)->seen[2].n, 1);
        end();
        blob_unref(broken[i]);
    }
}

/* Its version is that of the text it really has. */
static void a_torn_log_may_lose_against_a_replica(void)
{
    begin();
    struct blob *entries[] = {entry(5, 7, 1, 3, 3, "d"), blob_new("?", 1), blob_new("?", 1)};
    offer(1, 1, 6, "a replica");
    offer_log(entries, 3, NULL, 0);
    decide(true);
    check_planned(1, "a.txt", "a replica");
    end();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(the_higher_version_wins_and_the_higher_epoch_before_it);
    RUN(under_a_new_epoch_all_is_dirty_and_else_nothing);
    RUN(numbers_of_what_lost_are_not_taken);
    RUN(a_file_that_the_tree_can_know_and_does_not_list_was_deleted);
    RUN(of_equal_trees_the_one_that_knows_more_says_what_was_deleted);
    RUN(what_was_deleted_needs_a_tombstone_only_where_there_is_a_repository);
    RUN(what_was_deleted_and_forgotten_gets_a_tombstone_too);
    RUN(of_two_trees_the_later_wins_and_the_highest_numbers_stay);
    RUN(the_repositorys_tree_loses_against_an_equal_one);
    RUN(a_file_without_any_text_is_kept_empty);
    RUN(without_a_tree_files_keep_their_own_paths_each_once);
    RUN(what_is_no_text_is_not_taken);
    RUN(entries_are_applied_to_the_text);
    RUN(an_entry_that_does_not_fit_ends_the_log);
    RUN(a_torn_log_may_lose_against_a_replica);
    return check_finish();
}
