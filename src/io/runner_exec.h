/* What runner_uv.c tells the process that becomes a command, and what it hears back. */
#ifndef WEFT_IO_RUNNER_EXEC_H
#define WEFT_IO_RUNNER_EXEC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The descriptor on which it says the errno of a failure; nothing where it became the command. */
#define EXEC_STATUS_FD 3
/* argv: self, RUNNER_EXEC, the limits, the program's path, and then the command's own argv. */
#define EXEC_ARGV_FIRST 4
#define EXEC_LIMITS_SIZE 128

struct exec_limits {
    pid_t parent;
    uint64_t memory, cpu_s, file_max, descriptors; /* memory 0: as this process has it */
};
/* Into out, of EXEC_LIMITS_SIZE. */
void exec_limits_print(const struct exec_limits *limits, char *out);

#endif
