#include "protocol/table/node.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/table/names.h"

static const char *kind_name(const struct cs_node *n)
{
    switch (n->kind) {
    case CS_NODE_TEXT:
        return n->plain && n->text[0] == '\0' ? "nothing" : "a text";
    case CS_NODE_LIST:
        return "a list";
    case CS_NODE_MAP:
        return "a map";
    }
    return "?";
}

static size_t count(const char *const *words)
{
    size_t n = 0;
    while (words[n] != NULL)
        n++;
    return n;
}

static bool contains(const char *const *words, const char *word)
{
    for (; *words != NULL; words++) {
        if (strcmp(*words, word) == 0)
            return true;
    }
    return false;
}

enum cs_err cs_node_any_map(const struct cs_node *n, const char *what, struct cs_error *err)
{
    if (n->kind != CS_NODE_MAP)
        return cs_yaml_fail(n, err, "%s is %s; write a map (key: value)", what, kind_name(n));
    if (n->n == 0)
        return cs_yaml_fail(n, err, "%s is empty; write at least one key: value", what);
    return CS_OK;
}

/* `temperature: 0,7` in braces is a key 7 without a value. */
static enum cs_err fail_comma(const struct cs_node *n, const char *number, struct cs_error *err)
{
    return cs_yaml_fail_key(n, err, "a decimal comma; write %s", number);
}

/* "0,7" -> "0.7", if that is a number. */
static bool with_point(const char *text, char out[32])
{
    const char *comma = strchr(text, ',');
    if (comma == NULL || strlen(text) > 30 || comma[1] == '\0' || text[strspn(text, "0123456789-,")] != '\0')
        return false;
    snprintf(out, 32, "%.*s.%s", (int)(comma - text), text, comma + 1);
    return strchr(comma + 1, ',') == NULL;
}

enum cs_err cs_node_map(const struct cs_node *n, const char *what, const char *const *keys, struct cs_error *err)
{
    enum cs_err rc = cs_node_any_map(n, what, err);
    if (rc != CS_OK)
        return rc;
    for (const struct cs_node *c = n->first; c != NULL; c = c->next) {
        char number[32];
        if (contains(keys, c->key))
            continue;
        if (cs_yaml_comma(c, number))
            return fail_comma(c, number, err);
        return cs_yaml_fail_key(c, err, "unknown key \"%s\" in %s%s", c->key, what,
                                cs_names_hint(c->key, keys, count(keys)).text);
    }
    return CS_OK;
}

enum cs_err cs_node_list(const struct cs_node *n, const char *what, struct cs_error *err)
{
    if (n->kind != CS_NODE_LIST)
        return cs_yaml_fail(n, err, "%s is %s; write a list, as in [a, b]", what, kind_name(n));
    if (n->n == 0)
        return cs_yaml_fail(n, err, "%s is empty; it needs at least one item", what);
    return CS_OK;
}

const struct cs_node *cs_node_get(const struct cs_node *map, const char *key)
{
    for (const struct cs_node *c = map->first; c != NULL; c = c->next) {
        if (c->key != NULL && strcmp(c->key, key) == 0)
            return c;
    }
    return NULL;
}

enum cs_err cs_node_need(const struct cs_node *map, const char *what, const char *key, const struct cs_node **out,
                         struct cs_error *err)
{
    *out = cs_node_get(map, key);
    return *out != NULL ? CS_OK : cs_yaml_fail(map, err, "%s has no \"%s\"; add %s: ...", what, key, key);
}

enum cs_err cs_node_any_text(const struct cs_node *n, const char *what, const char **out, struct cs_error *err)
{
    if (n->kind != CS_NODE_TEXT)
        return cs_yaml_fail(n, err, "%s is %s; write a text", what, kind_name(n));
    char number[32];
    if (n->plain && cs_yaml_comma(n, number))
        return fail_comma(n, number, err);
    if (n->plain && n->text[0] == '\0')
        return cs_yaml_fail_key(n, err, "%s has no value; write one, or \"\" for an empty text", what);
    *out = n->text;
    return CS_OK;
}

