#include "protocol/study/request.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/hash.h"
#include "protocol/study/answer.h"
#include "protocol/study/json.h"
#include "protocol/study/parameters.h"
#include "protocol/study/render.h"

struct settings_key { /* all that the parameters of a request depend on */
    uint32_t model;
    uint32_t level[CS_FACTORS_MAX]; /* CS_NONE where the level has no parameters */
};

struct settings {
    struct settings_key key;
    struct cs_parameters parameters;
    UT_hash_handle hh;
};

struct cs_requests {
    const struct cs_plan *plan;
    char **model_json;  /* a model: `{"model":"id","messages":[` */
    char **format_json; /* a question: `,"response_format":{...}`, or "" */
    struct settings *settings;
    struct cs_prompt prompt; /* reused */
};

static char *model_json(const struct cs_model *m)
{
    struct cs_buf b = CS_BUF_INIT(SIZE_MAX);
    cs_buf_str(&b, "{\"model\":");
    cs_json_str(&b, m->model, strlen(m->model));
    cs_buf_str(&b, ",\"messages\":[");
    return cs_buf_take(&b);
}

static char *format_json(const struct cs_study *s, uint32_t question)
{
    struct cs_buf b = CS_BUF_INIT(SIZE_MAX);
    const struct cs_question *q = &s->questions[question];
    if (q->n_fields > 0) {
        cs_buf_str(&b, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":");
        cs_json_str(&b, q->name, strlen(q->name));
        cs_buf_str(&b, ",\"strict\":true,\"schema\":");
        cs_answer_schema(s, question, &b);
        cs_buf_str(&b, "}}");
    }
    return cs_buf_take(&b);
}

/* ---- parameters: one text for each combination of levels that have some ------------------------ */

static enum cs_err make_settings(const struct cs_study *s, const struct settings_key *key, struct cs_parameters *out,
                                 struct cs_error *err)
{
    const char *objects[CS_FACTORS_MAX] = {NULL};
    for (uint32_t f = 0; f < s->n_factors; f++)
        if (key->level[f] != CS_NONE)
            objects[f] = s->factors[f].levels[key->level[f]].parameters;
    return cs_parameters_make(&s->models[key->model], objects, s->n_factors, out, err);
}

static enum cs_err settings_of(struct cs_requests *r, const struct cs_coords *at, const struct cs_parameters **out,
                               struct cs_error *err)
{
    const struct cs_study *s = r->plan->study;
    struct settings_key key = {.model = at->lane};
    struct settings *found;
    for (uint32_t f = 0; f < CS_FACTORS_MAX; f++) {
        bool some = f < s->n_factors && s->factors[f].levels[at->arms[f].level].parameters != NULL;
        key.level[f] = some ? at->arms[f].level : CS_NONE;
    }
    HASH_FIND(hh, r->settings, &key, sizeof key, found);
    if (found == NULL) {
        struct cs_parameters made;
        enum cs_err rc = make_settings(s, &key, &made, err);
        if (rc != CS_OK)
            return rc;
        found = cs_xcalloc(1, sizeof *found);
        found->key = key;
        found->parameters = made;
        HASH_ADD(hh, r->settings, key, sizeof key, found);
    }
    *out = &found->parameters;
    return CS_OK;
}

enum cs_err cs_request_max_output_tokens(struct cs_requests *r, const struct cs_coords *at, uint32_t *out,
                                         struct cs_error *err)
{
    const struct cs_parameters *p = NULL;
    enum cs_err rc = settings_of(r, at, &p, err);
    *out = p != NULL ? p->max_output_tokens : 0;
    return rc;
}

/* Finds faults in parameters before the first prompt does: each model alone, then each level with each model. */
static enum cs_err check_parameters(const struct cs_study *s, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t m = 0; m < s->n_models && rc == CS_OK; m++) {
        struct cs_parameters p;
        rc = cs_parameters_make(&s->models[m], NULL, 0, &p, err);
        free(p.text);
        if (rc != CS_OK)
            rc = cs_error_wrap(err, rc, "model \"%s\"", s->models[m].name);
    }
    for (uint32_t f = 0; f < s->n_factors; f++)
        for (uint32_t l = 0; l < s->factors[f].n_levels && rc == CS_OK; l++) {
            const struct cs_level *level = &s->factors[f].levels[l];
            struct cs_parameters p;
            rc = cs_parameters_make(&s->models[0], &level->parameters, 1, &p, err);
            free(p.text);
            if (rc != CS_OK)
                rc = cs_error_wrap(err, rc, "factor \"%s\", level \"%s\"", s->factors[f].name, level->id);
        }
    return rc;
}

