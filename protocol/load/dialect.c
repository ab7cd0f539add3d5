#include "protocol/load/dialect.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "protocol/dialects/dialect.h"
#include "protocol/load/headers.h"
#include "protocol/load/system.h"

enum { PATH_BYTES_MAX = 1000 };

static const char *const format_names[] = {"json_schema", "json_object", "tool", "none", NULL};

static enum cs_err load_protocol(const struct cs_node *n, struct cs_account *a, struct cs_error *err)
{
    const char *names[CS_PROTOCOLS + 1] = {NULL};
    uint32_t i = 0;
    for (uint32_t p = 0; p < CS_PROTOCOLS; p++)
        names[p] = cs_protocol_name((enum cs_protocol)p);
    enum cs_err rc = cs_node_word(n, "protocol", names, &i, err);
    a->protocol = (enum cs_protocol)i;
    return rc;
}

/* Words that this dialect has a way for. */
static enum cs_err load_format(const struct cs_node *n, struct cs_account *a, struct cs_error *err)
{
    const unsigned formats = cs_dialect_of(a->protocol)->formats;
    const char *words[CS_FORMS + 1] = {NULL};
    enum cs_form which[CS_FORMS];
    uint32_t count = 0, i = 0;
    for (uint32_t f = 0; f < CS_FORMS; f++) {
        if ((formats & 1u << f) != 0) {
            which[count] = (enum cs_form)f;
            words[count++] = format_names[f];
        }
    }
    enum cs_err rc = cs_node_word(n, "response_format", words, &i, err);
    if (rc == CS_OK)
        a->response_format = which[i];
    return rc;
}

enum cs_err cs_load_dialect_reads(const struct cs_node *n, enum cs_reads *out, struct cs_error *err)
{
    static const char *const words[] = {"strict", "lenient", NULL};
    uint32_t i = 0;
    if (n == NULL)
        return CS_OK;
    enum cs_err rc = cs_node_word(n, "reading", words, &i, err);
    if (rc == CS_OK)
        *out = i == 0 ? CS_READS_STRICT : CS_READS_LENIENT;
    return rc;
}

static bool is_openai(enum cs_protocol p)
{
    return p == CS_PROTOCOL_OPENAI_CHAT || p == CS_PROTOCOL_OPENAI_RESPONSES;
}

static enum cs_err load_auth(const struct cs_node *n, struct cs_account *a, struct cs_error *err)
{
    static const char *const words[] = {"bearer", "api-key", NULL};
    uint32_t i = 0;
    enum cs_err rc = cs_node_word(n, "auth", words, &i, err);
    if (rc == CS_OK && i == 1 && !is_openai(a->protocol))
        rc = cs_yaml_fail(n, err, "auth: api-key is the header of Azure OpenAI; %s has none such, remove auth",
                          cs_protocol_name(a->protocol));
    a->auth = i == 0 ? CS_AUTH_BEARER : CS_AUTH_API_KEY;
    return rc;
}

static enum cs_err load_path(const struct cs_node *n, struct cs_account *a, struct cs_error *err)
{
    static const char example[] = "/deployments/{model}/chat/completions?api-version=2024-10-21";
    enum cs_err rc = cs_node_text(n, "path", &a->path, err);
    if (rc != CS_OK)
        return rc;
    bool good = a->path[0] == '/' && strlen(a->path) <= PATH_BYTES_MAX;
    for (const char *s = a->path; *s != '\0' && good; s++) {
        if (strncmp(s, "{model}", 7) == 0)
            s += 6;
        else
            good = *s > ' ' && *s < 127 && strchr("{}#\"\\<>", *s) == NULL;
    }
    return good ? CS_OK
                : cs_yaml_fail(n, err, "path is \"%.100s\"; write what stands behind base_url, as in %s", a->path,
                               example);
}

static enum cs_err load_keeps(const struct cs_node *n, struct cs_account *a, struct cs_error *err)
{
    static const char *const words[] = {"no", "yes", NULL};
    uint32_t i = 0;
    if (cs_dialect_of(a->protocol)->keep == NULL)
        return cs_yaml_fail_key(
            n, err,
            "prompt_cache is for anthropic-messages and bedrock-converse, where a prompt must be marked to be kept; "
            "remove it");
    enum cs_err rc = cs_node_word(n, "prompt_cache", words, &i, err);
    if (rc == CS_OK)
        a->keeps = i == 0 ? CS_KEEPS_NO : CS_KEEPS_YES;
    return rc;
}

/* ---- what servers of one dialect call differently ------------------------------------------------------- */

