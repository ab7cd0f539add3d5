/* trouble.c - what workers say keeps them from a lane: a key that is missing or was refused, a provider that does not answer.
 *
 * Trouble is a session's: the others work on, and the lane is stuck only when all have it. What one worker was refused says nothing of
 * the others, whatever key they share: it may sit behind a proxy of its own. They stop by their own calls only (decision 14).
 * `resume` forgets all of it.
 */

#include "coordinator/lanes/trouble.h"

#include <stdio.h>

enum { FOUND_OUT_MS = 60000 };

/* What status shows of a lane that goes on all the same. */
static void renote(struct cs_lane *lane)
{
    uint32_t n = lane->n_trouble > 0 ? lane->n_trouble : lane->n_away;
    const char *why = lane->n_trouble > 0 ? lane->trouble : lane->away;

    lane->note[0] = '\0';
    if (n > 0)
        snprintf(lane->note, sizeof lane->note, "%u worker%s: %s", n, n > 1 ? "s" : "", why);
}

static void keep(char **text, const char *why)
{
    if (*text != NULL && strcmp(*text, why) == 0)
        return;
    free(*text);
    *text = cs_xstrdup(why);
}

/* The first reason stays the one to show, but for what a person must mend: a refused key, an old worker. */
static void say_trouble(struct cs_session *s, struct cs_lane *lane, const char *why, bool urgent)
{
    bool *has = &s->lanes[lane->slot].trouble;
    bool first = lane->n_trouble == (uint32_t)*has;

    if (why != NULL && !*has)
        cs_log(CS_WARN, "lane_trouble", "model=%s worker=%s", lane->name, s->worker);
    lane->n_trouble += (why != NULL) - *has;
    *has = why != NULL;
    if (why != NULL && (first || urgent))
        keep(&lane->trouble, why);
    renote(lane);
}

void cs_coordinator_trouble_set(struct cs_session *s, struct cs_lane *lane, const char *why)
{
    say_trouble(s, lane, why, false);
}

void cs_coordinator_trouble_older(struct cs_session *s, struct cs_lane *lane, const char *why)
{
    say_trouble(s, lane, why, true);
}

static void say_away(struct cs_session *s, struct cs_lane *lane, const char *why)
{
    bool *has = &s->lanes[lane->slot].away;

    lane->n_away += (why != NULL) - *has;
    *has = why != NULL;
    if (why != NULL)
        keep(&lane->away, why);
    renote(lane);
}

void cs_coordinator_trouble_left(struct cs_session *s, struct cs_lane *lane)
{
    cs_coordinator_trouble_set(s, lane, NULL);
    say_away(s, lane, NULL); /* that it is gone is no sign of life of the provider */
}

void cs_coordinator_trouble_alive(struct cs_lane *lane, uint64_t now_ms)
{
    lane->answered_ms = now_ms;
    lane->away_ms = lane->n_away > 0 ? now_ms : 0;
}

static void said_away(struct cs_session *s, struct cs_lane *lane, const char *why, uint64_t now_ms)
{
    const bool had = s->lanes[lane->slot].away;

    say_away(s, lane, why);
    if (why == NULL && had)
        lane->away_ms = lane->n_away > 0 ? now_ms : 0;
    else if (why != NULL && lane->away_ms == 0) /* it takes a worker some seconds to find out */
        lane->away_ms = now_ms < lane->answered_ms + FOUND_OUT_MS ? lane->answered_ms : now_ms;
}

/* A worker that found nothing out yet: it may be answered. */
static bool may_be_answered(const struct cs_session *s, const struct cs_lane *lane)
{
    return s->lanes[lane->slot].held > 0 && !s->lanes[lane->slot].away && !s->lanes[lane->slot].trouble &&
           s->lanes[lane->slot].part > 0;
}

uint64_t cs_coordinator_trouble_outage_ms(const struct cs_core *core, const struct cs_lane *lane)
{
    if (lane->n_away == 0 || core->now_ms < lane->away_ms + CS_COORDINATOR_OUTAGE_MS)
        return 0;
    for (const struct cs_session *s = core->sessions; s != NULL; s = s->hh.next) {
        if (may_be_answered(s, lane))
            return 0;
    }
    return core->now_ms - lane->away_ms;
}

/* A worker's bytes: only these count as the fingerprint of a key. */
static bool is_fingerprint(const char *key)
{
    return strcmp(key, "no-key") == 0 || (strlen(key) == 8 && strspn(key, "0123456789abcdef") == 8);
}

void cs_coordinator_trouble_said(struct cs_core *core, struct cs_session *s, struct cs_lane *lane,
                                 const struct cs_want_lane *w)
{
    const char *why = w->trouble != NULL && w->trouble[0] != '\0' ? w->trouble : NULL;
    bool refused = why != NULL && w->key != NULL && is_fingerprint(w->key);

    const bool had = s->lanes[lane->slot].trouble;

    if (w->capacity > 0) {
        cs_coordinator_trouble_set(s, lane, NULL);
        said_away(s, lane, why, core->now_ms);
        return;
    }
    said_away(s, lane, NULL, core->now_ms);
    say_trouble(s, lane, why, refused);
    if (refused && !had)
        cs_log(CS_WARN, "key_refused", "model=%s key=%s worker=%s", lane->name, w->key, s->worker);
}

void cs_coordinator_trouble_forget(struct cs_core *core, struct cs_lane *lane)
{
    struct cs_session *s, *next;

    HASH_ITER (hh, core->sessions, s, next) {
        cs_coordinator_trouble_set(s, lane, NULL);
        s->resume_seq = s->seq_out + 1;
    }
}
