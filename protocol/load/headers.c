#include "protocol/load/headers.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { HEADER_VALUE_MAX = 1000 };

/* Up to where its first word goes: x-api-key, apiKey. */
static size_t word_of(const char *name)
{
    size_t n = 0;
    while (name[n] != '\0' && name[n] != '-' && name[n] != '_' &&
           !(n > 0 && islower((unsigned char)name[n - 1]) && isupper((unsigned char)name[n])))
        n++;
    return n;
}

/* Is one of the words of a name one of these? */
static bool has_word(const char *name, const char *const *words, size_t n)
{
    while (*name != '\0') {
        const size_t len = word_of(name);
        for (size_t i = 0; i < n; i++) {
            if (strlen(words[i]) == len && strncasecmp(name, words[i], len) == 0)
                return true;
        }
        name += len;
        name += strspn(name, "-_");
    }
    return false;
}

static bool is_ours(const char *name)
{
    static const char *const ours[] = {"content-type", "content-length", "transfer-encoding",   "host",
                                       "expect",       "connection",     "x-client-request-id", "accept-encoding"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (strcasecmp(name, ours[i]) == 0)
            return true;
    }
    return false;
}

bool cs_load_headers_is_secret(const char *name)
{
    static const char *const secret[] = {"authorization", "auth",   "key",    "apikey",
                                         "token",         "cookie", "secret", "password"};
    return has_word(name, secret, sizeof secret / sizeof *secret);
}

enum cs_err cs_load_headers_value(const struct cs_node *n, const char **out, struct cs_error *err)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    const char *value;
    if (n->key[0] == '\0' || n->key[strspn(n->key, token)] != '\0')
        return cs_yaml_fail_key(n, err, "\"%.64s\" is not the name of a header; write one, as in OpenAI-Project",
                                n->key);
    if (cs_load_headers_is_secret(n->key)) /* what stands there is not repeated: it may be a key */
        return cs_yaml_fail_key(n, err,
                                "the header %.64s may hold a secret, which is never written here; say where a key "
                                "is found with key: {env: NAME}",
                                n->key);
    if (is_ours(n->key))
        return cs_yaml_fail_key(n, err, "the header %.64s is set by ClinSafe itself; remove it", n->key);
    enum cs_err rc = cs_node_text(n, n->key, &value, err);
    if (rc != CS_OK)
        return rc;
    bool good = strlen(value) <= HEADER_VALUE_MAX;
    for (const char *s = value; *s != '\0' && good; s++)
        good = *s >= ' ' && *s < 127;
    if (!good)
        return cs_yaml_fail(n, err, "the header %.64s is not one line of at most %d ASCII characters", n->key,
                            HEADER_VALUE_MAX);
    *out = value;
    return CS_OK;
}

enum cs_err cs_load_headers(const struct cs_node *n, struct cs_arena *arena, struct cs_account *a, struct cs_error *err)
{
    enum cs_err rc = cs_node_any_map(n, "headers", err);
    if (rc == CS_OK && n->n > CS_HEADERS_MAX)
        rc = cs_yaml_fail(n, err, "%u headers; at most %d", n->n, CS_HEADERS_MAX);
    if (rc != CS_OK)
        return rc;
    const char **lines = cs_arena_array(arena, n->n, sizeof *lines);
    a->headers = lines;
    for (const struct cs_node *v = n->first; v != NULL && rc == CS_OK; v = v->next) {
        const char *value = NULL;
        rc = cs_load_headers_value(v, &value, err);
        lines[a->n_headers++] = cs_arena_printf(arena, "%s: %s", v->key, value != NULL ? value : "");
    }
    return rc;
}
