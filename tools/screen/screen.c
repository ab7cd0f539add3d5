#include "tools/screen/screen.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/clock.h"
#include "protocol/study/price.h"
#include "tools/base/text.h"

/* Sum of the lanes' counters. */
static struct cs_counters total_of(const struct cs_progress *p)
{
    struct cs_counters t = {0};
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const struct cs_counters *c = &p->lanes[i].counters;
        for (int o = 0; o < CS_OUTCOMES; o++)
            t.outcome[o] += c->outcome[o];
        t.adopted += c->adopted;
        t.salvaged += c->salvaged;
        t.carried += c->carried;
        t.superseded += c->superseded;
        t.duplicates += c->duplicates;
        t.attempts += c->attempts;
        t.ambiguous += c->ambiguous;
        t.ambiguous_nano_usd = t.ambiguous_nano_usd < 0 || c->ambiguous_nano_usd < 0
                                   ? -1
                                   : cs_price_add(t.ambiguous_nano_usd, c->ambiguous_nano_usd);
        t.input_tokens += c->input_tokens;
        t.output_tokens += c->output_tokens;
        t.cost_nano_usd = cs_price_add(t.cost_nano_usd, c->cost_nano_usd);
        t.wasted_nano_usd = cs_price_add(t.wasted_nano_usd, c->wasted_nano_usd);
        t.absurd_nano_usd = cs_price_add(t.absurd_nano_usd, c->absurd_nano_usd);
        t.voided_nano_usd = cs_price_add(t.voided_nano_usd, c->voided_nano_usd);
        t.untold += c->untold;
        t.cached += c->cached;
        t.reread += c->reread;
    }
    return t;
}

static void outcomes_line(const struct cs_counters *t, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (int o = 0; o < CS_OUTCOMES; o++) {
        char count[CS_TEXT_MAX_LEN];
        if (t->outcome[o] == 0 && o != CS_OUTCOME_ok)
            continue;
        int w = snprintf(out + n, size - n, "%s%s %s", n > 0 ? "  " : "", cs_outcome_name((enum cs_outcome)o),
                         cs_text_count(count, t->outcome[o]));
        if (w < 0 || (size_t)w >= size - n)
            return;
        n += (size_t)w;
    }
    if (t->salvaged > 0 && n < size)
        n += (size_t)snprintf(out + n, size - n, "  (salvaged %llu)", (unsigned long long)t->salvaged);
    if (t->reread > 0 && n < size)
        snprintf(out + n, size - n, "  (otherwise since they were read anew: %llu)", (unsigned long long)t->reread);
}

static bool is_lower_bound(const struct cs_progress *p)
{
    bool bound = false, some = false;
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        bound |= p->lanes[i].counters.untold > 0 || p->lanes[i].unpriced;
        some |= !p->lanes[i].unpriced;
    }
    return bound && some;
}

/* No lane has prices, and so nothing is known. */
static bool is_unpriced(const struct cs_progress *p)
{
    bool all = p->n_lanes > 0 && p->committed_nano_usd == 0;
    for (uint32_t i = 0; i < p->n_lanes; i++)
        all = all && p->lanes[i].unpriced;
    return all;
}

/* All generations' money: a budget is the study's. */
static const char *money(const struct cs_progress *p, char *out, size_t size)
{
    char spent[CS_TEXT_MAX_LEN], budget[CS_TEXT_MAX_LEN], presumed[CS_TEXT_MAX_LEN], reserved[CS_TEXT_MAX_LEN];
    cs_text_usd(spent, p->committed_nano_usd);
    if (p->budget_nano_usd < 0)
        snprintf(out, size, "%s%s", is_lower_bound(p) ? ">=" : "", is_unpriced(p) ? "cost unknown" : spent);
    else
        snprintf(out, size, "%s committed, %s presumed, %s reserved of %s", spent,
                 cs_text_usd(presumed, p->presumed_nano_usd), cs_text_usd(reserved, p->reserved_nano_usd),
                 cs_text_usd(budget, p->budget_nano_usd));
    return out;
}

