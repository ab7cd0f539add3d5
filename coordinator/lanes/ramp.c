#include "coordinator/lanes/ramp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"

#define LONGER 0.336      /* log 1.4: answers take longer than at half the level */
#define MUCH_LONGER 0.405 /* log 1.5: ... than a moment ago at the same level */
#define GAIN 0.05         /* log of what a step up must bring to be kept, and of what one down may cost */
#define KNEE 0.9          /* part of the ceiling up to which the level doubles */
#define ROUNDING_MS 1
#define PRIOR 0.02 /* a squared deviation that is taken for granted: a few equal times are no proof */

void cs_ramp_init(struct cs_ramp *r, bool declared, bool answered, uint32_t limit_ms)
{
    *r = (struct cs_ramp){.declared = declared,
                          .answered = answered,
                          .level = declared ? CS_RAMP_UNTRIED : CS_RAMP_START,
                          .could = CS_RAMP_UNBOUND,
                          .every = CS_RAMP_HOLDS,
                          .ceiling = HUGE_VAL,
                          .limit_ms = limit_ms};
}

uint32_t cs_ramp_most(const struct cs_ramp *r, uint64_t now)
{
    if (r->state == CS_RAMP_SHY)
        return now >= r->probe_at ? 1 : 0;
    return r->declared && r->answered ? CS_RAMP_UNBOUND : r->level;
}

uint64_t cs_ramp_next(const struct cs_ramp *r, uint64_t now)
{
    return r->state == CS_RAMP_SHY && now < r->probe_at ? r->probe_at : UINT64_MAX;
}

void cs_ramp_could(struct cs_ramp *r, uint32_t calls)
{
    r->could = calls;
}

/* ---- windows ---------------------------------------------------------------------------------------- */

static void window_add(struct cs_ramp_window *w, const double x[2], const struct cs_ramp_answer *a)
{
    for (int k = 0; k < 2; k++) {
        w->sum[k] += x[k];
        w->squares[k] += x[k] * x[k];
    }
    w->took += a->latency_ms;
    w->timeouts += a->timeout;
    w->n++;
}

static void window_merge(struct cs_ramp_window *to, const struct cs_ramp_window *from)
{
    for (int k = 0; k < 2; k++) {
        to->sum[k] += from->sum[k];
        to->squares[k] += from->squares[k];
    }
    to->n += from->n;
}

static double mean(const struct cs_ramp_window *w, int k)
{
    return w->n > 0 ? w->sum[k] / w->n : 0;
}

static double scatter(const struct cs_ramp_window *w, int k)
{
    double s = w->squares[k] - w->n * mean(w, k) * mean(w, k);
    return s > 0 ? s : 0;
}

/* How much longer answers take here than before, and the deviation of that, in the steadier of the two measures. */
static void longer(const struct cs_ramp *r, double *by, double *error)
{
    const struct cs_ramp_window *a = &r->here, *b = &r->before;
    double variance[2];
    CS_ASSERT(a->n > 0 && b->n > 0);
    for (int k = 0; k < 2; k++)
        variance[k] = (scatter(a, k) + scatter(b, k) + PRIOR) / (a->n + b->n - 1);
    int k = variance[1] < variance[0];
    *by = mean(a, k) - mean(b, k);
    *error = sqrt(variance[k] * (1.0 / a->n + 1.0 / b->n));
}

/* ---- levels ------------------------------------------------------------------------------------------ */

static void set_level(struct cs_ramp *r, uint32_t level, uint64_t now)
{
    level = level > 1 ? level : 1;
    if (level < r->level) {
        r->crest = now < r->crest_until && r->crest > r->level ? r->crest : r->level;
        r->crest_until = now + r->limit_ms;
    }
    r->level = level;
    r->since = now;
    r->here = (struct cs_ramp_window){0};
}

static void hold(struct cs_ramp *r, uint32_t level, uint64_t now)
{
    r->state = CS_RAMP_HOLD;
    r->holds = 0;
    r->before = (struct cs_ramp_window){0};
    set_level(r, level, now);
}

