/* Random bytes of the kernel. Any thread. */
#ifndef WEFT_BASE_RANDOM_H
#define WEFT_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_fill(void *out, size_t len);
uint64_t random_u64(void);

#endif
