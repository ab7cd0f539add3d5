/* What a system is sent: request, roles, paths, and trees with fillings. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/assert.h"
#include "protocol/dialects/system/fill.h"
#include "protocol/load/headers.h"
#include "protocol/load/system.h"

enum { PATH_BYTES_MAX = 1000, KEY_MIN = 8 }; /* no provider's key is shorter than that */

static bool may_stand(enum cs_filling f, enum cs_load_filled where)
{
    switch (where) {
    case CS_LOAD_FILLED_REQUEST:
        return f != CS_FILL_JOB && f != CS_FILL_MARK;
    case CS_LOAD_FILLED_START:
        return f == CS_FILL_TRIAL;
    case CS_LOAD_FILLED_POLL:
        return f == CS_FILL_JOB || f == CS_FILL_MARK || f == CS_FILL_SESSION || f == CS_FILL_TRIAL;
    }
    return false;
}

static const char *those(enum cs_load_filled where)
{
    switch (where) {
    case CS_LOAD_FILLED_REQUEST:
        return "{{system}} {{user}} {{messages}} {{session}} {{trial}} {{schema}} {{parameter.NAME}}";
    case CS_LOAD_FILLED_START:
        return "{{trial}}";
    case CS_LOAD_FILLED_POLL:
        return "{{job}} {{mark}} {{session}} {{trial}}";
    }
    return "";
}

/* Every `{{` begins a filling that may stand here. */
static enum cs_err check_fillings(const struct cs_node *n, enum cs_load_filled where, struct cs_error *err)
{
    for (const char *at = n->text; (at = strstr(at, "{{")) != NULL;) {
        enum cs_filling which = CS_FILLINGS;
        char name[64];
        const size_t len = cs_fill_at(at, &which, name);
        if (len == 0 || !may_stand(which, where)) {
            const size_t shown = strcspn(at, "}") < 60 ? strcspn(at, "}") : 60;
            return cs_yaml_fail_at(n, at, err, "\"%.*s\" is no filling here; there are %s", (int)shown + 2, at,
                                   those(where));
        }
        at += len;
    }
    return CS_OK;
}

enum cs_err cs_load_asks_path(const struct cs_node *n, enum cs_load_filled where, const char **out,
                              struct cs_error *err)
{
    enum cs_err rc = cs_node_text(n, "path", out, err);
    if (rc != CS_OK)
        return rc;
    bool good = (*out)[0] == '/' && strlen(*out) <= PATH_BYTES_MAX;
    for (const char *s = *out; *s != '\0' && good; s++) {
        enum cs_filling which;
        char name[64];
        const size_t len = cs_fill_at(s, &which, name);
        if (len > 0)
            s += len - 1;
        else
            good = *s > ' ' && *s < 127 && strchr("{}#?\"\\<>", *s) == NULL;
    }
    rc = check_fillings(n, where, err);
    if (rc == CS_OK && !good)
        rc = cs_yaml_fail(
            n, err,
            "path is \"%.100s\"; write what stands behind base_url, as in /chat/{{session}}; what stands behind ? goes into query",
            *out);
    return rc;
}

enum cs_err cs_load_asks_method(const struct cs_node *n, const char *usual, const char **out, struct cs_error *err)
{
    static const char *const words[] = {"GET", "POST", "PUT", "PATCH", NULL};
    uint32_t i = 0;
    *out = usual;
    if (n == NULL)
        return CS_OK;
    enum cs_err rc = cs_node_word(n, "method", words, &i, err);
    if (rc == CS_OK)
        *out = words[i];
    return rc;
}

static struct cs_json *scalar(const struct cs_node *n)
{
    static const char *const words[] = {"true", "false", "null"};
    if (!n->plain)
        return cs_json_string(n->text);
    for (int i = 0; i < 3; i++) {
        if (strcmp(n->text, words[i]) == 0)
            return i == 0 ? cs_json_true() : i == 1 ? cs_json_false() : cs_json_null();
    }
    struct cs_json *v = cs_json_loads(n->text, CS_JSON_DECODE_ANY, NULL);
    if (cs_json_is_number(v))
        return v;
    cs_json_decref(v);
    return cs_json_string(n->text);
}

/* What a text has beside its fillings. */
static size_t literal_of(const char *text)
{
    size_t n = 0;
    for (const char *end; *text != '\0'; text++) {
        if (strncmp(text, "{{", 2) == 0 && (end = strstr(text, "}}")) != NULL)
            text = end + 1;
        else
            n++;
    }
    return n;
}

