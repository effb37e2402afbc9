/* The scripts of src/io/redis/ as the build has put them together (cmake/scripts.cmake). */
#ifndef REDIS_SCRIPTS_H
#define REDIS_SCRIPTS_H

#include <stdint.h>

struct redis_script {
    const char *name; /* "append" */
    const char *sha;  /* by which EVALSHA finds it */
    const char *text; /* NUL-terminated */
    uint64_t len;
};
extern const struct redis_script redis_scripts[];
extern const uint64_t redis_script_count;

#endif
