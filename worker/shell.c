#include "worker/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/version.h"
#include "store/redis/progress.h"
#include "store/redis/quota_days.h"
#include "worker/exchange.h"
#include "worker/lists.h"
#include "worker/net.h"
#include "worker/signals.h"
#include "worker/studies.h"
#include "worker/core/worker.h"

enum { PUBLISH_MS = 5000, ACK_LOG_MAX = 4 * 1024 * 1024 };

struct shell {
    const struct cs_worker_shell_opts *o;
    uv_loop_t loop;
    uv_timer_t tick, publish, look, lists;
    uv_signal_t term, interrupt;
    struct cs_worker *core;
    struct cs_studies *studies;
    struct cs_exchange *exchange;
    struct cs_worker_net *net;
    struct cs_redis *redis;
    struct cs_listener *listener;
    int ack_fd;
    struct cs_buf acks;
    uint64_t tick_at;
    int64_t started_wall_ms;
    uint32_t signals, rss_mb, published_draws;
    bool published;
    bool stopped;
    struct cs_error end;
};

static uint32_t rss_mb(void)
{
    char line[128];
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL)
        return 0;
    if (fgets(line, sizeof line, f) != NULL) {
        char *end;
        strtoull(line, &end, 10);
        pages = strtoull(end, NULL, 10);
    }
    fclose(f);
    return (uint32_t)(pages * (unsigned long long)sysconf(_SC_PAGESIZE) / (1024 * 1024));
}

/* ---- actions --------------------------------------------------------------------------------------- */

static void start_call(struct shell *s, const struct cs_worker_action *a)
{
    char id[64], hex[33], turn[16] = "";
    cs_digest_hex(a->digest->b, sizeof a->digest->b, hex);
    if (a->turn > 1) /* else the calls of a conversation would be repeats of one request */
        snprintf(turn, sizeof turn, "-t%u", a->turn);
    snprintf(id, sizeof id, "%s%s-%u", hex, turn, a->attempt);
    struct cs_http_request r = {.endpoint = a->endpoint, .body = a->body, .body_len = a->body_len, .request_id = id};
    r.timeout_ms = a->timeout_ms;
    r.session = a->session;
    r.held = a->held;
    cs_exchange_start(s->exchange, a->slot, &r);
    cs_pictures_let_go(a->held);
}

static void note_ack(struct shell *s, const struct cs_digest *d)
{
    char hex[33];
    cs_digest_hex(d->b, sizeof d->b, hex);
    cs_buf_printf(&s->acks, "%s\n", hex);
}

static void flush_acks(struct shell *s)
{
    if (s->acks.len == 0)
        return;
    if (write(s->ack_fd, s->acks.data, s->acks.len) != (ssize_t)s->acks.len)
        cs_log(CS_ERROR, "ack_log_failed", "errno=%d", errno);
    cs_buf_clear(&s->acks);
}

static void end(struct shell *s, enum cs_err code, const char *text)
{
    cs_error_set(&s->end, code, "%s", text);
    s->stopped = true;
    uv_stop(&s->loop);
}

/* Does what the core wants; the kind of the first message that found no way is returned. */
static enum cs_kind carry_out(struct shell *s)
{
    enum cs_kind unsent = CS_KIND_NONE;
    uint32_t n;
    const struct cs_worker_action *all = cs_worker_actions(s->core, &n);
    for (uint32_t i = 0; i < n; i++) {
        const struct cs_worker_action *a = &all[i];
        struct cs_error err = {0};
        switch (a->kind) {
        case CS_DO_CONNECT:
            if (cs_worker_net_connect(s->net, &err) != CS_OK)
                end(s, err.code, err.msg);
            break;
        case CS_DO_SEND:
            if (unsent == CS_KIND_NONE && cs_worker_net_send(s->net, a->message) != CS_OK)
                unsent = a->message->kind;
            break;
        case CS_DO_CALL:
            start_call(s, a);
            break;
        case CS_DO_ABORT:
            cs_exchange_abort(s->exchange, a->slot);
            break;
        case CS_DO_ACKED:
            note_ack(s, a->digest);
            break;
        case CS_DO_LOG:
            cs_log(a->level, a->ev, "%s", a->text);
            break;
        case CS_DO_EXIT:
            end(s, a->code, a->text);
            break;
        }
    }
    flush_acks(s);
    return unsent;
}

static void ask_for_quota(struct shell *s);

