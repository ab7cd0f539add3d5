/* trouble.c - what workers say keeps them from a lane: a key that is missing or was refused, a provider that does not answer.
 *
 * Trouble is a session's: the others work on, and the lane is stuck only when all have it. A key that the provider refused to one
 * worker is announced to all, so that those who hold the same stop without asking; only the word of one that was refused itself bars a
 * key. `resume` forgets all of it.
 */

#include "coordinator/trouble.h"

#include <stdio.h>

enum { BARRED_MAX = 64 }; /* keys of a lane; more are found out by their own workers */

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

void cs_coordinator_trouble_away(struct cs_session *s, struct cs_lane *lane, const char *why)
{
    bool *has = &s->lanes[lane->slot].away;

    lane->n_away += (why != NULL) - *has;
    *has = why != NULL;
    if (why != NULL)
        keep(&lane->away, why);
    renote(lane);
}

/* Bytes of a worker: what is not a fingerprint is none. */
static bool is_fingerprint(const char *key)
{
    return strcmp(key, "no-key") == 0 || (strlen(key) == 8 && strspn(key, "0123456789abcdef") == 8);
}

static bool is_barred(const struct cs_lane *lane, const char *key)
{
    return lane->barred != NULL && strstr(lane->barred, key) != NULL;
}

void cs_coordinator_trouble_said(struct cs_core *core, struct cs_session *s, struct cs_lane *lane,
                                 const struct cs_want_lane *w)
{
    const char *why = w->trouble != NULL && w->trouble[0] != '\0' ? w->trouble : NULL;
    bool refused = why != NULL && w->key != NULL && is_fingerprint(w->key);

    if (w->capacity > 0) {
        cs_coordinator_trouble_set(s, lane, NULL);
        cs_coordinator_trouble_away(s, lane, why);
        return;
    }
    cs_coordinator_trouble_away(s, lane, NULL);
    say_trouble(s, lane, why, refused);
    if (!refused || is_barred(lane, w->key) || (lane->barred != NULL && strlen(lane->barred) > BARRED_MAX * 9))
        return;
    char *was = lane->barred;
    lane->barred = was != NULL ? cs_xasprintf("%s %s", was, w->key) : cs_xstrdup(w->key);
    free(was);
    cs_log(CS_WARN, "key_refused", "model=%s key=%s worker=%s", lane->name, w->key, s->worker);
    core->announce_dirty = true;
}

void cs_coordinator_trouble_forget(struct cs_core *core, struct cs_lane *lane)
{
    struct cs_session *s, *next;

    HASH_ITER (hh, core->sessions, s, next) {
        cs_coordinator_trouble_set(s, lane, NULL);
        s->resume_seq = s->seq_out + 1;
    }
    CS_FREE(lane->barred);
}
