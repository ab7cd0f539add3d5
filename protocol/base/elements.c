#include "protocol/base/elements.h"

#include <stdlib.h>
#include <string.h>

const char *cs_elements_text(struct cs_arena *arena, const struct cs_json *v)
{
    if (cs_json_is_string(v))
        return cs_arena_strdup(arena, cs_json_string_value(v));
    if (cs_json_is_null(v))
        return "";
    char *json = cs_json_dumps(v, CS_JSON_COMPACT | CS_JSON_ENCODE_ANY | CS_JSON_REAL_PRECISION(15));
    const char *text = cs_arena_strdup(arena, json);
    free(json);
    return text;
}

static enum cs_err read_element(struct cs_json *v, struct cs_arena *arena, struct cs_element *out, struct cs_error *err)
{
    const size_t n = cs_json_is_object(v) ? cs_json_object_size(v) : 1;
    const char **keys, **values, *key;
    struct cs_json *inner;
    if (n > CS_ELEMENTS_KEYS_MAX)
        return cs_error_set(err, CS_EINVAL, "has an element with %zu keys; at most %d", n, CS_ELEMENTS_KEYS_MAX);
    keys = cs_arena_array(arena, n + 1, sizeof *keys);
    values = cs_arena_array(arena, n + 1, sizeof *values);
    *out = (struct cs_element){keys, values, 0};
    if (!cs_json_is_object(v)) {
        keys[0] = "text";
        values[0] = cs_elements_text(arena, v);
        out->n = 1;
        return CS_OK;
    }
    cs_json_object_foreach(v, key, inner)
    {
        keys[out->n] = cs_arena_strdup(arena, key);
        values[out->n++] = cs_elements_text(arena, inner);
    }
    return CS_OK;
}

enum cs_err cs_elements_read(const char *json, struct cs_arena *arena, struct cs_elements *out, struct cs_error *err)
{
    struct cs_json *root = cs_json_loads(json, 0, NULL), *v;
    const size_t n = cs_json_array_size(root);
    enum cs_err rc = CS_OK;
    size_t i;
    *out = (struct cs_elements){0};
    if (!cs_json_is_array(root))
        rc = cs_error_set(err, CS_EINVAL, "is no list");
    else if (n == 0 || n > CS_ELEMENTS_MAX)
        rc = cs_error_set(err, CS_EINVAL, "has %zu elements; a list that is graded has 1 to %d", n, CS_ELEMENTS_MAX);
    if (rc == CS_OK) {
        struct cs_element *elements = cs_arena_array(arena, n, sizeof *elements);
        out->all = elements;
        cs_json_array_foreach(root, i, v)
        {
            rc = read_element(v, arena, &elements[i], err);
            if (rc != CS_OK)
                break;
            out->n++;
        }
    }
    cs_json_decref(root);
    return rc;
}

const char *cs_elements_value(const struct cs_elements *l, uint32_t i, const char *key)
{
    for (uint32_t k = 0; i < l->n && k < l->all[i].n; k++) {
        if (strcmp(l->all[i].keys[k], key) == 0)
            return l->all[i].values[k];
    }
    return "";
}
