#include "protocol/load/probe.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/request.h"
#include "protocol/load/params.h"
#include "protocol/table/names.h"
#include "protocol/load/providers.h"

/* ---- which lanes ---------------------------------------------------------------------------------- */

static enum cs_err is_providers_file(const char *path, bool *out, struct cs_error *err)
{
    struct cs_arena arena = {0};
    const struct cs_yaml *doc;
    enum cs_err rc = cs_yaml_load(path, &arena, &doc, err);
    *out = rc == CS_OK && doc->root->kind == CS_NODE_MAP && cs_node_get(doc->root, "accounts") != NULL &&
           cs_node_get(doc->root, "study") == NULL;
    cs_arena_release(&arena);
    return rc;
}

static enum cs_err load_providers(const char *path, struct cs_probes *out, struct cs_error *err)
{
    struct cs_providers p;
    enum cs_err rc = cs_providers_load(path, &out->arena, &p, err);
    if (rc != CS_OK)
        return rc;
    out->all = cs_arena_array(&out->arena, p.n_models, sizeof *out->all);
    for (; out->n < p.n_models; out->n++) {
        const struct cs_provider_model *m = &p.models[out->n];
        struct cs_params params;
        rc = cs_params_of_model(m->parameters, NULL, NULL, &out->arena, &params, err);
        if (rc != CS_OK)
            return rc;
        out->all[out->n] = (struct cs_probe){
            .account = &p.accounts[m->account],
            .model = {.name = m->name,
                      .model = m->model,
                      .account = m->account,
                      .parameters = params.json,
                      .max_output_tokens = params.max_output_tokens,
                      .timeout_ms = params.timeout_ms,
                      .price = m->price,
                      .limits = m->limits,
                      .sunset_ms = m->sunset_ms},
        };
    }
    return CS_OK;
}

static void take_body(struct cs_requests *requests, struct cs_probe *p, struct cs_arena *arena)
{
    struct cs_buf body = CS_BUF_INIT(CS_BODY_MAX);
    struct cs_request_turn turn;
    struct cs_error why = {0};
    enum cs_err rc = cs_request_turn(requests, 0, &turn, &why);
    if (rc == CS_OK)
        rc = cs_request_turn_body(requests, 0, NULL, &body, &why);
    if (rc == CS_OK) {
        cs_request_keep(requests, 0, &body);
        p->goes_on = !turn.answers;
        p->body = cs_arena_strndup(arena, cs_buf_cstr(&body), body.len);
    }
    cs_buf_release(&body);
}

/* The first request of the lane's first case; without one the probe stays a small one. */
static void take_trial(const struct cs_plan *plan, struct cs_requests *requests, const struct cs_loaded *l,
                       uint32_t lane, struct cs_probe *p, struct cs_arena *arena)
{
    struct cs_cells *cells = NULL;
    struct cs_error why = {0};
    struct cs_coords at;
    if (cs_cells_make(requests, lane, 0, &l->cases, true, &cells, &why) != CS_OK)
        return;
    if (cells->n > 0) {
        const struct cs_image *images;
        uint32_t calls;
        cs_plan_cell(plan, lane, 0, 0, &at);
        if (cs_request_lay(requests, &at, &l->all[0], &calls, &why) == CS_OK) {
            images = cs_request_images(requests, &p->n_images);
            struct cs_image *copy = cs_arena_array(arena, p->n_images, sizeof *copy);
            if (p->n_images > 0)
                memcpy(copy, images, p->n_images * sizeof *copy);
            p->images = copy;
            p->pictures = l->pictures;
            p->n_pictures = l->n_pictures;
            if (cs_request_max_output_tokens(requests, &at, &p->cap, &why) == CS_OK)
                take_body(requests, p, arena);
        }
        p->lane = lane;
        p->question = at.question;
        p->elements = cells->elements[0];
    }
    cs_cells_free(cells);
}

