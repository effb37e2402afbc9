/* One HTTP request, answered before it returns: for commands that people type, not for the loop. */
#ifndef WEFT_IO_HTTP_CLIENT_H
#define WEFT_IO_HTTP_CLIENT_H

#include "weft/base/buf.h"
#include "weft/base/err.h"

/* A POST has an empty body. *status and *body are the answer's, whatever its status; the caller
 * closes *body. ERR_BUSY where there is none, with the reason. */
ERR_CHECKED enum err http_call(const char *method, const char *url, int *status, struct buf *body,
                               struct error *error);

#endif
