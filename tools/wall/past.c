#include "tools/wall/past.h"

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
    f.lost += l->counters.outcome[CS_OUTCOME_timeout] + l->counters.outcome[CS_OUTCOME_unparsable] +
              l->counters.outcome[CS_OUTCOME_truncated];
    return f;
}

void cs_wall_past_note(struct cs_wall_past *p, const struct cs_fleet_progress *f, uint64_t now_ms)
{
    const uint64_t at = p->n++ % CS_WALL_LOOKS;
    int64_t newest = 0;

    p->at_ms[at] = p->redis_ms = now_ms;
    p->n_lanes[at] = 0;
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

static const struct cs_wall_figures *find(const struct cs_wall_past *p, uint64_t look, uint64_t key)
{
    const uint64_t at = look % CS_WALL_LOOKS;

    for (uint32_t i = 0; i < p->n_lanes[at]; i++) {
        if (p->looks[at][i].key == key)
            return &p->looks[at][i].f;
    }
    return NULL;
}

static double per_minute(uint64_t then, uint64_t now, double minutes)
{
    return now > then ? (double)(now - then) / minutes : 0;
}

bool cs_wall_past_pace(const struct cs_wall_past *p, uint64_t key, const struct cs_wall_figures *now, uint64_t now_ms,
                       struct cs_wall_pace *out)
{
    const uint64_t oldest = p->n > CS_WALL_LOOKS ? p->n - CS_WALL_LOOKS : 0;

    for (uint64_t look = oldest; look < p->n; look++) {
        const struct cs_wall_figures *then = find(p, look, key);
        const uint64_t at = p->at_ms[look % CS_WALL_LOOKS];
        if (then == NULL || at + CS_WALL_PACE_MS > now_ms)
            continue;
        const double minutes = (double)(now_ms - at) / 60e3;
        for (int e = 0; e < CS_TALLY_ENDS_N; e++)
            out->ended[e] = per_minute(then->ended[e], now->ended[e], minutes);
        out->lost = per_minute(then->lost, now->lost, minutes);
        out->done = per_minute(then->done, now->done, minutes);
        return true;
    }
    return false;
}

uint64_t cs_wall_past_coordinator_silent_ms(const struct cs_wall_past *p)
{
    return p->redis_ms - p->coordinator_ms;
}

uint64_t cs_wall_past_redis_silent_ms(const struct cs_wall_past *p, uint64_t now_ms)
{
    return p->redis_ms != 0 && now_ms > p->redis_ms ? now_ms - p->redis_ms : 0;
}
