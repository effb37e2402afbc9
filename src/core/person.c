#include "person.h"
#include "weft/base/mem.h"
#include <stdlib.h>
#include <string.h>

struct person *person_new(const char *user, const char *name, int color)
{
    size_t name_size = strlen(name) + 1, user_size = strlen(user) + 1;
    struct person *person = mem_alloc(sizeof(*person) + name_size + user_size);
    person->refs = 1;
    person->color = color;
    person->user = memcpy(person->name + name_size, user, user_size);
    memcpy(person->name, name, name_size);
    return person;
}

bool person_same(const struct person *a, const struct person *b)
{
    return strcmp(a->name, b->name) == 0 && a->color == b->color;
}

struct person *person_ref(struct person *person)
{
    person->refs++;
    return person;
}

void person_unref(struct person *person)
{
    if (person && --person->refs == 0)
        free(person);
}
