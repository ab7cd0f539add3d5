#include "protocol/study/judge.h"

#include <string.h>

#include "protocol/base/json.h"
#include "protocol/study/phrases.h"

static enum cs_err bad(const char *what, struct cs_error *err)
{
    return cs_error_set(err, CS_EINVAL, "judge: %s is not what it may be", what);
}

/* A list of texts that are not empty, `bytes` together at most. */
static enum cs_err texts(const struct cs_json *list, const char *what, size_t n_max, size_t bytes,
                         struct cs_arena *arena, const char *const **out, uint32_t *n_out, struct cs_error *err)
{
    const size_t n = cs_json_array_size(list);
    size_t sum = 0;
    if (!cs_json_is_array(list) || n == 0 || n > n_max)
        return bad(what, err);
    const char **made = cs_arena_array(arena, n, sizeof *made);
    for (size_t i = 0; i < n; i++) {
        const struct cs_json *v = cs_json_array_get(list, i);
        const size_t len = cs_json_is_string(v) ? cs_json_string_length(v) : 0;
        sum += len;
        if (len == 0 || len > CS_PHRASE_MAX || sum > bytes)
            return bad(what, err);
        made[i] = cs_arena_strdup(arena, cs_json_string_value(v));
        if (made[i][strspn(made[i], " \t\n\v\f\r")] == '\0')
            return bad(what, err);
    }
    *out = made;
    *n_out = (uint32_t)n;
    return CS_OK;
}

static enum cs_err hide(const struct cs_json *v, struct cs_arena *arena, struct cs_judge *out, struct cs_error *err)
{
    const struct cs_json *as = cs_json_object_get(v, "as");
    if (!cs_json_is_object(v) || cs_json_object_size(v) != 2 || !cs_json_is_string(as) ||
        cs_json_string_length(as) > CS_JUDGE_AS_MAX)
        return bad("hide", err);
    out->hide_as = cs_arena_strdup(arena, cs_json_string_value(as));
    return texts(cs_json_object_get(v, "terms"), "hide", CS_JUDGE_HIDDEN_MAX, CS_JUDGE_HIDDEN_MAX, arena, &out->hidden,
                 &out->n_hidden, err);
}

static bool is_word(const struct cs_json *v, const char *word)
{
    return cs_json_is_string(v) && strcmp(cs_json_string_value(v), word) == 0;
}

/* A whole number of 1 to max. */
static bool number(const struct cs_json *v, uint32_t max, uint32_t *out)
{
    const int64_t n = cs_json_is_integer(v) ? cs_json_integer_value(v) : 0;
    *out = n >= 1 && n <= max ? (uint32_t)n : 0;
    return *out != 0;
}

static enum cs_err panel(struct cs_json *v, struct cs_judge *out, struct cs_error *err)
{
    const char *key;
    struct cs_json *value;
    if (!cs_json_is_object(v))
        return bad("panel", err);
    cs_json_object_foreach(v, key, value)
    {
        bool good = false;
        if (strcmp(key, "rule") == 0) {
            out->rule = is_word(value, "majority") ? CS_JUDGE_MAJORITY : CS_JUDGE_MEAN;
            good = is_word(value, "majority") || is_word(value, "mean");
        } else if (strcmp(key, "quorum") == 0) {
            good = number(value, INT32_MAX, &out->quorum);
        } else if (strcmp(key, "own") == 0) {
            out->drop_own = is_word(value, "drop");
            good = out->drop_own || is_word(value, "keep");
        }
        if (!good)
            return bad("panel", err);
    }
    return CS_OK;
}

static enum cs_err read_key(const char *key, struct cs_json *v, struct cs_arena *arena, struct cs_judge *out,
                            struct cs_error *err)
{
    if (strcmp(key, "shows") == 0)
        return texts(v, "shows", CS_JUDGE_SHOWS_MAX, CS_JUDGE_HIDDEN_MAX, arena, &out->shows, &out->n_shows, err);
    if (strcmp(key, "hide") == 0)
        return hide(v, arena, out, err);
    if (strcmp(key, "panel") == 0)
        return panel(v, out, err);
    if (strcmp(key, "again") == 0)
        return number(v, CS_JUDGE_AGAIN_MAX, &out->again) ? CS_OK : bad("again", err);
    return bad("a key", err);
}

enum cs_err cs_judge_parse(const char *json, struct cs_arena *arena, struct cs_judge *out, struct cs_error *err)
{
    *out = (struct cs_judge){.hide_as = ""};
    if (json == NULL || json[0] == '\0')
        return CS_OK;
    const char *key;
    struct cs_json *v, *root = cs_json_loads(json, CS_JSON_REJECT_DUPLICATES, NULL);
    enum cs_err rc = cs_json_is_object(root) ? CS_OK : bad("it", err);
    if (rc == CS_OK) {
        cs_json_object_foreach(root, key, v)
        {
            rc = read_key(key, v, arena, out, err);
            if (rc != CS_OK)
                break;
        }
    }
    cs_json_decref(root);
    return rc;
}

bool cs_judge_shows(const struct cs_judge *j, const char *what)
{
    for (uint32_t i = 0; i < j->n_shows; i++) {
        if (strcmp(j->shows[i], what) == 0)
            return true;
    }
    return false;
}