static enum cs_err load_study(const char *path, const struct cs_load_opts *opts, struct cs_probes *out,
                              struct cs_error *err)
{
    enum cs_err rc = cs_load_study(path, opts, &out->study, err);
    if (rc != CS_OK)
        return rc;
    const struct cs_study *s = out->study.study;
    struct cs_requests *requests = NULL;
    struct cs_error why = {0};
    struct cs_plan plan;
    out->all = cs_arena_array(&out->arena, s->n_models, sizeof *out->all);
    cs_plan_init(&plan, s);
    rc = cs_requests_open(&requests, &plan, &why); /* else each lane says what is wrong with it */
    for (; out->n < s->n_models; out->n++) {
        struct cs_probe *p = &out->all[out->n];
        *p = (struct cs_probe){
            .account = &s->accounts[s->models[out->n].account], .study = s, .model = s->models[out->n]};
        if (rc == CS_OK && s->n_cases > 0)
            take_trial(&plan, requests, &out->study, out->n, p, &out->arena);
    }
    if (requests != NULL)
        cs_requests_close(requests);
    cs_plan_release(&plan);
    return CS_OK;
}

static enum cs_err keep_only(struct cs_probes *p, const char *path, const char *only, struct cs_error *err)
{
    const char **names = cs_arena_array(&p->arena, p->n, sizeof *names);
    for (uint32_t i = 0; i < p->n; i++) {
        names[i] = p->all[i].model.name;
        if (strcmp(names[i], only) != 0)
            continue;
        p->all[0] = p->all[i];
        p->n = 1;
        return CS_OK;
    }
    return cs_error_set(err, CS_EINVAL, "%s has no model \"%s\"%s", path, only, cs_names_hint(only, names, p->n).text);
}

enum cs_err cs_probes_load(const char *path, const struct cs_load_opts *opts, const char *only, struct cs_probes *out,
                           struct cs_error *err)
{
    bool providers = false;
    *out = (struct cs_probes){0};
    enum cs_err rc = is_providers_file(path, &providers, err);
    if (rc == CS_OK)
        rc = providers ? load_providers(path, out, err) : load_study(path, opts, out, err);
    if (rc == CS_OK && only != NULL)
        rc = keep_only(out, path, only, err);
    for (uint32_t i = 0; i < out->n && rc == CS_OK; i++) {
        struct cs_buf body = CS_BUF_INIT(CS_BODY_MAX);
        struct cs_error why = {0};
        if (cs_probe_body(&out->all[i], &body, &why) != CS_OK)
            out->all[i].fault = cs_arena_strdup(&out->arena, why.msg);
        cs_buf_release(&body);
    }
    return rc;
}

void cs_probes_release(struct cs_probes *p)
{
    cs_load_release(&p->study);
    cs_arena_release(&p->arena);
    *p = (struct cs_probes){0};
}

/* ---- the body ------------------------------------------------------------------------------------- */

static enum cs_err put_settings(const struct cs_probe *p, const struct cs_model *m, struct cs_buf *body,
                                struct cs_error *err)
{
    struct cs_parameters parameters;
    const bool form = p->study != NULL && p->study->n_questions > 0;
    struct cs_settings_of of = {.study = form ? p->study : NULL,
                                .account = p->account,
                                .model = m,
                                .parameters = &parameters,
                                .question = form ? 0 : CS_NONE};
    enum cs_err rc = cs_parameters_make(m, NULL, 0, &parameters, err);
    if (rc == CS_OK)
        rc = cs_dialect_of(p->account->protocol)->settings(&of, body, err);
    free(parameters.text);
    return rc;
}

enum cs_err cs_probe_body(const struct cs_probe *p, struct cs_buf *body, struct cs_error *err)
{
    struct cs_model small = p->model;
    struct cs_prompt prompt = CS_PROMPT_INIT;
    struct cs_buf settings = CS_BUF_INIT(CS_BODY_MAX);
    small.max_output_tokens = CS_PROBE_CAP;
    if (p->body != NULL) {
        cs_buf_str(body, p->body);
        return CS_OK;
    }
    enum cs_err rc = put_settings(p, &small, &settings, err);
    if (rc != CS_OK) { /* a thinking budget wants a cap above it: the lane's own */
        cs_buf_clear(&settings);
        rc = put_settings(p, &p->model, &settings, err);
    }
    if (rc == CS_OK) {
        /* JSON is named, for some providers refuse a JSON form that the prompt does not mention. */
        cs_buf_str(&prompt.user, "Answer with one word, as JSON if a form is asked for: ready");
        cs_buf_char(&settings, '}');
        rc = cs_dialect_body(p->account, &p->model, cs_buf_cstr(&settings), &prompt, body, err);
    }
    cs_buf_release(&settings);
    cs_render_release(&prompt);
    return rc;
}