static void note_low(struct cs_ramp *r)
{
    const struct cs_ramp_window *w = &r->here;
    if (w->timeouts > 0 || w->n == 0 || (r->low.level != 0 && r->level > r->low.level))
        return;
    r->low.level = r->level;
    for (int k = 0; k < 2; k++)
        r->low.mean[k] = mean(w, k);
}

/* Few calls are really in flight: something else than this level bounds, and more of it would show nothing. */
static bool is_idle(const struct cs_ramp *r, uint64_t now)
{
    const struct cs_ramp_window *w = &r->here;
    double elapsed = (double)(now - r->since);
    return w->took / w->n >= CS_RAMP_FAST_MS && elapsed > 0 && w->took / elapsed < r->level / 8.0;
}

static uint32_t part_of(uint32_t level, uint32_t part)
{
    return level / part > 1 ? level / part : 1;
}

static uint32_t bounded(const struct cs_ramp *r, uint32_t level)
{
    if (level > r->could && level > r->level)
        level = r->could > r->level ? r->could : r->level;
    return level;
}

static void grow(struct cs_ramp *r, uint64_t now)
{
    double knee = KNEE * r->ceiling;
    uint32_t next = bounded(r, r->level < UINT32_MAX / 4 ? 2 * r->level : r->level);
    note_low(r);
    window_merge(&r->before, &r->here);
    if (next > knee) {
        next = knee > r->level ? (uint32_t)knee : r->level;
        hold(r, next, now);
        return;
    }
    set_level(r, next, now);
}

/* ---- what a window says ------------------------------------------------------------------------------ */

static void judge_climb(struct cs_ramp *r, uint64_t now)
{
    uint32_t n = r->here.n, half = r->level / 2 > 2 ? r->level / 2 : 2;
    double by, error;
    if (n < half)
        return;
    if (is_idle(r, now)) {
        set_level(r, r->level, now);
        return;
    }
    if (r->before.n == 0) { /* nothing to compare with: enough to be compared with */
        double v = fmin(scatter(&r->here, 0), scatter(&r->here, 1)) / n;
        if (n >= 16 || v < 0.06 * n)
            grow(r, now);
        return;
    }
    longer(r, &by, &error);
    bool enough = n >= 16 && n >= 2 * r->level;
    if (by + error < LONGER || (enough && by < LONGER)) {
        grow(r, now);
    } else if (by - error > LONGER || enough) {
        uint32_t knee = (uint32_t)lround(r->level * exp(-by));
        r->down_next = true;
        r->every = 1;
        hold(r, knee < r->level / 2 ? knee : r->level / 2, now);
    }
}

/* The next trial step: down where a queue may be what makes answers slow, else up. */
static void try_step(struct cs_ramp *r, uint64_t now)
{
    int k = scatter(&r->here, 1) < scatter(&r->here, 0);
    bool slow = r->low.level == 0 || mean(&r->here, k) > r->low.mean[k] + 0.18;
    bool down = r->level > 1 && r->down_next && (slow || r->level <= r->low.level);
    uint32_t up = bounded(r, r->level + part_of(r->level, 2));
    r->down_next = false;
    if (!down && up == r->level) {
        r->down_next = true;
        return;
    }
    r->before = r->here;
    r->back = r->level;
    r->state = down ? CS_RAMP_DOWN : CS_RAMP_UP;
    set_level(r, down ? r->level - part_of(r->level, 4) : up, now);
    r->since += (uint64_t)exp(mean(&r->before, 0)); /* the first wave still meets the queue of the level before */
}

