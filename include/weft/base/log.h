/* One line an event on standard error, logfmt (`ts=… level=info msg="…" key=value`) or JSON. A full
 * or closed target loses lines and counts them; the server goes on. Values are escaped: no raw
 * control byte of a stranger reaches the log. Texts of files and tokens are never logged. Any
 * thread. */
#ifndef WEFT_BASE_LOG_H
#define WEFT_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Before threads start. Also has the process ignore SIGPIPE, which a closed target would raise.
 * Until then: LOG_INFO, logfmt. */
void log_setup(enum log_level least, bool json);
/* What format makes is words for people and then pairs, `listening host=%s port=%d`: the first word
 * of the form key=… ends the message. Strings of strangers go through log_quote first. A line is
 * cut at 2 KB. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes text into out as a safe value in quotes, cut to size (at least 3 bytes). Returns out. */
const char *log_quote(char *out, unsigned size, const char *text);
bool log_is_on(enum log_level level);
uint64_t log_lost(void);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
/* What it is given is not even looked at where it is not logged. */
#define log_debug(...) (log_is_on(LOG_DEBUG) ? log_write(LOG_DEBUG, __VA_ARGS__) : (void)0)

#endif
