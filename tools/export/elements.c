#include "tools/export/elements.h"

#include <string.h>

#include "protocol/study/list.h"

enum { KEYS_MAX = 4096 };

static uint32_t add(struct cs_export_elements *e, const char *name)
{
    e->row.names[e->row.n] = name;
    return e->row.n++;
}

/* Fields of one name in several questions share their column. */
static uint32_t find_or_add(struct cs_export_elements *e, uint32_t from, const char *name)
{
    for (uint32_t i = from; i < e->row.n; i++) {
        if (strcmp(e->row.names[i], name) == 0)
            return i;
    }
    return add(e, name);
}

/* The keys that the elements of a case have. */
static enum cs_err learn(struct cs_export_elements *e, const char *json, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_elements list;
    enum cs_err rc = cs_elements_read(json, &arena, &list, err);
    for (uint32_t i = 0; rc == CS_OK && i < list.n; i++) {
        for (uint32_t k = 0; rc == CS_OK && k < list.all[i].n; k++) {
            const char *key = list.all[i].keys[k];
            if (cs_names_get(&e->own, key) != UINT32_MAX)
                continue;
            if (e->own.n == KEYS_MAX)
                rc = cs_error_set(err, CS_ETOOBIG, "the elements of the cases have over %d keys", KEYS_MAX);
            else
                cs_names_put(&e->own, cs_arena_strdup(&e->row.layout, key),
                             add(e, cs_arena_printf(&e->row.layout, "element.%s", key)));
        }
    }
    cs_arena_release(&arena);
    return rc;
}

static enum cs_err learn_keys(struct cs_export_elements *e, const struct cs_generation_view *view, struct cs_error *err)
{
    const struct cs_study *s = view->spec.study;
    enum cs_err rc = CS_OK;
    for (uint32_t q = 0; q < s->n_questions && rc == CS_OK; q++) {
        const struct cs_field *f = cs_list_of(&s->questions[q]);
        for (uint32_t i = 0; f != NULL && i < s->n_cases && rc == CS_OK; i++) {
            struct cs_case c;
            rc = view->cases.get(view->cases.self, i, &c, err);
            if (rc == CS_OK)
                rc = learn(e, c.values[f->list->column], err);
        }
    }
    return rc;
}

enum cs_err cs_export_elements_open(struct cs_export_elements *e, const struct cs_export_row *of, struct cs_error *err)
{
    const struct cs_study *s = of->view->spec.study;
    uint32_t n_fields = 0;
    *e = (struct cs_export_elements){0};
    for (uint32_t q = 0; q < s->n_questions; q++)
        n_fields += cs_list_of(&s->questions[q]) != NULL ? cs_list_of(&s->questions[q])->list->n_fields : 0;
    if (n_fields == 0)
        return cs_error_set(err, CS_EUSAGE,
                            "--elements writes the elements of list answers, and study %s asks for none", s->name);
    e->row.names = cs_arena_array(&e->row.layout, (size_t)of->answers + 2 + KEYS_MAX + n_fields, sizeof *e->row.names);
    for (uint32_t i = 0; i < of->answers; i++)
        add(e, of->names[i]);
    e->first = add(e, "list");
    add(e, "element");
    enum cs_err rc = learn_keys(e, of->view, err);
    const uint32_t from = e->row.n;
    for (uint32_t q = 0; q < s->n_questions && rc == CS_OK; q++) {
        const struct cs_field *f = cs_list_of(&s->questions[q]);
        e->field[q] = f != NULL ? cs_arena_array(&e->row.layout, f->list->n_fields, sizeof(uint32_t)) : NULL;
        for (uint32_t i = 0; f != NULL && i < f->list->n_fields; i++)
            e->field[q][i] = find_or_add(e, from,
                                         cs_arena_printf(&e->row.layout, "answer.%s", f->list->fields[i].name));
    }
    e->row.cell = cs_arena_array(&e->row.layout, e->row.n, sizeof *e->row.cell);
    return rc;
}

void cs_export_elements_close(struct cs_export_elements *e)
{
    cs_names_release(&e->own);
    cs_arena_release(&e->row.layout);
    cs_arena_release(&e->row.values);
    *e = (struct cs_export_elements){0};
}

static struct cs_cell text_cell(const char *text)
{
    return (struct cs_cell){.kind = text != NULL && text[0] != '\0' ? CS_CELL_TEXT : CS_CELL_NONE, .text = text};
}

uint32_t cs_export_elements_write(struct cs_export_elements *e, const struct cs_export_row *of,
                                  const struct cs_export_format *format, FILE *out)
{
    const struct cs_list_answer *a = of->list != NULL ? of->list->list : NULL;
    struct cs_elements own;
    cs_arena_reset(&e->row.values);
    if (a == NULL || cs_elements_read(of->list_json, &e->row.values, &own, NULL) != CS_OK)
        return 0;
    for (uint32_t i = 0; i < of->grades.n_elements; i++) {
        memset(e->row.cell, 0, e->row.n * sizeof *e->row.cell);
        memcpy(e->row.cell, of->cell, of->answers * sizeof *e->row.cell);
        e->row.cell[e->first] = text_cell(of->list->name);
        e->row.cell[e->first + 1] = (struct cs_cell){.kind = CS_CELL_INT, .integer = i + 1};
        for (uint32_t k = 0; k < own.all[i].n; k++)
            e->row.cell[cs_names_get(&e->own, own.all[i].keys[k])] = text_cell(own.all[i].values[k]);
        for (uint32_t k = 0; k < a->n_fields; k++) {
            const struct cs_answer *said = &of->grades.elements[(size_t)i * a->n_fields + k];
            struct cs_cell *cell = &e->row.cell[e->field[of->question][k]];
            *cell = a->fields[k].kind == CS_FIELD_NUMBER && !said->insufficient
                        ? (struct cs_cell){.kind = CS_CELL_REAL, .real = said->number}
                        : text_cell(said->text);
        }
        format->row(out, &e->row);
    }
    return of->grades.n_elements;
}