static void judge_hold(struct cs_ramp *r, uint64_t now)
{
    uint32_t enough = 2 * r->level > 8 ? 2 * r->level : 8;
    double by, error;
    if (now > r->jammed_at + CS_RAMP_JAM_MS)
        r->ceiling = HUGE_VAL;
    if (r->ceiling < HUGE_VAL && r->here.n >= r->level) { /* after a jam: one more a window, and nothing tried */
        note_low(r);
        set_level(r, bounded(r, r->level + 1), now);
        return;
    }
    if (r->before.n > 0 && r->here.n >= 4) {
        longer(r, &by, &error);
        if (by - error > MUCH_LONGER) { /* the server bears less than a moment ago */
            r->down_next = true;
            r->every = 1;
            hold(r, (uint32_t)lround(r->level * exp(-by)), now);
            return;
        }
    }
    if (r->here.n < enough)
        return;
    note_low(r);
    if (!is_idle(r, now) && ++r->holds >= r->every) {
        r->holds = 0;
        try_step(r, now);
        return;
    }
    r->before = r->here;
    set_level(r, r->level, now);
}

static void judge_step(struct cs_ramp *r, uint64_t now)
{
    bool up = r->state == CS_RAMP_UP;
    uint32_t n = r->here.n, least = r->level > 8 ? r->level : 8;
    double by, error, size = log((double)r->level / r->back), gain;
    if (n < (up ? r->level : r->back) || n < 4)
        return;
    longer(r, &by, &error);
    gain = size - by; /* log of how much more gets done */
    double bar = up ? GAIN : -GAIN;
    bool enough = n >= 4 * least, kept = gain > bar;
    if (!enough && fabs(gain - bar) < 1.5 * error)
        return;
    note_low(r);
    if (!kept) {
        r->every = 2 * r->every < CS_RAMP_HOLDS_MAX ? 2 * r->every : CS_RAMP_HOLDS_MAX;
        r->down_next = up;
        hold(r, r->back, now);
        return;
    }
    r->every = CS_RAMP_HOLDS;
    if (up && gain > 0.7 * size) {
        r->before = r->here;
        r->state = CS_RAMP_CLIMB;
        set_level(r, bounded(r, 2 * r->level), now);
        return;
    }
    r->down_next = !up;
    r->every = 1;
    hold(r, r->level, now);
}

/* ---- the time limit ---------------------------------------------------------------------------------- */

static uint32_t late_of(const struct cs_ramp *r)
{
    return (uint32_t)__builtin_popcount(r->late);
}

static void forget_late(struct cs_ramp *r)
{
    r->late = r->n_late = 0;
}

static void plan_probe(struct cs_ramp *r, uint64_t now, struct cs_rng *rng)
{
    uint64_t most = r->probes < 16 ? (uint64_t)CS_RAMP_SHY_MS << r->probes : CS_RAMP_SHY_MAX_MS;
    most = most < CS_RAMP_SHY_MAX_MS ? most : CS_RAMP_SHY_MAX_MS;
    r->probes++;
    r->probe_at = now + most / 2 + cs_rng_below(rng, most / 2 + 1);
}

/* Most of what ended lately ended at the time limit. Fewer calls at once may help, down to one; then nothing of ours does. */
static void judge_late(struct cs_ramp *r, const struct cs_ramp_answer *a, uint64_t now, struct cs_rng *rng)
{
    bool of_this_level = now - a->latency_ms >= r->since || r->declared;
    if (!of_this_level || a->fault)
        return;
    r->late = r->late << 1 | a->timeout;
    r->n_late += r->n_late < 32;
    if (2 * late_of(r) <= r->n_late)
        return;
    if (!r->declared && r->level > 1) {
        if (r->n_late >= 4 || r->n_late >= r->level) {
            forget_late(r);
            hold(r, r->level / 2, now);
        }
    } else if (r->n_late >= (r->declared ? 8 : 4)) {
        r->state = CS_RAMP_SHY;
        r->probes = 0;
        plan_probe(r, now, rng);
    }
}

