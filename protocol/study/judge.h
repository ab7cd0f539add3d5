/* judge.h - the `judge:` part of a study whose cases are outputs of models.
 *
 * It travels and is stored as canonical JSON (cs_study.judge), with the keys that were written, in this order:
 *     {"shows":["prompt","model","arm"],"hide":{"as":"[...]","terms":["..."]},"panel":{"rule":"majority","quorum":2,"own":"drop"},"again":2}
 * Ownership: the caller's arena. Pure; any thread.
 */
#ifndef CS_JUDGE_H
#define CS_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/error.h"

enum {
    CS_JUDGE_AGAIN_MAX = 10,
    CS_JUDGE_SHOWS_MAX = 64,
    CS_JUDGE_AS_MAX = 32,            /* bytes of what stands for a hidden word */
    CS_JUDGE_HIDDEN_MAX = 64 * 1024, /* bytes of all hidden words */
};

enum cs_judge_rule { CS_JUDGE_UNSAID, CS_JUDGE_MAJORITY, CS_JUDGE_MEAN };

struct cs_judge {
    const char *const
        *shows; /* what a prompt may show beside the output: "prompt", "model", factors of the judged study */
    uint32_t n_shows;
    const char *hide_as; /* stands for each hidden word */
    const char *const *hidden;
    uint32_t n_hidden;
    enum cs_judge_rule rule;
    uint32_t quorum; /* votes without which there is no verdict; 0: not said */
    bool drop_own;   /* a judge has no vote on outputs of its own model */
    uint32_t again;  /* further draws of a reply that cannot be parsed, at most */
};

/* json "" or NULL: a study without `judge:`, all zeros. CS_EINVAL: not what this header says, or over a limit. */
CS_WARN_UNUSED enum cs_err cs_judge_parse(const char *json, struct cs_arena *arena, struct cs_judge *out,
                                          struct cs_error *err);
bool cs_judge_shows(const struct cs_judge *j, const char *what);

#endif
