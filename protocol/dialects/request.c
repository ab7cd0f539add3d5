#include "protocol/dialects/request.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/hash.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/dialect_tools.h"
#include "protocol/study/answer.h"
#include "protocol/study/list.h"

struct settings_key { /* all that the parameters of a request depend on */
    uint32_t model;
    uint32_t level[CS_FACTORS_MAX]; /* CS_NONE where the level has no parameters */
};

struct settings {
    struct settings_key key;
    struct cs_parameters parameters;
    char **
        tails; /* a question, twice: parameters, cap and form of the answer as its body ends, and the same without a form; or NULL: not made yet */
    uint32_t *elements; /* a question: those of the list that its tails are for */
    UT_hash_handle hh;
};

struct cs_requests {
    const struct cs_plan *plan;
    struct settings *settings;
    struct cs_prompt prompt; /* reused */
    struct cs_coords at;     /* of the cell that was laid, with its case's id */
    struct settings *set;
    uint32_t elements;  /* of its list */
    bool last;          /* the body made last is that of the trial's last call */
    size_t prompt_end;  /* in that body: where its messages end */
    size_t tools_bytes; /* of its calls with tools but the first, at most; 0: not reckoned yet */
    char case_id[128];
};

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

static enum cs_err settings_of(struct cs_requests *r, const struct cs_coords *at, struct settings **out,
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
        found->tails = cs_xcalloc(2 * (size_t)s->n_questions, sizeof *found->tails);
        found->elements = cs_xcalloc(s->n_questions, sizeof *found->elements);
        HASH_ADD(hh, r->settings, key, sizeof key, found);
    }
    *out = found;
    return CS_OK;
}

enum cs_err cs_request_max_output_tokens(struct cs_requests *r, const struct cs_coords *at, uint32_t *out,
                                         struct cs_error *err)
{
    struct settings *set = NULL;
    enum cs_err rc = settings_of(r, at, &set, err);
    *out = set != NULL ? set->parameters.max_output_tokens : 0;
    return rc;
}

enum cs_err cs_requests_lane_cap(struct cs_requests *r, uint32_t lane, uint32_t *out, struct cs_error *err)
{
    const struct cs_plan *plan = cs_requests_plan(r);
    enum cs_err rc = CS_OK;
    uint32_t largest = 0;
    bool all = true;
    for (uint32_t cell = 0; rc == CS_OK && cell < plan->lanes[lane].n_cells; cell++) {
        struct cs_coords at;
        uint32_t cap = 0;
        cs_plan_cell(plan, lane, 0, cell, &at);
        rc = cs_request_max_output_tokens(r, &at, &cap, err);
        largest = cap > largest ? cap : largest;
        all = all && cap > 0;
    }
    *out = all ? largest : 0;
    return rc;
}

/* Can this model be sent its parameters, those of a level laid over them? level may be NULL. */
static enum cs_err check_pair(const struct cs_study *s, uint32_t model, const struct cs_level *level,
                              struct cs_error *err)
{
    const struct cs_model *m = &s->models[model];
    const char *object = level != NULL ? level->parameters : NULL;
    struct cs_buf text = CS_BUF_INIT(CS_TEXT_MAX);
    struct cs_parameters p;
    struct cs_settings_of of = {.account = &s->accounts[m->account], .model = m, .parameters = &p, .question = CS_NONE};
    enum cs_err rc = cs_parameters_make(m, &object, 1, &p, err);
    if (rc == CS_OK)
        rc = cs_dialect_of(of.account->protocol)->settings(&of, &text, err);
    cs_buf_release(&text);
    free(p.text);
    return rc != CS_OK ? cs_error_wrap(err, rc, "model \"%s\"", m->name) : CS_OK;
}

