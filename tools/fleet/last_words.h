/* last_words.h - why a process of ours ended, in a sentence for people: from its exit status and what it wrote last.
 *
 * Thread: any.
 */
#ifndef CS_LAST_WORDS_H
#define CS_LAST_WORDS_H

#include <sys/types.h>

/* status: of waitpid. from: where its part of the log begins. The signal in words if one ended it, and what its log says: its own last
 * sentence for people, or else its last line, shortened and without control characters. free() it. */
char *cs_last_words(const char *log, off_t from, int status);

#endif
