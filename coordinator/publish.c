
#include "coordinator/publish.h"

#include <string.h>

#include "coordinator/again.h"
#include "coordinator/core/core.h"
#include "coordinator/plans.h"
#include "coordinator/roster.h"
#include "protocol/base/clock.h"
#include "protocol/base/json.h"
#include "protocol/base/log.h"
#include "protocol/base/rng.h"

enum { LAST_MS = 500 };
enum { STILL_MS = 60000, POOR_MS = 15000 /* while reservations come and go money is short for moments */ };

enum cs_err cs_publish_open(struct cs_server *sv, struct cs_error *err)
{
    return sv->opts.redis != NULL ? cs_redis_open(&sv->redis, &sv->loop, sv->opts.redis, err) : CS_OK;
}

void cs_publish_close(struct cs_server *sv)
{
    if (sv->redis != NULL)
        cs_redis_close(sv->redis);
    sv->redis = NULL;
    cs_arena_release(&sv->progress_arena);
}

static const char *state_name(enum cs_lane_state s)
{
    static const char *const names[] = {"open", "paused", "stopped", "done", "cancelled"};

    return names[s];
}

/* ---- the running generation ----------------------------------------------------------------------------- */

/* A trial by the words of its study; false: its case cannot be read now. */
static bool describe(struct cs_server *sv, const struct cs_lane_view *v, const struct cs_quarantined *q,
                     struct cs_progress_quarantined *out)
{
    const struct cs_loaded_plan *loaded = cs_plans_find(&sv->plans, v->gen);
    struct cs_buf condition = CS_BUF_INIT(4096);
    const struct cs_study *s;
    struct cs_coords at;
    struct cs_case c;

    if (loaded == NULL)
        return false;
    s = loaded->view->spec.study;
    cs_plan_coords(&loaded->view->plan, v->lane, cs_plan_at(&loaded->view->plan, v->lane, q->position), &at);
    if (loaded->view->cases.get(loaded->view->cases.self, at.case_index, &c, NULL) != CS_OK)
        return false;
    for (uint32_t f = 0; f < s->n_factors; f++)
        cs_buf_printf(&condition, "%s%s=%s", f > 0 ? " " : "", s->factors[f].name,
                      s->factors[f].levels[at.arms[f].level].id);
    *out = (struct cs_progress_quarantined){.case_id = cs_arena_strdup(&sv->progress_arena, c.id),
                                            .condition = cs_arena_strdup(&sv->progress_arena, cs_buf_cstr(&condition)),
                                            .question = s->questions[at.question].name,
                                            .repeat = at.repeat + 1,
                                            .position = q->position,
                                            .losses = q->losses,
                                            .workers = q->workers};
    cs_buf_release(&condition);
    return true;
}

static void add_quarantined(struct cs_server *sv, const struct cs_lane_view *v, struct cs_progress_lane *l)
{
    l->quarantined = v->n_quarantined;
    if (v->n_quarantined == 0)
        return;
    l->quarantine = cs_arena_array(&sv->progress_arena, CS_QUARANTINED_SHOWN, sizeof *l->quarantine);
    for (uint32_t i = 0; i < v->n_quarantined && l->n_quarantine < CS_QUARANTINED_SHOWN; i++)
        l->n_quarantine += describe(sv, v, &v->quarantined[i], &l->quarantine[l->n_quarantine]);
}

static bool is_priced(struct cs_server *sv, uint32_t gen, uint32_t lane)
{
    const struct cs_loaded_plan *loaded = cs_plans_find(&sv->plans, gen);
    const struct cs_price *p;

    if (loaded == NULL)
        return true;
    p = &loaded->view->spec.study->models[lane].price;
    return p->input >= 0 && p->output >= 0;
}

