/* Those who wait for a file: sessions' opens, and HTTP queries. */
#ifndef WEFT_CORE_OPENS_H
#define WEFT_CORE_OPENS_H

#include "file.h"

/* A session or a query wants the file. Takes opener; answers now, or when the file is there and the
 * author's own edits are in the log. */
void opens_add(struct file *file, struct opener *opener);
/* The session does not want it any more: what it asked for is still answered. */
void opens_cancel(struct file *file, struct session *session);
/* Answers those that can be answered. */
void opens_serve(struct file *file);
/* The state's answer to a read for one of them. */
void opens_missed(struct file *file, const struct state_rows *rows);
/* Ends those who have waited too long for a shared state to answer. */
void opens_expire(struct file *file, uint64_t now_ms);
/* Ends all of them with an error; or only the queries. */
void opens_refuse(struct file *file, enum err code);
void opens_fail_queries(struct file *file, enum err code);

#endif
