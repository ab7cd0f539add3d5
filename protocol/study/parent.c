#include "protocol/study/parent.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/study/study.h"

/* One line an output, fields between tabs:
 *     case cluster levels model question repeat block element side output digest text strata...
 * levels are numbers with commas between them ("" without factors); of texts, a backslash stands before t, n, r and itself. */

static void put_text(struct cs_buf *out, const char *text)
{
    for (size_t n; *text != '\0'; text += n) {
        n = strcspn(text, "\t\n\r\\");
        cs_buf_append(out, text, n);
        if (text[n] == '\0')
            return;
        cs_buf_char(out, '\\');
        cs_buf_char(out, text[n] == '\t' ? 't' : text[n] == '\n' ? 'n' : text[n] == '\r' ? 'r' : '\\');
        n++;
    }
}

static void put_number(struct cs_buf *out, uint64_t v)
{
    char digits[20];
    size_t n = sizeof digits;
    do {
        digits[--n] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    cs_buf_append(out, digits + n, sizeof digits - n);
}

static void put_digest(struct cs_buf *out, const struct cs_digest *d)
{
    char hex[2 * sizeof d->b + 1];
    cs_digest_hex(d->b, sizeof d->b, hex);
    cs_buf_append(out, hex, sizeof hex - 1);
}

void cs_parents_write(const struct cs_parent_study *p, const struct cs_parent *one, struct cs_buf *out)
{
    const uint64_t numbers[] = {one->model,   one->question, one->repeat,   one->block,
                                one->element, one->side,     one->output_id};
    put_text(out, one->case_id);
    cs_buf_char(out, '\t');
    put_text(out, one->cluster);
    cs_buf_char(out, '\t');
    for (uint32_t i = 0; i < p->n_factors; i++) {
        if (i > 0)
            cs_buf_char(out, ',');
        put_number(out, one->levels[i]);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        cs_buf_char(out, '\t');
        put_number(out, numbers[i]);
    }
    cs_buf_char(out, '\t');
    put_digest(out, &one->digest);
    cs_buf_char(out, '\t');
    put_digest(out, &one->text);
    for (uint32_t i = 0; i < p->n_strata; i++) {
        cs_buf_char(out, '\t');
        put_text(out, one->strata[i]);
    }
    cs_buf_char(out, '\n');
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

struct reading {
    const struct cs_parent_study *p;
    struct cs_arena *arena;
    const char *at;
    bool good;
};

/* The field up to a tab or the end of its line, which is passed over. */
static const char *field(struct reading *r, size_t *n)
{
    const char *from = r->at;
    *n = strcspn(from, "\t\n");
    r->good &= from[*n] != '\0';
    r->at = from + *n + (from[*n] != '\0');
    return from;
}

static const char *text(struct reading *r)
{
    size_t n, len = 0;
    const char *from = field(r, &n);
    char *out = cs_arena_strndup(r->arena, from, n);
    for (size_t i = 0; i < n; i++, len++) {
        out[len] = out[i];
        if (out[i] != '\\' || ++i == n)
            continue;
        out[len] = out[i] == 't' ? '\t' : out[i] == 'n' ? '\n' : out[i] == 'r' ? '\r' : out[i];
    }
    out[len] = '\0';
    return out;
}

static uint64_t number(struct reading *r, const char *from, size_t n, uint64_t limit)
{
    uint64_t v = 0;
    r->good &= n > 0 && n < 20;
    for (size_t i = 0; i < n && r->good; i++) {
        r->good = from[i] >= '0' && from[i] <= '9';
        v = v * 10 + (uint64_t)(from[i] - '0');
    }
    r->good &= v < limit;
    return r->good ? v : 0;
}

static uint64_t number_field(struct reading *r, uint64_t limit)
{
    size_t n;
    const char *from = field(r, &n);
    return number(r, from, n, limit);
}

static void digest(struct reading *r, struct cs_digest *out)
{
    char hex[2 * sizeof out->b + 1];
    size_t n;
    const char *from = field(r, &n);
    r->good &= n == sizeof hex - 1;
    if (!r->good)
        return;
    memcpy(hex, from, n);
    hex[n] = '\0';
    r->good = cs_digest_unhex(hex, out->b, sizeof out->b);
}

static const uint32_t *levels(struct reading *r)
{
    size_t n;
    const char *from = field(r, &n);
    uint32_t *out = cs_arena_array(r->arena, r->p->n_factors + 1u, sizeof *out);
    for (uint32_t i = 0; i < r->p->n_factors && r->good; i++) {
        const char *comma = memchr(from, ',', n);
        const bool last = i + 1 == r->p->n_factors;
        r->good = (comma == NULL) == last;
        const size_t len = comma != NULL ? (size_t)(comma - from) : n;
        out[i] = (uint32_t)number(r, from, len, r->p->factors[i].n_levels);
        from += len + !last;
        n -= len + !last;
    }
    return out;
}

static void line(struct reading *r, struct cs_parent *out)
{
    const struct cs_parent_study *p = r->p;
    out->case_id = text(r);
    out->cluster = text(r);
    out->levels = levels(r);
    out->model = (uint32_t)number_field(r, p->n_models);
    out->question = (uint32_t)number_field(r, p->n_questions);
    out->repeat = (uint32_t)number_field(r, UINT32_MAX);
    out->block = (uint32_t)number_field(r, UINT32_MAX);
    out->element = (uint32_t)number_field(r, UINT32_MAX);
    out->side = (enum cs_parent_side)number_field(r, CS_PARENT_SECOND + 1);
    out->output_id = number_field(r, UINT64_MAX);
    digest(r, &out->digest);
    digest(r, &out->text);
    const char **strata = cs_arena_array(r->arena, p->n_strata + 1u, sizeof *strata);
    for (uint32_t i = 0; i < p->n_strata && r->good; i++)
        strata[i] = text(r);
    out->strata = strata;
    r->good &= r->at[-1] == '\n';
}

enum cs_err cs_parents_read(const struct cs_study *s, const struct cs_case *c, struct cs_arena *arena,
                            const struct cs_parent **out, uint32_t *n, struct cs_error *err)
{
    CS_ASSERT(s->parent != NULL);
    struct reading r = {.p = s->parent, .arena = arena, .at = c->values[s->parent->column], .good = true};
    uint32_t lines = 0;
    for (const char *p = r.at; *p != '\0'; p++)
        lines += *p == '\n';
    struct cs_parent *all = cs_arena_array(arena, lines + 1u, sizeof *all);
    for (uint32_t i = 0; i < lines && r.good; i++)
        line(&r, &all[i]);
    if (lines == 0 || !r.good || *r.at != '\0')
        return cs_error_set(err, CS_ECORRUPT, "case \"%s\" does not say which outputs of \"%s\" it came from", c->id,
                            s->parent->study);
    *out = all;
    *n = lines;
    return CS_OK;
}

/* ---- checking ----------------------------------------------------------------------------------------------- */

static bool is_arm(const struct cs_parent_study *p, const struct cs_parent_arm *a)
{
    bool good = a->model < p->n_models && a->question < p->n_questions;
    for (uint32_t f = 0; f < p->n_factors; f++)
        good &= a->levels[f] < p->factors[f].n_levels;
    return good;
}

enum cs_err cs_parent_check(const struct cs_study *s, struct cs_error *err)
{
    const struct cs_parent_study *p = s->parent;
    uint64_t cases = 0;
    bool good = true;
    if (p == NULL)
        return CS_OK;
    if (p->column >= s->n_columns || strcmp(s->columns[p->column], CS_PARENTS_COLUMN) != 0)
        return cs_error_set(err, CS_EINVAL, "its cases do not say which outputs they came from");
    for (uint32_t i = 0; i < p->n_arms; i++)
        good &= is_arm(p, &p->arms[i]);
    for (uint32_t f = 0; f < p->n_factors; f++) {
        for (uint32_t i = 0; i < p->factors[f].n_levels; i++)
            good &= p->factors[f].levels[i].role <= CS_ROLE_AA;
    }
    for (uint32_t i = 0; i < p->n_groups; i++) {
        good &= p->group_cases[i] > 0;
        cases += p->group_cases[i];
    }
    if (!good || cases < s->n_cases) /* a pilot has the first ones */
        return cs_error_set(err, CS_EINVAL, "its parent \"%s\" is not described rightly", p->study);
    return CS_OK;
}
