#include "protocol/study/sunset.h"
#include "protocol/load/providers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/file.h"
#include "protocol/load/dialect.h"
#include "protocol/load/key_place.h"
#include "protocol/load/limits.h"
#include "protocol/load/servers.h"
#include "protocol/load/system.h"
#include "protocol/study/address.h"
#include "protocol/table/names.h"

enum { ACCOUNTS_MAX = 256, MODELS_MAX = 4096 };

/* ---- the file ----------------------------------------------------------------------------------- */

static const char *kept(struct cs_arena *arena, char *path)
{
    const char *copy = cs_arena_strdup(arena, path);
    free(path);
    return copy;
}

enum cs_err cs_providers_find(const char *study_path, const char *given, struct cs_arena *arena, const char **path,
                              struct cs_error *err)
{
    *path = given;
    if (given != NULL)
        return CS_OK;
    const char *beside = kept(arena, cs_file_beside(study_path, "providers.yaml"));
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME"), *user = NULL;
    if (config != NULL && config[0] == '/')
        user = cs_arena_printf(arena, "%s/clinsafe/providers.yaml", config);
    else if (home != NULL)
        user = cs_arena_printf(arena, "%s/.config/clinsafe/providers.yaml", home);
    *path = access(beside, F_OK) == 0 || user == NULL ? beside : user;
    if (access(*path, F_OK) == 0)
        return CS_OK;
    return cs_error_set(err, CS_ENOENT, "there is no %s%s%s; write one, or name it with --providers", beside,
                        user != NULL ? " and no " : "", user != NULL ? user : "");
}

/* ---- pieces ------------------------------------------------------------------------------------- */

static enum cs_err load_price(const struct cs_node *n, struct cs_price *out, struct cs_error *err)
{
    static const char *const keys[] = {"input", "cached", "cache_write", "output", "request", NULL};
    enum { REQUEST = 4, N = 5 };
    int64_t *const fields[N] = {&out->input, &out->cached, &out->cache_write, &out->output, &out->request};
    *out = (struct cs_price){.input = -1, .cached = -1, .output = -1, .cache_write = -1};
    if (n == NULL)
        return CS_OK;
    enum cs_err rc = cs_node_map(n, "price", keys, err);
    for (size_t i = 0; i < N && rc == CS_OK; i++) {
        const struct cs_node *v = cs_node_get(n, keys[i]);
        double usd;
        if (v == NULL)
            continue;
        rc = cs_node_number(v, keys[i], 0, i < REQUEST ? 1e6 : 1000, &usd, err);
        if (rc == CS_OK)
            *fields[i] = (int64_t)(usd * (i < REQUEST ? 1e3 : 1e9) + 0.5);
    }
    if (rc == CS_OK && cs_node_get(n, "request") != NULL) { /* by the call alone, unless it says more */
        out->input = out->input < 0 ? 0 : out->input;
        out->output = out->output < 0 ? 0 : out->output;
    }
    return rc;
}

static enum cs_err load_truth(const struct cs_node *n, struct cs_arena *arena, const char **out, struct cs_error *err)
{
    const char *name;
    enum cs_err rc = cs_node_text(n, "truth", &name, err);
    if (rc != CS_OK)
        return rc;
    char *path = cs_file_beside(n->file->path, name), *real = realpath(path, NULL);
    if (real == NULL)
        rc = cs_yaml_fail(n, err, "there is no file %s; paths are relative to this file", path);
    else
        *out = cs_arena_strdup(arena, real);
    free(path);
    free(real);
    return rc;
}

/* ---- accounts ----------------------------------------------------------------------------------- */

/* What only a simulated account has, and what only others have. */
static enum cs_err load_insecure(const struct cs_node *account, bool *out, struct cs_error *err)
{
    static const char *const words[] = {"no", "yes", NULL};
    const struct cs_node *v = cs_node_get(account, "insecure_network");
    uint32_t i = 0;
    enum cs_err rc = v != NULL ? cs_node_word(v, "insecure_network", words, &i, err) : CS_OK;
    *out = i == 1;
    return rc;
}

