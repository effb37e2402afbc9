/* A new epoch as both backends of the state make it. Any thread. */
#ifndef EPOCH_H
#define EPOCH_H

#include "weft/core/epoch.h"

void epoch_make(char out[EPOCH_SIZE], uint64_t number);

#endif