static enum cs_err check_factor(const struct cs_study *s, const struct cs_rect *r, uint32_t factor,
                                struct cs_error *err)
{
    const struct cs_factor *f = &s->factors[factor];
    enum cs_err rc = CS_OK;
    for (uint32_t a = 0; a < r->n_arms[factor] && rc == CS_OK; a++) {
        const struct cs_level *level = &f->levels[r->arms[factor][a].level];
        for (uint32_t m = 0; level->parameters != NULL && m < r->n_models && rc == CS_OK; m++)
            rc = check_pair(s, r->models[m], level, err);
        if (rc != CS_OK)
            rc = cs_error_wrap(err, rc, "factor \"%s\", level \"%s\"", f->name, level->id);
    }
    return rc;
}

enum cs_err cs_requests_check(const struct cs_study *s, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t m = 0; m < s->n_models && rc == CS_OK; m++)
        rc = check_pair(s, m, NULL, err);
    for (uint32_t i = 0; i < s->n_rects && rc == CS_OK; i++)
        for (uint32_t f = 0; f < s->n_factors && rc == CS_OK; f++)
            rc = check_factor(s, &s->rects[i], f, err);
    return rc;
}

enum cs_err cs_requests_open(struct cs_requests **out, const struct cs_plan *plan, struct cs_error *err)
{
    const struct cs_study *s = plan->study;
    *out = NULL;
    enum cs_err rc = cs_requests_check(s, err);
    if (rc != CS_OK)
        return rc;
    struct cs_requests *r = cs_xcalloc(1, sizeof *r);
    r->plan = plan;
    r->prompt = CS_PROMPT_INIT;
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
        for (uint32_t i = 0; i < 2 * r->plan->study->n_questions; i++)
            free(entry->tails[i]);
        free(entry->tails);
        free(entry->elements);
        free(entry->parameters.text);
        free(entry);
    }
    cs_render_release(&r->prompt);
    free(r);
}

const struct cs_plan *cs_requests_plan(const struct cs_requests *r)
{
    return r->plan;
}

/* ---- bodies ----------------------------------------------------------------------------------- */

static const struct cs_account *account_of(const struct cs_study *s, uint32_t model)
{
    return &s->accounts[s->models[model].account];
}

/* A list may be long: its schema is no larger than a request may be. */
static enum cs_err check_schema(const struct cs_study *s, uint32_t model, uint32_t question, uint32_t elements,
                                struct cs_error *err)
{
    const enum cs_form form = account_of(s, model)->response_format;
    struct cs_buf schema = CS_BUF_INIT(CS_BODY_MAX);
    if (elements > 0 && (form == CS_FORM_JSON_SCHEMA || form == CS_FORM_TOOL))
        cs_schema_answer(s, question, elements, &schema);
    const bool over = schema.overflow;
    cs_buf_release(&schema);
    return over ? cs_error_set(err, CS_ETOOBIG, "the schema of %u elements is over %u bytes", elements, CS_BODY_MAX)
                : CS_OK;
}

/* What follows the prompt; made when it is first needed, and again where a list is longer or shorter than the last one. */
static enum cs_err tail_of(const struct cs_study *s, struct settings *set, uint32_t question, uint32_t elements,
                           bool answers, const char **out, struct cs_error *err)
{
    char **tail = &set->tails[2 * question + !answers];
    if (*tail != NULL && answers && set->elements[question] != elements)
        CS_FREE(*tail);
    if (*tail == NULL) {
        struct cs_buf b = CS_BUF_INIT(SIZE_MAX);
        struct cs_settings_of of = {.study = s,
                                    .account = account_of(s, set->key.model),
                                    .model = &s->models[set->key.model],
                                    .parameters = &set->parameters,
                                    .question = question,
                                    .elements = elements,
                                    .free_turn = !answers};
        enum cs_err rc = check_schema(s, set->key.model, question, answers ? elements : 0, err);
        if (rc == CS_OK)
            rc = cs_dialect_of(of.account->protocol)->settings(&of, &b, err);
        if (rc != CS_OK) {
            cs_buf_release(&b);
            return cs_error_wrap(err, rc, "model \"%s\"", of.model->name);
        }
        cs_buf_char(&b, '}');
        *tail = cs_buf_take(&b);
        set->elements[question] = answers ? elements : set->elements[question];
    }
    *out = *tail;
    return CS_OK;
}

