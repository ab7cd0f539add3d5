#include "protocol/load/system.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/file.h"
#include "protocol/dialects/system/fill.h"
#include "protocol/dialects/system/service.h"
#include "protocol/load/dialect.h"
#include "protocol/load/key_place.h"
#include "protocol/study/address.h"

/* ---- who asks --------------------------------------------------------------------------------------------------- */

static enum cs_err load_oauth2(const struct cs_node *n, const struct cs_node *key, struct cs_arena *arena,
                               struct cs_json *auth, struct cs_error *err)
{
    static const char *const keys[] = {"token_url", "scope", NULL}, *const parts[] = {"client_id", "client_secret",
                                                                                      NULL};
    const struct cs_node *v = NULL;
    const char *url = "", *scope = "", *env = NULL, *file = NULL;
    enum cs_err rc = cs_node_map(n, "oauth2", keys, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "oauth2", "token_url", &v, err);
    if (rc == CS_OK)
        rc = cs_node_text(v, "token_url", &url, err);
    if (rc == CS_OK && strncmp(url, "https://", 8) != 0 &&
        !(strncmp(url, "http://", 7) == 0 && cs_address_is_local(url)))
        rc = cs_yaml_fail(v, err, "token_url is \"%.100s\"; write https://..., or http:// for a server on this machine",
                          url);
    if (rc == CS_OK && strchr(url, '@') != NULL)
        rc = cs_yaml_fail(v, err, "token_url holds a user or key before @; say where they are found with key:");
    if (rc == CS_OK && (v = cs_node_get(n, "scope")) != NULL)
        rc = cs_node_text(v, "scope", &scope, err);
    if (rc == CS_OK && key == NULL)
        rc = cs_yaml_fail(n, err, "oauth2 needs key: {client_id: {env: NAME}, client_secret: {env: NAME}}");
    if (rc == CS_OK)
        rc = cs_node_map(key, "key", parts, err);
    for (int i = 0; i < 2 && rc == CS_OK; i++)
        rc = cs_node_need(key, "key", parts[i], &v, err);
    if (rc == CS_OK)
        rc = cs_load_key_place(cs_node_get(key, "client_id"), arena, &env, &file, err);
    cs_json_object_set_new(auth, "token_url", cs_json_string(url));
    cs_json_object_set_new(auth, "scope", cs_json_string(scope));
    if (env != NULL)
        cs_json_object_set_new(auth, "id_env", cs_json_string(env));
    if (file != NULL)
        cs_json_object_set_new(auth, "id_file", cs_json_string(file));
    return rc;
}

static enum cs_err load_auth_map(const struct cs_node *n, const struct cs_node *account, struct cs_arena *arena,
                                 struct cs_json *auth, struct cs_error *err)
{
    static const char *const kinds[] = {"header", "oauth2", NULL};
    const char *name = NULL;
    enum cs_err rc = cs_node_map(n, "auth", kinds, err);
    if (rc == CS_OK && n->n != 1)
        rc = cs_yaml_fail(n, err, "auth is one of bearer, basic, none, {header: NAME}, {oauth2: {token_url: ...}}");
    if (rc != CS_OK)
        return rc;
    cs_json_object_set_new(auth, "kind", cs_json_string(n->first->key));
    if (strcmp(n->first->key, "oauth2") == 0)
        return load_oauth2(n->first, cs_node_get(account, "key"), arena, auth, err);
    rc = cs_node_name(n->first, "the name of a header", CS_NAME_LOOSE, &name, err);
    if (rc == CS_OK)
        cs_json_object_set_new(auth, "header", cs_json_string(name));
    return rc;
}

static enum cs_err load_certificate(const struct cs_node *n, struct cs_json *auth, struct cs_error *err)
{
    static const char *const keys[] = {"file", NULL};
    const struct cs_node *v = NULL;
    const char *file = NULL;
    enum cs_err rc = cs_node_map(n, "client_certificate", keys, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "client_certificate", "file", &v, err);
    if (rc == CS_OK)
        rc = cs_node_text(v, "file", &file, err);
    if (rc != CS_OK)
        return rc;
    char *path = cs_file_beside(n->file->path, file);
    cs_json_object_set_new(auth, "certificate", cs_json_string(path));
    free(path);
    return CS_OK;
}

