/* errand.h - one call to a declared system (dialects/system/service.h) as the HTTP requests that it takes: start a session, ask, poll the job.
 *
 * The rules, pure: from how a request ended to what comes next. To quotas and budgets all of it is one call; polls cost neither. The study's
 * timeout holds for the whole. A poll that fails for a reason that may pass (no connection, 429, 5xx) is made again, since the job goes on;
 * nothing else is ever sent twice here. One that fails for good tells of a job that is lost, and may be paid. A session is this call's own: a call
 * that is made again has a new one, and so no turn is told twice. The calls of a conversation that goes on in its session (service.h: remembers)
 * share one, which the reply tells for the next of them; a system that answers such a call in another session has lost it, and what it says is
 * no answer.
 *
 *   step   ended how                              next
 *   START  a good reply that names the session    ASK
 *   ASK    a good reply that names a job          POLL after every_s, if it is not done at once
 *   POLL   not done                               POLL after every_s
 *   POLL   a status that will not pass            END: a good reply that is broken, and was_taken
 *   any    else                                   END, with that reply
 *
 * Ownership: an errand owns its texts; what it hands out lives until its next step. Units: milliseconds of the caller's clock.
 */
#ifndef CS_ERRAND_H
#define CS_ERRAND_H

#include "protocol/base/buf.h"
#include "protocol/dialects/system/service.h"
#include "protocol/study/study.h"

enum { CS_ERRAND_LINES_MAX = CS_HEADERS_MAX + 1, CS_ERRAND_ID_MAX = 64, CS_ERRAND_FOUND_MAX = 8192 };

enum cs_errand_step { CS_ERRAND_START, CS_ERRAND_ASK, CS_ERRAND_POLL };
enum cs_errand_next { CS_ERRAND_SEND, CS_ERRAND_PAUSE, CS_ERRAND_END };

struct cs_errand {
    const struct cs_service *service;
    const char *base; /* URL without a slash at its end */
    struct cs_json *call;
    enum cs_errand_step step;
    const char *session, *job, *mark, *cookie; /* NULL: not known */
    char trial[CS_ERRAND_ID_MAX];              /* DIGEST-NONCE: who this call is to the system */
    uint64_t began_ms, deadline_ms, polls_end_ms;
    uint32_t polls;
    struct cs_arena arena;   /* of the errand */
    struct cs_arena read;    /* of one reply */
    struct cs_buf url, body; /* of the request in hand, */
    bool is_cut;             /* a header of which is too long */
    bool talks;              /* a call of a conversation that goes on in its session, */
    bool goes_on;            /* and not the first of them */
    struct cs_session_told told;
    const char *lines[CS_ERRAND_LINES_MAX];
};

struct cs_errand_request {
    const char *method, *url, *type, *body; /* body NULL: none */
    size_t body_len;
    const char *const *lines;
    uint32_t n_lines;
};

/* body: the canonical body, n bytes; id: DIGEST-ATTEMPT, of a later turn DIGEST-tTURN-ATTEMPT, as it is sent in X-Client-Request-Id;
 * nonce: no other call of any worker has it. session: of a conversation that goes on in one, as the call before told it (its first call: all NULL);
 * else NULL. Copied. */
void cs_errand_begin(struct cs_errand *e, const struct cs_service *service, const char *base, const char *body,
                     size_t n, const char *id, uint64_t nonce, const struct cs_session_told *session, uint64_t now_ms,
                     uint32_t timeout_ms);
void cs_errand_end(struct cs_errand *e); /* releases all */
/* The request of this step. False: with what is filled in it is larger than any may be, and is not sent. */
CS_WARN_UNUSED bool cs_errand_request(struct cs_errand *e, struct cs_errand_request *out);
/* What is left of its time, at least 1. */
uint32_t cs_errand_left_ms(const struct cs_errand *e, uint64_t now_ms);
/* The step has waited so long for a token, which is no time of the system's; but a job that goes on has its own. */
void cs_errand_waited(struct cs_errand *e, uint64_t ms);
/* The request has ended so. SEND: the next step's request; PAUSE: the same after *wait_ms; END: reply is what came of the errand, its time
 * and faults set. */
enum cs_errand_next cs_errand_reply(struct cs_errand *e, struct cs_http_reply *reply, uint64_t now_ms,
                                    uint32_t *wait_ms);

#endif