enum cs_err cs_request_lay(struct cs_requests *r, const struct cs_coords *at, const struct cs_case *c, uint32_t *calls,
                           struct cs_error *err)
{
    const struct cs_study *s = r->plan->study;
    CS_ASSERT(at->lane < s->n_models);
    CS_ASSERT(at->question < s->n_questions);
    r->at = *at;
    snprintf(r->case_id, sizeof r->case_id, "%s", c->id);
    r->elements = cs_list_elements(s, at->question, c);
    r->tools_bytes = 0;
    enum cs_err rc = settings_of(r, at, &r->set, err);
    if (rc == CS_OK)
        rc = cs_render(s, at, c, &r->prompt, err);
    *calls = rc == CS_OK ? cs_script_calls(&r->prompt) : 0;
    return rc;
}

const struct cs_image *cs_request_images(const struct cs_requests *r, uint32_t *n)
{
    *n = r->prompt.n_images;
    return r->prompt.images;
}

bool cs_request_image_tokens(const struct cs_requests *r, struct cs_images_count *out)
{
    const struct cs_model *m = &r->plan->study->models[r->at.lane];
    struct cs_images_count one;
    bool known = true;
    *out = (struct cs_images_count){0};
    for (uint32_t i = 0; i < r->prompt.n_images; i++) {
        known &= cs_images_tokens(account_of(r->plan->study, r->at.lane), m, &r->prompt.images[i], &one);
        out->usual += one.usual;
        out->most += one.most;
    }
    return known;
}

/* ---- with tools ------------------------------------------------------------------------------- */

/* As the last call ends: with the form of the answer, unless the answer is a tool, which is declared with the others. */
static enum cs_err tools_tail(struct cs_requests *r, bool last, const char **out, struct cs_error *err)
{
    const struct cs_study *s = r->plan->study;
    const bool form = last && account_of(s, r->at.lane)->response_format != CS_FORM_TOOL;
    return tail_of(s, r->set, r->at.question, r->elements, form, out, err);
}

static void declare_tools(struct cs_requests *r, bool last, struct cs_buf *out)
{
    const struct cs_study *s = r->plan->study;
    const struct cs_account *a = account_of(s, r->at.lane);
    const struct cs_question *q = &s->questions[r->at.question];
    struct cs_buf schema = CS_BUF_INIT(SIZE_MAX);
    struct cs_answer_tool answer = {q->name, ""};
    const bool tool = last && a->response_format == CS_FORM_TOOL && q->n_fields > 0;
    if (tool) {
        cs_schema_answer(s, r->at.question, r->elements, &schema);
        answer.schema = cs_buf_cstr(&schema);
    }
    cs_dialect_tools_declare(a->protocol, r->prompt.tools, last, tool ? &answer : NULL, out);
    cs_buf_release(&schema);
}

/* Call k of a trial with tools: the messages, then the tools, then the parameters. */
static enum cs_err tools_body(struct cs_requests *r, uint32_t k, const char *const *rounds, struct cs_buf *body,
                              struct cs_error *err)
{
    const struct cs_study *s = r->plan->study;
    const struct cs_account *a = account_of(s, r->at.lane);
    struct cs_tool_loop *loop = cs_arena_alloc(&r->prompt.arena, sizeof *loop);
    const char *tail = NULL;
    enum cs_err rc = cs_tool_loop_go(r->prompt.tools, rounds, k, &r->prompt.arena, loop, err);
    if (rc == CS_OK)
        rc = tools_tail(r, loop->last, &tail, err);
    if (rc != CS_OK)
        return cs_error_wrap(err, rc, "case \"%s\"", r->case_id);
    cs_buf_clear(&r->prompt.after);
    cs_dialect_tools_after(a->protocol, loop, &r->prompt.after);
    struct cs_buf rest = CS_BUF_INIT(SIZE_MAX);
    declare_tools(r, loop->last, &rest);
    cs_buf_str(&rest, tail);
    rc = cs_dialect_body(a, &s->models[r->at.lane], cs_buf_cstr(&rest), &r->prompt, body, err);
    body->overflow |= r->prompt.after.overflow;
    r->prompt_end = body->len - (rest.len < body->len ? rest.len : 0);
    cs_buf_release(&rest);
    r->last = loop->last;
    return rc;
}