static enum cs_err load_auth(const struct cs_node *account, struct cs_arena *arena, struct cs_json *out,
                             struct cs_error *err)
{
    static const char *const words[] = {"bearer", "basic", "none", NULL};
    const struct cs_node *n = cs_node_get(account, "auth"), *key = cs_node_get(account, "key"),
                         *certificate = cs_node_get(account, "client_certificate");
    struct cs_json *auth = cs_json_object();
    uint32_t i = key != NULL ? 0 : 2;
    enum cs_err rc = CS_OK;
    cs_json_object_set_new(out, "auth", auth);
    if (n != NULL && n->kind == CS_NODE_MAP) {
        rc = load_auth_map(n, account, arena, auth, err);
        i = 0;
    } else if (n != NULL) {
        rc = cs_node_word(n, "auth", words, &i, err);
    }
    if (rc == CS_OK && n != NULL && key == NULL && i != 2)
        rc = cs_yaml_fail(n, err,
                          "auth sends a key, and the account has none; add key: {env: NAME}, or write auth: none");
    if (rc == CS_OK && key != NULL && i == 2)
        rc = cs_yaml_fail_key(key, err, "auth: none sends no key; remove key, or say how it is sent");
    if (cs_json_object_get(auth, "kind") == NULL)
        cs_json_object_set_new(auth, "kind", cs_json_string(words[i]));
    return rc == CS_OK && certificate != NULL ? load_certificate(certificate, auth, err) : rc;
}

const struct cs_node *cs_load_system_secret(const struct cs_node *key, const struct cs_account *a)
{
    const struct cs_node *secret = a->service != NULL ? cs_node_get(key, "client_secret") : NULL;
    return secret != NULL ? secret : key;
}

/* ---- the account -------------------------------------------------------------------------------------------------- */

static enum cs_err refuse(const struct cs_node *account, const char *const *keys, const char *why, struct cs_error *err)
{
    for (; *keys != NULL; keys++) {
        const struct cs_node *v = cs_node_get(account, *keys);
        if (v != NULL)
            return cs_yaml_fail_key(v, err, "%s %s; remove it", *keys, why);
    }
    return CS_OK;
}

static enum cs_err load_parts(const struct cs_node *account, struct cs_arena *arena, struct cs_json *out,
                              struct cs_error *err)
{
    const struct cs_node *stream = cs_node_get(account, "stream"), *poll = cs_node_get(account, "poll"),
                         *session = cs_node_get(account, "session");
    enum cs_err rc = cs_load_asks(account, out, err);
    if (rc == CS_OK)
        rc = cs_load_told(account, stream != NULL, out, err);
    if (rc == CS_OK && stream != NULL)
        rc = cs_load_told_stream(stream, out, err);
    if (rc == CS_OK && poll != NULL)
        rc = cs_load_told_poll(poll, out, err);
    if (rc == CS_OK && session != NULL)
        rc = cs_load_sessions(session, out, err);
    if (rc == CS_OK && session == NULL && cs_fill_has(out, CS_FILL_SESSION))
        rc = cs_yaml_fail(
            account, err,
            "the account fills in {{session}}, and does not say which; add session: {new: yes}, or where a reply names it");
    return rc == CS_OK ? load_auth(account, arena, out, err) : rc;
}

enum cs_err cs_load_system(const struct cs_node *account, struct cs_arena *arena, struct cs_account *a,
                           struct cs_error *err)
{
    static const char *const only[] = {CS_SERVICE_KEYS, NULL}, *const others[] = {"path", "response_format", NULL};
    if (a->protocol != CS_PROTOCOL_HTTP)
        return refuse(account, only, "is for protocol: http", err);
    enum cs_err rc = refuse(account, others, "is said by request in an account of protocol: http", err);
    struct cs_json *out = cs_json_object();
    struct cs_error why = {0};
    struct cs_service *s = NULL;
    if (rc == CS_OK)
        rc = load_parts(account, arena, out, err);
    if (rc == CS_OK) {
        char *text = cs_json_dumps(out, CS_JSON_COMPACT | CS_JSON_REAL_PRECISION(15));
        a->service = cs_arena_strdup(arena, text);
        a->response_format = cs_fill_has(cs_json_object_get(out, "request"), CS_FILL_SCHEMA) ? CS_FORM_JSON_SCHEMA
                                                                                             : CS_FORM_NONE;
        free(text);
        if (strlen(a->service) > CS_SERVICE_BYTES_MAX)
            rc = cs_yaml_fail(account, err, "the account's request and reply are over %d bytes", CS_SERVICE_BYTES_MAX);
        else if (cs_service_open(&s, a->service, &why) != CS_OK) /* a gap of the checks above */
            rc = cs_yaml_fail(account, err, "%s", why.msg);
        cs_service_close(s);
    }
    cs_json_decref(out);
    return rc;
}