/* What holds a lane up that its workers do not know of, or not all of them. */
static void add_held(const struct cs_lane_view *v, struct cs_progress_lane *l)
{
    if (v->by_hand_wall_ms != 0) {
        l->held = "hand";
        l->held_since_wall_ms = v->by_hand_wall_ms;
        return;
    }
    const uint64_t ms = v->outage_ms > 0 ? v->outage_ms : v->poor_ms >= POOR_MS ? v->poor_ms : 0;

    l->held = v->outage_ms > 0 ? "outage" : ms > 0 ? "budget" : "";
    l->held_since_wall_ms = ms > 0 ? cs_clock_wall_ms() - (int64_t)ms : 0;
}

static void add_lane(struct cs_server *sv, const struct cs_roster_study *s, struct cs_progress *p, uint32_t i)
{
    struct cs_lane_view v;
    struct cs_progress_lane *l = &p->lanes[i];

    cs_core_lane(sv->core, s->key, i, &v);
    *l = (struct cs_progress_lane){.gen = v.gen,
                                   .lane = v.lane,
                                   .model = v.name,
                                   .state = state_name(v.state),
                                   .reason = v.reason,
                                   .served = v.served,
                                   .unpriced = !is_priced(sv, v.gen, i),
                                   .planned = v.n_trials - v.left_out,
                                   .done = v.done,
                                   .failed = v.failed,
                                   .cancelled = v.cancelled,
                                   .leased = v.leased,
                                   .counters = v.counters};
    add_held(&v, l);
    add_quarantined(sv, &v, l);
    p->planned += l->planned;
    p->done += l->done;
    p->failed += l->failed;
    p->cancelled += l->cancelled;
}

static const char *study_state(const struct cs_progress *p, const struct cs_core_view *view)
{
    uint32_t open = 0, paused = 0, stopped = 0;

    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const struct cs_progress_lane *l = &p->lanes[i];

        if (l->done + l->failed + l->cancelled == l->planned)
            continue;
        if (strcmp(l->state, "paused") == 0)
            paused++;
        else if (strcmp(l->state, "stopped") == 0)
            stopped++;
        else
            open++;
    }
    if (view->draining && open + paused + stopped > 0)
        return "draining";
    if (open > 0)
        return "running";
    return paused > 0 ? "paused" : stopped > 0 ? "stopped" : "finished";
}

static void add_rate(struct cs_server *sv, struct cs_roster_study *s, struct cs_progress *p, bool draining, bool sample)
{
    struct cs_rate_lane *lanes = cs_arena_array(&sv->progress_arena, p->n_lanes + 1, sizeof *lanes);
    const uint64_t now = cs_clock_mono_ms();
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const struct cs_progress_lane *l = &p->lanes[i];
        lanes[i] = (struct cs_rate_lane){.answers = l->done + l->failed - l->counters.adopted,
                                         .left = l->planned - l->done - l->failed - l->cancelled,
                                         .open = strcmp(l->state, "paused") != 0 && strcmp(l->state, "stopped") != 0,
                                         .held = draining || p->workers == 0 || l->held[0] != '\0'};
    }
    cs_rate_look(&s->rate, p->gen, lanes, p->n_lanes, now, sample, &p->outputs_per_s, &p->eta_s);
    for (uint32_t i = 0; i < p->n_lanes; i++)
        cs_rate_of_lane(&s->rate, i, &lanes[i], now, &p->lanes[i].outputs_per_s, &p->lanes[i].eta_s);
}

/* ---- one that is being built ------------------------------------------------------------------------------ */

static void add_building(struct cs_server *sv, struct cs_progress *p)
{
    const struct cs_build *b = &sv->build;
    const struct cs_plan *plan;

    p->state = "building";
    p->gen = b->generation.number;
    p->started_wall_ms = b->generation.created_wall_ms;
    if (b->lanes == NULL)
        return;
    plan = &b->plan.view->plan;
    p->lanes = cs_arena_array(&sv->progress_arena, plan->n_lanes + 1, sizeof *p->lanes);
    for (; p->n_lanes < plan->n_lanes; p->n_lanes++) {
        p->lanes[p->n_lanes] = (struct cs_progress_lane){.gen = p->gen,
                                                         .lane = p->n_lanes,
                                                         .state = "open",
                                                         .eta_s = -1,
                                                         .reason = "",
                                                         .served = "",
                                                         .held = "",
                                                         .model = plan->study->models[p->n_lanes].name,
                                                         .planned = plan->lanes[p->n_lanes].n_planned};
        p->planned += plan->lanes[p->n_lanes].n_planned;
    }
}

