/* Epochs, "<number>.<random>", as both backends of the state make and read them. Any thread. */
#ifndef EPOCH_H
#define EPOCH_H

#include "weft/core/state.h"

void epoch_make(char out[EPOCH_SIZE], uint64_t number);
/* The number before the point; 0 where there is none. */
uint64_t epoch_number(const char *epoch);

#endif
