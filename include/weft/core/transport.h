/* The port to connections: what core asks of them. An adapter of io implements these functions
 * (tests bring their own); it calls back into core/registry.h. None of these functions calls back
 * before it returns. */
#ifndef WEFT_CORE_TRANSPORT_H
#define WEFT_CORE_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

struct blob;
struct conn;

/* Writes one message (or one array of messages) as a text frame, at once, if the socket is free;
 * returns false, having taken nothing, if it is choked. The frame header is made once per blob, in
 * its headroom. A socket that dies under the write counts as written: session_disconnected follows.
 */
bool conn_write(struct conn *conn, struct blob *blob);
/* Asks for session_writable, once, when the socket is free again. */
void conn_want_write(struct conn *conn);
/* From the next frame on, a message may have so many bytes. A connection begins with
 * limits.hello_frame; what announces more is closed 1009 by the transport, before memory is taken
 * for it. */
void conn_set_limit(struct conn *conn, uint32_t bytes);
/* Ends the connection with a close code and a reason in words (≤ 120 bytes), after what was
 * written. Nothing is received any more; session_disconnected follows on a later turn. Twice is
 * allowed, the first code counts. */
void conn_close(struct conn *conn, int code, const char *reason);

#endif
