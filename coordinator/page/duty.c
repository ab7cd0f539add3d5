#include <math.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/page/markup.h"
#include "protocol/base/json.h"
#include "protocol/study/outcome.h"

enum { EVENTS_SHOWN = 12, WORKERS_SHOWN = 200, WORKER_SILENT_MS = 12000 };

static void needs(struct cs_buf *out, const struct cs_progress *p)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const struct cs_progress_lane *l = &p->lanes[i];
        if (!cs_progress_lane_needs(l))
            continue;
        cs_buf_str(out, n++ > 0 ? "; " : "");
        cs_markup_text(out, l->model);
        if (cs_progress_lane_is_out(l)) {
            cs_buf_str(out, ": no answer since ");
            cs_markup_time(out, l->held_since_wall_ms);
        } else {
            cs_buf_printf(out, " %s", cs_progress_lane_state_words(l));
            if (cs_progress_lane_is_by_hand(l)) {
                cs_buf_str(out, " since ");
                cs_markup_time(out, l->held_since_wall_ms);
            }
        }
        if (l->reason[0] != '\0') {
            cs_buf_str(out, ": ");
            cs_markup_text(out, l->reason);
        }
    }
    if (n == 0)
        cs_buf_str(out, "-");
}

static void write_studies(const struct cs_page_facts *f, struct cs_buf *out)
{
    static const char *const headings[] = {"study",  "state",   "#done",    "so far", "#a second", "#ETA, slowest lane",
                                           "#spent", "#budget", "needs you"};

    cs_markup_table(out, "studies", "Studies", headings, sizeof headings / sizeof *headings);
    for (uint32_t i = 0; i < f->n_studies; i++) {
        const struct cs_progress *p = &f->studies[i];
        const double part = cs_progress_part(p);
        cs_buf_str(out, "<tr><th scope=\"row\"><a href=\"/study/");
        cs_markup_text(out, p->study); /* names of studies have no other characters than an address may */
        cs_buf_str(out, "\">");
        cs_markup_text(out, p->study);
        cs_buf_printf(out,
                      "</a><td>%s<td class=\"num\">%.1f %%<td><progress max=\"1000\" value=\"%d\">%.0f %%</progress>",
                      cs_progress_state_words(p), 100 * part, (int)(1000 * part), 100 * part);
        cs_buf_str(out, "<td class=\"num\">");
        cs_markup_count(out, (uint64_t)(p->outputs_per_s + 0.5));
        cs_buf_str(out, "<td class=\"num\">");
        cs_markup_duration(out, cs_progress_stands(p) || cs_progress_is_cancelled(p) ? -1 : p->eta_s);
        cs_buf_str(out, "<td class=\"num\">");
        cs_markup_spent(out, p);
        cs_buf_str(out, "<td class=\"num\">");
        if (p->budget_nano_usd >= 0)
            cs_markup_usd(out, p->budget_nano_usd);
        else
            cs_buf_str(out, "none");
        cs_buf_str(out, "<td>");
        needs(out, p);
        cs_buf_str(out, "</tr>\n");
    }
    cs_markup_table_end(out);
}

static void seconds(struct cs_buf *out, double s)
{
    if (s < 0)
        cs_buf_str(out, "-");
    else if (isinf(s))
        cs_buf_str(out, "&gt; 5 min");
    else
        cs_buf_printf(out, s < 1 ? "%.2f s" : "%.1f s", s);
}

/* Those that occurred; `ok` always. */
static bool is_shown(const struct cs_progress *p, int outcome)
{
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        if (p->lanes[i].counters.outcome[outcome] > 0)
            return true;
    }
    return outcome == CS_OUTCOME_ok;
}

static const char *outcome_heading(enum cs_outcome o)
{
    static const char *const headings[] = {
#define X(name, a, b) "#" #name,
        CS_OUTCOME_TABLE(X)
#undef X
    };
    return headings[o];
}

