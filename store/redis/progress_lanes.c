/* What binds each lane, from what its workers tell of it and of the pools that they draw from. */
#include <string.h>

#include "store/redis/progress.h"

static const char *const dims[CS_POOL_DIMS] = {"requests_per_minute",     "tokens_per_minute",
                                               "input_tokens_per_minute", "output_tokens_per_minute",
                                               "requests_per_day",        "tokens_per_day"};
enum { FIRST_DAY_DIM = 4, VOTES_MAX = 32, YOUNG_MS = 4000 };

struct fleet {
    const struct cs_worker_info *workers;
    uint32_t n;
};

static const struct cs_worker_lane_info *find(const struct cs_worker_info *w, const struct cs_progress_lane *l)
{
    for (uint32_t i = 0; i < w->n_lanes; i++) {
        if (w->lanes[i].gen == l->gen && w->lanes[i].lane == l->lane)
            return &w->lanes[i];
    }
    return NULL;
}

static bool has_no_provider(const struct cs_worker_lane_info *at)
{
    return strcmp(at->binds, "provider_away") == 0 || strcmp(at->binds, "no_server") == 0;
}

/* The word of most workers, those with calls in flight before others: a worker that has run out of trials waits for more. Of those without, one
 * that was not answered knows why; others were given no call to make, since there is no answer. */
static const char *vote(const struct fleet *f, const struct cs_progress_lane *l)
{
    struct {
        const char *word;
        uint64_t weight;
    } votes[VOTES_MAX] = {{0}};
    enum { AWAY = 500 };
    uint32_t n = 0, best = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        const struct cs_worker_lane_info *at = find(&f->workers[i], l);
        uint32_t k = 0;
        if (at == NULL)
            continue;
        while (k < n && strcmp(votes[k].word, at->binds) != 0)
            k++;
        if (k == VOTES_MAX)
            continue;
        n += k == n;
        votes[k].word = at->binds;
        votes[k].weight += at->in_flight > 0 ? 1000 * (uint64_t)at->in_flight : has_no_provider(at) ? AWAY : 1;
        best = votes[k].weight > votes[best].weight ? k : best;
    }
    return n > 0 ? votes[best].word : "";
}

/* Nothing to call, say workers that told it before they were given anything: they tell again in some seconds. */
static bool is_starting(const struct fleet *f, const struct cs_progress_lane *l)
{
    bool young = true;
    for (uint32_t i = 0; i < f->n; i++) {
        const struct cs_worker_info *w = &f->workers[i];
        young = young && (find(w, l) == NULL || w->updated_wall_ms < w->started_wall_ms + YOUNG_MS);
    }
    return young || (l->leased > 0 && l->done + l->failed == 0);
}

/* A pool as the whole fleet uses it. */
static struct cs_worker_pool_info whole(const struct fleet *f, const struct cs_worker_pool_info *pool)
{
    struct cs_worker_pool_info sum = *pool;
    memset(sum.used, 0, sizeof sum.used);
    sum.in_flight = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        for (uint32_t k = 0; k < f->workers[i].n_pools; k++) {
            const struct cs_worker_pool_info *p = &f->workers[i].pools[k];
            if (strcmp(p->name, pool->name) != 0 || strcmp(p->group, pool->group) != 0)
                continue;
            sum.in_flight += p->in_flight;
            for (int d = 0; d < CS_POOL_DIMS; d++) {
                if (p->limit[d] > 0 && p->limit[d] < sum.limit[d])
                    sum.limit[d] = p->limit[d]; /* not everybody has heard of a lower one */
                sum.used[d] = d < FIRST_DAY_DIM ? sum.used[d] + p->used[d] : p->used[d];
            }
        }
    }
    return sum;
}

static void take(struct cs_progress_lane *l, const char *word, double used, double limit)
{
    if (limit > 0 && (l->limit <= 0 || used / limit > l->used / l->limit)) {
        l->binds = word;
        l->used = used;
        l->limit = limit;
    }
}