static void step(struct shell *s, struct cs_worker_event ev)
{
    if (s->stopped)
        return;
    ev.wall_ms = cs_clock_wall_ms();
    ev.held = cs_exchange_held(s->exchange);
    cs_worker_step(s->core, &ev, cs_clock_mono_ms());
    enum cs_kind unsent = carry_out(s);
    if (unsent != CS_KIND_NONE && !s->stopped)
        step(s, (struct cs_worker_event){.kind = CS_WORKER_UNSENT, .unsent = unsent}); /* sends nothing: ends here */
    ask_for_quota(s);
}

/* ---- quotas ---------------------------------------------------------------------------------------- */

struct asked {
    struct shell *s;
    uint32_t draw;
    uint64_t serial;
};

static void on_grant(void *self, const struct cs_quota_grant *grant)
{
    struct asked *a = self;
    struct shell *s = a->s;
    struct cs_worker_quota q = {.draw = a->draw, .serial = a->serial, .grant = grant};
    free(a);
    step(s, (struct cs_worker_event){.kind = CS_WORKER_QUOTA, .quota = q});
}

static void ask_for_quota(struct shell *s)
{
    struct cs_worker_ask want;
    while (!s->stopped && cs_pools_take_ask(s->core, &want)) {
        if (s->redis == NULL) {
            struct cs_worker_quota q = {.draw = want.draw, .serial = want.serial, .alone = true};
            step(s, (struct cs_worker_event){.kind = CS_WORKER_QUOTA, .quota = q});
            continue;
        }
        struct asked *a = cs_xcalloc(1, sizeof *a);
        *a = (struct asked){s, want.draw, want.serial};
        cs_quota_ask(s->redis, &want.ask, on_grant, a);
    }
}

/* ---- events ---------------------------------------------------------------------------------------- */

static void on_done(void *self, uint32_t slot, const struct cs_http_reply *reply)
{
    step(self, (struct cs_worker_event){.kind = CS_WORKER_REPLY, .slot = slot, .reply = reply});
}

static void on_message(void *self, const struct cs_message *m)
{
    step(self, (struct cs_worker_event){.kind = CS_WORKER_MESSAGE, .message = m});
}

static void on_tick(uv_timer_t *timer)
{
    struct shell *s = timer->data;
    s->tick_at = CS_NEVER;
    step(s, (struct cs_worker_event){.kind = CS_WORKER_TICK, .rss_mb = s->rss_mb});
}

static void publish_news(struct shell *s);

/* Sets the timer to the core's next alarm. */
static void before_sleep(void *self)
{
    struct shell *s = self;
    uint64_t next = cs_worker_next_ms(s->core);
    publish_news(s);
    if (next == s->tick_at || s->stopped)
        return;
    s->tick_at = next;
    uint64_t now = cs_clock_mono_ms();
    uv_update_time(&s->loop);
    if (next == CS_NEVER)
        uv_timer_stop(&s->tick);
    else
        uv_timer_start(&s->tick, on_tick, next > now ? next - now : 0, 0);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct shell *s = handle->data;
    if (++s->signals > 1) {
        cs_log(CS_WARN, "stopped", "signal=%d", number);
        _exit(cs_error_exit_code(
            CS_EINTERRUPTED)); /* nothing here needs to be tidied up: what was acknowledged is on disk */
    }
    step(s, (struct cs_worker_event){.kind = CS_WORKER_DRAIN});
}

static void publish_day_pools(struct shell *s, const char *fleet)
{
    struct cs_worker_day_pool p;
    for (uint32_t i = 0; cs_pools_day(s->core, i, &p); i++)
        cs_quota_days_publish(s->redis, fleet, p.group, p.name,
                              (const uint64_t[]){(uint64_t)p.limit[0], (uint64_t)p.limit[1]});
}

static struct cs_worker_info info_of(const struct shell *s, const struct cs_worker_figures *f)
{
    return (struct cs_worker_info){
        .name = s->o->name,
        .host = s->o->host,
        .version = cs_version,
        .pid = (uint32_t)getpid(),
        .in_flight = f->in_flight,
        .unstarted = f->unstarted,
        .unacked = f->unacked,
        .rss_mb = s->rss_mb,
        .started_calls = f->calls_started,
        .finished_calls = f->calls_ended,
        .started_wall_ms = s->started_wall_ms,
        .updated_wall_ms = cs_clock_wall_ms(),
    };
}