enum cs_err cs_request_turn_body(struct cs_requests *r, uint32_t k, const char *const *replies, struct cs_buf *body,
                                 struct cs_error *err)
{
    const struct cs_study *s = r->plan->study;
    const char *tail = NULL;
    enum cs_err rc = CS_OK;
    cs_buf_clear(body);
    if (r->prompt.tools != NULL) {
        rc = tools_body(r, k, replies, body, err);
    } else {
        rc = tail_of(s, r->set, r->at.question, r->elements, cs_script_answers(&r->prompt, k), &tail, err);
        if (rc != CS_OK)
            return rc;
        cs_script_go(&r->prompt, k, replies);
        rc = cs_dialect_body(account_of(s, r->at.lane), &s->models[r->at.lane], tail, &r->prompt, body, err);
        r->prompt_end = body->len - (strlen(tail) < body->len ? strlen(tail) : 0);
        r->last = k + 1 == cs_script_calls(&r->prompt);
    }
    if (rc != CS_OK)
        return cs_error_wrap(err, rc, "model \"%s\"", s->models[r->at.lane].name);
    if (body->overflow || body->len > CS_BODY_MAX)
        return cs_error_set(err, CS_ETOOBIG, "case \"%s\": a request is over %u bytes", r->case_id, CS_BODY_MAX);
    return CS_OK;
}

bool cs_request_is_last(const struct cs_requests *r)
{
    return r->last;
}

/* Whether calls that answer end as those that do not: without a schema, or without fields to put into one. */
static bool is_one_form(const struct cs_requests *r)
{
    const char *tails[2];
    for (int answers = 0; answers < 2; answers++) {
        if (tail_of(r->plan->study, r->set, r->at.question, r->elements, answers != 0, &tails[answers], NULL) != CS_OK)
            return false;
    }
    return strcmp(tails[0], tails[1]) == 0;
}

/* Whether another call of the trial may find in the cache what this one leaves there, or this one what another left. With tools the last call chooses
 * among them otherwise, and where one may be used there is none between. */
static bool shares_settings(const struct cs_requests *r, uint32_t k)
{
    const struct cs_prompt *p = &r->prompt;
    if (p->tools != NULL)
        return !r->last && p->tools->set->max_calls > 1;
    const bool answers = cs_script_answers(p, k);
    return (k > 0 && cs_script_answers(p, k - 1) == answers) ||
           (k + 1 < cs_script_calls(p) && cs_script_answers(p, k + 1) == answers) ||
           (cs_script_calls(p) > 1 && is_one_form(r));
}

bool cs_request_marks(const struct cs_account *a)
{
    const struct cs_dialect *d = cs_dialect_of(a->protocol);
    return d->keep != NULL && (a->keeps == CS_KEEPS_UNSAID ? d->keeps : a->keeps == CS_KEEPS_YES);
}

void cs_request_keep(const struct cs_requests *r, uint32_t k, struct cs_buf *body)
{
    const struct cs_account *a = account_of(r->plan->study, r->at.lane);
    if (cs_request_marks(a) && shares_settings(r, k))
        cs_dialect_of(a->protocol)->keep(body, r->prompt_end);
}