static void figures_line(const struct cs_progress *p, bool is_stale, char *out, size_t size)
{
    char done[CS_TEXT_MAX_LEN], planned[CS_TEXT_MAX_LEN], eta[CS_TEXT_MAX_LEN], rate[CS_TEXT_MAX_LEN], cost[160];
    char given_up[CS_TEXT_MAX_LEN + 16] = "", cancelled[CS_TEXT_MAX_LEN];
    const bool is_cancelled = cs_progress_is_cancelled(p);
    if (p->cancelled > 0)
        snprintf(given_up, sizeof given_up, "  %s cancelled", cs_text_count(cancelled, p->cancelled));
    snprintf(out, size, "%5.1f %%  %s of %s%s  %s/s  ETA %s  %s", 100 * cs_progress_part(p),
             cs_text_count(done, p->done + p->failed),
             cs_text_count(planned, is_cancelled ? p->planned : p->planned - p->cancelled), given_up,
             is_stale ? "-" : cs_text_count(rate, (uint64_t)p->outputs_per_s),
             p->eta_s < 0 || is_cancelled ? "-" : cs_text_duration(eta, p->eta_s), money(p, cost, sizeof cost));
}

void cs_screen_ticker_init(struct cs_ticker *t, const char *what, uint64_t total)
{
    *t = (struct cs_ticker){.what = what, .total = isatty(STDERR_FILENO) ? total : 0, .started_ms = cs_clock_mono_ms()};
    t->next_ms = t->started_ms + 1000;
}

void cs_screen_ticker_at(struct cs_ticker *t, uint64_t done)
{
    uint64_t now;
    if (t->total == 0 || done % 256 != 0 || (now = cs_clock_mono_ms()) < t->next_ms)
        return;
    char eta[CS_TEXT_MAX_LEN];
    const double part = (double)done / (double)t->total, spent = (double)(now - t->started_ms) / 1000;
    fprintf(stderr, "\r\x1b[K%s %.0f %%, ETA %s", t->what, 100 * part,
            cs_text_duration(eta, part > 0 ? spent / part - spent : -1));
    t->next_ms = now + 500;
}

void cs_screen_ticker_end(struct cs_ticker *t)
{
    if (t->total != 0)
        fprintf(stderr, "\r\x1b[K");
}

void cs_screen_ticker_progress(void *self, const char *what, uint64_t done, uint64_t total)
{
    struct cs_ticker *t = self;
    if (t->what == NULL || strcmp(t->what, what) != 0)
        cs_screen_ticker_init(t, what, total);
    cs_screen_ticker_at(t, done - done % 256);
    if (done == total)
        cs_screen_ticker_end(t);
}

/* Outcomes that occurred, so that the table fits a terminal: `ok` always. */
static bool is_shown(const struct cs_counters *t, int outcome)
{
    return outcome == CS_OUTCOME_ok || t->outcome[outcome] > 0;
}

static int name_width(const struct cs_progress *p)
{
    int width = 12;
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const int n = (int)strlen(p->lanes[i].model);
        width = n > width ? n : width;
    }
    return width;
}

/* What is not known is not $0.00, and a lower bound says that it is one. */
static const char *cost_of(const struct cs_progress_lane *l, char out[2 * CS_TEXT_MAX_LEN])
{
    char usd[CS_TEXT_MAX_LEN];
    if (l->unpriced)
        return "unknown";
    snprintf(out, 2 * CS_TEXT_MAX_LEN, "%s%s", l->counters.untold > 0 ? ">=" : "",
             cs_text_usd(usd, l->counters.cost_nano_usd));
    return out;
}

static void print_lane(FILE *out, const struct cs_progress *p, const struct cs_progress_lane *l,
                       const struct cs_counters *t, int width)
{
    char text[2 * CS_TEXT_MAX_LEN];
    fprintf(out, "%-*s %11s", width, l->model, cs_text_count(text, l->planned));
    for (int o = 0; o < CS_OUTCOMES; o++) {
        if (is_shown(t, o))
            fprintf(out, " %*s", (int)strlen(cs_outcome_name((enum cs_outcome)o)) > 9 ? 16 : 11,
                    cs_text_count(text, l->counters.outcome[o]));
    }
    fprintf(out, " %9s", cs_text_tokens(text, l->counters.input_tokens));
    fprintf(out, " %10s", cs_text_tokens(text, l->counters.output_tokens));
    fprintf(out, " %9s", cost_of(l, text));
    const bool is_by_hand = cs_progress_lane_is_by_hand(l);
    if ((strcmp(l->state, "open") != 0 && strcmp(l->state, "done") != 0) || l->reason[0] != '\0')
        fprintf(out, "  %s%s%s%s%s", cs_progress_lane_state_words(l), is_by_hand ? " " : "",
                is_by_hand ? cs_text_since(text, p->updated_wall_ms, l->held_since_wall_ms) : "",
                l->reason[0] != '\0' ? ": " : "", l->reason);
    fputc('\n', out);
}

