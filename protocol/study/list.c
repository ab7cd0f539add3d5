#include "protocol/study/list.h"

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
    return n <= CS_ELEMENTS_MAX ? (uint32_t)n : 0;
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
    struct cs_elements list;
    if (cs_elements_read(json, &arena, &list, NULL) == CS_OK) {
        for (uint32_t i = 0; i < list.n; i++)
            cs_buf_printf(out, "%s%u. %s", i > 0 ? "\n" : "", i + 1, cs_elements_value(&list, i, a->show));
    }
    cs_arena_release(&arena);
}
