/* body.h - inside request.c, load_models.c and body*.c only: what the providers' dialects put into a request body.
 *
 * A body is `{` prompt settings `}`. The prompt differs from cell to cell; the settings (parameters, cap, the form of the answer) are
 * made once for each model, combination of levels and question. Both are canonical: keys in the order in which they are put.
 *
 * Parameters have common names (temperature, top_p, seed, reasoning_effort, thinking_budget, logprobs, top_logprobs) and, beside
 * them, those of the vendor that stand in the dialect's table. What is not in the table is refused: a parameter that is not
 * sent, or sent under a name that the provider ignores, would spoil a study silently. openai-chat alone passes on whatever it is
 * given, since the servers that speak it have parameters of their own. Thread: any.
 */
#ifndef CS_BODY_H
#define CS_BODY_H

#include <jansson.h>

#include "protocol/base/buf.h"
#include "protocol/dialects/parameters.h"
#include "protocol/study/render.h"

struct cs_settings_of {
    const struct cs_study *study; /* NULL: no question yet (the study is being loaded) */
    const struct cs_account *account;
    const struct cs_model *model;
    const struct cs_parameters *parameters;
    uint32_t question;
    char culprit[64]; /* set on failure: the parameter at fault, or "" */
};

struct cs_dialect {
    unsigned formats; /* bit f: enum cs_form f can be asked for */
    /* `"model":"id","messages":[...]`: no comma around it. */
    void (*prompt)(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out);
    /* `,"temperature":0.7,...` or nothing. */
    enum cs_err (*settings)(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err);
};
const struct cs_dialect *cs_dialect_of(enum cs_protocol p);

extern const struct cs_dialect cs_dialect_openai_chat, cs_dialect_openai_responses, cs_dialect_anthropic,
    cs_dialect_gemini, cs_dialect_bedrock;

/* Whether a model's own parameters can be sent. CS_EINVAL: err is the end of a sentence, *culprit (64 bytes) the parameter. */
CS_WARN_UNUSED enum cs_err cs_body_check(const struct cs_account *a, const struct cs_model *m, char *culprit,
                                         struct cs_error *err);

/* ---- for dialects ----------------------------------------------------------------------------- */

enum cs_rule_kind { CS_RULE_NUMBER, CS_RULE_INTEGER, CS_RULE_BOOLEAN, CS_RULE_WORD, CS_RULE_ANY };

struct cs_body_rule {
    const char *name;
    const char *path; /* where the value goes: "generationConfig.topP" */
    enum cs_rule_kind kind;
    double min, max;                                /* of a number or integer, when they differ */
    void (*put)(json_t *root, const json_t *value); /* puts another value there, or NULL */
};

/* Puts the parameters into root by the rules. CS_EINVAL: a parameter without a rule, or a value that is none. */
CS_WARN_UNUSED enum cs_err cs_body_parameters(struct cs_settings_of *of, const struct cs_body_rule *rules, size_t n,
                                              json_t *root, struct cs_error *err);
/* Sets "a.b.c"; objects on the way are made. The value is taken over. */
void cs_body_set(json_t *root, const char *path, json_t *value);
/* The schema of the question, or NULL where no form is asked for. `bounds` false: numbers without minimum and maximum, which
 * Anthropic's schemas refuse ("For 'integer' type, property 'minimum' is not supported", reported of its API by others; the
 * arguments of tools may have them). Bedrock says nothing of it and serves Anthropic's models. The parser holds to them all the same. */
json_t *cs_body_schema(const struct cs_settings_of *of, bool bounds);
const char *cs_body_question(const struct cs_settings_of *of);
/* `,"key":value,...`, or nothing. */
void cs_body_members(const json_t *object, struct cs_buf *out);
/* `"key":"text"`. */
void cs_body_text(struct cs_buf *out, const char *key, const char *text, size_t n);

#endif
