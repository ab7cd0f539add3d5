#include "tools/wall/past.h"

#include <stdio.h>
#include <string.h>

#include "protocol/base/digest.h"

uint64_t cs_wall_past_key(const char *study, const struct cs_progress_lane *l)
{
    return cs_digest_lane_key(study, l->model, "") ^ l->gen; /* another generation counts anew */
}

struct cs_wall_figures cs_wall_past_figures(const struct cs_progress_lane *l)
{
    struct cs_wall_figures f = {.done = l->done + l->failed, .lost = l->failed};

    for (int e = 0; e < CS_TALLY_ENDS_N; e++)
        f.ended[e] = l->tally.ended[e];
    for (int o = 0; o < CS_OUTCOMES; o++)
        f.outcome[o] = l->counters.outcome[o];
    f.lost += l->counters.outcome[CS_OUTCOME_timeout] + l->counters.outcome[CS_OUTCOME_unparsable] +
              l->counters.outcome[CS_OUTCOME_truncated];
    return f;
}

/* ---- workers ------------------------------------------------------------------------------------------------- */

static uint64_t crew_of(const struct cs_fleet_progress *f)
{
    uint64_t crew = f->n_workers;
    for (uint32_t i = 0; i < f->n_workers; i++) /* in any order */
        crew += cs_digest_lane_key(f->workers[i].name, "", "") ^ (uint64_t)f->workers[i].started_wall_ms;
    return crew;
}

static const struct cs_wall_worker *find_worker(const struct cs_wall_worker *all, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strncmp(all[i].name, name, sizeof all[i].name - 1) == 0)
            return &all[i];
    }
    return NULL;
}

static bool is_there(const struct cs_fleet_progress *f, const struct cs_wall_worker *w)
{
    for (uint32_t i = 0; i < f->n_workers; i++) {
        if (strncmp(w->name, f->workers[i].name, sizeof w->name - 1) == 0)
            return true;
    }
    return false;
}

/* While Redis was away nobody could tell: that time is no silence of theirs. */
static void note_lost(struct cs_wall_past *p, const struct cs_wall_worker *before, uint32_t n_before,
                      const struct cs_fleet_progress *f, uint64_t now_ms)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->n_lost; i++) {
        if (!is_there(f, &p->lost[i]) && now_ms < p->lost[i].told_ms + CS_WALL_LOST_SHOWN_MS)
            p->lost[kept++] = p->lost[i];
    }
    p->n_lost = kept;
    for (uint32_t i = 0; i < n_before; i++) {
        if (is_there(f, &before[i]) || p->redis_ms < before[i].told_ms + CS_WALL_LOST_AFTER_MS)
            continue;
        p->n_lost += p->n_lost < CS_WALL_LOST;
        memmove(&p->lost[1], p->lost, (p->n_lost - 1) * sizeof *p->lost);
        p->lost[0] = before[i];
    }
}

static void note_workers(struct cs_wall_past *p, const struct cs_fleet_progress *f, uint64_t now_ms)
{
    const unsigned at = p->n % 2;
    const struct cs_wall_worker *before = p->workers[1 - at];
    const uint32_t n_before = p->n_workers[1 - at];
    note_lost(p, before, n_before, f, now_ms);
    p->n_workers[at] = f->n_workers < CS_WALL_CREW ? f->n_workers : CS_WALL_CREW;
    for (uint32_t i = 0; i < p->n_workers[at]; i++) {
        const struct cs_worker_info *w = &f->workers[i];
        const struct cs_wall_worker *was = find_worker(before, n_before, w->name);
        struct cs_wall_worker *now = &p->workers[at][i];
        snprintf(now->name, sizeof now->name, "%s", w->name);
        snprintf(now->host, sizeof now->host, "%s", w->host);
        now->told_wall_ms = w->updated_wall_ms;
        now->told_ms = was != NULL && was->told_wall_ms == w->updated_wall_ms ? was->told_ms : now_ms;
    }
}

/* ---- looks --------------------------------------------------------------------------------------------------- */

