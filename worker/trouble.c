#include "worker/trouble.h"

#include <stdio.h>

#include "worker/alarm.h"
#include "worker/do.h"
#include "worker/leases.h"

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
    if (l->trouble[0] == '\0')
        l->key_refused = true;
    cs_worker_trouble_stop(w, l, trouble);
}

void cs_worker_trouble_wait(struct cs_worker *w, struct cs_worker_lane *l)
{
    uint64_t until = l->quiet_until;
    if (l->outage.away && l->outage.probe_ms > until)
        until = l->outage.probe_ms;
    if (until > w->now)
        cs_alarm_set(&w->alarms, &l->alarm, until);
}

void cs_worker_trouble_away(struct cs_worker *w, struct cs_worker_lane *l, const char *why)
{
    snprintf(l->away, sizeof l->away, "%s; asked again from time to time, nothing else is to be done", why);
    cs_do_log(w, CS_WARN, "lane_away", "gen=%u lane=%u why=\"%s\" waiting=%u", l->gen, l->lane, why, l->n_todo);
    w->shares_stale = true;
    cs_leases_give_back_untried(w, l);
}

void cs_worker_trouble_back(struct cs_worker *w, struct cs_worker_lane *l)
{
    cs_do_log(w, CS_INFO, "lane_back", "gen=%u lane=%u away_ms=%llu probes=%u", l->gen, l->lane,
              (unsigned long long)(w->now - l->outage.since_ms), l->outage.probes);
    l->away[0] = '\0';
    w->shares_stale = true;
}
