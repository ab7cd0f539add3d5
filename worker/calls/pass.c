#include "worker/calls/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/dialects/system/fill.h"
#include "protocol/load/keys_env.h"
#include "worker/calls/credential.h"

enum { LIFETIME_S = 300, LIFETIME_S_MIN = 5, LIFETIME_S_MAX = 86400, SPREAD_MS = 200 };

struct cs_pass {
    struct cs_passes *all;
    uint32_t number;
    bool is_token;
    enum cs_service_auth auth;
    struct cs_account account; /* with texts of its own: where the secret is found */
    struct cs_account id;      /* OAuth 2: where the client's id is found */
    char *scope, *header;
    const char *proxy;          /* as the account says, or NULL */
    struct cs_made_endpoint at; /* OAuth 2: where tokens are given out */
    char *line, *secret;        /* the line, and what in it is secret; NULL: none yet */
    char *asks;                 /* the line of the last request for a token */
    char *form;
    uint64_t issue, renew_ms;
    struct timespec changed; /* the file, when it was read */
    bool asked_before;
    struct cs_arena arena;
};

struct cs_passes {
    struct cs_pass *list[CS_PASSES_MAX];
    uint32_t n;
    struct cs_rng rng;
};

struct cs_passes *cs_passes_open(uint64_t seed)
{
    struct cs_passes *all = cs_xcalloc(1, sizeof *all);
    all->rng.state = seed;
    return all;
}

static void wipe(char **text)
{
    cs_keys_env_free(*text);
    *text = NULL;
}

void cs_passes_close(struct cs_passes *all)
{
    for (uint32_t i = 0; all != NULL && i < all->n; i++) {
        struct cs_pass *p = all->list[i];
        wipe(&p->line);
        wipe(&p->secret);
        wipe(&p->asks);
        free(p->form);
        cs_arena_release(&p->arena);
        free(p);
    }
    free(all);
}

/* ---- which ------------------------------------------------------------------------------------------------------ */

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const char *copy(struct cs_pass *p, const char *text)
{
    return text != NULL ? cs_arena_strdup(&p->arena, text) : NULL;
}

static bool is_it(const struct cs_pass *p, const struct cs_endpoint *e)
{
    const struct cs_service *s = e->service;
    return p->auth == s->auth && same(p->account.key_env, e->account->key_env) &&
           same(p->account.key_file, e->account->key_file) && same(p->header, s->auth_header) &&
           same(p->is_token ? p->at.url : NULL, s->token_url) && same(p->scope, s->scope) &&
           same(p->id.key_env, s->id_env) && same(p->id.key_file, s->id_file) && same(p->at.pub.ca_file, e->ca_file) &&
           same(p->proxy, e->proxy);
}

static struct cs_pass *new_pass(struct cs_passes *all, const struct cs_endpoint *e)
{
    const struct cs_service *s = e->service;
    struct cs_pass *p = cs_xcalloc(1, sizeof *p);
    p->all = all;
    p->auth = s->auth;
    p->is_token = s->auth == CS_SERVICE_OAUTH2;
    p->account = (struct cs_account){.name = copy(p, e->account->name),
                                     .key_env = copy(p, e->account->key_env),
                                     .key_file = copy(p, e->account->key_file)};
    p->id = (struct cs_account){
        .name = p->account.name, .key_env = copy(p, s->id_env), .key_file = copy(p, s->id_file)};
    p->scope = s->scope != NULL ? cs_arena_strdup(&p->arena, s->scope) : NULL;
    p->header = s->auth_header != NULL ? cs_arena_strdup(&p->arena, s->auth_header) : NULL;
    p->at.url = s->token_url != NULL ? cs_arena_strdup(&p->arena, s->token_url) : NULL;
    p->proxy = copy(p, e->proxy);
    p->number = all->n;
    const bool here = p->at.url != NULL && strncmp(p->at.url, "http://", 7) == 0; /* endpoint.c has seen to it */
    p->at.pub = (struct cs_endpoint){.serial = UINT64_MAX - p->number,            /* no lane's comes so far */
                                     .url = p->at.url,
                                     .ca_file = copy(p, e->ca_file),
                                     .proxy = here ? "" : p->proxy, /* what stays on this host goes by no proxy */
                                     .plain_http = here};
    all->list[all->n++] = p;
    return p;
}

struct cs_pass *cs_passes_of(struct cs_passes *all, const struct cs_endpoint *e)
{
    const bool changes = e->service != NULL && e->account != NULL && !e->account->simulated &&
                         (e->service->auth == CS_SERVICE_OAUTH2 || e->account->key_file != NULL);
    for (uint32_t i = 0; changes && i < all->n; i++) {
        if (is_it(all->list[i], e))
            return all->list[i];
    }
    return changes && all->n < CS_PASSES_MAX ? new_pass(all, e) : NULL;
}

uint32_t cs_pass_number(const struct cs_pass *p)
{
    return p->number;
}

/* ---- the line ------------------------------------------------------------------------------------------------------ */

static void issue(struct cs_pass *p, char *line, char *secret)
{
    wipe(&p->line);
    wipe(&p->secret);
    p->line = line;
    p->secret = secret;
    p->issue++;
}