void cs_wall_past_note(struct cs_wall_past *p, const struct cs_fleet_progress *f, uint64_t now_ms)
{
    int64_t newest = 0;

    note_workers(p, f, now_ms);
    const uint64_t at = p->n++ % CS_WALL_LOOKS;
    p->at_ms[at] = p->redis_ms = now_ms;
    p->crew[at] = crew_of(f);
    p->n_lanes[at] = 0;
    p->heard = CS_WALL_NOT_ASKED; /* Redis tells */
    for (uint32_t i = 0; i < f->n_studies; i++) {
        const struct cs_progress *s = &f->studies[i];
        newest = s->updated_wall_ms > newest ? s->updated_wall_ms : newest;
        for (uint32_t k = 0; k < s->n_lanes && p->n_lanes[at] < CS_WALL_LANES; k++) {
            p->looks[at][p->n_lanes[at]].key = cs_wall_past_key(s->study, &s->lanes[k]);
            p->looks[at][p->n_lanes[at]++].f = cs_wall_past_figures(&s->lanes[k]);
        }
    }
    if (newest > p->coordinator_said || p->coordinator_ms == 0) {
        p->coordinator_said = newest;
        p->coordinator_ms = now_ms;
    }
}

void cs_wall_past_note_heard(struct cs_wall_past *p, enum cs_wall_heard heard, uint64_t now_ms)
{
    p->heard = heard;
    if (heard == CS_WALL_ANSWERS)
        p->answered_ms = now_ms;
}

/* Lanes keep their order from look to look, mostly: it stands where it stood. */
static const struct cs_wall_figures *find(const struct cs_wall_past *p, uint64_t at, uint64_t key, uint32_t *where)
{
    if (*where < p->n_lanes[at] && p->looks[at][*where].key == key)
        return &p->looks[at][*where].f;
    for (uint32_t i = 0; i < p->n_lanes[at]; i++) {
        if (p->looks[at][i].key == key)
            return &p->looks[at][*where = i].f;
    }
    return NULL;
}

static void add_risen(double *sum, const uint64_t *then, const uint64_t *now, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += now[i] > then[i] ? (double)(now[i] - then[i]) : 0;
}

bool cs_wall_past_pace(const struct cs_wall_past *p, uint64_t key, const struct cs_wall_figures *now, uint64_t now_ms,
                       struct cs_wall_pace *out)
{
    const uint64_t oldest = p->n > CS_WALL_LOOKS ? p->n - CS_WALL_LOOKS : 0;
    uint32_t where = 0;
    uint64_t ms = 0;

    *out = (struct cs_wall_pace){0};
    for (uint64_t look = oldest; look < p->n; look++) {
        const uint64_t at = look % CS_WALL_LOOKS, next = (look + 1) % CS_WALL_LOOKS;
        const bool is_last = look + 1 == p->n;
        const struct cs_wall_figures *then = find(p, at, key, &where);
        const struct cs_wall_figures *later = is_last ? now : find(p, next, key, &where);
        if (then == NULL || later == NULL || (!is_last && p->crew[at] != p->crew[next]))
            continue;
        ms += (is_last ? now_ms : p->at_ms[next]) - p->at_ms[at];
        add_risen(out->ended, then->ended, later->ended, CS_TALLY_ENDS_N);
        add_risen(out->outcome, then->outcome, later->outcome, CS_OUTCOMES);
    }
    if (ms < CS_WALL_PACE_MS)
        return false;
    for (int e = 0; e < CS_TALLY_ENDS_N; e++)
        out->ended[e] *= 60e3 / (double)ms;
    for (int o = 0; o < CS_OUTCOMES; o++)
        out->outcome[o] *= 60e3 / (double)ms;
    return true;
}

uint64_t cs_wall_past_coordinator_silent_ms(const struct cs_wall_past *p)
{
    return p->redis_ms - p->coordinator_ms;
}

uint64_t cs_wall_past_redis_silent_ms(const struct cs_wall_past *p, uint64_t now_ms)
{
    return p->redis_ms != 0 && now_ms > p->redis_ms ? now_ms - p->redis_ms : 0;
}
