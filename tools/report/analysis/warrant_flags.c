#include "tools/report/analysis/warrant_flags.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/json.h"
#include "protocol/table/names.h"

const struct cs_warranted *cs_warrant_flags_of(const struct cs_warrant_list *w, uint32_t factor, uint32_t level,
                                               uint32_t question, uint32_t field, bool derived)
{
    for (uint32_t i = 0; i < w->n; i++) {
        const struct cs_warranted *x = &w->list[i];
        if (x->factor == factor && x->level == level && x->question == question && x->field == field &&
            x->derived == derived)
            return x;
    }
    return NULL;
}

/* An answer as the table calls it: FIELD or QUESTION.FIELD. */
static bool find_answer(const struct cs_study *s, const char *name, struct cs_warranted *out)
{
    const char *dot = strchr(name, '.'), *field = dot != NULL ? dot + 1 : name;
    for (uint32_t q = 0; q < s->n_questions; q++) {
        const struct cs_question *question = &s->questions[q];
        const size_t n = dot != NULL ? (size_t)(dot - name) : 0;
        if (dot != NULL && (strncmp(question->name, name, n) != 0 || question->name[n] != '\0'))
            continue;
        for (uint32_t i = 0; i < question->n_fields + question->n_derived; i++) {
            const bool derived = i >= question->n_fields;
            const uint32_t at = derived ? i - question->n_fields : i;
            if (strcmp(derived ? question->derived[at].name : question->fields[at].name, field) != 0)
                continue;
            out->question = q;
            out->field = at;
            out->derived = derived;
            return true;
        }
    }
    return false;
}

static struct cs_warranted *enter(struct cs_warrant_list *w, struct cs_arena *arena, uint32_t n_cases,
                                  const struct cs_warranted *key)
{
    struct cs_warranted *x = (struct cs_warranted *)(uintptr_t)cs_warrant_flags_of(
        w, key->factor, key->level, key->question, key->field, key->derived);
    if (x != NULL)
        return x;
    struct cs_warranted *more = cs_arena_array(arena, w->n + 1, sizeof *more);
    for (uint32_t i = 0; i < w->n; i++)
        more[i] = w->list[i];
    w->list = more;
    x = &more[w->n++];
    *x = *key;
    x->raters = cs_arena_array(arena, (size_t)n_cases + 1, sizeof *x->raters);
    x->agreement = cs_arena_array(arena, (size_t)n_cases + 1, sizeof *x->agreement);
    return x;
}

static void flag(struct cs_warrant_list *w, struct cs_warranted *x, uint32_t c, uint32_t raters, double agreement)
{
    w->pairs += x->raters[c] == 0;
    x->raters[c] = raters;
    x->agreement[c] = agreement;
}

static bool read_row(struct cs_warrant_list *w, struct cs_arena *arena, const struct cs_study *s,
                     const struct cs_names *ids, uint32_t factor, const struct cs_json *row)
{
    struct cs_warranted key = {.factor = factor};
    const char *cell[5];
    for (size_t i = 0; i < 5; i++) {
        cell[i] = cs_json_string_value(cs_json_array_get(row, i));
        if (cell[i] == NULL)
            return false;
    }
    while (key.level < s->factors[factor].n_levels && strcmp(s->factors[factor].levels[key.level].id, cell[1]) != 0)
        key.level++;
    if (key.level == s->factors[factor].n_levels || !find_answer(s, cell[2], &key))
        return false;
    struct cs_warranted *x = enter(w, arena, s->n_cases, &key);
    const uint32_t raters = (uint32_t)strtoul(cell[3], NULL, 10), one = cs_names_get(ids, cell[0]);
    const double agreement = cell[4][0] != '\0' ? strtod(cell[4], NULL) : CS_AGREEMENT_UNKNOWN;
    const bool every = strcmp(cell[0], "*") == 0;
    if (!every && one == UINT32_MAX)
        return false;
    for (uint32_t c = every ? 0 : one; c < (every ? s->n_cases : one + 1); c++)
        flag(w, x, c, raters, agreement);
    return true;
}

enum cs_err cs_warrant_flags_read(struct cs_warrant_list *out, struct cs_arena *arena, const struct cs_study *s,
                                  const struct cs_case_facts *cases, const struct cs_json *analysis,
                                  struct cs_error *err)
{
    const struct cs_json *rows = cs_json_object_get(analysis, "warrant_rows");
    const char *name = cs_json_string_value(cs_json_object_get(cs_json_object_get(analysis, "warrant"), "factor"));
    const uint32_t factor = name != NULL ? cs_study_factor(s, name) : CS_NONE;
    struct cs_names ids = {0};
    bool sound = true;
    size_t i;
    struct cs_json *row;
    *out = (struct cs_warrant_list){0};
    if (rows == NULL)
        return CS_OK;
    for (uint32_t c = 0; c < s->n_cases; c++)
        cs_names_put(&ids, cases->ids[c], c);
    cs_json_array_foreach(rows, i, row)
        sound = sound && factor != CS_NONE && read_row(out, arena, s, &ids, factor, row);
    cs_names_release(&ids);
    return sound ? CS_OK : cs_error_set(err, CS_ECORRUPT, "the stored warrant is not of this study");
}
