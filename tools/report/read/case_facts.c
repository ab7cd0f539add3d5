#include "tools/report/read/case_facts.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/hash.h"

uint32_t cs_case_facts_category(const struct cs_field *f, const char *word)
{
    if (f->kind == CS_FIELD_TEXT || f->kind == CS_FIELD_NUMBER || f->kind == CS_FIELD_LIST)
        return CS_NONE;
    for (uint32_t i = 0; i < f->n_categories; i++) {
        if (strcmp(f->categories[i], word) == 0)
            return f->kind == CS_FIELD_BOOLEAN ? 1 - i : i; /* the yes word stands first and counts as 1 */
    }
    return CS_NONE;
}

/* ---- names to numbers ----------------------------------------------------------------------------------- */

struct entry {
    const char *name;
    uint32_t number;
    UT_hash_handle hh;
};

/* The number of a name, a new one when it was not seen before. */
static uint32_t number_of(struct entry **table, struct cs_arena *arena, const char *name, uint32_t *n)
{
    struct entry *e;
    HASH_FIND_STR(*table, name, e);
    if (e != NULL)
        return e->number;
    e = cs_arena_alloc(arena, sizeof *e);
    e->name = cs_arena_strdup(arena, name);
    e->number = (*n)++;
    HASH_ADD_KEYPTR(hh, *table, e->name, strlen(e->name), e);
    return e->number;
}

static const char **names_in_order(struct entry *table, struct cs_arena *arena, uint32_t n)
{
    const char **names = cs_arena_array(arena, n > 0 ? n : 1, sizeof *names);
    for (struct entry *e = table; e != NULL; e = e->hh.next)
        names[e->number] = e->name;
    return names;
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

static void make_room(struct cs_case_facts *f, const struct cs_study *s)
{
    f->n_cases = s->n_cases;
    f->cluster = cs_arena_array(&f->arena, s->n_cases, sizeof *f->cluster);
    f->ids = cs_arena_array(&f->arena, (size_t)s->n_cases + 1, sizeof *f->ids);
    f->strata = cs_arena_array(&f->arena, s->n_strata + 1, sizeof *f->strata);
    for (uint32_t i = 0; i < s->n_strata; i++)
        f->strata[i].of_case = cs_arena_array(&f->arena, s->n_cases, sizeof(uint32_t));
    for (uint32_t q = 0; q < s->n_questions; q++) {
        const struct cs_question *question = &s->questions[q];
        f->labels[q] = cs_arena_array(&f->arena, question->n_fields + 1, sizeof *f->labels[q]);
        for (uint32_t i = 0; i < question->n_fields; i++) {
            if (question->fields[i].truth_column != CS_NONE)
                f->labels[q][i] = cs_arena_array(&f->arena, s->n_cases, sizeof(uint32_t));
        }
    }
}

static void read_labels(struct cs_case_facts *f, const struct cs_study *s, const struct cs_case *c)
{
    for (uint32_t q = 0; q < s->n_questions; q++) {
        for (uint32_t i = 0; i < s->questions[q].n_fields; i++) {
            const struct cs_field *field = &s->questions[q].fields[i];
            if (f->labels[q][i] != NULL)
                f->labels[q][i][c->index] = cs_case_facts_category(field, c->values[field->truth_column]);
        }
    }
}

enum cs_err cs_case_facts_read(struct cs_case_facts *f, const struct cs_study *s, const struct cs_case_source *cases,
                               struct cs_error *err)
{
    struct entry *clusters = NULL, **strata = cs_xcalloc(s->n_strata + 1, sizeof(struct entry *));
    enum cs_err rc = CS_OK;
    *f = (struct cs_case_facts){0};
    make_room(f, s);
    for (uint32_t i = 0; i < s->n_cases && rc == CS_OK; i++) {
        struct cs_case c;
        rc = cases->get(cases->self, i, &c, err);
        if (rc != CS_OK)
            break;
        f->ids[i] = cs_arena_strdup(&f->arena, c.id);
        f->cluster[i] = number_of(&clusters, &f->arena, c.cluster, &f->n_clusters);
        for (uint32_t k = 0; k < s->n_strata; k++)
            f->strata[k].of_case[i] = number_of(&strata[k], &f->arena, c.values[s->strata[k]], &f->strata[k].n_values);
        read_labels(f, s, &c);
    }
    for (uint32_t k = 0; k < s->n_strata; k++) {
        f->strata[k].values = names_in_order(strata[k], &f->arena, f->strata[k].n_values);
        HASH_CLEAR(hh, strata[k]);
    }
    f->cluster_names = names_in_order(clusters, &f->arena, f->n_clusters);
    HASH_CLEAR(hh, clusters);
    free(strata);
    return rc;
}

void cs_case_facts_release(struct cs_case_facts *f)
{
    cs_arena_release(&f->arena);
    *f = (struct cs_case_facts){0};
}
