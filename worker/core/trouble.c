#include "worker/core/trouble.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "worker/calls/alarm.h"
#include "worker/core/do.h"
#include "worker/core/leases.h"

enum { AGAIN_MS = 5 * 60 * 1000, AGAIN_DOUBLINGS = 4 }; /* at most 80 minutes */
enum { HOST_SHOWN = 80 };                               /* bytes of a provider's name in what people read */

void cs_worker_trouble_stop(struct cs_worker *w, struct cs_worker_lane *l, const char *trouble)
{
    if (l->trouble[0] != '\0')
        return; /* the first reason is the one to tell */
    snprintf(l->trouble, sizeof l->trouble, "%s", trouble);
    cs_do_log(w, CS_ERROR, "lane_trouble", "gen=%u lane=%u why=\"%s\"", l->gen, l->lane, l->trouble);
    w->shares_stale = true;
    cs_leases_give_back(w, l, true);
}

void cs_worker_trouble_refused(struct cs_worker *w, struct cs_worker_lane *l, const char *trouble)
{
    if (l->trouble[0] == '\0') {
        const uint64_t pause = (uint64_t)AGAIN_MS << (l->refusals < AGAIN_DOUBLINGS ? l->refusals : AGAIN_DOUBLINGS);
        l->key_refused = true;
        l->refusals++;
        l->again_ms = w->now + pause;
        cs_alarm_set(&w->alarms, &l->alarm, l->again_ms);
    }
    cs_worker_trouble_stop(w, l, trouble);
}

void cs_worker_trouble_again(struct cs_worker *w, struct cs_worker_lane *l)
{
    if (!l->key_refused)
        return;
    if (w->now < l->again_ms || l->state != CS_LANE_OPEN) {
        cs_alarm_set(&w->alarms, &l->alarm, w->now < l->again_ms ? l->again_ms : w->now + AGAIN_MS);
        return;
    }
    cs_do_log(w, CS_INFO, "lane_again", "gen=%u lane=%u refusals=%u", l->gen, l->lane, l->refusals);
    l->trouble[0] = '\0';
    l->key_refused = false;
    l->denials = (struct cs_denials){0};
    w->shares_stale = true;
}

void cs_worker_trouble_wait(struct cs_worker *w, struct cs_worker_lane *l)
{
    uint64_t until = l->quiet_until;
    const uint64_t server = l->servers != NULL ? cs_worker_servers_next_ms(l->servers, w->now) : UINT64_MAX;
    if (l->outage.away && l->outage.probe_ms > until)
        until = l->outage.probe_ms;
    if (server != UINT64_MAX && (until <= w->now || server < until))
        until = server;
    if (until > w->now)
        cs_alarm_set(&w->alarms, &l->alarm, until);
}

void cs_worker_trouble_until(const struct cs_worker *w, uint64_t wait_ms, char *out, size_t size)
{
    const uint64_t s = (wait_ms + 999) / 1000;
    const time_t at = (time_t)(w->wall / 1000 + (int64_t)s);
    struct tm tm;
    char clock[24] = "?";
    if (gmtime_r(&at, &tm) != NULL)
        strftime(clock, sizeof clock, "%m-%d %H:%M UTC", &tm);
    if (s >= 3600)
        snprintf(out, size, " in %llu h %llu min, at %s", (unsigned long long)(s / 3600),
                 (unsigned long long)(s % 3600 / 60), clock);
    else
        snprintf(out, size, " in %llu min %llu s, at %s", (unsigned long long)(s / 60), (unsigned long long)(s % 60),
                 clock);
}

void cs_worker_trouble_waits(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_reading *reading)
{
    char when[64];
    if (reading->wait_ms == CS_NO_HINT || reading->wait_ms <= CS_RETRY_SHOWN_MS || l->waits || l->outage.away)
        return;
    cs_worker_trouble_until(w, reading->wait_ms < CS_RETRY_WAIT_MAX_MS ? reading->wait_ms : CS_RETRY_WAIT_MAX_MS, when,
                            sizeof when);
    snprintf(l->away, sizeof l->away, "the provider asks to wait (%s%s%s); asked again%s; to ask now, run again",
             reading->wait_source, reading->limit[0] != '\0' ? ": " : "", reading->limit, when);
    l->waits = true;
    cs_do_log(w, CS_WARN, "lane_waits", "gen=%u lane=%u why=\"%s\"", l->gen, l->lane, l->away);
    w->shares_stale = true;
}