enum cs_err cs_requests_open(struct cs_requests **out, const struct cs_plan *plan, struct cs_error *err)
{
    const struct cs_study *s = plan->study;
    *out = NULL;
    enum cs_err rc = check_parameters(s, err);
    if (rc != CS_OK)
        return rc;
    struct cs_requests *r = cs_xcalloc(1, sizeof *r);
    r->plan = plan;
    r->prompt = CS_PROMPT_INIT;
    r->model_json = cs_xcalloc(s->n_models, sizeof *r->model_json);
    for (uint32_t i = 0; i < s->n_models; i++)
        r->model_json[i] = model_json(&s->models[i]);
    r->format_json = cs_xcalloc(s->n_questions, sizeof *r->format_json);
    for (uint32_t i = 0; i < s->n_questions; i++)
        r->format_json[i] = format_json(s, i);
    *out = r;
    return CS_OK;
}

void cs_requests_close(struct cs_requests *r)
{
    if (r == NULL)
        return;
    struct settings *entry, *next;
    HASH_ITER (hh, r->settings, entry, next) {
        HASH_DEL(r->settings, entry);
        free(entry->parameters.text);
        free(entry);
    }
    for (uint32_t i = 0; i < r->plan->study->n_models; i++)
        free(r->model_json[i]);
    for (uint32_t i = 0; i < r->plan->study->n_questions; i++)
        free(r->format_json[i]);
    free(r->model_json);
    free(r->format_json);
    cs_prompt_release(&r->prompt);
    free(r);
}

const struct cs_plan *cs_requests_plan(const struct cs_requests *r)
{
    return r->plan;
}

/* ---- openai-chat ------------------------------------------------------------------------------ */

static void put_message(struct cs_buf *body, const char *role, const struct cs_buf *content)
{
    cs_buf_str(body, "{\"role\":\"");
    cs_buf_str(body, role);
    cs_buf_str(body, "\",\"content\":");
    cs_json_str(body, cs_buf_cstr(content), content->len);
    cs_buf_char(body, '}');
}

static void put_openai_chat(const struct cs_requests *r, const struct cs_coords *at, const struct cs_parameters *p,
                            struct cs_buf *body)
{
    const struct cs_study *s = r->plan->study;
    const struct cs_account *account = &s->accounts[s->models[at->lane].account];
    cs_buf_str(body, r->model_json[at->lane]);
    if (r->prompt.system.len > 0) {
        put_message(body, "system", &r->prompt.system);
        cs_buf_char(body, ',');
    }
    put_message(body, "user", &r->prompt.user);
    cs_buf_char(body, ']');
    cs_buf_str(body, p->text);
    if (p->max_output_tokens > 0) {
        const char *field = account->max_tokens_field;
        cs_buf_printf(body, ",\"%s\":%u", field != NULL ? field : "max_completion_tokens", p->max_output_tokens);
    }
    cs_buf_str(body, r->format_json[at->question]);
    cs_buf_char(body, '}');
}

enum cs_err cs_request_body(struct cs_requests *r, const struct cs_coords *at, const struct cs_case *c,
                            struct cs_buf *body, struct cs_error *err)
{
    const struct cs_study *s = r->plan->study;
    const struct cs_parameters *p = NULL;
    CS_ASSERT(at->lane < s->n_models);
    CS_ASSERT(at->question < s->n_questions);
    cs_buf_clear(body);
    enum cs_err rc = settings_of(r, at, &p, err);
    if (rc == CS_OK)
        rc = cs_render(s, at, c, &r->prompt, err);
    if (rc != CS_OK)
        return rc;
    switch (s->accounts[s->models[at->lane].account].protocol) {
    case CS_PROTOCOL_OPENAI_CHAT:
        put_openai_chat(r, at, p, body);
        break;
    }
    if (body->overflow || body->len > CS_BODY_MAX)
        return cs_error_set(err, CS_ETOOBIG, "case \"%s\": a request is over %u bytes", c->id, CS_BODY_MAX);
    return CS_OK;
}

uint64_t cs_estimate_tokens(size_t bytes)
{
    return ((uint64_t)bytes + 3) / 4;
}