/* ---- one that waits, or is parked ---------------------------------------------------------------------------- */

static void add_totals(struct cs_server *sv, const struct cs_roster_study *s, struct cs_progress *p)
{
    const struct cs_roster_totals t = cs_roster_totals(sv, s);
    const bool over = cs_roster_is_over(sv, s);

    p->state = over ? "finished" : "queued";
    p->gen = s->next.number != 0 ? s->next.number : s->newest.number;
    p->started_wall_ms = s->next.number != 0 ? s->next.created_wall_ms : s->newest.created_wall_ms;
    p->planned = t.planned;
    p->done = t.done;
    p->failed = t.failed;
    p->cancelled = t.cancelled;
    p->eta_s = over ? 0 : -1;
}

/* What runs is shown; beside it, how far the edit is. */
static void add_edit(struct cs_server *sv, const struct cs_roster_study *s, struct cs_progress *p)
{
    const struct cs_build *b = &sv->build;
    const bool builds = b->state != CS_BUILD_NONE && b->study == s;
    const uint64_t spent_ms = cs_clock_mono_ms() - b->began_ms;

    p->edit_gen = s->next.number;
    if (builds && b->total > 0) {
        p->edit_built = b->scanned;
        p->edit_total = b->total;
        p->edit_eta_s = b->scanned > b->resumed ? (double)spent_ms / 1000 * (double)(b->total - b->scanned) /
                                                      (double)(b->scanned - b->resumed)
                                                : -1;
    }
    if (strcmp(p->state, "finished") == 0 || strcmp(p->state, "stopped") == 0)
        p->state = builds ? "building" : "queued"; /* more is to come */
}

/* What an operator has set, for people; in the arena. */
static const char *by_hand(struct cs_server *sv, const struct cs_roster_study *s)
{
    struct cs_buf text = CS_BUF_INIT(65536);
    const char *said = "";

    cs_settings_say(&s->set, &text);
    if (text.len > 0)
        said = cs_arena_strdup(&sv->progress_arena, cs_buf_cstr(&text) + 1);
    cs_buf_release(&text);
    return said;
}

/* s NULL: there is no study yet. */
static void gather(struct cs_server *sv, struct cs_roster_study *s, struct cs_progress *p, bool sample)
{
    const bool builds = s != NULL && sv->build.state != CS_BUILD_NONE && sv->build.study == s;
    const struct cs_loaded_plan *plan = s != NULL ? cs_plans_find(&sv->plans, s->newest.number) : NULL;
    struct cs_core_view view;

    const uint64_t now = cs_clock_mono_ms();

    cs_room_look(&sv->room, sv->opts.dir, now);
    cs_core_view(sv->core, s != NULL ? s->key : 0, &view);
    *p = (struct cs_progress){.fleet = cs_store_fleet(sv->store),
                              .study = s != NULL ? s->name : "",
                              .title = s != NULL ? s->title : "",
                              .state = "empty",
                              .by_hand = s != NULL ? by_hand(sv, s) : "",
                              .term = cs_store_term(sv->store),
                              .commit = cs_store_commit_seq(sv->store),
                              .workers = view.sessions,
                              .eta_s = -1,
                              .edit_eta_s = -1,
                              .disk_free_bytes = sv->room.free,
                              .disk_full_s = cs_room_full_s(&sv->room, now),
                              .budget_nano_usd = -1,
                              .committed_nano_usd = view.committed_nano_usd,
                              .presumed_nano_usd = view.presumed_nano_usd,
                              .reserved_nano_usd = view.reserved_nano_usd,
                              .updated_wall_ms = cs_clock_wall_ms()};
    if (plan == NULL && builds && sv->build.lanes != NULL)
        plan = &sv->build.plan;
    if (plan != NULL)
        p->budget_nano_usd = cs_settings_budget(&s->set, plan->view->spec.study);
    if (builds && !s->loaded) {
        add_building(sv, p);
        return;
    }
    if (s == NULL)
        return;
    if (!s->loaded) {
        add_totals(sv, s, p);
        return;
    }
    p->gen = view.gen;
    p->started_wall_ms = s->newest.created_wall_ms;
    p->n_lanes = view.n_lanes;
    p->lanes = cs_arena_array(&sv->progress_arena, view.n_lanes + 1, sizeof *p->lanes);
    for (uint32_t i = 0; i < view.n_lanes; i++)
        add_lane(sv, s, p, i);
    p->state = study_state(p, &view);
    add_rate(sv, s, p, view.draining, sample);
    if (s->next.number != 0)
        add_edit(sv, s, p);
}