void cs_worker_trouble_waited(struct cs_worker *w, struct cs_worker_lane *l)
{
    if (!l->waits)
        return;
    l->waits = false;
    if (!l->outage.away)
        l->away[0] = '\0';
    w->shares_stale = true;
}

/* "api.example.com:443" of a URL. */
static int host_of(const char *url, const char **host)
{
    const char *at = strstr(url, "://");
    *host = at != NULL ? at + 3 : url;
    const size_t n = strcspn(*host, "/?#");
    return n < HOST_SHOWN ? (int)n : HOST_SHOWN;
}

/* What is wrong, and where: people see it in the words that `run` and `status` show. */
static void say_fault(const struct cs_endpoint *e, const struct cs_http_reply *r, char *out, size_t size)
{
    static const struct saying {
        const char *before, *after; /* the host */
    } unsent[] =
        {
            [CS_BELOW_NONE] = {"the provider at ", " cannot be reached"},
            [CS_BELOW_NAME] = {"the provider's name ", " is not found: base_url, or DNS"},
            [CS_BELOW_CONNECT] = {"no connection to the provider at ", ""},
            [CS_BELOW_TLS] = {"no TLS connection to the provider at ", ": its certificate, or the CA"},
            [CS_BELOW_PROXY] = {"the proxy on the way to ", " cannot be reached, or refuses"},
            [CS_BELOW_TIME] = {"no connection to the provider at ", " in time: nothing comes back"},
            [CS_BELOW_FILES] = {"this worker may open no more files (ulimit -n) for ", ""},
            [CS_BELOW_OTHER] = {"the provider at ", " cannot be reached"},
        },
      broken = {"connections to the provider at ", " break"}, faulty = {"the provider at ", " answers with faults"};
    const struct saying *said = r->transfer == CS_TRANSFER_UNSENT ? &unsent[r->below]
                                : r->status == 0                  ? &broken
                                                                  : &faulty;
    const char *host;
    char detail[64] = "";
    const int len = host_of(e->url, &host);
    if (r->status != 0)
        snprintf(detail, sizeof detail, " (HTTP %u)", r->status);
    else if (said == &unsent[CS_BELOW_CONNECT] && r->os_error != 0)
        snprintf(detail, sizeof detail, ": %s", strerror(r->os_error));
    snprintf(out, size, "%s%.*s%s%s", said->before, len, host, said->after, detail);
}

enum { WHY_MAX = CS_TROUBLE_MAX - 88 };
static const char relisted[] = "the servers that were listed before do not answer; those of the new list are asked";

/* What people are told while nothing gets through; where it waits, or has no server, that says more. */
static void say_away(struct cs_worker_lane *l, const char *why)
{
    if (!l->stranded && !l->waits)
        snprintf(l->away, sizeof l->away, "%s", why);
}

/* Of a list one server stands for all; none that has left it. */
static void say_outage(struct cs_worker_lane *l, const struct cs_worker_server *at, const char *why)
{
    const uint32_t n = at != NULL ? cs_worker_servers_listed(l->servers) : 1;
    char said[CS_TROUBLE_MAX], none[48] = "";
    if (at != NULL && !at->listed) {
        say_away(l, relisted);
        return;
    }
    if (n > 1)
        snprintf(none, sizeof none, "none of its %u servers answers: ", n);
    snprintf(said, sizeof said, "%s%.*s; asked again after growing pauses", none, WHY_MAX, why);
    say_away(l, said);
}

void cs_worker_trouble_away(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_worker_server *at,
                            const struct cs_http_reply *reply, bool begins)
{
    char why[WHY_MAX];
    say_fault(at != NULL ? at->endpoint : l->facts.endpoint, reply, why, sizeof why);
    say_outage(l, at, why);
    if (!begins)
        return;
    cs_do_log(w, CS_WARN, "lane_away", "gen=%u lane=%u why=\"%s\" waiting=%u", l->gen, l->lane, why, l->n_todo);
    w->shares_stale = true;
    cs_leases_give_back_untried(w, l);
}

void cs_worker_trouble_relisted(struct cs_worker_lane *l, uint64_t now_ms)
{
    if (!l->outage.away)
        return;
    cs_outage_ask_now(&l->outage, now_ms);
    say_away(l, relisted);
}

void cs_worker_trouble_back(struct cs_worker *w, struct cs_worker_lane *l)
{
    cs_do_log(w, CS_INFO, "lane_back", "gen=%u lane=%u away_ms=%llu probes=%u", l->gen, l->lane,
              (unsigned long long)(w->now - l->outage.since_ms), l->outage.probes);
    l->away[0] = '\0';
    w->shares_stale = true;
}