static enum cs_err load_place(const struct cs_node *n, struct cs_arena *arena, struct cs_account *a,
                              struct cs_error *err)
{
    static const char *const real_only[] = {"base_url", "key",     "auth",  "path",
                                            "headers",  "ca_file", "proxy", "insecure_network"};
    const struct cs_node *v;
    const char *text;
    enum cs_err rc = CS_OK;
    a->base_url = "";
    if (a->simulated) {
        for (size_t i = 0; i < sizeof real_only / sizeof real_only[0]; i++) {
            if ((v = cs_node_get(n, real_only[i])) != NULL)
                return cs_yaml_fail_key(v, err, "%s is not for provider: simulated, which runs by itself; remove it",
                                        v->key);
        }
        v = cs_node_get(n, "truth");
        return v != NULL ? load_truth(v, arena, &a->truth, err) : CS_OK;
    }
    if ((v = cs_node_get(n, "truth")) != NULL)
        return cs_yaml_fail_key(v, err, "truth is for provider: simulated only; remove it");
    rc = cs_node_need(n, "an account", "base_url", &v, err);
    if (rc == CS_OK)
        rc = load_insecure(n, &a->insecure_network, err);
    if (rc == CS_OK)
        rc = cs_load_servers(v, arena, a->insecure_network, &a->base_url, err);
    if (rc == CS_OK && a->protocol == CS_PROTOCOL_HTTP && cs_address_has_servers(a))
        rc = cs_yaml_fail(v, err, "protocol: http has one address; write one account for each of these systems");
    if (rc == CS_OK && (v = cs_node_get(n, "key")) != NULL)
        rc = cs_load_key_place(cs_load_system_secret(v, a), arena, &a->key_env, &a->key_file, err);
    if (rc == CS_OK && (v = cs_node_get(n, "ca_file")) != NULL) {
        rc = cs_node_text(v, "ca_file", &text, err);
        if (rc == CS_OK)
            a->ca_file = kept(arena, cs_file_beside(n->file->path, text));
    }
    if (rc == CS_OK && (v = cs_node_get(n, "proxy")) != NULL) {
        rc = cs_node_text(v, "proxy", &a->proxy, err);
        if (rc == CS_OK && strncmp(a->proxy, "http://", 7) != 0 && strncmp(a->proxy, "https://", 8) != 0)
            rc = cs_yaml_fail(v, err, "proxy is not a URL; write http://HOST:PORT");
    }
    return rc;
}

static enum cs_err load_account(const struct cs_node *n, struct cs_arena *arena, struct cs_account *a,
                                struct cs_limits *limits, struct cs_error *err)
{
    static const char *const keys[] = {"provider",      "protocol", "base_url",         "key",
                                       "limits",        "auth",     "max_tokens_field", "response_format",
                                       "path",          "headers",  "confidential",     "ca_file",
                                       "proxy",         "truth",    "limit_headers",    "parameter_names",
                                       "pools",         "reading",  "insecure_network", "prompt_cache",
                                       CS_SERVICE_KEYS, NULL};
    static const char *const providers[] = {"simulated", NULL}, *const approved[] = {"approved", NULL};
    const struct cs_node *v;
    uint32_t i = 0;
    enum cs_err rc = cs_node_map(n, "an account", keys, err);
    *a = (struct cs_account){.name = n->key};
    if (rc == CS_OK && (v = cs_node_get(n, "provider")) != NULL) {
        rc = cs_node_word(v, "provider", providers, &i, err);
        a->simulated = rc == CS_OK;
    }
    if (rc == CS_OK)
        rc = cs_load_dialect(n, arena, a, err);
    if (rc == CS_OK && (v = cs_node_get(n, "confidential")) != NULL) {
        rc = cs_node_word(v, "confidential", approved, &i, err);
        a->confidential_ok = rc == CS_OK;
    }
    if (rc == CS_OK)
        rc = cs_load_limits(cs_node_get(n, "limits"), limits, err);
    if (rc == CS_OK)
        rc = cs_load_limits_pools(cs_node_get(n, "pools"), arena, a, err);
    return rc == CS_OK ? load_place(n, arena, a, err) : rc;
}

/* ---- models ------------------------------------------------------------------------------------- */

/* `images: no`, `yes`, or `{tokens: N}`. */
static enum cs_err load_images(const struct cs_node *n, struct cs_provider_model *m, struct cs_error *err)
{
    static const char *const keys[] = {"tokens", NULL}, *const words[] = {"yes", "no", NULL};
    const struct cs_node *tokens;
    uint32_t word = 0;
    uint64_t count = 0;
    if (n == NULL)
        return CS_OK;
    if (n->kind == CS_NODE_TEXT) {
        enum cs_err rc = cs_node_word(n, "images", words, &word, err);
        m->blind = word == 1;
        return rc;
    }
    enum cs_err rc = cs_node_map(n, "images", keys, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "images", "tokens", &tokens, err);
    if (rc == CS_OK)
        rc = cs_node_u64(tokens, "tokens", 1, 1000000, &count, err);
    m->image_tokens = (uint32_t)count;
    return rc;
}

static enum cs_err load_sunset(const struct cs_node *n, struct cs_provider_model *m, struct cs_error *err)
{
    const char *text = NULL;
    enum cs_err rc = n != NULL ? cs_node_text(n, "sunset", &text, err) : CS_OK;
    if (rc == CS_OK && text != NULL && !cs_sunset_parse(text, &m->sunset_ms))
        rc = cs_yaml_fail(n, err, "sunset is \"%s\"; write a day, as in sunset: 2027-03-01", text);
    return rc;
}