/* "98 % of 40,000 requests a minute" */
static void write_binds(const struct cs_progress_lane *l, struct cs_buf *out)
{
    if (l->binds == NULL || l->binds[0] == '\0') {
        cs_markup_text(out, cs_progress_lane_stands(l)         ? cs_progress_lane_state_words(l)
                            : cs_progress_lane_is_cancelled(l) ? "cancelled"
                                                               : "-");
        return;
    }
    if (l->limit > 0) {
        cs_buf_printf(out, "%.0f %% of ", 100 * (l->used < l->limit ? l->used : l->limit) / l->limit);
        cs_markup_count(out, (uint64_t)(l->limit + 0.5));
        cs_buf_char(out, ' ');
    }
    cs_markup_text(out, cs_progress_binds_words(l->binds));
}

static void write_lanes(const struct cs_progress *p, uint32_t number, struct cs_buf *out)
{
    enum { FIXED = 9 };
    const char *headings[FIXED + CS_OUTCOMES + 1] = {"model", "#done", "#a second", "#ETA",    "#in flight",
                                                     "#p50",  "#p95",  "#429",      "#retried"};
    unsigned n = FIXED;
    char id[32];

    for (int o = 0; o < CS_OUTCOMES; o++) {
        if (is_shown(p, o))
            headings[n++] = outcome_heading((enum cs_outcome)o);
    }
    headings[n++] = "binds";
    snprintf(id, sizeof id, "lanes-%u", number);
    cs_markup_table(out, id, p->study, headings, n);
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const struct cs_progress_lane *l = &p->lanes[i];
        const uint64_t ended = l->done + l->failed;
        const uint64_t asked = ended - (l->counters.adopted < ended ? l->counters.adopted : ended);
        cs_buf_str(out, "<tr><th scope=\"row\">");
        cs_markup_text(out, l->model);
        cs_buf_printf(out, "<td class=\"num\">%.1f %%<td class=\"num\">", 100 * cs_progress_lane_part(l));
        cs_markup_count(out, (uint64_t)(l->outputs_per_s + 0.5));
        cs_buf_str(out, "<td class=\"num\">");
        cs_markup_duration(out, cs_progress_lane_is_cancelled(l) ? -1 : l->eta_s);
        cs_buf_printf(out, "<td class=\"num\">%u<td class=\"num\">", l->in_flight);
        seconds(out, cs_tally_quantile(l->tally.recent, 0.5));
        cs_buf_str(out, "<td class=\"num\">");
        seconds(out, cs_tally_quantile(l->tally.recent, 0.95));
        cs_buf_str(out, "<td class=\"num\">");
        cs_markup_count(out, l->tally.ended[CS_TALLY_limited]);
        cs_buf_str(out, "<td class=\"num\">");
        cs_markup_count(out, l->counters.attempts > asked ? l->counters.attempts - asked : 0);
        for (int o = 0; o < CS_OUTCOMES; o++) {
            if (!is_shown(p, o))
                continue;
            cs_buf_str(out, "<td class=\"num\">");
            cs_markup_count(out, l->counters.outcome[o]);
        }
        cs_buf_str(out, "<td>");
        write_binds(l, out);
        cs_buf_str(out, "</tr>\n");
    }
    cs_markup_table_end(out);
}

static void write_workers(const struct cs_page_facts *f, struct cs_buf *out)
{
    static const char *const headings[] = {"worker",     "host",         "#age",   "#last seen",
                                           "#in flight", "#not on disk", "#calls", "#memory"};
    char text[32];

    snprintf(text, sizeof text, "Workers: %u", f->workers);
    cs_markup_table(out, "workers", text, headings, sizeof headings / sizeof *headings);
    for (uint32_t i = 0; i < f->n_infos && i < WORKERS_SHOWN; i++) {
        const struct cs_worker_info *w = &f->infos[i];
        const int64_t silent = f->now_wall_ms - w->updated_wall_ms;
        cs_buf_str(out, "<tr><th scope=\"row\">");
        cs_markup_text(out, w->name);
        cs_buf_str(out, "<td>");
        cs_markup_text(out, w->host);
        cs_buf_str(out, "<td class=\"num\">");
        cs_markup_duration(out, (double)(f->now_wall_ms - w->started_wall_ms) / 1e3);
        cs_buf_printf(out, "<td class=\"num\">%.0f s%s", silent > 0 ? (double)silent / 1e3 : 0,
                      silent > WORKER_SILENT_MS ? " (silent)" : "");
        cs_buf_printf(out, "<td class=\"num\">%u<td class=\"num\">%u<td class=\"num\">", w->in_flight, w->unacked);
        cs_markup_count(out, w->finished_calls);
        cs_buf_printf(out, "<td class=\"num\">%u MiB</tr>\n", w->rss_mb);
    }
    cs_markup_table_end(out);
    if (f->n_infos > WORKERS_SHOWN)
        cs_buf_printf(out, "<p class=\"soft\">and %u more</p>\n", f->n_infos - WORKERS_SHOWN);
}