/* ---- out ---------------------------------------------------------------------------------------------------- */

/* What would be seen of it changes with this. */
static uint64_t fingerprint_of(const struct cs_progress *p)
{
    uint64_t h = (uint64_t)(unsigned char)p->state[0] << 8 | (unsigned char)p->state[1];

    h = cs_rng_mix64(h ^ cs_rng_mix64(p->done ^ cs_rng_mix64(p->failed ^ cs_rng_mix64(p->cancelled ^ p->gen))));
    /* The rate of a study that has ended falls for some seconds yet. */
    h = cs_rng_mix64(h ^ (uint64_t)(p->outputs_per_s * 10 + 0.5)); /* as it is rounded when it is shown */
    h = cs_rng_mix64(h ^ (uint64_t)p->budget_nano_usd ^ cs_rng_mix64((uint64_t)p->committed_nano_usd));
    return h | 1;
}

/* Studies that stand still cost a line a minute. */
static bool is_news(struct cs_roster_study *s, const struct cs_progress *p, bool runs)
{
    const uint64_t now = cs_clock_mono_ms(), fingerprint = fingerprint_of(p);

    if (!runs && fingerprint == s->shown_fingerprint && now < s->shown_ms + STILL_MS)
        return false;
    s->shown_fingerprint = fingerprint;
    s->shown_ms = now;
    return true;
}

void cs_publish_now(struct cs_server *sv)
{
    const struct cs_roster_study *last = cs_roster_last(&sv->roster);

    for (uint32_t i = 0; i < sv->roster.n; i++) {
        struct cs_roster_study *s = sv->roster.items[i];
        struct cs_progress p;

        cs_arena_reset(&sv->progress_arena);
        gather(sv, s, &p, true);
        if (sv->redis == NULL || !cs_redis_connected(sv->redis) || p.gen == 0)
            continue; /* nobody would hear of it: it stays news */
        if (s == last)
            cs_progress_publish(sv->redis, &p);
        if (sv->roster.n > 1 && is_news(s, &p, strcmp(p.state, "running") == 0))
            cs_progress_publish_study(sv->redis, &p);
    }
}

static void heard(void *self, const struct cs_reply *reply)
{
    (void)reply; /* NULL: the connection is gone, and there is nothing to wait for */
    ((struct cs_server *)self)->published = true;
}

static void too_late(uv_timer_t *h)
{
    heard(h->data, NULL);
}

void cs_publish_last(struct cs_server *sv)
{
    cs_publish_now(sv);
    if (sv->redis == NULL || !cs_redis_connected(sv->redis))
        return;
    cs_redis_command(sv->redis, 1, (const char *[]){"PING"}, NULL, heard,
                     sv); /* answered after all that was sent before */
    uv_timer_start(&sv->publish_timer, too_late, LAST_MS, 0);
    while (!sv->published)
        uv_run(&sv->loop, UV_RUN_ONCE);
    uv_timer_stop(&sv->publish_timer);
}

