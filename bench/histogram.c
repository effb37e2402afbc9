#include "histogram.h"

#include <math.h>
#include <string.h>

#define OCTAVE (1U << HISTOGRAM_OCTAVE_BITS)

/* Values below one octave of buckets have a bucket each; above that the exponent chooses the
 * octave and the bits behind the leading one the bucket in it. */
static size_t bucket_of(uint64_t value)
{
    if (value < OCTAVE)
        return (size_t)value;
    unsigned exponent = 63U - (unsigned)__builtin_clzll(value);
    unsigned shift = exponent - HISTOGRAM_OCTAVE_BITS;
    return ((size_t)(shift + 1) << HISTOGRAM_OCTAVE_BITS) + (size_t)((value >> shift) - OCTAVE);
}

static uint64_t bucket_top(size_t bucket)
{
    if (bucket < OCTAVE)
        return bucket;
    unsigned shift = (unsigned)(bucket >> HISTOGRAM_OCTAVE_BITS) - 1;
    uint64_t lead = (bucket & (OCTAVE - 1)) + OCTAVE;
    return (lead << shift) + ((uint64_t)1 << shift) - 1;
}

void histogram_reset(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->count++;
    histogram->buckets[bucket_of(value)]++;
    if (value > histogram->max)
        histogram->max = value;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    if (histogram->count == 0)
        return 0;
    uint64_t rank = (uint64_t)ceil(share * (double)histogram->count);
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen >= rank && seen > 0) {
            uint64_t top = bucket_top(bucket);
            return top < histogram->max ? top : histogram->max;
        }
    }
    return histogram->max;
}