/* A map of words -> "key: word". */
static enum cs_err load_words(const struct cs_node *n, const char *what, struct cs_arena *arena,
                              enum cs_err (*check)(const struct cs_node *, const char *, struct cs_error *),
                              const char *const **out, uint32_t *n_out, struct cs_error *err)
{
    enum cs_err rc = cs_node_any_map(n, what, err);
    if (rc == CS_OK && n->n > CS_HEADERS_MAX)
        rc = cs_yaml_fail(n, err, "%u %s; at most %d", n->n, what, CS_HEADERS_MAX);
    if (rc != CS_OK)
        return rc;
    const char **lines = cs_arena_array(arena, n->n, sizeof *lines);
    *out = lines;
    for (const struct cs_node *v = n->first; v != NULL && rc == CS_OK; v = v->next) {
        const char *word = NULL;
        rc = cs_node_text(v, v->key, &word, err);
        if (rc == CS_OK)
            rc = check(v, word, err);
        if (rc == CS_OK)
            lines[(*n_out)++] = cs_arena_printf(arena, "%s: %s", v->key, word);
    }
    return rc;
}

static enum cs_err check_limit(const struct cs_node *v, const char *word, struct cs_error *err)
{
    static const char *const limits[] = {"requests_per_minute",
                                         "tokens_per_minute",
                                         "input_tokens_per_minute",
                                         "output_tokens_per_minute",
                                         "requests_per_day",
                                         "tokens_per_day",
                                         "requests_per_10_seconds",
                                         "requests_per_second",
                                         "ignore",
                                         NULL};
    uint32_t i;
    if (v->key[0] == '\0' || strlen(v->key) > 100 || strpbrk(v->key, " :\r\n") != NULL)
        return cs_yaml_fail_key(v, err, "\"%.64s\" is not the name of a header", v->key);
    (void)word;
    return cs_node_word(v, v->key, limits, &i, err);
}

static bool is_parameter_name(const char *s)
{
    return s[0] != '\0' && strlen(s) <= 64 &&
           s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0';
}

static enum cs_err check_parameter(const struct cs_node *v, const char *word, struct cs_error *err)
{
    if (!is_parameter_name(v->key))
        return cs_yaml_fail_key(v, err, "\"%.64s\" is not the name of a parameter", v->key);
    return is_parameter_name(word)
               ? CS_OK
               : cs_yaml_fail(v, err, "%s is not a name; write what this server calls it, or omit", v->key);
}

static enum cs_err load_differences(const struct cs_node *account, struct cs_arena *arena, struct cs_account *a,
                                    struct cs_error *err)
{
    const struct cs_node *v;
    enum cs_err rc = CS_OK;
    if ((v = cs_node_get(account, "limit_headers")) != NULL)
        rc = load_words(v, "limit_headers", arena, check_limit, &a->limit_headers, &a->n_limit_headers, err);
    if (rc == CS_OK && (v = cs_node_get(account, "parameter_names")) != NULL) {
        if (a->protocol != CS_PROTOCOL_OPENAI_CHAT)
            return cs_yaml_fail_key(v, err, "parameter_names is for openai-chat; remove it");
        rc = load_words(v, "parameter_names", arena, check_parameter, &a->parameter_names, &a->n_parameter_names, err);
    }
    return rc;
}

/* ---- the whole ---------------------------------------------------------------------------------- */

enum cs_err cs_load_dialect(const struct cs_node *account, struct cs_arena *arena, struct cs_account *a,
                            struct cs_error *err)
{
    static const char *const caps[] = {"max_completion_tokens", "max_tokens", NULL};
    const struct cs_node *v;
    uint32_t i = 0;
    enum cs_err rc = CS_OK;
    a->max_tokens_field = caps[0];
    if ((v = cs_node_get(account, "protocol")) != NULL)
        rc = load_protocol(v, a, err);
    if (rc == CS_OK && (v = cs_node_get(account, "max_tokens_field")) != NULL) {
        if (a->protocol != CS_PROTOCOL_OPENAI_CHAT)
            return cs_yaml_fail_key(v, err, "max_tokens_field is for openai-chat; remove it");
        rc = cs_node_word(v, "max_tokens_field", caps, &i, err);
        a->max_tokens_field = caps[i];
    }
    if (rc == CS_OK)
        rc = cs_load_system(account, arena, a, err);
    if (rc == CS_OK && (v = cs_node_get(account, "response_format")) != NULL)
        rc = load_format(v, a, err);
    if (rc == CS_OK)
        rc = cs_load_dialect_reads(cs_node_get(account, "reading"), &a->reads, err);
    if (rc == CS_OK && (v = cs_node_get(account, "prompt_cache")) != NULL)
        rc = load_keeps(v, a, err);
    if (rc == CS_OK && a->service == NULL && (v = cs_node_get(account, "auth")) != NULL)
        rc = load_auth(v, a, err);
    if (rc == CS_OK && (v = cs_node_get(account, "path")) != NULL)
        rc = load_path(v, a, err);
    if (rc == CS_OK && (v = cs_node_get(account, "headers")) != NULL)
        rc = cs_load_headers(v, arena, a, err);
    if (rc == CS_OK)
        rc = load_differences(account, arena, a, err);
    return rc;
}