enum cs_err cs_node_text(const struct cs_node *n, const char *what, const char **out, struct cs_error *err)
{
    enum cs_err rc = cs_node_any_text(n, what, out, err);
    if (rc == CS_OK && n->text[0] == '\0')
        return cs_yaml_fail(n, err, "%s is empty; write a text", what);
    return rc;
}

enum cs_err cs_node_u64(const struct cs_node *n, const char *what, uint64_t min, uint64_t max, uint64_t *out,
                        struct cs_error *err)
{
    const char *text;
    enum cs_err rc = cs_node_any_text(n, what, &text, err);
    if (rc != CS_OK)
        return rc;
    char *end = NULL;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || v < min || v > max)
        return cs_yaml_fail(n, err, "%s is \"%s\"; write a whole number from %llu to %llu", what, text,
                            (unsigned long long)min, (unsigned long long)max);
    *out = v;
    return CS_OK;
}

enum cs_err cs_node_number(const struct cs_node *n, const char *what, double min, double max, double *out,
                           struct cs_error *err)
{
    const char *text;
    enum cs_err rc = cs_node_any_text(n, what, &text, err);
    if (rc != CS_OK)
        return rc;
    char *end = NULL;
    double v = strtod(text, &end);
    char point[32];
    if (with_point(text, point))
        return cs_yaml_fail(n, err, "%s is \"%s\"; write %s", what, text, point);
    bool number = text[0] != '\0' && text[strspn(text, "0123456789+-.eE")] == '\0' && *end == '\0' && isfinite(v);
    if (!number || v < min || v > max)
        return cs_yaml_fail(n, err, "%s is \"%s\"; write a number from %.12g to %.12g", what, text, min, max);
    *out = v;
    return CS_OK;
}

enum cs_err cs_node_word(const struct cs_node *n, const char *what, const char *const *words, uint32_t *out,
                         struct cs_error *err)
{
    const char *text;
    enum cs_err rc = cs_node_any_text(n, what, &text, err);
    if (rc != CS_OK)
        return rc;
    for (uint32_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return CS_OK;
        }
    }
    return cs_yaml_fail(n, err, "%s is \"%s\"%s", what, text, cs_names_hint(text, words, count(words)).text);
}

enum cs_err cs_node_bool(const struct cs_node *n, const char *what, bool *out, struct cs_error *err)
{
    static const char *const words[] = {"false", "true", NULL};
    uint32_t i = 0;
    enum cs_err rc = cs_node_word(n, what, words, &i, err);
    *out = i == 1;
    return rc;
}

static bool is_name(const char *s, enum cs_name_rule rule)
{
    static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
    static const char loose[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t len = strlen(s);
    if (len == 0 || len > 64)
        return false;
    if (rule == CS_NAME_FIELD)
        return strchr(lower, s[0]) != NULL && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
    if (rule == CS_NAME_MEMBER)
        return isalpha((unsigned char)s[0]) &&
               strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
    return strchr(loose, s[0]) != NULL &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

enum cs_err cs_node_name(const struct cs_node *n, const char *what, enum cs_name_rule rule, const char **out,
                         struct cs_error *err)
{
    enum cs_err rc = cs_node_text(n, what, out, err);
    if (rc == CS_OK && !is_name(*out, rule))
        return cs_yaml_fail(n, err, "%s is \"%s\"; %s", what, *out,
                            rule == CS_NAME_FIELD ? "use a-z, 0-9 and _, starting with a letter, at most 64"
                            : rule == CS_NAME_MEMBER
                                ? "use letters, digits and _, starting with a letter, at most 64"
                                : "use letters, digits, _ . and -, starting with a letter or digit, at most 64");
    return rc;
}

enum cs_err cs_node_times(const struct cs_node *n, const char *what, uint32_t *out, struct cs_error *err)
{
    const char *text;
    enum cs_err rc = cs_node_any_text(n, what, &text, err);
    if (rc != CS_OK)
        return rc;
    char *end = NULL;
    unsigned long v = strtoul(text, &end, 10);
    if (text[0] < '1' || text[0] > '9' || strcmp(end, "x") != 0 || v > 1000)
        return cs_yaml_fail(n, err, "%s is \"%s\"; write how many times the repeats, as in 4x", what, text);
    *out = (uint32_t)v;
    return CS_OK;
}