/* Under such a name, or anywhere below it, a text may be a key, which would reach the store: but for words and numbers, and what is filled in. */
static bool may_be_secret(const struct cs_node *n)
{
    static const char *const words[] = {"", "true", "false", "null"};
    char *end;
    bool harmless = n->kind != CS_NODE_TEXT || (strstr(n->text, "{{") != NULL && literal_of(n->text) < KEY_MIN);
    for (size_t i = 0; i < sizeof words / sizeof *words && !harmless; i++)
        harmless = strcmp(n->text, words[i]) == 0;
    if (!harmless && n->plain && strlen(n->text) < KEY_MIN) {
        (void)strtod(n->text, &end);
        harmless = *end == '\0';
    }
    return !harmless;
}

/* {key: age, value: 64} is a pair, whose key is a name. */
static bool names_secret(const struct cs_node *map, const struct cs_node *c)
{
    bool is_pair = false;
    for (const struct cs_node *s = map->first; s != NULL && strcasecmp(c->key, "key") == 0; s = s->next)
        is_pair |= strcasecmp(s->key, "value") == 0;
    return !is_pair && cs_load_headers_is_secret(c->key);
}

/* Depth is bounded by the YAML reader. secret: the name under which it stands, where that is one of a secret; or NULL. */
static enum cs_err load_tree(const struct cs_node *n, const char *secret, enum cs_load_filled where,
                             struct cs_json **out, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    *out = NULL;
    if (n->kind == CS_NODE_TEXT) {
        if (n->plain && n->text[0] == '\0')
            return cs_yaml_fail(n, err, "a key without a value; write one, or \"\" for an empty text");
        rc = check_fillings(n, where, err);
        if (rc == CS_OK && secret != NULL && may_be_secret(n)) /* it is not repeated here */
            rc = cs_yaml_fail(n, err,
                              "%.64s may hold a secret, which is never written here; say where a key is found with "
                              "key: {env: NAME}, and how it is sent with auth",
                              secret);
        *out = rc == CS_OK ? scalar(n) : NULL;
        return rc;
    }
    struct cs_json *v = n->kind == CS_NODE_MAP ? cs_json_object() : cs_json_array();
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next) {
        struct cs_json *child = NULL;
        if (c->key != NULL && strstr(c->key, "{{") != NULL)
            rc = cs_yaml_fail_key(c, err, "a key is not filled in; write fillings into values");
        if (rc == CS_OK)
            rc = load_tree(c, c->key != NULL && names_secret(n, c) ? c->key : secret, where, &child, err);
        if (rc == CS_OK)
            CS_ASSERT((n->kind == CS_NODE_MAP ? cs_json_object_set_new(v, c->key, child)
                                              : cs_json_array_append_new(v, child)) == 0);
    }
    if (rc != CS_OK) {
        cs_json_decref(v);
        v = NULL;
    }
    *out = v;
    return rc;
}

enum cs_err cs_load_asks_tree(const struct cs_node *n, enum cs_load_filled where, struct cs_json **out,
                              struct cs_error *err)
{
    return load_tree(n, NULL, where, out, err);
}

/* A map of words, as in a query, a form or headers. */
static enum cs_err load_flat(const struct cs_node *n, const char *what, struct cs_json *o, struct cs_error *err)
{
    struct cs_json *v = NULL;
    enum cs_err rc = cs_node_any_map(n, what, err);
    for (const struct cs_node *c = rc == CS_OK ? n->first : NULL; c != NULL && rc == CS_OK; c = c->next) {
        if (c->kind != CS_NODE_TEXT)
            rc = cs_yaml_fail(c, err, "%s holds texts only; write one for %s", what, c->key);
    }
    if (rc == CS_OK)
        rc = cs_load_asks_tree(n, CS_LOAD_FILLED_REQUEST, &v, err);
    if (rc == CS_OK)
        cs_json_object_set_new(o, what, v);
    return rc;
}

static enum cs_err load_headers(const struct cs_node *n, struct cs_json *o, struct cs_error *err)
{
    enum cs_err rc = cs_node_any_map(n, "headers", err);
    const char *value;
    if (rc == CS_OK && n->n > CS_HEADERS_MAX)
        rc = cs_yaml_fail(n, err, "%u headers; at most %d", n->n, CS_HEADERS_MAX);
    for (const struct cs_node *c = rc == CS_OK ? n->first : NULL; c != NULL && rc == CS_OK; c = c->next)
        rc = cs_load_headers_value(c, &value, err);
    for (const struct cs_node *c = rc == CS_OK ? n->first : NULL; c != NULL && rc == CS_OK; c = c->next) {
        if (strstr(c->text, "{{user}}") != NULL || strstr(c->text, "{{system}}") != NULL ||
            strstr(c->text, "{{messages}}") != NULL || strstr(c->text, "{{schema}}") != NULL)
            rc = cs_yaml_fail(c, err, "a prompt is no line of a header; write it into body or query");
    }
    return rc == CS_OK ? load_flat(n, "headers", o, err) : rc;
}

