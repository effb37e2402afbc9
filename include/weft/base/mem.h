/* Memory that does not fail: out of memory aborts with one line, because every size that comes from
 * the network was checked against a limit before. What is got here is given back by free(). Any
 * thread. */
#ifndef WEFT_BASE_MEM_H
#define WEFT_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *old, size_t size) __attribute__((returns_nonnull));
/* Room for count elements of size bytes; the product is checked. */
void *mem_realloc_array(void *old, size_t count, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *text) __attribute__((malloc, returns_nonnull));
/* A copy of len bytes with a NUL behind them. */
char *mem_strndup(const char *text, size_t len) __attribute__((malloc, returns_nonnull));

#endif
