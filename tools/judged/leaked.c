#include "tools/judged/leaked.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"

enum { PRINTED_MAX = 12 };

const char *cs_leaked_name(enum cs_leak kind)
{
    static const char *const names[CS_LEAKS] = {"level_text", "level_id", "model_name"};
    return names[kind];
}

static void add(struct cs_leak_counts *to, const struct cs_leak_counts *from)
{
    to->answers += from->answers;
    to->raw_any += from->raw_any;
    to->shown_any += from->shown_any;
    for (int k = 0; k < CS_LEAKS; k++) {
        to->raw[k] += from->raw[k];
        to->shown[k] += from->shown[k];
    }
}

static struct cs_leaked_row *row_of(const struct cs_parent_study *p, struct cs_leaked *l, const struct cs_parent_arm *a)
{
    const size_t bytes = p->n_factors * sizeof *a->levels;
    for (uint32_t i = l->n; i-- > 0;) { /* the questions of a condition stand near each other */
        if (l->rows[i].model == a->model && (bytes == 0 || memcmp(l->rows[i].levels, a->levels, bytes) == 0))
            return &l->rows[i];
    }
    l->rows[l->n] = (struct cs_leaked_row){.model = a->model, .levels = a->levels};
    return &l->rows[l->n++];
}

void cs_leaked_make(const struct cs_parent_study *p, struct cs_leaked *out)
{
    *out = (struct cs_leaked){.rows = cs_xcalloc(p->n_arms + 1u, sizeof *out->rows)};
    for (uint32_t i = 0; i < p->n_arms; i++) {
        add(&row_of(p, out, &p->arms[i])->counts, &p->arms[i].leaks);
        add(&out->sum, &p->arms[i].leaks);
    }
}

void cs_leaked_release(struct cs_leaked *l)
{
    CS_FREE(l->rows);
    l->n = 0;
}

const char *cs_leaked_arm(const struct cs_parent_study *p, const struct cs_leaked_row *row, struct cs_arena *arena)
{
    const char *arm = "";
    for (uint32_t f = 0; f < p->n_factors; f++)
        arm = cs_arena_printf(arena, "%s%s%s", arm, f > 0 ? "/" : "", p->factors[f].levels[row->levels[f]].id);
    return arm;
}

void cs_leaked_print(const struct cs_parent_study *p, bool hidden, FILE *out)
{
    struct cs_leaked l;
    struct cs_arena arena = {0};
    uint32_t printed = 0, left = 0;
    cs_leaked_make(p, &l);
    if (l.sum.raw_any > 0) {
        fprintf(
            out,
            "%" PRIu64 " of %" PRIu64
            " outputs tell by themselves where they come from: they hold a level's text, a level's id or a model's name.",
            l.sum.raw_any, l.sum.answers);
        if (hidden)
            fprintf(out, " %" PRIu64 " of %" PRIu64 " still do with hidden words masked.\n", l.sum.shown_any,
                    l.sum.answers);
        else
            fputs(" judge: {hide: ...} masks words.\n", out);
        for (uint32_t i = 0; i < l.n; i++) {
            const struct cs_leak_counts *c = &l.rows[i].counts;
            const char *arm = cs_leaked_arm(p, &l.rows[i], &arena);
            if (c->raw_any == 0)
                continue;
            if (printed++ >= PRINTED_MAX) {
                left++;
                continue;
            }
            fprintf(out, "  %s%s%s: %" PRIu64 " of %" PRIu64, p->models[l.rows[i].model], arm[0] != '\0' ? ", " : "",
                    arm, c->raw_any, c->answers);
            if (hidden)
                fprintf(out, ", %" PRIu64 " as the judge sees them", c->shown_any);
            fputc('\n', out);
        }
        if (left > 0)
            fprintf(out, "  and %u conditions more (--json has all)\n", left);
    }
    cs_leaked_release(&l);
    cs_arena_release(&arena);
}

struct cs_json *cs_leaked_json(const struct cs_parent_study *p)
{
    struct cs_json *list = cs_json_array();
    struct cs_arena arena = {0};
    struct cs_leaked l;
    cs_leaked_make(p, &l);
    for (uint32_t i = 0; i < l.n; i++) {
        const struct cs_leak_counts *c = &l.rows[i].counts;
        struct cs_json *o = cs_json_pack("{s:s, s:s, s:I, s:I, s:I}", "model", p->models[l.rows[i].model], "arm",
                                         cs_leaked_arm(p, &l.rows[i], &arena), "answers", (int64_t)c->answers, "any",
                                         (int64_t)c->raw_any, "any_shown", (int64_t)c->shown_any);
        for (int k = 0; k < CS_LEAKS; k++) {
            const char *name = cs_leaked_name((enum cs_leak)k);
            cs_json_object_set_new(o, name, cs_json_integer((int64_t)c->raw[k]));
            cs_json_object_set_new(o, cs_arena_printf(&arena, "%s_shown", name), cs_json_integer((int64_t)c->shown[k]));
        }
        cs_json_array_append_new(list, o);
    }
    cs_leaked_release(&l);
    cs_arena_release(&arena);
    return list;
}
