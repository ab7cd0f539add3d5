#include "coordinator/lanes/served.h"

#include "coordinator/lanes/state.h"
#include "store/served.h"

/* ---- who ------------------------------------------------------------------------------------------- */

struct words { /* one line, taken apart */
    const char *model, *fingerprint;
    int n_model, n_fingerprint;
};

static struct words words_of(const char *line)
{
    struct words w = {.model = line + strcspn(line, "\t\n")};

    w.model += *w.model == '\t';
    w.n_model = (int)strcspn(w.model, "\t\n");
    w.fingerprint = w.model + w.n_model;
    w.fingerprint += *w.fingerprint == '\t';
    w.n_fingerprint = (int)strcspn(w.fingerprint, "\n");
    return w;
}

static void note(struct cs_served *s)
{
    const char *last = s->lines;
    struct words a, b;

    for (const char *at = s->lines; *at != '\0'; at += strcspn(at, "\n") + 1)
        last = at;
    a = words_of(s->lines);
    b = words_of(last);
    snprintf(
        s->note, sizeof s->note,
        "who answers has changed: first %.*s%s%.*s, now also %.*s%s%.*s%s; arms asked before and after differ by that "
        "too",
        a.n_model, a.model, a.n_fingerprint > 0 ? " " : "", a.n_fingerprint, a.fingerprint, b.n_model, b.model,
        b.n_fingerprint > 0 ? " " : "", b.n_fingerprint, b.fingerprint, s->n > 2 ? " and others" : "");
}

void cs_coordinator_served_open(struct cs_served *s, const char *key, const char *lines)
{
    *s = (struct cs_served){.key = key != NULL ? cs_xstrdup(key) : NULL,
                            .lines = lines != NULL && lines[0] != '\0' ? cs_xstrdup(lines) : NULL};
    for (const char *at = s->lines; at != NULL && *at != '\0'; s->n++) {
        at = strchr(at, '\n');
        at += at != NULL;
    }
    if (s->n > 1)
        note(s);
}

void cs_coordinator_served_close(struct cs_served *s)
{
    free(s->key);
    free(s->lines);
    free(s->ids);
}

const char *cs_coordinator_served_newest(const struct cs_served *s, struct cs_arena *arena)
{
    struct words newest = {0};

    for (const char *at = s->lines; at != NULL && *at != '\0'; at += strcspn(at, "\n") + 1) {
        const struct words w = words_of(at);
        if (w.n_model > 0)
            newest = w;
    }
    return newest.n_model > 0 ? cs_arena_strndup(arena, newest.model, (size_t)newest.n_model) : "";
}

static void look_who(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o)
{
    struct cs_served *s = &lane->served;
    char line[CS_SERVED_LINE], key[64];
    size_t before, n;

    if ((o->model_resolved[0] == '\0' && o->fingerprint[0] == '\0') || s->n >= CS_SERVED_MAX ||
        cs_store_served_rank(s->lines, o->model_resolved, o->fingerprint) > 0)
        return;
    n = (size_t)cs_store_served_line(line, o->started_wall_ms, o->model_resolved, o->fingerprint);
    before = s->lines != NULL ? strlen(s->lines) : 0;
    s->lines = cs_xrealloc(s->lines, before + n + 1, 1);
    memcpy(s->lines + before, line, n + 1);
    s->n++;
    if (s->key != NULL) {
        snprintf(key, sizeof key, "served/%s", s->key);
        cs_batch_add_meta(core->open->batch, key, s->lines, (uint32_t)(before + n));
    }
    if (s->n < 2)
        return;
    lane->counters.moved++;
    note(s);
    cs_log(CS_WARN, "served_changed", "lane=%u model=%s n=%u", lane->lane, lane->name, s->n);
}

/* ---- drawn anew, or not ------------------------------------------------------------------------------ */

/* True: its id came lately, in the same case. */
static bool is_known_id(struct cs_served *s, const struct cs_output *o, uint64_t owner)
{
    const char *id = o->response_id[0] != '\0' ? o->response_id : o->request_id;
    struct cs_served_id *slot;
    uint64_t h;
    bool same;

    if (id[0] == '\0' || s->ids_are_none)
        return false;
    if (s->ids == NULL)
        s->ids = cs_xcalloc(CS_SERVED_IDS, sizeof *s->ids);
    h = cs_rng_mix_text(0, id) | 1;
    slot = &s->ids[h % CS_SERVED_IDS];
    same = slot->id == h;
    if (same && slot->owner != owner) {
        s->ids_are_none = true;
        return false;
    }
    *slot = (struct cs_served_id){h, owner};
    return same;
}

void cs_coordinator_served_take(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o, uint64_t owner)
{
    const bool same = !o->cache_hit && is_known_id(&lane->served, o, owner); /* a copy may come before its original */

    look_who(core, lane, o);
    if (lane->served.ids_are_none) { /* what was taken for repeated was not */
        lane->counters.cached -= lane->served.same_ids;
        lane->served.same_ids = 0;
    }
    lane->served.same_ids += same;
    lane->counters.cached += same || o->cache_hit;
}
