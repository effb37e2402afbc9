/* Who somebody is, to show and to sign for: shared by a session and by what the room remembers of
 * it. */
#ifndef WEFT_CORE_PERSON_H
#define WEFT_CORE_PERSON_H

#include <stdbool.h>
#include <stdint.h>

struct person {
    uint32_t refs;
    int color;        /* below COLORS; -1: not given */
    const char *user; /* behind name */
    char name[];
};

/* Returns a new person with one reference. Borrows the texts. */
struct person *person_new(const char *user, const char *name, int color);
/* Both are shown alike. */
bool person_same(const struct person *a, const struct person *b);
struct person *person_ref(struct person *person);
void person_unref(struct person *person); /* NULL is allowed */

#endif
