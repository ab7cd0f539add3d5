/* dialect.h - what a provider speaks: one struct, made in the one file that has the dialect's name.
 *
 * Here stand the dialects' shape, their table and what follows from it for an account: the URL, the key's header, a check of
 * parameters. Which there are: study/protocols.h. What the dialects share in writing is body.h, in reading read.h.
 * Pure; any thread.
 */
#ifndef CS_DIALECT_H
#define CS_DIALECT_H

#include "protocol/base/buf.h"
#include "protocol/dialects/parameters.h"
#include "protocol/dialects/replies/reply.h"
#include "protocol/study/render.h"

struct cs_settings_of {
    const struct cs_study *study; /* NULL: no question yet (the study is being loaded) */
    const struct cs_account *account;
    const struct cs_model *model;
    const struct cs_parameters *parameters;
    uint32_t question;
    uint32_t elements; /* of the case's list, where the question's answer is one */
    bool free_turn;    /* the call is not asked for the question's answer: no schema */
    char culprit[64];  /* set on failure: the parameter at fault, or "" */
};

struct cs_dialect {
    enum cs_protocol protocol;
    /* Where it goes. */
    const char *path;        /* behind the account's base URL; "{model}" in it is the id as sent */
    const char *root;        /* what stands before it at the vendor's host and the simulator's: "/v1" */
    const char *auth_prefix; /* how the header line begins that ends with the key */
    const char *header;      /* a further line that each call needs, or NULL */
    /* What is sent. */
    unsigned formats; /* bit f: enum cs_form f can be asked for */
    bool alternates;  /* refuses two messages of one side in a row */
    bool keeps;       /* prompts are marked (`keep`) unless the account says no; else only if it says yes */
    /* `"model":"id","messages":[...]`: no comma around it. */
    void (*prompt)(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out);
    /* `,"temperature":0.7,...` or nothing. */
    enum cs_err (*settings)(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err);
    /* NULL, or in place of `prompt`: the whole body, from what `settings` wrote between its braces. CS_EINVAL: a part of the prompt has no
     * place in it. */
    enum cs_err (*fill)(const struct cs_account *account, const char *settings, const struct cs_prompt *p,
                        struct cs_buf *body, struct cs_error *err);
    /* NULL, for the vendor keeps prompts by itself or not at all; else puts the mark that makes it keep what the body says up to the end
     * of its messages (`end`), so that the trial's next call reads that from its cache. */
    void (*keep)(struct cs_buf *body, size_t end);
    /* What comes back to a request that asked for this form; strings live in the arena. */
    void (*read)(const struct cs_http_reply *reply, enum cs_form asked, struct cs_arena *arena, struct cs_reading *out);
};

/* What a call is charged with, to the quotas of its account, when it starts: its estimated input, its expected output, its cap. */
enum cs_charge_by {
    CS_CHARGE_BY_INPUT = 1,
    CS_CHARGE_BY_LARGER_OF_CAP,
    CS_CHARGE_BY_INPUT_AND_CAP,
    CS_CHARGE_BY_INPUT_AND_OUTPUT,
    CS_CHARGE_BY_OUTPUT,
    CS_CHARGE_BY_CAP
};

/* An object of its own, named in the table, so that a dialect without one does not link. */
struct cs_dialect_charge {
    enum cs_charge_by tokens, output; /* to the quota of all tokens; of output tokens */
    bool settles;                     /* the provider corrects by the usage, so do we */
};

#define X(number, file, name)                                                                                          \
    extern const struct cs_dialect cs_dialect_##file;                                                                  \
    extern const struct cs_dialect_charge cs_dialect_##file##_charge;
CS_PROTOCOL_TABLE(X)
#undef X
const struct cs_dialect *cs_dialect_of(enum cs_protocol p);
const struct cs_dialect_charge *cs_dialect_charge_of(enum cs_protocol p);

/* A whole body: the prompt, and its tail, which is what the dialect's `settings` wrote and the last brace. CS_EINVAL as its `fill`. */
CS_WARN_UNUSED enum cs_err cs_dialect_body(const struct cs_account *a, const struct cs_model *m, const char *tail,
                                           const struct cs_prompt *p, struct cs_buf *body, struct cs_error *err);
/* Whether a model's own parameters can be sent. CS_EINVAL: err is the end of a sentence, *culprit (64 bytes) the parameter. */
CS_WARN_UNUSED enum cs_err cs_dialect_check(const struct cs_account *a, const struct cs_model *m, char *culprit,
                                            struct cs_error *err);
/* Where an account's calls for a model go; simulator: the base URL for simulated accounts. free() it. */
char *cs_dialect_url(const struct cs_dialect *d, const struct cs_account *a, const char *simulator, const char *model);
/* The header line with the key: as the account says, else as the vendor has it. It is the caller's to wipe. */
char *cs_dialect_auth(const struct cs_dialect *d, const struct cs_account *a, const char *key);
/* The further lines of a call: the account's, and the dialect's unless the account has one of that name. At most
 * CS_HEADERS_MAX + 1; the strings are the account's and the dialect's own. */
uint32_t cs_dialect_headers(const struct cs_dialect *d, const struct cs_account *a, const char **lines);

#endif