static enum cs_err load_body(const struct cs_node *n, const char *type, struct cs_json *o, struct cs_error *err)
{
    struct cs_json *v = NULL;
    if (strcmp(type, "form") == 0)
        return load_flat(n, "body", o, err);
    if (strcmp(type, "text") == 0 && n->kind != CS_NODE_TEXT)
        return cs_yaml_fail(n, err, "type: text sends one text; write body: \"{{user}}\"");
    enum cs_err rc = cs_load_asks_tree(n, CS_LOAD_FILLED_REQUEST, &v, err);
    if (rc == CS_OK && strcmp(type, "text") == 0 && !cs_json_is_string(v)) {
        cs_json_decref(v);
        v = cs_json_string(n->text);
    }
    if (rc == CS_OK)
        cs_json_object_set_new(o, "body", v);
    return rc;
}

static enum cs_err load_parts(const struct cs_node *n, struct cs_json *o, struct cs_error *err)
{
    static const char *const types[] = {"json", "form", "text", NULL};
    const struct cs_node *v;
    const char *method = NULL, *path = NULL;
    uint32_t type = 0;
    enum cs_err rc = cs_load_asks_method(cs_node_get(n, "method"), "POST", &method, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "request", "path", &v, err);
    if (rc == CS_OK)
        rc = cs_load_asks_path(v, CS_LOAD_FILLED_REQUEST, &path, err);
    if (rc == CS_OK && (v = cs_node_get(n, "type")) != NULL)
        rc = cs_node_word(v, "type", types, &type, err);
    if (rc != CS_OK)
        return rc;
    cs_json_object_set_new(o, "method", cs_json_string(method));
    cs_json_object_set_new(o, "path", cs_json_string(path));
    cs_json_object_set_new(o, "type", cs_json_string(types[type]));
    if ((v = cs_node_get(n, "query")) != NULL)
        rc = load_flat(v, "query", o, err);
    if (rc == CS_OK && (v = cs_node_get(n, "headers")) != NULL)
        rc = load_headers(v, o, err);
    if (rc == CS_OK && (v = cs_node_get(n, "body")) != NULL)
        rc = strcmp(method, "GET") == 0 ? cs_yaml_fail_key(v, err, "a GET has no body; write query, or method: POST")
                                        : load_body(v, types[type], o, err);
    return rc;
}

static enum cs_err load_roles(const struct cs_node *n, struct cs_json *out, struct cs_error *err)
{
    static const char *const keys[] = {"system", "user", "assistant", NULL};
    struct cs_json *roles = cs_json_object();
    const char *word;
    enum cs_err rc = cs_node_map(n, "roles", keys, err);
    for (const struct cs_node *c = rc == CS_OK ? n->first : NULL; c != NULL && rc == CS_OK; c = c->next) {
        rc = cs_node_text(c, c->key, &word, err);
        if (rc == CS_OK)
            cs_json_object_set_new(roles, c->key, cs_json_string(word));
    }
    cs_json_object_set_new(out, "roles", roles);
    return rc;
}

enum cs_err cs_load_asks(const struct cs_node *account, struct cs_json *out, struct cs_error *err)
{
    static const char *const keys[] = {"method", "path", "query", "type", "headers", "body", NULL};
    struct cs_json *request = cs_json_object();
    const struct cs_node *n, *roles = cs_node_get(account, "roles");
    cs_json_object_set_new(out, "request", request);
    enum cs_err rc = cs_node_need(account, "an account of protocol: http", "request", &n, err);
    if (rc == CS_OK)
        rc = cs_node_map(n, "request", keys, err);
    if (rc == CS_OK)
        rc = load_parts(n, request, err);
    if (rc == CS_OK && !cs_fill_has(request, CS_FILL_USER) && !cs_fill_has(request, CS_FILL_MESSAGES))
        rc = cs_yaml_fail(n, err, "the request sends no prompt; write {{user}} or {{messages}} where it belongs");
    if (rc == CS_OK && roles != NULL)
        rc = cs_fill_has(request, CS_FILL_MESSAGES)
                 ? load_roles(roles, out, err)
                 : cs_yaml_fail_key(roles, err, "roles is for requests with {{messages}}; remove it");
    return rc;
}
