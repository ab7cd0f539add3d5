#include "tools/report/stats/components.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"

struct cell {
    double asked, disagree, noise, v; /* v: what this arm adds to v_i */
};

/* Shares (binary: the one of "yes"; ordinal: the mean level) are added to d with the sign of the arm. */
static struct cell read_cell(enum cs_answer_scale scale, const uint32_t *count, size_t k, double sign, double *d)
{
    struct cell cell = {0};
    double sum = 0, squares = 0, same = 0;
    for (size_t c = 0; c < k; c++) {
        const double x = count[c];
        cell.asked += x;
        sum += x * (double)c;
        squares += x * (double)c * (double)c;
    }
    const double n = cell.asked;
    if (n < 2)
        return cell;
    for (size_t c = 0; c < k; c++) {
        const double p = count[c] / n;
        same += p * p;
        if (scale == CS_SCALE_NOMINAL)
            d[c] += sign * p;
    }
    if (scale != CS_SCALE_NOMINAL)
        d[0] += sign * sum / n;
    cell.disagree = (1 - same) * n / (n - 1);
    cell.noise = scale == CS_SCALE_ORDINAL ? 2 * (squares - sum * sum / n) / (n - 1) : cell.disagree;
    /* Half the disagreement is the variance of one answer; of a mean of n it is divided by n. */
    cell.v = cell.noise / 2 / n;
    return cell;
}

enum { SYSTEMATIC, CASE, NOISE, DISAGREE, PARTS };

/* Sums over clusters, from which all parts follow; one cluster is taken out by subtraction. */
struct sums {
    const double *d; /* sum of the differences, `width` of them */
    size_t width;
    double half; /* 1/2 for nominal answers, else 1 */
    double n, squares, v, noise, disagree;
};

static void parts_of(const struct sums *s, const double *without, double *part)
{
    double shift = 0;
    for (size_t c = 0; c < s->width; c++) {
        const double mean = (s->d[c] - (without != NULL ? without[c] : 0)) / s->n;
        shift += s->half * mean * mean;
    }
    const double s2 = (s->squares - s->n * shift) / (s->n - 1);
    part[SYSTEMATIC] = shift - s2 / s->n;
    part[CASE] = s2 - s->v / s->n;
    part[NOISE] = s->noise / s->n;
    part[DISAGREE] = s->disagree / s->n;
}

struct work {
    size_t n, width;
    double half;
    double *d;       /* n x width */
    double *squares; /* each cluster's D_i^2 on the scale */
    double *v, *noise, *disagree;
};

static void jackknife(const struct work *w, struct cs_component *component)
{
    double *total = cs_xcalloc(w->width, sizeof *total);
    struct sums all = {.d = total, .width = w->width, .half = w->half, .n = (double)w->n};
    for (size_t i = 0; i < w->n; i++) {
        for (size_t c = 0; c < w->width; c++)
            total[c] += w->d[i * w->width + c];
        all.squares += w->squares[i];
        all.v += w->v[i];
        all.noise += w->noise[i];
        all.disagree += w->disagree[i];
    }
    double whole[PARTS], mean[PARTS] = {0}, squares[PARTS] = {0};
    parts_of(&all, NULL, whole);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < w->n; i++) {
            struct sums rest = all;
            double part[PARTS];
            rest.n -= 1;
            rest.squares -= w->squares[i];
            rest.v -= w->v[i];
            rest.noise -= w->noise[i];
            rest.disagree -= w->disagree[i];
            parts_of(&rest, w->d + i * w->width, part);
            for (int p = 0; p < PARTS; p++) {
                if (pass == 0)
                    mean[p] += part[p] / (double)w->n;
                else
                    squares[p] += (part[p] - mean[p]) * (part[p] - mean[p]);
            }
        }
    for (int p = 0; p < PARTS; p++)
        component[p] = (struct cs_component){whole[p], sqrt(squares[p] * (all.n - 1) / all.n)};
    free(total);
}

