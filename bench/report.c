#include "report.h"

#include <stdio.h>
#include <string.h>

void report_init(struct report *report)
{
    buf_init(&report->json);
    buf_add_char(&report->json, '{');
}

static void name_add(struct report *report, const char *name)
{
    struct buf *json = &report->json;
    if (!strchr("{[", json->data[json->len - 1]))
        buf_add_char(json, ',');
    if (name)
        buf_printf(json, "\"%s\":", name);
}

void report_text(struct report *report, const char *name, const char *value)
{
    name_add(report, name);
    buf_add_json(&report->json, value, strlen(value));
}

void report_count(struct report *report, const char *name, uint64_t value)
{
    name_add(report, name);
    buf_add_u64(&report->json, value);
}

void report_number(struct report *report, const char *name, double value)
{
    name_add(report, name);
    buf_printf(&report->json, "%.4f", value);
}

void report_latency(struct report *report, const char *name, const struct histogram *histogram)
{
    report_open(report, name, '{');
    report_number(report, "p50", (double)histogram_quantile(histogram, 0.5) / 1e6);
    report_number(report, "p99", (double)histogram_quantile(histogram, 0.99) / 1e6);
    report_number(report, "max", (double)histogram->max / 1e6);
    report_shut(report, '}');
}

void report_open(struct report *report, const char *name, char bracket)
{
    name_add(report, name);
    buf_add_char(&report->json, bracket);
}

void report_shut(struct report *report, char bracket)
{
    buf_add_char(&report->json, bracket);
}

static void redis_add(struct report *report, const struct load_window *window)
{
    double edits = (double)window->counts.edits;
    double cpu_ns = (double)window->redis_cpu_ns;
    report_open(report, "redis", '{');
    report_number(report, "cpu_percent", 100.0 * cpu_ns / (double)window->ns);
    if (edits > 0) {
        report_number(report, "cpu_us_per_edit", cpu_ns / 1e3 / edits);
        report_number(report, "scripts_per_edit", (double)window->redis_scripts / edits);
    }
    report_shut(report, '}');
}

void report_window(struct report *report, const struct load *load, const struct load_window *window)
{
    const struct load_counts *counts = &window->counts;
    double seconds = (double)window->ns / 1e9;
    report_number(report, "seconds", seconds);
    report_count(report, "edits", counts->edits);
    report_count(report, "edit_messages", counts->messages);
    report_count(report, "deliveries", counts->deliveries);
    report_count(report, "acks", counts->acks);
    report_number(report, "deliveries_per_s", (double)counts->deliveries / seconds);
    if (counts->deliveries > 0)
        report_number(report, "cpu_us_per_delivery",
                      (double)window->server_cpu_ns / 1e3 / (double)counts->deliveries);
    if (counts->edits > 0)
        report_number(report, "cpu_us_per_edit",
                      (double)window->server_cpu_ns / 1e3 / (double)counts->edits);
    if (counts->reads > 0)
        report_number(report, "bytes_per_read", (double)counts->bytes_in / (double)counts->reads);
    report_cpu(report, window);
    if (load->options.redis.processes.count > 0)
        redis_add(report, window);
    report_latency(report, "latency_ms", &load->latency);
    if (counts->acks > 0)
        report_latency(report, "ack_ms", &load->ack_latency);
}

void report_cpu(struct report *report, const struct load_window *window)
{
    double percent = 100.0 / (double)window->ns;
    report_number(report, "server_cpu_percent", percent * (double)window->server_cpu_ns);
    report_number(report, "generator_busy_percent", percent * (double)window->busy_ns);
    report_number(report, "generator_cpu_percent", percent * (double)window->own_cpu_ns);
}

void report_print(struct report *report)
{
    buf_add_text(&report->json, "}");
    puts(report->json.data);
    buf_close(&report->json);
}
