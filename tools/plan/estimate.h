/* estimate.h - what `plan` finds out by rendering: lengths, tokens, price, levels that render to the same text, doubtful insertion points.
 *
 * Counts are exact; lengths, tokens and prices come from a sample of at most CS_ESTIMATE_CASES cases, spread evenly, with all of
 * their prompts. Memory does not grow with the study. In conversations (script.h) every call sends the whole history again: input_tokens takes the
 * replies in it for short answers, input_high takes them at the cap. Images count there what they are likely to, and at most (dialects/images.h);
 * nothing where that is not known.
 */
#ifndef CS_ESTIMATE_H
#define CS_ESTIMATE_H

#include "protocol/study/plan.h"
#include "protocol/dialects/request.h"
#include "protocol/load/load.h"

enum { CS_ESTIMATE_CASES = 24, CS_ESTIMATE_NOTES = 64 };

struct cs_estimate_lane {
    uint64_t calls;        /* of a conversation one a turn; without conversations the trials */
    uint64_t input_tokens; /* estimate for the whole lane, of the messages (study/tokens.h) */
    uint64_t input_high; /* with all else that the requests hold, the schema above all: some providers charge for it */
    uint64_t output_low, output_high; /* tokens: a short structured answer; the cap (0: no cap) */
    double usd_low, usd_high;         /* input_tokens and output_low, input_high and output_high; -1: price unknown */
    double minutes_min;               /* at best, under the declared limits; 0: none declared */
};

struct cs_estimate_alike { /* two levels of one factor, all else equal, that give the same request */
    uint32_t factor, a, b;
    uint32_t lanes, lane; /* in how many models, and the last of them */
};

struct cs_estimate_doubt { /* an insertion point that a person should look at */
    uint32_t factor;
    uint32_t case_index; /* an example */
    uint32_t cases;      /* how many, of all */
    const char *why;
};

struct cs_estimate {
    struct cs_arena arena;
    uint32_t sampled;
    uint32_t clusters;
    struct cs_estimate_lane *lanes;
    double *level_chars[CS_FACTORS_MAX]; /* mean bytes of the rendered messages by level; -1: not in the plan */
    struct cs_estimate_alike alike[CS_ESTIMATE_NOTES];
    uint32_t n_alike;
    struct cs_estimate_doubt doubts[CS_ESTIMATE_NOTES];
    uint32_t n_doubts;
    uint32_t same_a, same_b,
        n_same; /* cases with equal texts: an example pair, and how many cases repeat an earlier one */
};

/* Renders every prompt of the sample: a fault in rendering (a missing marker, say) ends it with that sentence. */
CS_WARN_UNUSED enum cs_err cs_estimate_make(const struct cs_plan *plan, struct cs_requests *requests,
                                            const struct cs_loaded *l, struct cs_estimate *out, struct cs_error *err);
void cs_estimate_release(struct cs_estimate *s);

#endif
