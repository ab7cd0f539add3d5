/* tooling.h - tools in a request of any dialect, and how a simulated model uses them: which source it trusts, how much effort it makes.
 *
 * A model calls tools only where its truth plants it (`tools:`, README.md). It makes the n calls that are drawn, one a reply or all in one, then says so
 * in words, and answers when it may call no more. All draws hang on the trial's digest alone, so that each request of a trial goes on from the one before:
 * which calls were made is read from the request.
 *   how many   floor(x) + 1 with U(seed, "calls", digest) < x - floor(x), else floor(x); x = `calls` of the level
 *   the first  the tool whose cumulative chance exceeds U(seed, "first", digest), if there is none the one that is offered first; then the others as
 *              they are offered, round and round
 *   arguments  by schema; words of an enum one after the other, from the floor(U(seed, "argument", digest, tool) n)-th on
 *   all at once with U(seed, "parallel", digest) < `parallel`
 *   odd calls  before the others, one each: with U(seed, KIND, digest) < its chance, KIND = malformed, unknown, repeat
 *   follows    with U(seed, "follow", digest, field) < `follow` the answer is the word of its words that stands in the result of the first call
 * A reminder (the user's words behind a reply without calls, while tools are offered) is obeyed: what was not called is called.
 * Pure; any thread.
 */
#ifndef CS_SIM_TOOLING_H
#define CS_SIM_TOOLING_H

#include "protocol/base/buf.h"
#include "tools/simulator/json_read.h"
#include "tools/simulator/truth.h"

enum { CS_SIM_TOOLS_MAX = 32, CS_SIM_CALLS_MAX = 128 };

struct cs_sim_offered {
    const char *name;
    const struct cs_j *schema;
};
struct cs_sim_made {                /* a call that stands in the request */
    const char *id, *name, *result; /* result: NULL until it is there */
    uint32_t round;
};
struct cs_sim_tooling { /* of a request; all of it zero: it has to do with no tools */
    struct cs_sim_offered tools[CS_SIM_TOOLS_MAX];
    uint32_t n_tools;
    bool may_call; /* the model may choose to */
    struct cs_sim_made made[CS_SIM_CALLS_MAX];
    uint32_t n_made;
    uint32_t rounds;  /* replies of the model in the request */
    bool called_last; /* the last of them called */
    bool asked_again; /* behind it the user speaks */
};

/* For the dialects, in the order of the request. False: it does not fit; *fault is a sentence. */
void cs_tooling_offer(struct cs_sim_tooling *t, const char *name, const struct cs_j *schema);
void cs_tooling_reply(struct cs_sim_tooling *t);
bool cs_tooling_call(struct cs_sim_tooling *t, const char *id, const char *name, const char **fault);
bool cs_tooling_result(struct cs_sim_tooling *t, const char *id, const char *result, const char **fault);
void cs_tooling_user(struct cs_sim_tooling *t);
/* Every call has its result. */
bool cs_tooling_whole(const struct cs_sim_tooling *t);

/* ---- what is planted ------------------------------------------------------------------------------- */

struct cs_planted_follow {
    const char *field;
    double chance;
};
struct cs_planted_tools {
    const double *calls; /* per level */
    const char *const *names;
    uint32_t n_names;
    const double *first; /* per level and name: chances */
    double parallel, malformed, unknown, repeat;
    bool reasons; /* its replies with calls carry reasoning, which must come back */
    const struct cs_planted_follow *follows;
    uint32_t n_follows;
};

struct cs_sim_calls { /* a reply that calls */
    struct cs_sim_call_made {
        char id[48];
        const char *name;
        char *arguments; /* freed by cs_tooling_release */
    } calls[CS_SIM_CALLS_MAX];
    uint32_t n;
    bool reasons;
};
/* What the model calls now; n 0: it calls nothing. digest: 32 hex digits. */
void cs_tooling_draw(const struct cs_planted_tools *p, const struct cs_truth *t, uint64_t seed, uint32_t level,
                     const char *digest, const struct cs_sim_tooling *tooling, struct cs_sim_calls *out);
void cs_tooling_release(struct cs_sim_calls *c);
/* The word that the answer follows, or NULL: it is drawn as ever. */
const char *cs_tooling_follows(const struct cs_planted_tools *p, const struct cs_truth_answer *a, uint64_t seed,
                               const char *digest, const struct cs_sim_tooling *tooling);
/* 32 hex digits of a text. */
void cs_tooling_signature(const char *of, char out[33]);
/* What was thought before the calls of a reply, and its signature: of the first call's id, which tells by itself that there was reasoning. */
#define CS_TOOLING_THOUGHT "I look it up before I answer."
/* Whether a reply whose first call has this id came back with its reasoning (thought and signature, NULL: there is none). */
bool cs_tooling_vouched(const char *first_id, const char *thought, const char *signature);

#endif