static void probed(struct cs_ramp *r, const struct cs_ramp_answer *a, uint64_t now, struct cs_rng *rng)
{
    if (a->fault || (a->timeout && now - a->latency_ms < r->probe_at))
        return; /* it was under way before */
    if (a->timeout) {
        plan_probe(r, now, rng);
        return;
    }
    forget_late(r);
    r->state = CS_RAMP_CLIMB;
    r->before = (struct cs_ramp_window){0};
    set_level(r, r->declared ? r->level : 1, now);
}

void cs_ramp_note(const struct cs_ramp *r, uint64_t now, char *out, size_t size)
{
    uint64_t wait = now < r->probe_at ? (r->probe_at - now + 999) / 1000 : 0;
    out[0] = '\0';
    if (r->state != CS_RAMP_SHY)
        return;
    int n = snprintf(out, size, "%u of the last %u calls ended at the time limit of %.3g s%s: ", late_of(r), r->n_late,
                     r->limit_ms / 1e3, r->declared ? "" : ", one at a time");
    if (n > 0 && (size_t)n < size)
        snprintf(out + n, size - (size_t)n,
                 wait > 0 ? "raise timeout_s or use a faster server; asked again in %llu s"
                          : "raise timeout_s or use a faster server; one call is being tried",
                 (unsigned long long)wait);
}

/* ---- events ------------------------------------------------------------------------------------------ */

static void remember(struct cs_ramp *r, const double x[2])
{
    uint32_t at = r->n_recent++ % CS_RAMP_RECENT;
    r->recent[at].x[0] = x[0];
    r->recent[at].x[1] = x[1];
}

static void measure(struct cs_ramp *r, const struct cs_ramp_answer *a, double x[2])
{
    double tokens = r->tokens; /* where it is not told: it would have been like the others */
    if (a->tokens > 0) {
        tokens = log(a->tokens);
        r->tokens = r->told ? 0.9 * r->tokens + 0.1 * tokens : tokens;
        r->told = true;
    }
    x[0] = log(a->latency_ms > CS_RAMP_FAST_MS ? a->latency_ms : CS_RAMP_FAST_MS);
    x[1] = x[0] - tokens;
}

void cs_ramp_ended(struct cs_ramp *r, const struct cs_ramp_answer *a, uint64_t now, struct cs_rng *rng)
{
    double x[2];
    uint64_t began = now > a->latency_ms ? now - a->latency_ms : 0;
    if (r->state == CS_RAMP_SHY) {
        probed(r, a, now, rng);
        return;
    }
    judge_late(r, a, now, rng);
    if (a->fault || r->state == CS_RAMP_SHY)
        return;
    r->answered |= !a->timeout;
    measure(r, a, x);
    remember(r, x);
    if (r->declared || began + ROUNDING_MS < r->since)
        return;
    window_add(&r->here, x, a);
    if (r->state == CS_RAMP_CLIMB)
        judge_climb(r, now);
    else if (r->state == CS_RAMP_HOLD)
        judge_hold(r, now);
    else
        judge_step(r, now);
}

void cs_ramp_jam(struct cs_ramp *r, uint64_t now)
{
    if (r->declared || r->state == CS_RAMP_SHY)
        return;
    r->ceiling = r->level;
    r->jammed_at = now;
    r->state = CS_RAMP_CLIMB;
    r->before = (struct cs_ramp_window){0};
    set_level(r, r->level / 2, now);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool cs_ramp_overloaded(const struct cs_ramp *r, uint64_t now)
{
    uint32_t n = r->n_recent < CS_RAMP_RECENT ? r->n_recent : CS_RAMP_RECENT;
    uint32_t most = now < r->crest_until && r->crest > r->level ? r->crest : r->level;
    int k = r->told;
    double x[CS_RAMP_RECENT];
    if (r->low.level == 0 || most <= r->low.level || n < 4)
        return false;
    for (uint32_t i = 0; i < n; i++)
        x[i] = r->recent[i].x[k];
    qsort(x, n, sizeof *x, by_value);
    return x[n / 2] > r->low.mean[k] + log(2);
}
