#include "epoch.h"
#include "weft/base/random.h"

#include <stdio.h>
#include <stdlib.h>

void epoch_make(char out[EPOCH_SIZE], uint64_t number)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint64_t bits = random_u64();
    char random[9] = "";
    for (int i = 0; i < 8; i++, bits >>= 5)
        random[i] = digits[bits & 31];
    snprintf(out, EPOCH_SIZE, "%llu.%s", (unsigned long long)number, random);
}

uint64_t epoch_number(const char *epoch)
{
    return strtoull(epoch, NULL, 10);
}