static void make_page(void *self, const char *path, struct cs_listener_page *out)
{
    struct shell *s = self;
    struct cs_worker_figures f;
    struct cs_arena arena = {0};
    cs_worker_figures(s->core, &f);
    struct cs_worker_info info = info_of(s, &f);
    cs_worker_report_lanes(s->core, cs_clock_mono_ms(), &arena, &info);
    cs_worker_signals_make(&info, &f, path, out);
    cs_arena_release(&arena);
}

/* What is not connected would lose them: they wait. */
static void tell_errors(struct shell *s, const char *fleet)
{
    struct cs_arena arena = {0};
    struct cs_complaint *list;
    uint32_t n;
    if (!cs_redis_connected(s->redis))
        return;
    cs_worker_report_errors(s->core, &arena, &list, &n);
    cs_complaints_add(s->redis, fleet, list, n);
    cs_arena_release(&arena);
}

static void on_publish(uv_timer_t *timer)
{
    struct shell *s = timer->data;
    struct cs_worker_figures f;
    struct cs_arena arena = {0};
    s->rss_mb = rss_mb();
    cs_worker_figures(s->core, &f);
    if (s->redis == NULL || f.fleet[0] == '\0')
        return;
    struct cs_worker_info info = info_of(s, &f);
    cs_worker_report(s->core, cs_clock_mono_ms(), &arena, &info);
    cs_progress_worker_publish(s->redis, f.fleet, &info);
    cs_arena_release(&arena);
    tell_errors(s, f.fleet);
    publish_day_pools(s, f.fleet);
    s->published = cs_redis_connected(s->redis);
    s->published_draws = f.draws;
}

/* Not only every so often: a worker is seen at once, and its pools with it, which wait for the coordinator. */
static void publish_news(struct shell *s)
{
    struct cs_worker_figures f;
    cs_worker_figures(s->core, &f);
    if (s->redis != NULL && f.fleet[0] != '\0' && cs_redis_connected(s->redis) &&
        (!s->published || f.draws != s->published_draws))
        on_publish(&s->publish);
}

/* Without a session: perhaps the coordinator is elsewhere by now. */
static void on_look(uv_timer_t *timer)
{
    struct shell *s = timer->data;
    struct cs_worker_figures f;
    struct cs_error err = {0};

    cs_worker_figures(s->core, &f);
    if (s->stopped || f.state == CS_WORKER_READY || !cs_find_look(s->o->find, f.in_flight + f.unacked))
        return;
    if (cs_worker_net_move(s->net, &s->o->find->at, &err) != CS_OK)
        end(s, err.code, err.msg);
    else
        step(s, (struct cs_worker_event){.kind = CS_WORKER_MOVED});
}

static void on_lists(uv_timer_t *timer)
{
    struct shell *s = timer->data;
    if (!s->stopped && cs_studies_look(s->studies))
        step(s, (struct cs_worker_event){.kind = CS_WORKER_SERVERS});
}

/* ---- the process ----------------------------------------------------------------------------------- */

