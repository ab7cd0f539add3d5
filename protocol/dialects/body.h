/* body.h - inside the dialects only: what they put into a request body.
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

#include "protocol/base/buf.h"
#include "protocol/base/json.h"
#include "protocol/dialects/dialect.h"

enum cs_rule_kind { CS_RULE_NUMBER, CS_RULE_INTEGER, CS_RULE_BOOLEAN, CS_RULE_WORD, CS_RULE_ANY };

struct cs_body_rule {
    const char *name;
    const char *path; /* where the value goes: "generationConfig.topP" */
    enum cs_rule_kind kind;
    double min, max; /* bounds of a number or integer, when they differ */
    void (*put)(struct cs_json *root, const struct cs_json *value); /* puts another value there, or NULL */
};

/* Puts the parameters into root by the rules. CS_EINVAL: a parameter without a rule, or a value that is none. */
CS_WARN_UNUSED enum cs_err cs_body_parameters(struct cs_settings_of *of, const struct cs_body_rule *rules, size_t n,
                                              struct cs_json *root, struct cs_error *err);
/* Sets "a.b.c"; objects on the way are made. The value is taken over. */
void cs_body_set(struct cs_json *root, const char *path, struct cs_json *value);
/* The schema of the question, or NULL where no form is asked for. `bounds` false: numbers without minimum and maximum, which
 * Anthropic's schemas refuse ("For 'integer' type, property 'minimum' is not supported", reported of its API by others; the
 * arguments of tools may have them). Bedrock says nothing of it and serves Anthropic's models. The parser holds to them all the same. */
struct cs_json *cs_body_schema(const struct cs_settings_of *of, bool bounds);
const char *cs_body_question(const struct cs_settings_of *of);
/* What was said before, then the user's text, in order and with commas between; `put` writes one message, but the user's first one
 * where the prompt has images (images.h): that is the protocol's. Then what follows of a loop of tools. */
typedef void cs_body_put_message(struct cs_buf *out, const char *role, const char *text, size_t n);
void cs_body_messages(struct cs_buf *out, enum cs_protocol protocol, const struct cs_prompt *p,
                      const char *role_of_model, cs_body_put_message *put);
/* `{"role":"user","content":"text"}`, for the dialects that say it so. */
void cs_body_message(struct cs_buf *out, const char *role, const char *text, size_t n);
/* Puts a text between what is there; a body that would grow over CS_BODY_MAX stays as it is. */
void cs_body_insert(struct cs_buf *body, size_t at, const char *text);
/* `"key":"text"`. */
void cs_body_text(struct cs_buf *out, const char *key, const char *text, size_t n);

#endif