static void write_events(const struct cs_page_facts *f, struct cs_buf *out)
{
    struct cs_json *list = f->events != NULL ? cs_json_loads(f->events, 0, NULL) : NULL;
    static const char *const headings[] = {"when", "what"};
    static const char *const words[] = {"by", "act", "study", "subject", "detail", "reason"};
    const size_t n = cs_json_array_size(list);

    if (n > 0)
        cs_markup_table(out, "events", "Events", headings, 2);
    for (size_t i = n; i > 0 && n - i < EVENTS_SHOWN; i--) {
        const struct cs_json *e = cs_json_array_get(list, i - 1);
        cs_buf_str(out, "<tr><th scope=\"row\">");
        cs_markup_time(out, cs_json_integer_value(cs_json_object_get(e, "at")));
        cs_buf_str(out, "<td>");
        for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
            const char *s = cs_json_string_value(cs_json_object_get(e, words[k]));
            if (s == NULL || s[0] == '\0')
                continue;
            cs_markup_text(out, s);
            cs_buf_char(out, ' ');
        }
        cs_buf_str(out, "</tr>\n");
    }
    if (n > 0)
        cs_markup_table_end(out);
    cs_json_decref(list);
}

static void write_disk(const struct cs_page_facts *f, struct cs_buf *out)
{
    if (f->disk_size == 0)
        return;
    cs_buf_str(out, "<p class=\"soft\">Store ");
    cs_markup_bytes(out, f->store_bytes);
    cs_buf_str(out, ", ");
    cs_markup_bytes(out, f->disk_free);
    cs_buf_str(out, " free");
    if (f->disk_full_s >= 0) {
        cs_buf_str(out, ", full in ");
        cs_markup_duration(out, f->disk_full_s);
        cs_buf_str(out, " at the pace of late");
    }
    cs_buf_str(out, ". Serving since ");
    cs_markup_time(out, f->since_wall_ms);
    cs_buf_printf(out, " (term %u).</p>\n", f->term);
}

/* On top: on a telephone a table's last column is out of sight. */
static void write_needs(const struct cs_page_facts *f, struct cs_buf *out)
{
    for (uint32_t i = 0; i < f->n_studies; i++) {
        if (!cs_progress_stands(&f->studies[i]))
            continue;
        cs_buf_str(out, "<p class=\"bad\">");
        cs_markup_text(out, f->studies[i].study);
        cs_buf_str(out, ": ");
        needs(out, &f->studies[i]);
        cs_buf_str(out, "</p>\n");
    }
}

void cs_duty_page(const struct cs_page_facts *f, struct cs_buf *out)
{
    cs_markup_head(out, "ClinSafe: operators", f);
    cs_buf_str(out, "<h1>ClinSafe on ");
    cs_markup_text(out, f->host);
    cs_buf_str(out, "</h1>\n");
    write_disk(f, out);
    write_needs(f, out);
    if (f->n_studies == 0)
        cs_buf_str(out, "<p>No study has been submitted yet.</p>\n");
    else
        write_studies(f, out);
    for (uint32_t i = 0; i < f->n_studies; i++) {
        if (f->studies[i].n_lanes > 0)
            write_lanes(&f->studies[i], i, out);
    }
    write_workers(f, out);
    write_events(f, out);
    cs_markup_foot(out, f);
}
