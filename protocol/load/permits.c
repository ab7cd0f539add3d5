#include "protocol/load/permits.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/study/address.h"
#include "protocol/table/node.h"
#include "protocol/table/yaml.h"

struct permit { /* one secret for one host; no secret: it is called without */
    const char *host, *env, *file, *credential;
    bool insecure;
    struct permit *next;
};

struct cs_permits {
    struct cs_arena arena;
    const char *path; /* NULL: there is no file */
    struct permit *all;
};

static enum cs_err load_entry(struct cs_permits *p, const char *host, const struct cs_node *n, struct cs_error *err)
{
    static const char *const keys[] = {"env", "file", "credential", "insecure_network", NULL}, *const words[] = {
                                                                                                   "no", "yes", NULL};
    uint32_t insecure = 0;
    struct permit *e = cs_arena_alloc(&p->arena, sizeof *e);
    const char **const texts[] = {&e->env, &e->file, &e->credential};
    unsigned secrets = 0;
    const struct cs_node *v;
    enum cs_err rc = CS_OK;
    e->host = host;
    e->next = p->all;
    p->all = e;
    if (n->kind == CS_NODE_TEXT)
        return strcmp(n->text, "none") == 0
                   ? CS_OK
                   : cs_yaml_fail(n, err,
                                  "a key is never written here; say where it is found: {env: NAME}, {file: PATH} "
                                  "or {credential: NAME}; or none");
    rc = cs_node_map(n, "a host", keys, err);
    for (int i = 0; rc == CS_OK && i < 3; i++) {
        v = cs_node_get(n, keys[i]);
        secrets += v != NULL;
        if (v != NULL)
            rc = cs_node_text(v, keys[i], texts[i], err);
    }
    if (rc == CS_OK && secrets > 1)
        rc = cs_yaml_fail(n, err, "one secret an entry; write several as [{...}, {...}]");
    if (rc == CS_OK && e->file != NULL && e->file[0] != '/')
        rc = cs_yaml_fail(n, err, "file: want a whole path, from / on");
    if (rc == CS_OK && (v = cs_node_get(n, "insecure_network")) != NULL)
        rc = cs_node_word(v, "insecure_network", words, &insecure, err);
    e->insecure = insecure == 1;
    return rc;
}

static enum cs_err load_host(struct cs_permits *p, const struct cs_node *n, struct cs_error *err)
{
    const char *host = n->key;
    enum cs_err rc = CS_OK;
    if (strchr(host, '/') != NULL || strchr(host, '*') != NULL)
        return cs_yaml_fail_key(n, err, "want a host, or HOST:PORT, as in api.example.com");
    if (n->kind != CS_NODE_LIST)
        return load_entry(p, host, n, err);
    for (const struct cs_node *v = n->first; rc == CS_OK && v != NULL; v = v->next)
        rc = load_entry(p, host, v, err);
    return rc;
}

enum cs_err cs_permits_load(const char *file, struct cs_permits **out, struct cs_error *err)
{
    struct cs_permits *p = cs_xcalloc(1, sizeof *p);
    const struct cs_yaml *y;
    enum cs_err rc = CS_OK;
    *out = NULL;
    if (file != NULL) {
        p->path = cs_arena_strdup(&p->arena, file);
        rc = cs_yaml_load(file, &p->arena, &y, err);
        if (rc == CS_OK)
            rc = cs_node_any_map(y->root, "the keys file", err);
        for (const struct cs_node *n = rc == CS_OK ? y->root->first : NULL; rc == CS_OK && n != NULL; n = n->next)
            rc = load_host(p, n, err);
    }
    if (rc == CS_OK)
        *out = p;
    else
        cs_permits_free(p);
    return rc;
}

void cs_permits_free(struct cs_permits *p)
{
    if (p == NULL)
        return;
    cs_arena_release(&p->arena);
    free(p);
}

/* What the study names is what the entry says, by one of the ways in which keys_env.h looks for it. */
static bool is_secret(const struct permit *e, const struct cs_account *a)
{
    const char *slash = a->key_file != NULL ? strrchr(a->key_file, '/') : NULL;
    const char *credential = slash != NULL ? slash + 1 : a->key_file;
    if (a->key_env != NULL && a->key_file != NULL)
        return false; /* two places: no study file says so */
    if (a->key_env != NULL)
        return (e->env != NULL && strcmp(e->env, a->key_env) == 0) ||
               (e->credential != NULL && strcmp(e->credential, a->key_env) == 0);
    if (a->key_file != NULL)
        return (e->file != NULL && strcmp(e->file, a->key_file) == 0) ||
               (e->credential != NULL && strcmp(e->credential, credential) == 0);
    return true; /* without a key wherever calls are made at all */
}

static enum cs_err refuse(const struct cs_permits *p, const struct cs_account *a, const char *host, bool known,
                          struct cs_error *err)
{
    const bool keyed = a->key_env != NULL || a->key_file != NULL;
    const char *kind = a->key_env != NULL ? "env" : "file", *name = a->key_env != NULL ? a->key_env : a->key_file;
    const char *file = p->path != NULL ? p->path : "keys.yaml, and start the worker with --keys keys.yaml";
    if (!keyed)
        return cs_error_set(err, CS_EDENIED,
                            "this worker's own file does not name %.200s; to permit it, write "
                            "`%.200s: none` in %s",
                            host, host, file);
    return cs_error_set(err, CS_EDENIED,
                        "this worker may not send %.80s to %.120s%s; to permit it, write `%.120s: {%s: "
                        "%.80s}` in %s",
                        name, host, known ? " (its own file names another secret for it)" : "", host, kind, name, file);
}

enum cs_err cs_permits_check(const struct cs_permits *p, const struct cs_account *a, struct cs_error *err)
{
    char host[CS_ADDRESS_HOST_MAX];
    bool known = false, secret = false, insecure = false;
    if (p == NULL || a->simulated)
        return CS_OK;
    if (!cs_address_host(a->base_url, host))
        return cs_error_set(err, CS_EDENIED, "account %s: \"%.100s\" names no host", a->name, a->base_url);
    for (const struct permit *e = p->all; e != NULL; e = e->next) {
        if (strcasecmp(e->host, host) != 0)
            continue;
        known = true;
        secret |= is_secret(e, a);
        insecure |= e->insecure && is_secret(e, a);
    }
    if (p->path == NULL && a->key_env == NULL && a->key_file == NULL)
        return CS_OK; /* there is no secret, and no file that says which hosts */
    if (!secret)
        return refuse(p, a, host, known, err);
    if (a->proxy != NULL)
        return cs_error_set(err, CS_EDENIED,
                            "account %s: a worker with --keys takes no proxy from a study; set "
                            "https_proxy where it is started",
                            a->name);
    if (a->insecure_network && !insecure)
        return cs_error_set(err, CS_EDENIED,
                            "account %s: %.200s is reached by plain http; to permit that, add "
                            "`insecure_network: yes` to its entry in %s",
                            a->name, host, p->path);
    return CS_OK;
}