/* What calls with tools have beside the first body: all that can be returned, and the form of the answer. */
static enum cs_err tools_turn(struct cs_requests *r, uint32_t k, struct cs_request_turn *out, struct cs_error *err)
{
    enum {
        WRAP = 384
    }; /* what stands around a result with the call's id and name (dialect_tools.c), and around its call in the reply */
    struct cs_buf body = CS_BUF_INIT(CS_BODY_MAX), extra = CS_BUF_INIT(SIZE_MAX);
    const char *tail = NULL;
    *out = (struct cs_request_turn){.number = k + 1, .bytes = r->tools_bytes};
    if (k > 0 && r->tools_bytes > 0)
        return CS_OK;
    enum cs_err rc = cs_request_turn_body(r, 0, NULL, &body, err);
    if (rc == CS_OK)
        rc = tools_tail(r, true, &tail, err);
    out->bytes = body.len;
    if (rc == CS_OK && k > 0) {
        declare_tools(r, true, &extra);
        out->bytes += strlen(tail) + extra.len + cs_tools_bytes(r->prompt.tools, WRAP);
        if (out->bytes > CS_BODY_MAX)
            rc = cs_error_set(
                err, CS_ETOOBIG,
                "case \"%s\": with max_calls %u and results of up to %zu bytes a request can be over %u bytes; "
                "shorten the results, or lower max_calls",
                r->case_id, r->prompt.tools->set->max_calls, cs_tools_longest(r->prompt.tools), CS_BODY_MAX);
        r->tools_bytes = rc == CS_OK ? out->bytes : 0;
    }
    cs_buf_release(&body);
    cs_buf_release(&extra);
    return rc;
}

enum cs_err cs_request_turn(struct cs_requests *r, uint32_t k, struct cs_request_turn *out, struct cs_error *err)
{
    if (r->prompt.tools != NULL)
        return tools_turn(r, k, out, err);
    static const char *const none[CS_TURNS_MAX] = {"", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
                                                   "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", ""};
    struct cs_buf body = CS_BUF_INIT(CS_BODY_MAX);
    enum cs_err rc = cs_request_turn_body(r, k, none, &body, err);
    *out = (struct cs_request_turn){
        .number = cs_script_number(&r->prompt, k), .answers = cs_script_answers(&r->prompt, k), .bytes = body.len};
    cs_buf_release(&body);
    return rc;
}

static enum cs_err tools_digest(struct cs_requests *r, const struct cs_buf *first_body, uint8_t out[32],
                                struct cs_error *err)
{
    struct cs_buf rest = CS_BUF_INIT(SIZE_MAX);
    const char *tail = NULL;
    uint8_t first[32];
    enum cs_err rc = tools_tail(r, true, &tail, err);
    if (rc == CS_OK) {
        declare_tools(r, true, &rest);
        cs_buf_str(&rest, tail);
        cs_digest_blake2b_256(first_body->data, first_body->len, first);
        cs_tools_digest(r->prompt.tools, first, cs_buf_cstr(&rest), out);
    }
    cs_buf_release(&rest);
    return rc;
}

enum cs_err cs_request_digest(struct cs_requests *r, const struct cs_buf *first_body, uint8_t out[32],
                              struct cs_error *err)
{
    const char *tails[CS_TURNS_MAX] = {NULL};
    uint8_t first[32];
    enum cs_err rc = CS_OK;
    if (r->prompt.tools != NULL)
        return tools_digest(r, first_body, out, err);
    for (uint32_t k = 1; k < cs_script_calls(&r->prompt) && rc == CS_OK; k++)
        rc = tail_of(r->plan->study, r->set, r->at.question, r->elements, cs_script_answers(&r->prompt, k), &tails[k],
                     err);
    if (rc != CS_OK)
        return rc;
    cs_digest_blake2b_256(first_body->data, first_body->len, first);
    cs_script_digest(&r->prompt, first, tails, out);
    return CS_OK;
}

enum cs_err cs_request_body(struct cs_requests *r, const struct cs_coords *at, const struct cs_case *c,
                            struct cs_buf *body, struct cs_error *err)
{
    uint32_t calls;
    cs_buf_clear(body);
    enum cs_err rc = cs_request_lay(r, at, c, &calls, err);
    return rc == CS_OK ? cs_request_turn_body(r, 0, NULL, body, err) : rc;
}

uint64_t cs_request_estimate_tokens(size_t bytes)
{
    return ((uint64_t)bytes + 3) / 4;
}
