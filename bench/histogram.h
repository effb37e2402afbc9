/* A log-linear histogram of times in nanoseconds: 32 buckets an octave, so a percentile is at most
 * 3.2 % too high and never too low; the maximum is exact. 15 KiB, one add is a few instructions. */
#ifndef WEFT_BENCH_HISTOGRAM_H
#define WEFT_BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_OCTAVE_BITS 5
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_OCTAVE_BITS + 1) << HISTOGRAM_OCTAVE_BITS)

struct histogram {
    uint64_t count;
    uint64_t max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_reset(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t value);
/* The upper edge of the bucket that holds the given share (0…1] of the values; 0 of an empty one.
 */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
