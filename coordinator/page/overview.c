#include <string.h>

#include "coordinator/page/markup.h"
#include "protocol/study/outcome.h"

static const char *state_words(const struct cs_progress *p)
{
    static const char *const words[][2] = {
        {"building", "is being prepared"},
        {"queued", "waits for its turn"},
        {"running", "is under way"},
        {"paused", "is paused"},
        {"draining", "is being brought to a stop"},
        {"stopped", "has come to a stop"},
    };

    if (strcmp(p->state, "finished") == 0)
        return p->done == p->planned ? "has all of its answers"
               : p->cancelled > 0    ? "was cancelled before it had all of its answers"
                                     : "has ended without all of its answers";
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i][0], p->state) == 0)
            return words[i][1];
    }
    return p->state;
}

static void write_trouble(const struct cs_progress *p, struct cs_buf *out)
{
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const struct cs_progress_lane *l = &p->lanes[i];
        const uint64_t ended = l->done + l->failed, lost = l->failed + l->counters.outcome[CS_OUTCOME_timeout] +
                                                           l->counters.outcome[CS_OUTCOME_unparsable];
        if (cs_progress_lane_stands(l)) {
            cs_buf_str(out, "<p class=\"bad\">");
            cs_markup_text(out, l->model);
            cs_buf_printf(out, " is %s", cs_progress_lane_state_words(l));
            if (l->reason[0] != '\0') {
                cs_buf_str(out, ": ");
                cs_markup_text(out, l->reason);
            }
            cs_buf_str(out, ". Tell whoever runs the fleet.</p>\n");
        } else if (cs_progress_lane_is_out(l)) {
            cs_buf_str(out, "<p class=\"bad\">");
            cs_markup_text(out, l->model);
            cs_buf_str(out, " has not answered since ");
            cs_markup_time(out, l->held_since_wall_ms);
            cs_buf_str(out, ": ");
            cs_markup_text(out, l->reason);
            cs_buf_str(out, ". It is asked again and again; whoever runs the fleet should know.</p>\n");
        } else if (ended >= 50 && (double)lost > 0.05 * (double)ended) {
            cs_buf_str(out, "<p class=\"bad\">");
            cs_markup_text(out, l->model);
            cs_buf_printf(out,
                          ": %.0f %% of its questions came to no answer that can be used (failed, timed out or not "
                          "readable). Over 5 %% a finding gets no verdict.</p>\n",
                          100 * (double)lost / (double)ended);
        }
        if (l->served != NULL && l->served[0] != '\0') {
            cs_buf_str(out, "<p class=\"bad\">");
            cs_markup_text(out, l->model);
            cs_buf_str(out, ": ");
            cs_markup_text(out, l->served);
            cs_buf_str(out, "</p>\n");
        }
    }
}

static void write_count(uint64_t n, const char *words, struct cs_buf *out)
{
    if (n == 0)
        return;
    cs_buf_str(out, ", ");
    cs_markup_count(out, n);
    cs_buf_printf(out, " %s", words);
}

void cs_overview_page(const struct cs_page_facts *f, uint32_t study, struct cs_buf *out)
{
    const struct cs_progress *p = &f->studies[study];
    const uint64_t over = p->done + p->failed + p->cancelled;
    const double part = p->planned > 0 ? (double)p->done / (double)p->planned : 0;

    cs_markup_head(out, p->study, f);
    cs_buf_str(out, "<h1>");
    cs_markup_text(out, p->title[0] != '\0' ? p->title : p->study);
    cs_buf_str(out, "</h1><p class=\"soft\">Study ");
    cs_markup_text(out, p->study);
    cs_buf_printf(out, ", version %u, %s.</p>\n", p->gen, state_words(p));
    cs_buf_printf(out, "<p class=\"big\">%.1f %%</p><progress max=\"1000\" value=\"%d\">%.0f %%</progress><p>",
                  100 * part, (int)(1000 * part), 100 * part);
    cs_markup_count(out, p->done);
    cs_buf_str(out, " of ");
    cs_markup_count(out, p->planned);
    cs_buf_str(out, " answers are there");
    write_count(p->failed, "came to no answer", out);
    write_count(p->cancelled, "were cancelled", out);
    cs_buf_str(out, ", ");
    cs_markup_count(out, p->planned > over ? p->planned - over : 0);
    cs_buf_str(out, " are missing");
    if (cs_progress_stands(p)) {
        cs_buf_str(out, ", and not all of them are on their way");
    } else if (strcmp(p->state, "running") == 0 && p->eta_s >= 0) {
        cs_buf_str(out, "; at this pace it ends in ");
        cs_markup_duration(out, p->eta_s);
    }
    cs_buf_str(out, ".</p><p>Spent so far: ");
    cs_markup_spent(out, p);
    if (p->budget_nano_usd >= 0) {
        cs_buf_str(out, " of a budget of ");
        cs_markup_usd(out, p->budget_nano_usd);
    }
    cs_buf_str(out, ".</p>\n");
    write_trouble(p, out);
    cs_markup_pace(out, f->samples != NULL ? f->samples[study] : NULL);
    if (strcmp(p->state, "finished") == 0) {
        cs_buf_str(
            out,
            "<p>It has ended. Where the coordinator keeps its store, the <code>--dir</code> it was started with, this "
            "makes its report: <code>clinsafe report --store DIR --study ");
        cs_markup_text(out, p->study);
        cs_buf_str(out, " --out ");
        cs_markup_text(out, p->study);
        cs_buf_str(out, ".html</code></p>\n");
    } else {
        cs_buf_str(
            out, "<p class=\"soft\">Results are shown when it has ended: whoever looks at them earlier, and decides by "
                 "them, changes what they mean.</p>\n");
    }
    cs_markup_foot(out, f);
}
