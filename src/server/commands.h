/* What weftd can be asked to do by its first word. Each returns the exit status. */
#ifndef WEFT_SERVER_COMMANDS_H
#define WEFT_SERVER_COMMANDS_H

#define EXIT_USAGE 2 /* wrong words or settings, said on standard error */

/* argv is main's without the command. */
int command_serve(char **argv);
int command_worker(char **argv);
int command_jobs(char **argv);
int command_doctor(char **argv);

#endif
