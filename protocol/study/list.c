#include "protocol/study/list.h"

#include <stdlib.h>
#include <string.h>

const char *cs_list_text(struct cs_arena *arena, const struct cs_json *v)
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

static enum cs_err read_element(struct cs_json *v, struct cs_arena *arena, struct cs_list_element *out,
                                struct cs_error *err)
{
    const size_t n = cs_json_is_object(v) ? cs_json_object_size(v) : 1;
    const char **keys, **values, *key;
    struct cs_json *inner;
    if (n > CS_LIST_KEYS_MAX)
        return cs_error_set(err, CS_EINVAL, "has an element with %zu keys; at most %d", n, CS_LIST_KEYS_MAX);
    keys = cs_arena_array(arena, n + 1, sizeof *keys);
    values = cs_arena_array(arena, n + 1, sizeof *values);
    *out = (struct cs_list_element){keys, values, 0};
    if (!cs_json_is_object(v)) {
        keys[0] = "text";
        values[0] = cs_list_text(arena, v);
        out->n = 1;
        return CS_OK;
    }
    cs_json_object_foreach(v, key, inner)
    {
        keys[out->n] = cs_arena_strdup(arena, key);
        values[out->n++] = cs_list_text(arena, inner);
    }
    return CS_OK;
}

enum cs_err cs_list_read(const char *json, struct cs_arena *arena, struct cs_list *out, struct cs_error *err)
{
    struct cs_json *root = cs_json_loads(json, 0, NULL), *v;
    const size_t n = cs_json_array_size(root);
    enum cs_err rc = CS_OK;
    size_t i;
    *out = (struct cs_list){0};
    if (!cs_json_is_array(root))
        rc = cs_error_set(err, CS_EINVAL, "is no list");
    else if (n == 0 || n > CS_LIST_MAX)
        rc = cs_error_set(err, CS_EINVAL, "has %zu elements; a list that is graded has 1 to %d", n, CS_LIST_MAX);
    if (rc == CS_OK) {
        struct cs_list_element *elements = cs_arena_array(arena, n, sizeof *elements);
        out->elements = elements;
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

const char *cs_list_value(const struct cs_list *l, uint32_t i, const char *key)
{
    for (uint32_t k = 0; i < l->n && k < l->elements[i].n; k++) {
        if (strcmp(l->elements[i].keys[k], key) == 0)
            return l->elements[i].values[k];
    }
    return "";
}

const struct cs_field *cs_list_of(const struct cs_question *q)
{
    for (uint32_t i = 0; i < q->n_fields; i++) {
        if (q->fields[i].kind == CS_FIELD_LIST)
            return &q->fields[i];
    }
    return NULL;
}

uint32_t cs_list_elements(const struct cs_study *s, uint32_t question, const struct cs_case *c)
{
    const struct cs_field *f = cs_list_of(&s->questions[question]);
    if (f == NULL || c == NULL || c->values == NULL)
        return 0;
    struct cs_json *list = cs_json_loads(c->values[f->list->column], 0, NULL);
    const size_t n = cs_json_array_size(list);
    cs_json_decref(list);
    return n <= CS_LIST_MAX ? (uint32_t)n : 0;
}

enum cs_err cs_list_elements_at(const struct cs_study *s, uint32_t question, const struct cs_case_source *cases,
                                uint32_t case_index, uint32_t *out, struct cs_error *err)
{
    struct cs_case c;
    *out = 0;
    if (cs_list_of(&s->questions[question]) == NULL)
        return CS_OK;
    enum cs_err rc = cases->get(cases->self, case_index, &c, err);
    if (rc == CS_OK)
        *out = cs_list_elements(s, question, &c);
    return rc;
}

void cs_list_write(const struct cs_list_answer *a, const char *json, struct cs_buf *out)
{
    struct cs_arena arena = {0};
    struct cs_list list;
    if (cs_list_read(json, &arena, &list, NULL) == CS_OK) {
        for (uint32_t i = 0; i < list.n; i++)
            cs_buf_printf(out, "%s%u. %s", i > 0 ? "\n" : "", i + 1, cs_list_value(&list, i, a->show));
    }
    cs_arena_release(&arena);
}
