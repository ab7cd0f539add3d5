/* crossed.h - a shift over cases and models at once: crossed bootstrap, from CS_CROSSED_MODELS_MIN models on.
 *
 * Clusters and models are resampled independently, and a cell counts as often as its row times its column was drawn: the
 * pigeonhole bootstrap of Owen, Ann Appl Stat 1 (2007) 386, which errs towards wide. With fewer models there is nothing to
 * generalise from: CS_STAT_TOO_FEW; the range over models is given always.
 */
#ifndef CS_CROSSED_H
#define CS_CROSSED_H

#include "tools/report/stats/bootstrap.h"

enum { CS_CROSSED_MODELS_MIN = 8 };

struct cs_crossed {
    enum cs_stat_status status;
    size_t models;                   /* with at least one cluster */
    double mean;                     /* over the cells that are present */
    struct cs_interval models_range; /* smallest and largest mean of a model */
    enum cs_stat_status interval_status;
    double se;
    struct cs_interval ci;
};

/* d[i * models + m]: difference of cluster i in model m; present[...] false where there is none (NULL: all there). */
struct cs_crossed cs_crossed_shift(const struct cs_boot *boot, const double *d, const bool *present, size_t clusters,
                                   size_t models, double alpha);

#endif