/* The pool of the lane of which most is used in the dimension that binds; and a day that is used up binds before all. */
static void measure_pools(const struct fleet *f, const struct cs_worker_info *w, uint32_t draw, const char *word,
                          struct cs_progress_lane *l)
{
    for (uint32_t k = 0; k < w->n_pools && draw != 0; k++) {
        if (w->pools[k].draw != draw)
            continue;
        const struct cs_worker_pool_info p = whole(f, &w->pools[k]);
        for (int d = 0; d < CS_POOL_DIMS; d++) {
            if (strcmp(word, dims[d]) == 0)
                take(l, dims[d], p.used[d], p.limit[d]);
        }
        if (strcmp(word, "concurrent") == 0)
            take(l, word, p.in_flight, p.concurrent);
    }
    for (uint32_t k = 0; k < w->n_pools && draw != 0; k++) {
        const struct cs_worker_pool_info *p = &w->pools[k];
        for (int d = FIRST_DAY_DIM; d < CS_POOL_DIMS; d++) {
            if (p->draw != draw || p->limit[d] <= 0 || p->used[d] < 0.995 * p->limit[d])
                continue;
            l->limit = 0;
            take(l, dims[d], p->used[d], p->limit[d]);
        }
    }
}

static void measure_calls(const struct fleet *f, struct cs_progress_lane *l)
{
    for (uint32_t i = 0; i < f->n; i++) {
        const struct cs_worker_lane_info *at = find(&f->workers[i], l);
        if (at == NULL)
            continue;
        l->used += at->in_flight;
        l->limit += at->slots;
    }
}

static void merge_lane(const struct fleet *f, struct cs_progress_lane *l)
{
    const char *word = vote(f, l);
    if (strcmp(word, "no_trials") == 0 && is_starting(f, l))
        word = "starting";
    l->used = l->limit = 0;
    if (cs_progress_lane_is_out(l)) /* the coordinator has heard all */
        word = strcmp(word, "no_server") == 0 || strcmp(word, "told_to_wait") == 0 ? word : "provider_away";
    else if (l->held != NULL && l->held[0] != '\0')
        word = l->held;
    l->binds = word;
    for (uint32_t i = 0; i < f->n; i++) {
        const struct cs_worker_lane_info *at = find(&f->workers[i], l);
        if (at != NULL)
            measure_pools(f, &f->workers[i], at->draw, word, l);
    }
    if (l->limit <= 0 && (strcmp(word, "slots") == 0 || strcmp(word, "concurrent") == 0))
        measure_calls(f, l);
}

static void merge_calls(const struct fleet *f, struct cs_progress_lane *l)
{
    l->tally = (struct cs_call_tally){0};
    l->in_flight = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        const struct cs_worker_lane_info *at = find(&f->workers[i], l);
        if (at == NULL)
            continue;
        cs_tally_add(&l->tally, &at->tally);
        l->in_flight += at->in_flight;
    }
}

/* Up for one worker is up: others may not have got through. Out for one is out: it was seen to be another model. */
static bool is_clearer(const char *a, const char *b)
{
    return strcmp(b, "out") != 0 && (strcmp(a, "out") == 0 || (strcmp(a, "up") == 0 && strcmp(b, "up") != 0));
}

static void add_server(struct cs_progress_lane *l, const struct cs_worker_server_info *s)
{
    for (uint32_t i = 0; i < l->n_servers; i++) {
        struct cs_worker_server_info *at = &l->servers[i];
        if (strcmp(at->url, s->url) != 0)
            continue;
        if (is_clearer(s->state, at->state)) {
            at->state = s->state;
            at->why = s->why;
        }
        at->in_flight += s->in_flight;
        at->slots += s->slots;
        at->answers += s->answers;
        return;
    }
    l->servers[l->n_servers++] = *s;
}

static void merge_servers(const struct fleet *f, struct cs_progress_lane *l, struct cs_arena *arena)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n; i++)
        n += f->workers[i].n_servers;
    l->n_servers = 0;
    if (n == 0)
        return;
    l->servers = cs_arena_array(arena, n, sizeof *l->servers);
    for (uint32_t i = 0; i < f->n; i++) {
        for (uint32_t k = 0; k < f->workers[i].n_servers; k++) {
            const struct cs_worker_server_info *s = &f->workers[i].servers[k];
            if (s->gen == l->gen && s->lane == l->lane)
                add_server(l, s);
        }
    }
}

void cs_progress_lanes_merge(struct cs_progress *p, const struct cs_worker_info *workers, uint32_t n_workers,
                             struct cs_arena *arena)
{
    const struct fleet f = {workers, n_workers};
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        struct cs_progress_lane *l = &p->lanes[i];
        l->binds = "";
        l->used = l->limit = 0;
        merge_calls(&f, l);
        merge_servers(&f, l, arena);
        if (strcmp(l->state, "open") == 0 && l->done + l->failed + l->cancelled < l->planned)
            merge_lane(&f, l);
    }
}
