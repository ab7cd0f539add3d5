/* source.h - where the core gets trials from: studies in production (studies.h), a few lines in tests.
 *
 * Thread: the core's; pure. Nothing here waits: what is not there yet is CS_EAGAIN, and `missing` says what to ask the
 * coordinator for.
 */
#ifndef CS_SOURCE_H
#define CS_SOURCE_H

#include "protocol/base/error.h"
#include "protocol/base/digest.h"
#include "store/redis/quota.h"
#include "protocol/dialects/dialect.h"
#include "protocol/study/answer.h"
#include "worker/calls/endpoint.h"
#include "worker/calls/servers.h"

enum { CS_TROUBLE_MAX = 200 };

/* What the core must know of a lane. */
struct cs_lane_facts {
    void *study; /* handle; given back with `release` */
    const struct cs_dialect *provider;
    const struct cs_endpoint
        *endpoint; /* of several servers that of the first; NULL: none is listed yet, or there is trouble */
    const struct cs_server_list
        *servers;        /* NULL: the lane has one endpoint. Changed in place, with CS_WORKER_SERVERS */
    enum cs_form form;   /* the form that its requests ask for, but for turns that want no answer */
    bool talks;          /* there are conversations among its trials */
    bool remembers;      /* ... which go on in sessions of the system's (dialects/system/service.h) */
    uint32_t timeout_ms; /* for one call */
    uint32_t concurrent; /* calls at once that any worker may have; 0: no limit */
    uint32_t cap;        /* output tokens of one call; 0: none is sent */
    bool metered;        /* under a hard budget */
    bool confidential;   /* its cases are: what a provider says may repeat them */
    uint32_t n_pools;    /* that its calls draw from, all at once, the narrowest first */
    struct cs_lane_pool {
        char name[33]; /* the same for all lanes that share it */
        struct cs_limits limits;
    } pools[CS_QUOTA_POOLS_MAX];
    struct cs_lane_pool
        own;      /* the model's own, as its study has it, even where that declares nothing; name "": none can be set */
    bool has_own; /* it is the first of `pools` */
    char group[33];               /* names the pools that lanes may draw from together */
    char trouble[CS_TROUBLE_MAX]; /* why no call can be made ("no key: set NAME"), or "" */
};

struct cs_trial {
    struct cs_digest digest;
    uint32_t question;
    uint32_t elements; /* of the list that the question grades; 0: it grades none */
    uint64_t block;    /* the same for all trials of a case */
    uint64_t prompt;   /* the same for the same body: repeats of a prompt are one prompt, though their digests differ */
    const char *body;  /* valid until the next call on the source */
    uint32_t body_len;
    uint32_t extra;       /* what its images count, as bytes of text */
    struct cs_held *held; /* its images, valid as body is; NULL: none */
    uint32_t calls;       /* of a conversation, more than 1; this is the one after those that are said */
    bool free;            /* this call wants no answer: any text will do, and no form was asked for */
    uint32_t tools;       /* of a trial with tools: how many calls of them it may make; 0: it has none */
    bool last;            /* ... and this call offers none: its reply is the trial's output */
    uint8_t sent[16];     /* of a conversation: as in struct cs_output */
};

struct cs_source {
    void *self;
    /* CS_EAGAIN: the spec is not here. Any other error: this lane cannot be worked on, err says why; nothing to
     * release. */
    enum cs_err (*lane)(void *self, const uint8_t spec[32], uint32_t lane, struct cs_lane_facts *out,
                        struct cs_error *err);
    void (*release)(void *self, void *study);
    /* said: the replies of a conversation so far. CS_EAGAIN: the cases are not here. CS_ETOOBIG: with these replies the request is too large. */
    enum cs_err (*trial)(void *self, void *study, uint32_t lane, uint64_t position, const char *const *said,
                         uint32_t n_said, struct cs_trial *out, struct cs_error *err);
    /* Whether a text answers the question, as the lane reads. elements: the trial's. */
    struct cs_answer_check (*parses)(void *self, void *study, uint32_t lane, uint32_t question, uint32_t elements,
                                     const char *text, size_t n);
    /* Takes the next digest to ask for, the one that was missed first; false: none. bytes: about how many will come. */
    bool (*missing)(void *self, uint8_t digest[32], uint32_t *bytes);
    enum cs_err (*put)(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err);
};

#endif
