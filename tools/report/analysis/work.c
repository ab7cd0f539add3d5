#include "tools/report/analysis/work.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "protocol/base/clock.h"
#include "protocol/base/digest.h"

size_t cs_analysis_work_contrast_at(const struct cs_report_work *w, uint32_t model, uint32_t outcome, uint32_t contrast)
{
    return ((size_t)model * w->declared->n_outcomes + outcome) * w->declared->n_contrasts + contrast;
}

double cs_analysis_work_scale(const struct cs_report_outcome *o)
{
    return o->kind == CS_OUTCOME_BINARY || o->kind == CS_OUTCOME_CATEGORY ? 100 : 1;
}

double cs_analysis_work_mean(const double *x, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / n : 0;
}

struct cs_report_figure cs_analysis_work_known(double value)
{
    return isfinite(value) ? (struct cs_report_figure){true, value} : (struct cs_report_figure){0};
}

double cs_analysis_work_range(const struct cs_measure *m)
{
    switch (m->kind) {
    case CS_OUTCOME_BINARY:
    case CS_OUTCOME_CATEGORY:
        return 1;
    case CS_OUTCOME_ORDINAL:
        return m->n_categories - 1;
    case CS_OUTCOME_NUMBER:
        break;
    }
    return m->max - m->min;
}

bool cs_analysis_work_ends(const struct cs_measure *m, double *low, double *high)
{
    const double range = cs_analysis_work_range(m);
    *low = m->kind == CS_OUTCOME_NUMBER ? m->min : 0;
    *high = *low + range;
    return range > 0;
}

uint32_t cs_analysis_work_factors(const struct cs_report *r)
{
    return r->n_factors > 0 ? r->n_factors : 1;
}

uint32_t cs_analysis_work_factor(const struct cs_report *r, uint32_t i)
{
    return r->n_factors > 0 ? i : CS_REPORT_NONE;
}

uint32_t cs_analysis_work_levels(const struct cs_report *r, uint32_t factor)
{
    return factor == CS_REPORT_NONE ? 1 : r->factors[factor].n_levels;
}

uint32_t cs_analysis_work_level(uint32_t factor, uint32_t k)
{
    return factor == CS_REPORT_NONE ? CS_REPORT_NONE : k;
}

uint32_t cs_analysis_work_arms(const struct cs_report *r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < cs_analysis_work_factors(r); i++)
        n += cs_analysis_work_levels(r, cs_analysis_work_factor(r, i));
    return n;
}

uint32_t cs_analysis_work_control(const struct cs_study *s, uint32_t factor)
{
    return factor == CS_REPORT_NONE ? CS_REPORT_NONE
                                    : cs_analysis_declared_level_of_role(&s->factors[factor], CS_ROLE_CONTROL);
}

const char *cs_analysis_work_copy(struct cs_report_work *w, const char *text)
{
    return cs_arena_strdup(&w->r->arena, text != NULL ? text : "");
}

const char *cs_analysis_work_time(struct cs_report_work *w, int64_t ms)
{
    char text[32];
    if (ms == 0)
        return "";
    cs_clock_format_utc(ms, text);
    return cs_analysis_work_copy(w, text);
}

const char *cs_analysis_work_hex(struct cs_report_work *w, const uint8_t digest[32])
{
    char hex[65];
    cs_digest_hex(digest, 32, hex);
    return cs_analysis_work_copy(w, hex);
}

__attribute__((format(printf, 4, 0))) static void add_sentence(struct cs_report_work *w, const char *const **list,
                                                               uint32_t *n, const char *fmt, va_list ap)
{
    const char **longer = cs_arena_array(&w->r->arena, *n + 1, sizeof *longer);
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    for (uint32_t i = 0; i < *n; i++)
        longer[i] = (*list)[i];
    longer[(*n)++] = cs_analysis_work_copy(w, text);
    *list = longer;
}

void cs_analysis_work_note(struct cs_report_work *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_sentence(w, &w->r->notes, &w->r->n_notes, fmt, ap);
    va_end(ap);
}

void cs_analysis_work_say_first(struct cs_report_work *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_sentence(w, &w->r->said_first, &w->r->n_said_first, fmt, ap);
    va_end(ap);
}

bool cs_analysis_work_is_blind(const struct cs_report_work *w)
{
    return w->r->pilot && !w->unblind;
}
