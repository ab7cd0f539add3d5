/* exchange.h - inside the serving of one request (arrival.c, serve.c) only: what is known about it so far. */
#ifndef CS_SIM_EXCHANGE_H
#define CS_SIM_EXCHANGE_H

#include "tools/simulator/openai_chat.h"
#include "tools/simulator/state.h"
#include "tools/simulator/flips.h"

/* All that is known about the request in hand. */
struct cs_exchange {
    const struct cs_sim_call *call;
    const struct cs_sim_dialect *dialect;
    struct cs_sim_reply *reply;
    struct cs_chat_request request;
    struct cs_chat_error error;
    struct cs_limit_refusal refusal; /* which limit, when error is about one */
    uint8_t body[32];                /* its hash */
    bool has_digest;                 /* the client has named one */
    uint8_t digest_id[16];
    char digest[33], attempt[16]; /* hex; "-" and "0" until known */
    struct cs_sim_talk talk;      /* what was said before */
    char chance[48];              /* what draws depend on: the digest, of a later turn with "/TURN" behind it */
    uint64_t key_id;              /* a hash: keys are not kept */
    bool answered_before;         /* a request with the same body was */
    uint64_t judged_before;       /* how often a judge was admitted for this digest before */
    struct cs_sim_model *model;
    struct cs_quota quota; /* settings and state at the moment of admission */
    struct cs_buckets buckets;
    struct cs_faults faults, always;
    struct cs_latency latency;
    struct cs_charge charge; /* at admission; settled with the answer */
    uint64_t drip_ms, cache, number;
};

/* Each of these returns false when it has refused the request: x->error, and the reply's headers, say how. */
bool cs_arrival_arrive(struct cs_simulator *s, struct cs_exchange *x); /* counted; is the key allowed? */
bool cs_arrival_read(struct cs_simulator *s, struct cs_exchange *x);   /* is it a good request? */
bool cs_arrival_admit(struct cs_simulator *s,
                      struct cs_exchange *x); /* is there such a model, and is it within the limits? */
bool cs_arrival_fail_limit(struct cs_exchange *x, const struct cs_limit_refusal *why);
/* An answer of so many output tokens was written: charged as the vendor does. Lock held. */
void cs_arrival_settle(struct cs_simulator *s, struct cs_exchange *x, uint64_t output);

/* Draws what goes wrong; false: it takes the place of an answer. */
bool cs_misbehave_survive(struct cs_exchange *x);
/* Spoils an answer that is written. False: the client cannot take it for one. */
bool cs_misbehave_spoil(struct cs_exchange *x);
/* Spoils an error that is written. */
void cs_misbehave_spoil_error(struct cs_exchange *x);

/* What is kept of a body beside its digest: 62 bits of its hash. */
uint64_t cs_arrival_body_bits(const struct cs_exchange *x);

#endif