/* Reads the key anew; whether it is another one. */
static bool read_key(struct cs_pass *p)
{
    static const struct cs_service none;
    struct cs_service as = none;
    struct cs_error why = {0};
    char *key = NULL;
    if (cs_keys_env_find(&p->account, &key, &why) != CS_OK || key == NULL || same(key, p->secret)) {
        cs_keys_env_free(key);
        return false; /* also while it is being written: the old one serves as long as it does */
    }
    as.auth = p->auth;
    as.auth_header = p->header;
    issue(p, cs_credential_line(&as, key), key);
    return true;
}

static bool has_changed(struct cs_pass *p)
{
    struct stat st;
    if (stat(p->account.key_file, &st) != 0 ||
        (st.st_mtim.tv_sec == p->changed.tv_sec && st.st_mtim.tv_nsec == p->changed.tv_nsec))
        return false;
    p->changed = st.st_mtim;
    return true;
}

const char *cs_pass_line(struct cs_pass *p, uint64_t now_ms, uint64_t *of)
{
    if (!p->is_token && (has_changed(p) || p->line == NULL))
        (void)read_key(p);
    else if (p->is_token && now_ms >= p->renew_ms)
        wipe(&p->line);
    *of = p->issue;
    return p->line;
}

bool cs_pass_refused(struct cs_pass *p, uint64_t of)
{
    if (of != p->issue)
        return true; /* it is renewed already */
    if (!p->is_token)
        return read_key(p);
    p->renew_ms = 0;
    return true;
}

/* ---- tokens --------------------------------------------------------------------------------------------------------- */

static enum cs_err secrets_of(const struct cs_pass *p, char **id, char **secret, struct cs_error *err)
{
    *id = *secret = NULL;
    enum cs_err rc = cs_keys_env_find(&p->id, id, err);
    if (rc == CS_OK)
        rc = cs_keys_env_find(&p->account, secret, err);
    if (rc == CS_OK && (*id == NULL || *secret == NULL))
        rc = cs_error_set(err, CS_ENOENT, "no key: the account names no client_id or no client_secret");
    return rc;
}

/* RFC 6749, section 2.3.1: both are form-encoded, then Basic. */
static char *client_line(const char *id, const char *secret)
{
    static const struct cs_service basic = {.auth = CS_SERVICE_BASIC};
    struct cs_buf b = CS_BUF_INIT(64 * 1024);
    cs_fill_encode(id, &b);
    cs_buf_char(&b, ':');
    cs_fill_encode(secret, &b);
    char *pair = cs_buf_take(&b), *line = cs_credential_line(&basic, pair);
    cs_keys_env_free(pair);
    return line;
}

uint32_t cs_pass_delay_ms(struct cs_pass *p)
{
    const bool first = !p->asked_before;
    p->asked_before = true;
    return first ? (uint32_t)cs_rng_below(&p->all->rng, SPREAD_MS) : 0;
}

enum cs_err cs_pass_ask(struct cs_pass *p, struct cs_pass_ask *out, struct cs_error *err)
{
    struct cs_buf form = CS_BUF_INIT(64 * 1024);
    char *id, *secret;
    enum cs_err rc = secrets_of(p, &id, &secret, err);
    if (rc == CS_OK) {
        cs_buf_str(&form, "grant_type=client_credentials");
        if (p->scope != NULL && p->scope[0] != '\0') {
            cs_buf_str(&form, "&scope=");
            cs_fill_encode(p->scope, &form);
        }
        wipe(&p->asks);
        p->asks = client_line(id, secret);
        free(p->form);
        p->form = cs_buf_take(&form);
        *out = (struct cs_pass_ask){
            .endpoint = &p->at.pub, .body = p->form, .body_len = strlen(p->form), .lines = {p->asks}};
    }
    cs_keys_env_free(id);
    cs_keys_env_free(secret);
    cs_buf_release(&form);
    return rc;
}

bool cs_pass_told(struct cs_pass *p, const struct cs_http_reply *reply, uint64_t now_ms)
{
    struct cs_json *root = reply->transfer == CS_TRANSFER_WHOLE && reply->status >= 200 && reply->status <= 299
                               ? cs_json_loadb(reply->body, reply->body_len, 0, NULL)
                               : NULL;
    const char *token = cs_json_string_value(cs_json_object_get(root, "access_token"));
    const double told = cs_json_number_value(cs_json_object_get(root, "expires_in"));
    /* One that is over at once would be fetched for ever and never shown. */
    const double at_least_s = told < LIFETIME_S_MIN ? LIFETIME_S_MIN : told, life_s = !(told > 0) ? LIFETIME_S
                                                                                      : at_least_s < LIFETIME_S_MAX
                                                                                          ? at_least_s
                                                                                          : LIFETIME_S_MAX;
    bool good = token != NULL && token[0] != '\0';
    for (const char *s = token; good && *s != '\0'; s++)
        good = *s > ' ' && *s < 127;
    if (good) {
        issue(p, cs_xasprintf("Authorization: Bearer %s", token), cs_xstrdup(token));
        p->renew_ms = now_ms + (uint64_t)(life_s * 1000 * (0.8 + 0.15 * cs_rng_unit(&p->all->rng)));
    }
    cs_json_decref(root);
    return good;
}

const char *cs_pass_secret(const struct cs_pass *p)
{
    return p->secret;
}
