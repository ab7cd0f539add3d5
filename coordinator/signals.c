#include "coordinator/signals.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/core/core.h"
#include "coordinator/page/facts.h"
#include "coordinator/publish.h"
#include "coordinator/roster.h"
#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/base/version.h"
#include "protocol/signals/listener.h"
#include "store/commit.h"

enum { LOOK_MS = 5000, EVENTS_BYTES = 16 * 1024 };

struct series { /* of a study */
    uint64_t key;
    struct cs_samples samples;
};

struct cs_signals {
    struct cs_server *sv;
    struct cs_listener *listener;
    uv_timer_t look;
    char host[128];
    int64_t since_wall_ms;
    struct series **series;
    uint32_t n_series;
    uint64_t store_bytes;
    /* Workers, as Redis had them last. */
    bool asked;
    struct cs_arena arena;
    struct cs_worker_info *infos;
    uint32_t n_infos;
};

/* ---- what takes time: every few seconds, whoever looks ------------------------------------------------------- */

static void on_workers(void *self, const struct cs_reply *reply)
{
    struct cs_signals *s = self;

    s->asked = false;
    cs_arena_reset(&s->arena);
    s->infos = NULL;
    s->n_infos = 0;
    if (reply != NULL)
        cs_progress_workers_parse(reply, &s->arena, &s->infos, &s->n_infos);
}

static uint64_t bytes_of(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    struct stat st;
    uint64_t sum = 0;

    while (d != NULL && (e = readdir(d)) != NULL)
        sum += fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size
                                                                                                  : 0;
    if (d != NULL)
        closedir(d);
    return sum;
}

static struct cs_samples *samples_of(struct cs_signals *s, uint64_t key)
{
    for (uint32_t i = 0; i < s->n_series; i++) {
        if (s->series[i]->key == key)
            return &s->series[i]->samples;
    }
    s->series = cs_xrealloc(s->series, s->n_series + 1, sizeof(struct series *));
    s->series[s->n_series] = cs_xcalloc(1, sizeof(struct series));
    s->series[s->n_series]->key = key;
    return &s->series[s->n_series++]->samples;
}

static struct cs_sample sample_of(const struct cs_progress *p)
{
    struct cs_sample now = {.spent_nano_usd = p->committed_nano_usd};

    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const struct cs_progress_lane *l = &p->lanes[i];
        now.ended += l->done + l->failed - (l->counters.adopted < l->done + l->failed ? l->counters.adopted : 0);
        now.failed += l->failed + l->counters.outcome[CS_OUTCOME_timeout] + l->counters.outcome[CS_OUTCOME_unparsable];
    }
    return now;
}

static void on_look(uv_timer_t *h)
{
    struct cs_signals *s = h->data;
    struct cs_server *sv = s->sv;

    s->store_bytes = bytes_of(s->sv->opts.dir);
    if (sv->redis != NULL && !s->asked) {
        s->asked = true;
        cs_progress_workers_ask(sv->redis, cs_store_fleet(sv->store), on_workers, s);
    }
    for (uint32_t i = 0; i < sv->roster.n; i++) {
        struct cs_progress p;
        cs_arena_reset(&sv->progress_arena);
        cs_publish_look(sv, sv->roster.items[i], &p);
        if (p.n_lanes == 0)
            continue; /* what is parked stands still */
        const struct cs_sample now = sample_of(&p);
        cs_samples_note(samples_of(s, sv->roster.items[i]->key), &now, cs_clock_mono_ms(), cs_clock_wall_ms());
    }
}

/* ---- facts -------------------------------------------------------------------------------------------------------- */

static void gather_studies(struct cs_signals *s, struct cs_page_facts *f)
{
    struct cs_server *sv = s->sv;
    const struct cs_samples **samples;

    cs_arena_reset(&sv->progress_arena);
    f->n_studies = sv->roster.n;
    f->studies = cs_arena_array(&sv->progress_arena, f->n_studies + 1, sizeof *f->studies);
    samples = cs_arena_array(&sv->progress_arena, f->n_studies + 1, sizeof *samples);
    for (uint32_t i = 0; i < f->n_studies; i++) {
        cs_publish_look(sv, sv->roster.items[i], &f->studies[i]);
        cs_progress_lanes_merge(&f->studies[i], s->infos, s->n_infos, &sv->progress_arena);
        samples[i] = samples_of(s, sv->roster.items[i]->key);
    }
    f->samples = samples;
}

static void gather(struct cs_signals *s, struct cs_page_facts *f)
{
    struct cs_server *sv = s->sv;
    struct cs_core_view v;

    cs_core_view(sv->core, 0, &v);
    *f = (struct cs_page_facts){
        .fleet = cs_store_fleet(sv->store),
        .version = cs_version,
        .host = s->host,
        .term = cs_store_term(sv->store),
        .workers = v.sessions,
        .now_wall_ms = cs_clock_wall_ms(),
        .since_wall_ms = s->since_wall_ms,
        .has_redis = sv->redis != NULL,
        .redis_answers = sv->redis != NULL && cs_redis_connected(sv->redis),
        .draining = v.draining,
        .received = v.intake.received,
        .committed = v.intake.committed,
        .late = v.intake.late,
        .duplicate = v.intake.duplicate,
        .refused = v.intake.refused,
        .malformed = v.intake.malformed,
        .disk_free = sv->room.free,
        .disk_size = sv->room.size,
        .store_bytes = s->store_bytes,
        .disk_full_s = cs_room_full_s(&sv->room, cs_clock_mono_ms()),
        .infos = s->infos,
        .n_infos = s->n_infos,
    };
    cs_commit_waiting(sv->commit, &f->commits_waiting, &f->commit_age_ms);
    gather_studies(s, f);
}

