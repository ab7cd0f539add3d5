#include "tools/report/analysis/wordings.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "tools/report/stats/wording.h"

/* The column that it inserts or calls `text`. A level that changes something else (parameters, another case text) says nothing. */
static uint32_t column_said(const struct cs_factor *f)
{
    for (uint32_t c = 0; f->insert_column == CS_NONE && c < f->n_columns; c++) {
        if (strcmp(f->columns[c], "text") == 0)
            return c;
    }
    return f->insert_column;
}

uint32_t cs_wordings_of(const struct cs_factor *f, const struct cs_level *level)
{
    const uint32_t column = column_said(f);
    if (f->joined || column >= f->n_columns || level->text_column != CS_NONE)
        return 0;
    return level->wordings[0].values[column][0] != '\0' ? level->n_wordings : 0;
}

/* Shifts of one wording into its column; how many clusters had it is counted in `seen`. */
static void add_wording(double *d, uint32_t *seen, uint32_t wordings, uint32_t at, const struct cs_paired *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        d[(size_t)p->cluster[i] * wordings + at] = p->diff[i];
        seen[p->cluster[i]]++;
    }
}

static uint32_t keep_complete(double *d, const uint32_t *seen, uint32_t clusters, uint32_t wordings)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < clusters; i++) {
        if (seen[i] == wordings)
            memmove(d + (size_t)kept++ * wordings, d + (size_t)i * wordings, wordings * sizeof *d);
    }
    return kept;
}

void cs_wordings_measure(struct cs_paired *pair, const struct cs_measure *m, const struct cs_grid *g,
                         const struct cs_arrangement *a, const struct cs_case_facts *cases, const struct cs_factor *f,
                         const struct cs_spec_contrast *spec, const struct cs_case_filter *filter)
{
    const uint32_t wordings = cs_wordings_of(f, &f->levels[spec->level]);
    if (wordings < CS_WORDINGS_MIN || pair->n < 2)
        return;
    double *d = cs_xcalloc((size_t)cases->n_clusters * wordings + 1, sizeof *d);
    uint32_t *seen = cs_xcalloc((size_t)cases->n_clusters + 1, sizeof *seen);
    for (uint32_t w = 0; w < wordings; w++) {
        const struct cs_side level = {.level = {spec->level}, .n = 1, .one_wording = true, .wording = w};
        struct cs_paired one;
        cs_reduce_pair(&one, m, g, a, cases, &level, &spec->comparator_side, filter);
        add_wording(d, seen, wordings, w, &one);
        cs_reduce_paired_release(&one);
    }
    const struct cs_wording_spread s = cs_wording_spread_of(d, keep_complete(d, seen, cases->n_clusters, wordings),
                                                            wordings);
    if (s.status == CS_STAT_OK) {
        pair->wordings = wordings;
        pair->wording_variance = s.variance;
    }
    free(d);
    free(seen);
}
