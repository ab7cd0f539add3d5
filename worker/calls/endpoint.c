#include "worker/calls/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/load/keys_env.h"
#include "protocol/study/address.h"
#include "worker/calls/credential.h"

void cs_endpoint_free(struct cs_made_endpoint *e)
{
    if (e == NULL)
        return;
    free(e->url);
    free(e->server);
    cs_service_close(e->service);
    cs_keys_env_free(e->auth);
    cs_keys_env_free(e->secret);
    free(e);
}

/* What a system is shown beside its key: a certificate of ours, and to the host that gives out tokens the client's id and secret. */
static enum cs_err check_others(const struct cs_permits *permits, const struct cs_account *a,
                                const struct cs_service *s, struct cs_error *err)
{
    struct cs_account certificate = *a, client = *a;
    char *id = NULL;
    enum cs_err rc = CS_OK;
    if (s->certificate != NULL) {
        certificate.key_env = NULL;
        certificate.key_file = s->certificate;
        rc = cs_permits_check(permits, &certificate, err);
    }
    if (rc != CS_OK || s->auth != CS_SERVICE_OAUTH2)
        return rc;
    if (strncmp(s->token_url, "https://", 8) != 0 &&
        !(strncmp(s->token_url, "http://", 7) == 0 && cs_address_is_local(s->token_url)))
        return cs_error_set(err, CS_EDENIED, "token_url %.200s is neither https nor on this host", s->token_url);
    client.base_url = s->token_url;
    rc = cs_permits_check(permits, &client, err);
    client.key_env = s->id_env;
    client.key_file = s->id_file;
    if (rc == CS_OK)
        rc = cs_permits_check(permits, &client, err);
    if (rc == CS_OK)
        rc = cs_keys_env_find(&client, &id, err); /* whether it is there */
    cs_keys_env_free(id);
    return rc;
}

enum cs_err cs_endpoint_make(uint64_t serial, const struct cs_endpoint_means *means, const struct cs_account *a,
                             const char *model, struct cs_made_endpoint **out, struct cs_error *err)
{
    const struct cs_dialect *d = cs_dialect_of(a->protocol);
    struct cs_service *service = NULL;
    char *key = NULL;
    *out = NULL;
    if (a->simulated && means->simulator == NULL)
        return cs_error_set(err, CS_EINVAL, "no simulator: start the worker with --simulator URL");
    if (!a->simulated) {
        enum cs_err rc = cs_permits_check(means->permits, a, err);
        if (rc == CS_OK)
            rc = cs_keys_env_find(a, &key, err);
        if (rc != CS_OK)
            return rc;
    }
    if (a->service != NULL) {
        enum cs_err rc = cs_service_open(&service, a->service, err);
        if (rc == CS_OK && !a->simulated)
            rc = check_others(means->permits, a, service, err);
        if (rc != CS_OK) {
            cs_service_close(service);
            cs_keys_env_free(key);
            return cs_error_wrap(err, rc, "account %s", a->name);
        }
    }
    struct cs_made_endpoint *e = cs_xcalloc(1, sizeof *e);
    e->service = service;
    e->url = cs_dialect_url(d, a, means->simulator, model);
    e->auth = key == NULL ? NULL : service != NULL ? cs_credential_line(service, key) : cs_dialect_auth(d, a, key);
    e->secret = key != NULL ? cs_xstrdup(key) : NULL;
    e->pub = (struct cs_endpoint){
        .serial = serial, .url = e->url, .auth = e->auth, .ca_file = a->ca_file, .proxy = a->proxy};
    e->pub.secret = e->secret;
    e->pub.service = service;
    e->pub.account = service != NULL ? a : NULL;
    e->pub.certificate = service != NULL ? service->certificate : NULL;
    cs_keys_env_fingerprint(key, e->pub.key);
    cs_keys_env_free(key);
    e->pub.headers = e->headers;
    e->pub.limit_rules = a->limit_headers;
    e->pub.n_limit_rules = a->n_limit_headers;
    e->pub.n_headers = cs_dialect_headers(d, a, e->headers);
    const bool http = strncmp(e->url, "http://", 7) == 0, here = a->simulated || cs_address_is_local(e->url);
    e->pub.plain_http = http && (here || a->insecure_network);
    if (http && here)
        e->pub.proxy = ""; /* what stays on this host goes by no proxy, whatever the environment says */
    if (strncmp(e->url, "https://", 8) != 0 && !e->pub.plain_http) {
        enum cs_err rc = cs_error_set(err, CS_EINVAL, "account %s: %s is neither https nor on this host", a->name,
                                      e->url);
        cs_endpoint_free(e);
        return rc;
    }
    *out = e;
    return CS_OK;
}

enum cs_err cs_endpoint_make_server(uint64_t serial, const struct cs_endpoint_means *means, const struct cs_account *a,
                                    const char *server, const char *model, struct cs_made_endpoint **out,
                                    struct cs_error *err)
{
    struct cs_account one = *a;
    CS_ASSERT(a->service == NULL); /* of which the endpoint would keep the account */
    one.base_url = server;
    enum cs_err rc = cs_endpoint_make(serial, means, &one, model, out, err);
    if (rc == CS_OK)
        (*out)->server = cs_xstrdup(server);
    return rc;
}