static enum cs_err open_ack_log(struct shell *s, struct cs_error *err)
{
    s->acks = CS_BUF_INIT(ACK_LOG_MAX);
    s->ack_fd = -1;
    if (s->o->ack_log == NULL)
        return CS_OK;
    s->ack_fd = open(s->o->ack_log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (s->ack_fd < 0)
        return cs_error_set(err, CS_EIO, "%s: %s", s->o->ack_log, strerror(errno));
    return CS_OK;
}

static void open_core(struct shell *s)
{
    struct cs_worker_opts o = {
        .name = s->o->name,
        .version = cs_version,
        .nonce = s->o->nonce,
        .seed = s->o->nonce,
        .slots = s->o->slots,
        .drain_ms = s->o->drain_s * 1000,
        .deadline_ms = s->o->left_ms != 0 ? cs_clock_mono_ms() + s->o->left_ms : 0,
        .idle_ms = s->o->idle_s * 1000,
        .until_done = s->o->until_done,
        .report_acks = s->o->ack_log != NULL,
        .reply_memory = s->o->reply_memory,
    };
    cs_studies_open(&s->studies, s->o->simulator, s->o->permits);
    o.source = cs_studies_source(s->studies);
    cs_worker_open(&s->core, &o);
}

static void open_handles(struct shell *s)
{
    uv_timer_init(&s->loop, &s->tick);
    uv_timer_init(&s->loop, &s->publish);
    uv_timer_init(&s->loop, &s->look);
    uv_timer_init(&s->loop, &s->lists);
    uv_signal_init(&s->loop, &s->term);
    uv_signal_init(&s->loop, &s->interrupt);
    s->tick.data = s->publish.data = s->look.data = s->lists.data = s->term.data = s->interrupt.data = s;
    uv_signal_start(&s->term, on_signal, SIGTERM);
    uv_signal_start(&s->interrupt, on_signal, SIGINT);
    uv_timer_start(&s->publish, on_publish, 0, PUBLISH_MS);
    uv_timer_start(&s->lists, on_lists, CS_LISTS_MS, CS_LISTS_MS);
    if (s->o->find->path != NULL)
        uv_timer_start(&s->look, on_look, CS_FIND_MS, CS_FIND_MS);
}

static void close_all(struct shell *s)
{
    struct cs_worker_figures f;
    cs_worker_figures(s->core, &f);
    if (s->redis != NULL && f.fleet[0] != '\0') {
        tell_errors(s, f.fleet);
        cs_progress_worker_unpublish(s->redis, f.fleet, s->o->name);
    }
    uv_run(&s->loop, UV_RUN_NOWAIT);
    cs_exchange_close(s->exchange);
    cs_worker_net_close(s->net);
    cs_redis_close(s->redis);
    cs_listener_close(s->listener);
    uv_close((uv_handle_t *)&s->tick, NULL);
    uv_close((uv_handle_t *)&s->publish, NULL);
    uv_close((uv_handle_t *)&s->look, NULL);
    uv_close((uv_handle_t *)&s->lists, NULL);
    uv_close((uv_handle_t *)&s->term, NULL);
    uv_close((uv_handle_t *)&s->interrupt, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);
    cs_worker_close(s->core);
    cs_studies_close(s->studies);
    cs_buf_release(&s->acks);
    if (s->ack_fd >= 0)
        close(s->ack_fd);
}

static enum cs_err open_listener(struct shell *s, struct cs_error *err)
{
    const struct cs_listener_opts o = {
        .address = s->o->http,
        .token_file = s->o->http_token_file,
        .hosts = s->o->http_hosts->v,
        .n_hosts = s->o->http_hosts->n,
        .make = make_page,
        .self = s,
    };
    enum cs_err rc = cs_listener_open(&s->listener, &s->loop, &o, err);
    if (rc == CS_OK)
        cs_log(CS_INFO, "http", "address=%s", cs_listener_address(s->listener));
    return rc;
}

enum cs_err cs_shell_run(const struct cs_worker_shell_opts *o, struct cs_error *err)
{
    struct shell s = {.o = o, .tick_at = CS_NEVER, .started_wall_ms = cs_clock_wall_ms()};
    struct cs_worker_net_opts no = {
        .loop = &s.loop,
        .at = &o->find->at,
        .own = o->own,
        .message = on_message,
        .before_sleep = before_sleep,
        .self = &s,
    };
    CS_ASSERT(uv_loop_init(&s.loop) == 0);
    open_core(&s);
    open_handles(&s);
    enum cs_err rc = open_ack_log(&s, err);
    if (rc == CS_OK)
        rc = cs_exchange_open(&s.exchange, &s.loop, CS_WORKER_SLOTS_PARKED * o->slots, o->reply_memory, on_done, &s,
                              err);
    if (rc == CS_OK)
        rc = cs_worker_net_open(&s.net, &no, err);
    if (rc == CS_OK && o->redis != NULL)
        rc = cs_redis_open(&s.redis, &s.loop, o->redis, err);
    if (rc == CS_OK && o->http != NULL)
        rc = open_listener(&s, err);
    if (rc == CS_OK) {
        cs_log(CS_INFO, "worker", "name=%s slots=%u deadline_s=%llu coordinator=%s", o->name, o->slots,
               (unsigned long long)(o->left_ms / 1000),
               o->find->path != NULL ? o->find->path : o->find->at.coordinator);
        uv_run(&s.loop, UV_RUN_DEFAULT);
        rc = s.end.code;
        cs_log(rc == CS_OK ? CS_INFO : CS_ERROR, "ended", "code=%s why=\"%s\"", cs_error_name(rc), s.end.msg);
        if (err != NULL)
            *err = s.end;
    }
    s.stopped = true;
    close_all(&s);
    return rc;
}
