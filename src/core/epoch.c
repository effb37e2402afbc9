#include "weft/core/epoch.h"
#include <stdio.h>
#include <stdlib.h>

void epoch_print(char out[EPOCH_SIZE], uint64_t number, uint64_t random)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    char text[9] = "";
    for (int i = 0; i < 8; i++, random >>= 5)
        text[i] = digits[random & 31];
    snprintf(out, EPOCH_SIZE, "%llu.%s", (unsigned long long)number, text);
}

uint64_t epoch_number(const char *epoch)
{
    return strtoull(epoch, NULL, 10);
}
