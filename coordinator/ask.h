/* ask.h - one request of an operator: who asks, how it is answered, what is written down of it. Shared by the files of admin verbs.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_ASK_H
#define CS_ASK_H

#include "coordinator/diary.h"

struct cs_ask {
    struct cs_server *sv;
    const struct cs_peer *peer;
    const char *user_id; /* of whoever came over TCP; "" */
    uint64_t seq;
    const struct cs_admin *a;
    struct cs_diary_entry *entry; /* its verb fills it in */
    struct cs_note *note;         /* of the entry: goes with the event that does it */
};

/* The token under which it is answered after a commit; 0: too many wait, and it was refused. blob: the answer, or NULL; copied. */
uint64_t cs_ask_token(const struct cs_ask *ask, const char *blob);
/* Gives the answer under a token its blob, once that is known; does nothing when it was answered already. Takes blob over. */
void cs_ask_blob(const struct cs_ask *ask, uint64_t token, char *blob);
void cs_ask_refuse(const struct cs_ask *ask, enum cs_err code, const char *text);
/* Argument `at`; NULL: not there, or empty. */
const char *cs_ask_word(const struct cs_ask *ask, uint32_t at);
/* The study named by the argument `at`, or, where none is named, the only one. NULL: it was refused. The entry knows its name then. */
struct cs_roster_study *cs_ask_study(const struct cs_ask *ask, uint32_t at);
/* Whether what is said of the study can be done now; false: it was refused. */
bool cs_ask_runs(const struct cs_ask *ask, const struct cs_roster_study *s);

#endif
