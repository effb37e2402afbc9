/* Places where a test makes the process die. Compiled in only with WEFT_FAILPOINTS; the environment
 * then says which and when: WEFT_FAILPOINT=before_append:kill:37 is SIGKILL at the 37th time. Any
 * thread. */
#ifndef FAILPOINT_H
#define FAILPOINT_H

#ifdef WEFT_FAILPOINTS
void failpoint_hit(const char *name);
#else
static inline void failpoint_hit(const char *name)
{
    (void)name;
}
#endif

#endif
