#include "weft/base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr, "out of memory: %zu bytes more were not to be had\n", size);
    abort();
}

/* malloc(0) may return NULL; nobody here wants to tell that from a failure. */
static size_t at_least_one(size_t size)
{
    return size > 0 ? size : 1;
}

void *mem_alloc(size_t size)
{
    void *memory = malloc(at_least_one(size));
    if (!memory)
        out_of_memory(size);
    return memory;
}

void *mem_zalloc(size_t size)
{
    void *memory = calloc(1, at_least_one(size));
    if (!memory)
        out_of_memory(size);
    return memory;
}

void *mem_realloc(void *old, size_t size)
{
    void *memory = realloc(old, at_least_one(size));
    if (!memory)
        out_of_memory(size);
    return memory;
}

void *mem_realloc_array(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        out_of_memory(SIZE_MAX);
    return mem_realloc(old, bytes);
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

char *mem_strndup(const char *text, size_t len)
{
    char *copy = mem_alloc(len + 1);
    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}
