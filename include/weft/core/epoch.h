/* Epochs, "<number>.<random>": one unbroken history of a project each. Only the numbers are
 * compared for what is newer; the random part tells two of one number apart. */
#ifndef WEFT_CORE_EPOCH_H
#define WEFT_CORE_EPOCH_H

#include "weft/core/state.h"

void epoch_print(char out[EPOCH_SIZE], uint64_t number, uint64_t random);
/* The number before the point; 0 where there is none. */
uint64_t epoch_number(const char *epoch);

#endif