void cs_publish_look(struct cs_server *sv, struct cs_roster_study *s, struct cs_progress *out)
{
    gather(sv, s, out, false);
}

/* ---- the list ------------------------------------------------------------------------------------------------- */

static void list_one(struct cs_server *sv, struct cs_roster_study *s, struct cs_buf *out)
{
    struct cs_progress p;

    cs_arena_reset(&sv->progress_arena);
    gather(sv, s, &p, false);
    cs_buf_str(out, "{\"study\":");
    cs_json_str(out, s->name, strlen(s->name));
    cs_buf_printf(out,
                  ",\"gen\":%u,\"state\":\"%s\",\"planned\":%llu,\"done\":%llu,\"failed\":%llu,\"cancelled\":%llu,"
                  "\"weight\":%u,\"priority\":\"%s\",\"eta_s\":%.0f,\"budget_usd\":%.6f,\"committed_usd\":%.6f",
                  p.gen, p.state, (unsigned long long)p.planned, (unsigned long long)p.done,
                  (unsigned long long)p.failed, (unsigned long long)p.cancelled, s->weight,
                  cs_roster_priority_name(s->priority), p.eta_s,
                  p.budget_nano_usd >= 0 ? (double)p.budget_nano_usd / 1e9 : -1.0, (double)p.committed_nano_usd / 1e9);
    if (p.by_hand[0] != '\0') {
        cs_buf_str(out, ",\"by_hand\":");
        cs_json_str(out, p.by_hand, strlen(p.by_hand));
    }
    if (s->after != NULL) {
        cs_buf_str(out, ",\"after\":");
        cs_json_str(out, s->after, strlen(s->after));
    }
    cs_buf_str(out, "}");
}

void cs_publish_list(struct cs_server *sv, struct cs_buf *out)
{
    cs_buf_str(out, "[");
    for (uint32_t i = 0; i < sv->roster.n; i++) {
        cs_buf_str(out, i > 0 ? "," : "");
        list_one(sv, sv->roster.items[i], out);
    }
    cs_buf_str(out, "]");
}

/* ---- one ------------------------------------------------------------------------------------------------------ */

void cs_publish_status(struct cs_server *sv, struct cs_roster_study *s, struct cs_buf *out)
{
    const struct cs_build *b = &sv->build;
    const bool builds = b->state != CS_BUILD_NONE && b->study == s;
    struct cs_core_view v;
    struct cs_progress p;

    cs_arena_reset(&sv->progress_arena);
    gather(sv, s, &p, false);
    cs_core_view(sv->core, s != NULL ? s->key : 0, &v);
    cs_progress_json(&p, out);
    if (out->overflow || out->len == 0 || out->data[out->len - 1] != '}')
        return;
    out->data[--out->len] = '\0'; /* what only the coordinator knows goes in before the end */
    cs_buf_printf(out, ",\"phase\":\"%s\",\"built\":%llu,\"to_build\":%llu,",
                  builds                             ? "building"
                  : s != NULL && s->next.number != 0 ? "queued"
                                                     : p.state,
                  (unsigned long long)(builds ? b->scanned : 0), (unsigned long long)(builds ? b->total : 0));
    if (s != NULL)
        cs_coordinator_again_status(sv, s->key, out);
    cs_buf_printf(out, "\"received\":%llu,\"committed\":%llu,\"late\":%llu,\"duplicate\":%llu,\"refused\":%llu,",
                  (unsigned long long)v.intake.received, (unsigned long long)v.intake.committed,
                  (unsigned long long)v.intake.late, (unsigned long long)v.intake.duplicate,
                  (unsigned long long)v.intake.refused);
    cs_buf_printf(out, "\"resent\":%llu,\"gaps\":%llu,\"malformed\":%llu}", (unsigned long long)v.intake.resent,
                  (unsigned long long)v.intake.gaps, (unsigned long long)v.intake.malformed);
}
