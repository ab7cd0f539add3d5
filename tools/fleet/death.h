/* death.h - why a process ended, in words for people: its signal or exit status, and the last line of its log.
 *
 * Thread: any.
 */
#ifndef CS_DEATH_H
#define CS_DEATH_H

#include <stddef.h>

/* status: as wait(2) gives it. log: the file that its stderr went to. Out, at most n bytes: `killed by SIGABRT (Aborted), its last line:
 * ev=...`. Control characters of the line are shown as `?`. */
void cs_death_text(int status, const char *log, char *out, size_t n);

#endif