/* ---- pages --------------------------------------------------------------------------------------------------------- */

static void html(struct cs_listener_page *out)
{
    out->status = 200;
    out->type = "text/html; charset=utf-8";
}

static void operator_page(struct cs_signals *s, struct cs_page_facts *f, struct cs_listener_page *out)
{
    const struct cs_events_query q = {.bytes_max = EVENTS_BYTES};
    struct cs_buf events = CS_BUF_INIT(EVENTS_BYTES * 2);
    uint64_t left_off;

    if (cs_events_list(s->sv->store, &q, &events, &left_off, NULL) == CS_OK)
        f->events = cs_buf_cstr(&events);
    html(out);
    cs_duty_page(f, &out->body);
    cs_buf_release(&events);
}

static void study_page(const struct cs_page_facts *f, const char *name, struct cs_listener_page *out)
{
    for (uint32_t i = 0; i < f->n_studies; i++) {
        if (strcmp(f->studies[i].study, name) != 0)
            continue;
        html(out);
        cs_overview_page(f, i, &out->body);
        return;
    }
}

static void health(bool well, const char *why, struct cs_listener_page *out)
{
    out->status = well ? 200 : 503;
    cs_buf_printf(&out->body, "%s\n", well ? "ok" : why);
}

static void make(void *self, const char *path, struct cs_listener_page *out)
{
    enum { STUCK_MS = 10000 };
    struct cs_signals *s = self;
    struct cs_page_facts f;

    if (strcmp(path, "/style.css") == 0) {
        out->status = 200;
        out->type = "text/css; charset=utf-8";
        cs_buf_str(&out->body, cs_markup_css);
        return;
    }
    gather(s, &f);
    if (strcmp(path, "/metrics") == 0) {
        out->status = 200;
        out->type = "text/plain; version=0.0.4; charset=utf-8";
        cs_exposition_write(&f, &out->body);
    } else if (strcmp(path, "/healthz") == 0) {
        health(f.commit_age_ms < STUCK_MS, "nothing has reached the disk for 10 s", out);
    } else if (strcmp(path, "/readyz") == 0) {
        health(!f.draining, "draining", out);
    } else if (strcmp(path, "/status.json") == 0) {
        out->status = 200;
        out->type = "application/json";
        cs_fleet_json_write(&f, &out->body);
    } else if (strcmp(path, "/") == 0) {
        operator_page(s, &f, out);
    } else if (strncmp(path, "/study/", 7) == 0) {
        study_page(&f, path + 7, out);
    }
}

/* ---- opening -------------------------------------------------------------------------------------------------------- */

enum cs_err cs_coordinator_signals_open(struct cs_server *sv, struct cs_error *err)
{
    struct cs_signals *s;
    struct cs_listener_opts o = {.address = sv->opts.http,
                                 .token_file = sv->opts.http_token_file,
                                 .hosts = sv->opts.http_hosts.v,
                                 .n_hosts = sv->opts.http_hosts.n,
                                 .make = make};
    enum cs_err rc;

    if (sv->opts.http == NULL)
        return CS_OK;
    s = cs_xcalloc(1, sizeof *s);
    s->sv = sv;
    s->since_wall_ms = cs_clock_wall_ms();
    if (gethostname(s->host, sizeof s->host - 1) != 0)
        snprintf(s->host, sizeof s->host, "this machine");
    o.self = s;
    rc = cs_listener_open(&s->listener, &sv->loop, &o, err);
    if (rc != CS_OK) {
        free(s);
        return rc;
    }
    sv->signals_out = s;
    uv_timer_init(&sv->loop, &s->look);
    s->look.data = s;
    uv_timer_start(&s->look, on_look, 0, LOOK_MS);
    cs_log(CS_INFO, "http", "address=%s", cs_listener_address(s->listener));
    return CS_OK;
}

const char *cs_coordinator_signals_address(const struct cs_server *sv)
{
    return sv->signals_out != NULL ? cs_listener_address(sv->signals_out->listener) : "";
}

static void on_closed(uv_handle_t *h)
{
    struct cs_signals *s = h->data;

    for (uint32_t i = 0; i < s->n_series; i++)
        free(s->series[i]);
    free(s->series);
    cs_arena_release(&s->arena);
    free(s);
}

void cs_coordinator_signals_close(struct cs_server *sv)
{
    if (sv->signals_out == NULL)
        return;
    cs_listener_close(sv->signals_out->listener);
    uv_close((uv_handle_t *)&sv->signals_out->look, on_closed);
    sv->signals_out = NULL;
}
