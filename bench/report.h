/* The figures of one run, as one line of JSON. Caller's storage. */
#ifndef WEFT_BENCH_REPORT_H
#define WEFT_BENCH_REPORT_H

#include "load.h"

struct report {
    struct buf json;
};

void report_init(struct report *report);
void report_text(struct report *report, const char *name, const char *value);
void report_count(struct report *report, const char *name, uint64_t value);
void report_number(struct report *report, const char *name, double value);
/* p50, p99 and max in milliseconds. */
void report_latency(struct report *report, const char *name, const struct histogram *histogram);
/* Objects and arrays within: name is NULL in an array. */
void report_open(struct report *report, const char *name, char bracket);
void report_shut(struct report *report, char bracket);
/* What is known of every load that ran for a while: rates, latencies, CPU of both sides. */
void report_window(struct report *report, const struct load *load,
                   const struct load_window *window);
/* Both sides' share of their core. What a spinning generator lacks to 100 % others took. */
void report_cpu(struct report *report, const struct load_window *window);
/* Prints the line to standard output and frees the report. */
void report_print(struct report *report);

#endif
