/* talk.h - a conversation that a case brings: `[{"role": "user", "content": "..."}, ...]`, the form in which chats are published.
 *
 * Roles are user and assistant, beginning with user; a system (or developer) message may stand before them. Contents are texts
 * that are not blank. Pure; any thread. What is read lives in the caller's arena.
 */
#ifndef CS_TALK_H
#define CS_TALK_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/error.h"

enum { CS_TALK_MAX = 256 }; /* messages */

struct cs_said {
    bool by_model; /* else by the user */
    const char *text;
};

struct cs_talk {
    const char *system; /* "": it has none */
    const struct cs_said *said;
    uint32_t n;
};

/* CS_EINVAL: err is a sentence without a place. */
CS_WARN_UNUSED enum cs_err cs_talk_read(const char *json, struct cs_arena *arena, struct cs_talk *out,
                                        struct cs_error *err);
/* Whether it can stand before a user's text (then it ends with the assistant's message, or is empty), or be asked as it is (then it ends
 * with the user's). CS_EINVAL: a sentence. */
CS_WARN_UNUSED enum cs_err cs_talk_fits(const struct cs_talk *t, bool before_user, struct cs_error *err);
/* Do two messages of one side follow each other? (0: no; else the number of the second, from 1.) Some providers refuse it. */
uint32_t cs_talk_repeats(const struct cs_talk *t);

#endif