static struct work work_open(size_t clusters, size_t width, double half)
{
    return (struct work){
        .width = width,
        .half = half,
        .d = cs_xcalloc(clusters + 1, width * sizeof(double)),
        .squares = cs_xcalloc(clusters + 1, sizeof(double)),
        .v = cs_xcalloc(clusters + 1, sizeof(double)),
        .noise = cs_xcalloc(clusters + 1, sizeof(double)),
        .disagree = cs_xcalloc(clusters + 1, sizeof(double)),
    };
}

static void work_release(struct work *w)
{
    free(w->d);
    free(w->squares);
    free(w->v);
    free(w->noise);
    free(w->disagree);
}

/* Takes the cluster in if both of its cells were asked at least twice. */
static bool take(struct work *w, enum cs_answer_scale scale, const uint32_t *level, const uint32_t *comparator,
                 size_t k)
{
    double *d = w->d + w->n * w->width;
    for (size_t c = 0; c < w->width; c++)
        d[c] = 0;
    const struct cell a = read_cell(scale, level, k, 1, d), b = read_cell(scale, comparator, k, -1, d);
    if (a.asked < 2 || b.asked < 2)
        return false;
    double squares = 0;
    for (size_t c = 0; c < w->width; c++)
        squares += w->half * d[c] * d[c];
    w->squares[w->n] = squares;
    w->v[w->n] = a.v + b.v;
    w->noise[w->n] = (a.noise + b.noise) / 2;
    w->disagree[w->n] = (a.disagree + b.disagree) / 2;
    w->n++;
    return true;
}

static void set_parts(const struct work *w, struct cs_components *r)
{
    r->used = w->n;
    r->status = w->n < 3 ? CS_STAT_TOO_FEW : CS_STAT_OK;
    if (r->status != CS_STAT_OK)
        return;
    struct cs_component part[PARTS];
    jackknife(w, part);
    r->systematic_sq = part[SYSTEMATIC];
    r->case_sq = part[CASE];
    r->noise = part[NOISE];
    r->disagree = part[DISAGREE];
    r->case_sd = sqrt(cs_stats_max(r->case_sq.value, 0));
}

struct cs_components cs_stats_components(enum cs_answer_scale scale, const uint32_t *level, const uint32_t *comparator,
                                         size_t clusters, size_t k, double alpha)
{
    struct cs_components r = {.status = CS_STAT_BAD_INPUT, .shift = {.status = CS_STAT_BAD_INPUT}};
    if (k < 2 || (scale == CS_SCALE_BINARY && k != 2) || !cs_stats_is_level(alpha))
        return r;
    const bool nominal = scale == CS_SCALE_NOMINAL;
    struct work w = work_open(clusters, nominal ? k : 1, nominal ? 0.5 : 1);
    for (size_t i = 0; i < clusters; i++)
        if (!take(&w, scale, level + i * k, comparator + i * k, k))
            r.left_out++;
    if (nominal)
        r.shift.status = CS_STAT_UNDEFINED;
    else
        r.shift = cs_cluster_t(w.d, w.n, alpha, (double)(k - 1));
    set_parts(&w, &r);
    work_release(&w);
    return r;
}

struct cs_components cs_stats_components_reduced(const struct cs_component_cluster *cluster, size_t n, double alpha,
                                                 double range)
{
    struct cs_components r = {.status = CS_STAT_BAD_INPUT, .shift = {.status = CS_STAT_BAD_INPUT}};
    struct work w = work_open(n, 1, 1);
    bool finite = cs_stats_is_level(alpha);
    for (size_t i = 0; i < n; i++) {
        const struct cs_component_cluster *c = &cluster[i];
        finite = finite && isfinite(c->d * c->d + c->v + c->noise + c->disagree);
        w.d[i] = c->d;
        w.squares[i] = c->d * c->d;
        w.v[i] = c->v;
        w.noise[i] = c->noise;
        w.disagree[i] = c->disagree;
    }
    w.n = n;
    if (finite) {
        r.shift = cs_cluster_t(w.d, n, alpha, range);
        set_parts(&w, &r);
    }
    work_release(&w);
    return r;
}