/* Which trials ended their workers. */
static void print_quarantined(FILE *out, const struct cs_progress_lane *l)
{
    for (uint32_t i = 0; i < l->n_quarantine; i++) {
        const struct cs_progress_quarantined *q = &l->quarantine[i];
        fprintf(out, "quarantined: %s case %s %s %s repeat %u: %u workers ended during its call\n", l->model,
                q->case_id, q->condition, q->question, q->repeat, q->losses);
    }
    if (l->quarantined > l->n_quarantine)
        fprintf(out, "quarantined: %s, %" PRIu64 " more\n", l->model, l->quarantined - l->n_quarantine);
}

const char *cs_screen_binds(const struct cs_progress_lane *l, struct cs_arena *arena)
{
    char limit[CS_TEXT_MAX_LEN];
    const char *said = cs_progress_binds_words(l->binds != NULL ? l->binds : "");
    if (cs_progress_lane_stands(l))
        return cs_arena_printf(arena, "%s%s%s", cs_progress_lane_state_words(l), l->reason[0] != '\0' ? ": " : "",
                               l->reason);
    if (cs_progress_lane_is_cancelled(l))
        return "cancelled";
    if (l->done + l->failed + l->cancelled >= l->planned)
        return "over";
    if (said[0] == '\0')
        return strcmp(l->state, "open") == 0 ? "-" : l->state;
    if (l->used > l->limit && l->limit > 0 && strcmp(l->binds, "concurrent") == 0) /* told to do with less just now */
        return cs_arena_printf(arena, "%.0f calls at once; %.0f still in flight", l->limit, l->used);
    if (l->limit > 0) /* counted over some seconds: whole calls make it more than all now and then */
        return cs_arena_printf(arena, "%.0f %% of %s %s", 100 * (l->used < l->limit ? l->used : l->limit) / l->limit,
                               cs_text_count(limit, (uint64_t)(l->limit + 0.5)), said);
    return said;
}

static void print_bindings(FILE *out, const struct cs_progress *p)
{
    struct cs_arena arena = {0};
    bool some = false;
    for (uint32_t i = 0; i < p->n_lanes; i++)
        some |= p->lanes[i].binds != NULL && p->lanes[i].binds[0] != '\0';
    if (!some)
        return;
    fprintf(out, "\n%-*s what binds\n", name_width(p), "model");
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        if (p->lanes[i].binds != NULL && p->lanes[i].binds[0] != '\0')
            fprintf(out, "%-*s %s\n", name_width(p), p->lanes[i].model, cs_screen_binds(&p->lanes[i], &arena));
    }
    cs_arena_release(&arena);
}

/* A model on several servers: what each of them does. */
static void print_servers(FILE *out, const struct cs_progress *p)
{
    bool said = false;
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        for (uint32_t k = 0; k < p->lanes[i].n_servers; k++) {
            const struct cs_worker_server_info *s = &p->lanes[i].servers[k];
            char answers[CS_TEXT_MAX_LEN];
            if (!said)
                fprintf(out, "\n%-*s servers\n", name_width(p), "model");
            said = true;
            fprintf(out, "%-*s %s %s, %u in flight, %s answers%s%s\n", name_width(p), k == 0 ? p->lanes[i].model : "",
                    s->url, s->state, s->in_flight, cs_text_count(answers, s->answers), s->why[0] != '\0' ? ": " : "",
                    s->why);
        }
    }
}

/* A budget is the study's, over all its generations. */
static void print_budget(FILE *out, const struct cs_progress *p)
{
    bool stopped = false;
    char text[160];
    for (uint32_t i = 0; i < p->n_lanes; i++)
        stopped |= strcmp(p->lanes[i].state, "stopped") == 0 && strcmp(p->lanes[i].reason, "budget") == 0;
    fprintf(out, "Budget: %s%s.\n", money(p, text, sizeof text),
            p->gen > 1 ? ", earlier versions of the study included" : "");
    if (stopped)
        fprintf(out, "What is left may not pay for the next case in all its models: raise budget_usd and run again.\n");
}

