#include "tools/wall/errors.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/wall/fields.h"
#include "tools/wall/lines.h"
#include "tools/wall/wide.h"

static int by_count(const void *a, const void *b)
{
    const struct cs_wall_error *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return strcmp(x->sentence, y->sentence);
}

static void take(struct cs_wall_error *all, unsigned *n, const struct cs_progress *p, const struct cs_progress_lane *l,
                 const struct cs_complaint *c)
{
    unsigned i = 0;
    while (i < *n && strcmp(all[i].sentence, c->sentence) != 0)
        i++;
    struct cs_wall_error *e = &all[i];
    if (i == *n) {
        (*n)++;
        *e = (struct cs_wall_error){.sentence = c->sentence};
    }
    e->count += c->count;
    e->lanes++;
    if (e->first_wall_ms == 0 || c->first_wall_ms < e->first_wall_ms) {
        e->first_wall_ms = c->first_wall_ms;
        e->first = (struct cs_wall_trial){p, l, c->position};
    }
    if (c->last_wall_ms > e->last_wall_ms)
        e->last_wall_ms = c->last_wall_ms;
}

void cs_wall_errors_collect(const struct cs_fleet_progress *f, struct cs_arena *arena, struct cs_wall_error **out,
                            unsigned *n)
{
    unsigned most = 0;
    for (uint32_t i = 0; i < f->n_studies; i++)
        for (uint32_t k = 0; k < f->studies[i].n_lanes; k++)
            most += f->studies[i].lanes[k].n_errors;
    *out = cs_arena_array(arena, most + 1, sizeof **out);
    *n = 0;
    for (uint32_t i = 0; i < f->n_studies; i++) {
        for (uint32_t k = 0; k < f->studies[i].n_lanes; k++) {
            const struct cs_progress_lane *l = &f->studies[i].lanes[k];
            for (uint32_t e = 0; e < l->n_errors; e++)
                take(*out, n, &f->studies[i], l, &l->errors[e]);
        }
    }
    if (*n > 1)
        qsort(*out, *n, sizeof **out, by_count);
}

/* "trial 88,120 of gpt-x, rheum" */
static const char *trial_words(const struct cs_wall_look *look, const struct cs_wall_trial *t, struct cs_arena *arena)
{
    char number[CS_TEXT_MAX_LEN];
    const bool several = look->fleet->n_studies > 1;
    return cs_arena_printf(arena, "trial %s of %s%s%s", cs_text_count(number, t->position), t->lane->model,
                           several ? ", " : "", several ? t->study->study : "");
}

/* A sentence takes a third of the line at most, so that others have room; how many did not fit is said. */
void cs_wall_errors_line(const struct cs_wall_look *look, unsigned columns, struct cs_arena *arena, char *out,
                         size_t size)
{
    enum { LEAST = 20, TAIL = 14 }; /* "  and 12 more" */
    struct cs_wall_error *all;
    unsigned n, used = 0, i = 0;
    char count[CS_TEXT_MAX_LEN];
    out[0] = '\0';
    cs_wall_errors_collect(look->fleet, arena, &all, &n);
    for (; i < n; i++) {
        char *sentence = cs_arena_strdup(arena, all[i].sentence);
        cs_wall_table_cut(sentence, columns / 3 > LEAST ? columns / 3 : LEAST);
        const char *first = columns >= 100 && i == 0 ? trial_words(look, &all[0].first, arena) : "";
        const char *one = cs_arena_printf(arena, "%s%s x %s%s%s%s", i == 0 ? "ERRORS  " : "  ",
                                          cs_text_count(count, all[i].count), sentence,
                                          first[0] != '\0' ? " (first: " : "", first, first[0] != '\0' ? ")" : "");
        const unsigned width = cs_wall_wide_columns(one), tail = i + 1 < n ? TAIL : 0;
        if (i > 0 && used + width + tail > columns)
            break;
        used += width;
        snprintf(out + strlen(out), size - strlen(out), "%s", one);
    }
    if (i < n)
        snprintf(out + strlen(out), size - strlen(out), "  and %u more", n - i);
}

void cs_wall_errors_page(const struct cs_wall_look *look, const struct cs_wall_choice *choice, unsigned columns,
                         unsigned rows, struct cs_arena *arena, struct cs_wall_page *out)
{
    static const struct cs_wall_column table[] = {
        {"TIMES", 0, true, 0},
        {"LAST", 1, true, 0},
        {"FIRST", 2, true, 0},
        {"LANES", 3, true, 0},
        {"WHAT CAME BACK", 0, false, 24},
        {"FIRST TRIAL", 1, false, 18},
    };
    struct cs_wall_lines p = {out, arena, columns, out->n + rows};
    struct cs_wall_table t = {.arena = arena, .columns = table, .n_columns = sizeof table / sizeof *table};
    struct cs_wall_error *all;
    unsigned n;
    char text[CS_TEXT_MAX_LEN];
    cs_wall_errors_collect(look->fleet, arena, &all, &n);
    out->n_errors = n;
    if (n == 0) {
        cs_wall_lines_add(&p, CS_WALL_SOFT, "no call has gone wrong, as far as Redis knows");
        return;
    }
    const unsigned chosen = choice->error < n ? choice->error : n - 1;
    enum cs_wall_style *styles = cs_arena_array(arena, n, sizeof *styles);
    out->trial = all[chosen].first;
    for (unsigned i = 0; i < n; i++) {
        const char **cells = cs_wall_table_row(&t);
        cells[0] = cs_arena_strdup(arena, cs_text_count(text, all[i].count));
        cells[1] = cs_arena_strdup(arena, cs_text_moment(text, look->now_wall_ms, all[i].last_wall_ms));
        cells[2] = cs_arena_strdup(arena, cs_text_moment(text, look->now_wall_ms, all[i].first_wall_ms));
        cells[3] = cs_arena_printf(arena, "%u", all[i].lanes);
        cells[4] = all[i].sentence;
        cells[5] = trial_words(look, &all[i].first, arena);
        styles[i] = i == chosen && look->is_screen ? CS_WALL_CHOSEN : CS_WALL_PLAIN;
    }
    struct cs_wall_lines whole = p; /* the chosen one, where the table had to cut it */
    const unsigned below = 2 + (cs_wall_wide_columns(all[chosen].sentence) + columns) / columns;
    const unsigned room = cs_wall_lines_left(&p);
    cs_wall_lines_table(&p, &t, room > below + 3 ? room - below : room, chosen, styles);
    if (room <= below + 3 || !look->is_screen)
        return;
    cs_wall_lines_add(&whole, CS_WALL_PLAIN, "");
    cs_wall_lines_wrapped(&whole, CS_WALL_HEAD, all[chosen].sentence);
    cs_wall_lines_say(&whole, CS_WALL_PLAIN, "first: %s", trial_words(look, &all[chosen].first, arena));
}
