/* models.c - the `models:` and `parameters:` parts, looked up in providers.yaml. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/dialects/dialect.h"
#include "protocol/load/loader.h"
#include "protocol/load/params.h"
#include "protocol/load/providers.h"

struct models {
    struct cs_loader *l;
    struct cs_providers p;
    uint32_t *account_of; /* account in the file -> in the study, or CS_NONE */
    struct cs_account *accounts;
    struct cs_model *models;
    const struct cs_node *parameters; /* the study's, or NULL */
};

/* The account as the study numbers it: only those in use are kept. */
static uint32_t use_account(struct models *m, uint32_t account)
{
    if (m->account_of[account] == CS_NONE) {
        m->account_of[account] = m->l->s->n_accounts;
        m->accounts[m->l->s->n_accounts++] = m->p.accounts[account];
    }
    return m->account_of[account];
}

static enum cs_err find_model(const struct models *m, const struct cs_node *n, const char *name, uint32_t *out)
{
    *out = cs_providers_model(&m->p, name);
    if (*out != CS_NONE)
        return CS_OK;
    const char **names = cs_xcalloc(m->p.n_models, sizeof *names);
    for (uint32_t i = 0; i < m->p.n_models; i++)
        names[i] = m->p.models[i].name;
    enum cs_err rc = cs_yaml_fail(n, m->l->err, "model \"%s\" is not in %s%s", name, m->p.path,
                                  cs_names_hint(name, names, m->p.n_models).text);
    free(names);
    return rc;
}

/* A parameter that the account's dialect does not have is refused where it stands; `places` in the order in which they win. */
static enum cs_err check_sendable(const struct models *m, const struct cs_account *account,
                                  const struct cs_model *model, const struct cs_node *name,
                                  const struct cs_node *const places[3])
{
    struct cs_error why = {0};
    char culprit[64];
    if (cs_dialect_check(account, model, culprit, &why) == CS_OK)
        return CS_OK;
    for (int i = 0; i < 3 && culprit[0] != '\0'; i++) {
        const struct cs_node *at = places[i] != NULL ? cs_node_get(places[i], culprit) : NULL;
        if (at != NULL)
            return cs_yaml_fail_key(at, m->l->err, "model \"%s\": %s", model->name, why.msg);
    }
    return cs_yaml_fail(name, m->l->err, "model \"%s\": %s", model->name, why.msg);
}

static enum cs_err load_model(struct models *m, const struct cs_node *n)
{
    static const char *const keys[] = {"name", "parameters", NULL};
    struct cs_study *s = m->l->s;
    struct cs_error *err = m->l->err;
    const struct cs_node *name = n, *entry = NULL;
    const char *text = "";
    uint32_t found = 0;
    enum cs_err rc = CS_OK;
    if (n->kind != CS_NODE_TEXT) {
        rc = cs_node_map(n, "a model", keys, err);
        if (rc == CS_OK)
            rc = cs_node_need(n, "a model", "name", &name, err);
        entry = rc == CS_OK ? cs_node_get(n, "parameters") : NULL;
    }
    if (rc == CS_OK)
        rc = cs_node_text(name, "the name of a model", &text, err);
    if (rc == CS_OK)
        rc = find_model(m, name, text, &found);
    for (uint32_t i = 0; rc == CS_OK && i < s->n_models; i++) {
        if (strcmp(s->models[i].name, text) == 0)
            rc = cs_yaml_fail(name, err, "model \"%s\" stands twice in models; keep one", text);
    }
    if (rc != CS_OK)
        return rc;
    const struct cs_provider_model *pm = &m->p.models[found];
    struct cs_params params;
    rc = cs_params_of_model(pm->parameters, m->parameters, entry, m->l->arena, &params, err);
    if (rc != CS_OK)
        return rc;
    const struct cs_account *account = &m->p.accounts[pm->account];
    struct cs_model model = {
        .name = pm->name,
        .model = pm->model,
        .parameters = params.json,
        .max_output_tokens = params.max_output_tokens,
        .timeout_ms = params.timeout_ms,
        .price = pm->price,
        .limits = pm->limits,
        .n_pools = pm->n_pools,
        .image_tokens = pm->image_tokens,
        .sunset_ms = pm->sunset_ms,
    };
    if (model.price.cache_write < 0)
        model.price.cache_write = cs_price_write_unsaid(account->protocol, model.price.input);
    m->l->blind[s->n_models] = pm->blind;
    memcpy(model.pools, pm->pools, sizeof model.pools);
    rc = check_sendable(m, account, &model, name, (const struct cs_node *[]){entry, pm->parameters, m->parameters});
    if (rc != CS_OK)
        return rc;
    if (s->confidential && !account->confidential_ok && !account->simulated)
        return cs_yaml_fail(
            name, err,
            "the cases are confidential, but account \"%s\" of model \"%s\" is not approved for them; choose "
            "another model, or write confidential: approved in %s if it is",
            account->name, text, m->p.path);
    m->models[s->n_models] = model;
    m->models[s->n_models++].account = use_account(m, pm->account);
    return CS_OK;
}

enum cs_err cs_load_models(struct cs_loader *l)
{
    struct models m = {.l = l, .parameters = cs_node_get(l->root, "parameters")};
    const struct cs_node *list;
    const char *path;
    enum cs_err rc = cs_node_need(l->root, "the study", "models", &list, l->err);
    if (rc == CS_OK)
        rc = cs_node_list(list, "models", l->err);
    if (rc == CS_OK && list->n > CS_MODELS_MAX)
        rc = cs_yaml_fail(list, l->err, "%u models; at most %d", list->n, CS_MODELS_MAX);
    if (rc != CS_OK)
        return rc;
    struct cs_error why = {0};
    if (cs_providers_find(l->path, l->opts->providers, l->arena, &path, &why) != CS_OK)
        return cs_yaml_fail(list, l->err, "models are looked up in a providers file, but %s", why.msg);
    rc = cs_providers_load(path, l->arena, &m.p, l->err);
    if (rc != CS_OK)
        return rc;
    m.account_of = cs_arena_array(l->arena, m.p.n_accounts, sizeof *m.account_of);
    memset(m.account_of, 0xff, m.p.n_accounts * sizeof *m.account_of);
    m.accounts = cs_arena_array(l->arena, m.p.n_accounts, sizeof *m.accounts);
    m.models = cs_arena_array(l->arena, list->n, sizeof *m.models);
    l->s->accounts = m.accounts;
    l->s->models = m.models;
    for (const struct cs_node *n = list->first; n != NULL && rc == CS_OK; n = n->next)
        rc = load_model(&m, n);
    return rc;
}
