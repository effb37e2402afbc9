/* The words and settings of a command that runs until it is told to stop. */
#ifndef WEFT_SERVER_RUN_H
#define WEFT_SERVER_RUN_H

struct config;

/* Reads the settings (of words, environment and file) and does what the words ask for: help, the
 * version, a check of the settings, or run. Returns the exit status. */
int run_with_settings(char **argv, int (*run)(struct config *config));

#endif