static enum cs_err load_model(const struct cs_node *n, const struct cs_providers *p, const struct cs_limits *limits,
                              struct cs_provider_model *m, struct cs_error *err)
{
    static const char *const keys[] = {"account",    "model",  "price",  "limits", "pools",
                                       "parameters", "images", "sunset", NULL};
    const struct cs_node *v;
    const char *account, *names[ACCOUNTS_MAX];
    *m = (struct cs_provider_model){.node = n, .name = n->key, .account = CS_NONE};
    enum cs_err rc = cs_node_map(n, "a model", keys, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "a model", "account", &v, err);
    if (rc == CS_OK)
        rc = cs_node_text(v, "account", &account, err);
    if (rc != CS_OK)
        return rc;
    for (uint32_t i = 0; i < p->n_accounts; i++) {
        names[i] = p->accounts[i].name;
        if (strcmp(names[i], account) == 0)
            m->account = i;
    }
    if (m->account == CS_NONE)
        return cs_yaml_fail(v, err, "there is no account \"%s\"%s", account,
                            cs_names_hint(account, names, p->n_accounts).text);
    rc = cs_node_need(n, "a model", "model", &v, err);
    if (rc == CS_OK)
        rc = cs_node_text(v, "model", &m->model, err);
    if (rc == CS_OK)
        rc = load_price(cs_node_get(n, "price"), &m->price, err);
    m->limits = limits[m->account];
    if (rc == CS_OK)
        rc = cs_load_limits(cs_node_get(n, "limits"), &m->limits, err);
    if (rc == CS_OK)
        rc = cs_load_limits_pool_names(cs_node_get(n, "pools"), &p->accounts[m->account], m->pools, &m->n_pools, err);
    m->parameters = cs_node_get(n, "parameters");
    if (rc == CS_OK)
        rc = load_sunset(cs_node_get(n, "sunset"), m, err);
    return rc == CS_OK ? load_images(cs_node_get(n, "images"), m, err) : rc;
}

static enum cs_err load_lists(const struct cs_node *root, struct cs_arena *arena, struct cs_providers *out,
                              struct cs_error *err)
{
    static const char *const keys[] = {"accounts", "models", NULL};
    const struct cs_node *accounts = NULL, *models = NULL;
    enum cs_err rc = cs_node_map(root, "the providers file", keys, err);
    if (rc == CS_OK)
        rc = cs_node_need(root, "the providers file", "accounts", &accounts, err);
    if (rc == CS_OK)
        rc = cs_node_any_map(accounts, "accounts", err);
    if (rc == CS_OK && accounts->n > ACCOUNTS_MAX)
        rc = cs_yaml_fail(accounts, err, "%u accounts; at most %d", accounts->n, ACCOUNTS_MAX);
    if (rc == CS_OK)
        rc = cs_node_need(root, "the providers file", "models", &models, err);
    if (rc == CS_OK)
        rc = cs_node_any_map(models, "models", err);
    if (rc == CS_OK && models->n > MODELS_MAX)
        rc = cs_yaml_fail(models, err, "%u models; at most %d", models->n, MODELS_MAX);
    if (rc != CS_OK)
        return rc;
    struct cs_account *a = cs_arena_array(arena, accounts->n, sizeof *a);
    struct cs_limits *limits = cs_arena_array(arena, accounts->n, sizeof *limits);
    struct cs_provider_model *m = cs_arena_array(arena, models->n, sizeof *m);
    out->accounts = a;
    out->models = m;
    for (const struct cs_node *n = accounts->first; n != NULL && rc == CS_OK; n = n->next, out->n_accounts++)
        rc = load_account(n, arena, &a[out->n_accounts], &limits[out->n_accounts], err);
    for (const struct cs_node *n = models->first; n != NULL && rc == CS_OK; n = n->next, out->n_models++)
        rc = load_model(n, out, limits, &m[out->n_models], err);
    return rc;
}

enum cs_err cs_providers_load(const char *path, struct cs_arena *arena, struct cs_providers *out, struct cs_error *err)
{
    const struct cs_yaml *doc;
    *out = (struct cs_providers){0};
    enum cs_err rc = cs_yaml_load(path, arena, &doc, err);
    if (rc != CS_OK)
        return rc;
    out->path = doc->path;
    return load_lists(doc->root, arena, out, err);
}

uint32_t cs_providers_model(const struct cs_providers *p, const char *name)
{
    for (uint32_t i = 0; i < p->n_models; i++) {
        if (strcmp(p->models[i].name, name) == 0)
            return i;
    }
    return CS_NONE;
}
