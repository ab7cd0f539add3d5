/* last_words.h - why a process of ours ended, in a sentence for people: from its exit status and what it wrote last.
 *
 * Thread: any.
 */
#ifndef CS_LAST_WORDS_H
#define CS_LAST_WORDS_H

#include <sys/types.h>

/* status: of waitpid. from: where its part of the log begins. What its log says is the program's own last sentence, shortened and without
 * control characters; a process that was ended by a signal says which. free() it; NULL: nothing is known. */
char *cs_last_words(const char *log, off_t from, int status);

#endif