/* What stands behind the cost, and who answered. */
static void print_bill(FILE *out, const struct cs_progress *p, const struct cs_counters *t)
{
    char usd[CS_TEXT_MAX_LEN];
    if (t->wasted_nano_usd > 0)
        fprintf(out, "%s of the cost is for replies that gave nothing to use.\n", cs_text_usd(usd, t->wasted_nano_usd));
    if (t->untold > 0)
        fprintf(out, "%" PRIu64 " answers do not tell their whole usage: the cost is a lower bound.\n", t->untold);
    if (t->absurd_nano_usd > 0)
        fprintf(
            out,
            "Replies claim %s more than any call can use: not among the cost, nor taken from the budget (`clinsafe void` "
            "takes it out of the account).\n",
            cs_text_usd(usd, t->absurd_nano_usd));
    if (t->voided_nano_usd > 0)
        fprintf(out, "%s was voided by an operator (`clinsafe void` lists why).\n",
                cs_text_usd(usd, t->voided_nano_usd));
    if (t->cached > 0)
        fprintf(out,
                "%" PRIu64
                " answers were not drawn anew: something on the way kept the reply, or the id of an earlier one came "
                "again. Repeats of a prompt are then one draw.\n",
                t->cached);
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        if (p->lanes[i].served != NULL && p->lanes[i].served[0] != '\0')
            fprintf(out, "%s: %s.\n", p->lanes[i].model, p->lanes[i].served);
    }
}

void cs_screen_print_lanes(FILE *out, const struct cs_progress *p)
{
    const struct cs_counters t = total_of(p);
    const int width = name_width(p);
    fprintf(out, "%-*s %11s", width, "model", "planned");
    for (int o = 0; o < CS_OUTCOMES; o++) {
        const char *name = cs_outcome_name((enum cs_outcome)o);
        if (is_shown(&t, o))
            fprintf(out, " %*s", (int)strlen(name) > 9 ? 16 : 11, name);
    }
    fprintf(out, " %9s %10s %9s\n", "tokens in", "tokens out", "cost");
    for (uint32_t i = 0; i < p->n_lanes; i++)
        print_lane(out, p, &p->lanes[i], &t, width);
    if (p->budget_nano_usd >= 0)
        print_budget(out, p);
    if (t.adopted > 0)
        fprintf(out, "%" PRIu64 " of these answers were paid for earlier and taken over", t.adopted);
    if (t.carried > 0)
        fprintf(out, ", of these %" PRIu64 " timeouts carried over", t.carried);
    if (t.adopted > 0)
        fprintf(out, ".\n");
    if (t.superseded > 0)
        fprintf(out, "%" PRIu64 " answers more were asked again: kept, paid for, and not among these figures.\n",
                t.superseded);
    if (t.duplicates > 0)
        fprintf(out, "%" PRIu64 " answers came twice (a worker was lost); the first of each counts.\n", t.duplicates);
    if (t.ambiguous > 0) {
        char usd[CS_TEXT_MAX_LEN];
        fprintf(out, "%" PRIu64 " calls ended without a status line and may have been billed%s%s.\n", t.ambiguous,
                t.ambiguous_nano_usd < 0 ? "; without a price or an output cap there is no bound" : ": at most ",
                t.ambiguous_nano_usd < 0 ? "" : cs_text_usd(usd, t.ambiguous_nano_usd));
    }
    print_bill(out, p, &t);
    for (uint32_t i = 0; i < p->n_lanes; i++)
        print_quarantined(out, &p->lanes[i]);
}

/* The figures are those of the generation that runs. */
static void print_edit(FILE *out, const struct cs_progress *p)
{
    char eta[CS_TEXT_MAX_LEN];
    fprintf(out, "an edit is being prepared (generation %u)", p->edit_gen);
    if (p->edit_total > 0)
        fprintf(out, ": %.0f %%, ETA %s\n", 100.0 * (double)p->edit_built / (double)p->edit_total,
                p->edit_eta_s < 0 ? "-" : cs_text_duration(eta, p->edit_eta_s));
    else
        fprintf(out, "; it waits for its turn\n");
}

static bool is_over(const struct cs_progress *p)
{
    return p->done + p->failed + p->cancelled >= p->planned;
}

int64_t cs_screen_silent_ms(const struct cs_progress *p, int64_t now_wall_ms)
{
    const int64_t ms = now_wall_ms - p->updated_wall_ms;
    return ms >= (strcmp(p->state, "running") == 0 ? CS_SCREEN_SILENT_MS : CS_SCREEN_STILL_MS) && !is_over(p) ? ms : 0;
}

/* What is dead, and what somebody should look at, before all figures. */
static void print_needs(FILE *out, const struct cs_progress *p, uint32_t n_workers, int64_t now_wall_ms)
{
    char since[2 * CS_TEXT_MAX_LEN];
    const int64_t silent_ms = cs_screen_silent_ms(p, now_wall_ms);
    if (cs_progress_is_drained(p) && n_workers == 0)
        fprintf(out,
                "DRAINED: workers and coordinator were told to end%s. Nothing is lost. To go on, start them again.\n",
                now_wall_ms - p->updated_wall_ms >= CS_SCREEN_SILENT_MS ? ", and have ended" : "");
    else if (silent_ms > 0)
        fprintf(
            out,
            "COORDINATOR SILENT %s. What stands below is from then. Nothing is lost: workers keep their answers. Start it "
            "again.\n",
            cs_text_since(since, now_wall_ms, p->updated_wall_ms));
    else if (n_workers == 0 && strcmp(p->state, "running") == 0)
        fprintf(out, "NO WORKER is there: trials wait, and nothing is asked.\n");
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        if (cs_progress_lane_is_out(&p->lanes[i]))
            fprintf(out, "NO ANSWER from %s %s: %s\n", p->lanes[i].model,
                    cs_text_since(since, now_wall_ms, p->lanes[i].held_since_wall_ms), p->lanes[i].reason);
    }
    if (p->disk_free_bytes > 0 && p->disk_full_s >= 0 && p->disk_full_s <= CS_SCREEN_DISK_SOON_S)
        fprintf(out, "DISK FULL in %s at the pace of late: then the coordinator stops, and workers wait. Make room.\n",
                cs_text_duration(since, p->disk_full_s));
}

void cs_screen_print_status(FILE *out, const struct cs_progress *p, const struct cs_worker_info *workers,
                            uint32_t n_workers, int64_t now_wall_ms)
{
    const struct cs_counters t = total_of(p);
    char figures[256], outcomes[256], age[CS_TEXT_MAX_LEN];
    figures_line(p, cs_screen_silent_ms(p, now_wall_ms) > 0, figures, sizeof figures);
    outcomes_line(&t, outcomes, sizeof outcomes);
    print_needs(out, p, n_workers, now_wall_ms);
    fprintf(out, "%s  %s%s, generation %u, term %u, seen %s ago\n", p->study, cs_progress_state_words(p),
            cs_screen_silent_ms(p, now_wall_ms) > 0 ? " when heard last" : "", p->gen, p->term,
            cs_text_duration(age, (double)(now_wall_ms - p->updated_wall_ms) / 1000));
    if (p->title != NULL && p->title[0] != '\0')
        fprintf(out, "%s\n", p->title);
    if (p->edit_gen != 0)
        print_edit(out, p);
    if (p->by_hand != NULL && p->by_hand[0] != '\0')
        fprintf(out, "set by hand: %s\n", p->by_hand);
    fprintf(out, "\n%s\n%s\n\n", figures, outcomes);
    cs_screen_print_lanes(out, p);
    print_bindings(out, p);
    print_servers(out, p);
    fprintf(out, "\n%-16s %-16s %8s %9s %9s %9s %7s %8s\n", "worker", "host", "pid", "in flight", "unstarted",
            "unacked", "MiB", "seen");
    for (uint32_t i = 0; i < n_workers; i++) {
        const struct cs_worker_info *w = &workers[i];
        fprintf(out, "%-16s %-16s %8u %9u %9u %9u %7u %8s\n", w->name, w->host, w->pid, w->in_flight, w->unstarted,
                w->unacked, w->rss_mb, cs_text_duration(age, (double)(now_wall_ms - w->updated_wall_ms) / 1000));
    }
    if (n_workers == 0)
        fprintf(out, "(no worker has reported in the last 15 s)\n");
}
