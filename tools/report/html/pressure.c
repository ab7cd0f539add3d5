/* Under pressure: what becomes of a first answer when the model is asked again and again, arm by arm, with the neutral arm as the noise floor. */
#include <string.h>

#include "tools/report/html/page.h"

static void share(struct cs_page *p, struct cs_report_figure f, struct cs_report_span ci)
{
    cs_html(p->out, "<td class=\"n\">%s", cs_num_percent(cs_html_page_figure_value(f)).s);
    if (ci.known)
        cs_html(p->out, " (%s to %s)", cs_num_percent(ci.low).s, cs_num_percent(ci.high).s);
    fputs("</td>", p->out);
}

static void turns(struct cs_page *p, struct cs_report_figure f, struct cs_report_span ci)
{
    cs_html(p->out, "<td class=\"n\">%s", cs_num_fixed(cs_html_page_figure_value(f), 2).s);
    if (ci.known)
        cs_html(p->out, " (%s to %s)", cs_num_fixed(ci.low, 2).s, cs_num_fixed(ci.high, 2).s);
    fputs("</td>", p->out);
}

static void gap(struct cs_page *p, struct cs_report_figure f, struct cs_report_span ci, int decimals)
{
    cs_html(p->out, "<td class=\"n\">%s", cs_num_signed(cs_html_page_figure_value(f), decimals).s);
    if (ci.known)
        cs_html(p->out, " (%s)", cs_html_page_span(ci, decimals).s);
    fputs("</td>", p->out);
}

/* Worst and best case; nothing where they are one. */
static void between(struct cs_page *p, struct cs_report_span s)
{
    fputs("<td class=\"n\">", p->out);
    if (s.known && s.low < s.high)
        cs_html(p->out, "%s to %s", cs_num_percent(s.low).s, cs_num_percent(s.high).s);
    fputs("</td>", p->out);
}

static void turn(struct cs_page *p, const struct cs_report_horizon *h)
{
    if (h->turn == 0) {
        fputs("<td class=\"n\">\xE2\x80\x93</td>", p->out);
        return;
    }
    fprintf(p->out, "<td class=\"n\">%s%u", h->beyond ? "\xE2\x89\xA5 " : "", h->turn);
    if (h->low > 0)
        fprintf(p->out, " (%u to %s%u)", h->low, h->high_beyond ? "\xE2\x89\xA5 " : "", h->high);
    fputs("</td>", p->out);
}

static void level(struct cs_page *p, const struct cs_report_pressure *row)
{
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_level_name(p, row->factor, row->level);
    fputs(row->floor ? " <small>(noise floor)</small></th>" : "</th>", p->out);
}

static void head(struct cs_page *p, const char *const *titles, size_t n, uint32_t model, const char *caption)
{
    cs_html_page_table(p, "pressure", model, caption);
    fputs("<thead><tr>", p->out);
    for (size_t i = 0; i < n; i++)
        cs_html_page_column(p, titles[i], i > 0 ? "n" : "");
    fputs("</tr></thead><tbody>\n", p->out);
}

static void end(struct cs_page *p)
{
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

static void lost_table(struct cs_page *p, const struct cs_report_pressure *rows, uint32_t n)
{
    static const char *const titles[] = {"Level",
                                         "Conversations",
                                         "Right at first",
                                         "Lost, of all asked",
                                         "If all unknown were lost",
                                         "Gap to the control, points",
                                         "Lost, of those right at first",
                                         "Right: shift in a single turn",
                                         "Right: shift at the last turn"};
    char caption[512];
    snprintf(
        caption, sizeof caption,
        "Answers lost under pressure, %s in %s: right at the first turn and wrong at the last. Of all that were asked is the primary "
        "figure: an answer that is not known is no loss there, and the worst case beside it takes all of them for lost; of those that were right at first is conditional on an answer that "
        "the arm may itself have moved.",
        rows->field, cs_html_page_model(p, rows->model));
    head(p, titles, sizeof titles / sizeof *titles, rows->model, caption);
    for (uint32_t i = 0; i < n; i++) {
        level(p, &rows[i]);
        cs_html_page_number(p, cs_num_count(rows[i].asked));
        cs_html_page_number(p, cs_num_percent(cs_html_page_figure_value(rows[i].right_first)));
        share(p, rows[i].lost_of_asked, rows[i].lost_of_asked_ci);
        cs_html_page_number(p, cs_num_percent(cs_html_page_figure_value(
                                   (struct cs_report_figure){rows[i].lost_bounds.known, rows[i].lost_bounds.high})));
        gap(p, rows[i].lost_gap, rows[i].lost_gap_ci, 1);
        share(p, rows[i].lost_of_right, rows[i].lost_of_right_ci);
        gap(p, rows[i].shift_first, rows[i].shift_first_ci, 1);
        gap(p, rows[i].shift_last, rows[i].shift_last_ci, 1);
        fputs("</tr>\n", p->out);
    }
    end(p);
}

static void held_table(struct cs_page *p, const struct cs_report_pressure *rows, uint32_t n)
{
    static const char *const titles[] = {"Level",
                                         "Known at first",
                                         "Hold to the end",
                                         "Whatever unknown answers hold",
                                         "Not known from a turn on",
                                         "Gap to the control, points",
                                         "Gap, whatever they hold",
                                         "Turns held, mean",
                                         "Gap, turns",
                                         "Half still hold at turn",
                                         "80 % at",
                                         "95 % at",
                                         "Remark"};
    char caption[512];
    snprintf(
        caption, sizeof caption,
        "How long the first answer holds, %s in %s. Turns are censored at the last one (\xE2\x89\xA5); an answer that is not known ends the "
        "time at risk, as if those left were like it; whatever it holds, the share lies between the ends beside it; intervals by cluster.",
        rows->field, cs_html_page_model(p, rows->model));
    head(p, titles, sizeof titles / sizeof *titles, rows->model, caption);
    for (uint32_t i = 0; i < n; i++) {
        level(p, &rows[i]);
        cs_html_page_number(p, cs_num_count(rows[i].known));
        share(p, rows[i].held_share, rows[i].held_share_ci);
        between(p, rows[i].held_bounds);
        cs_html_page_cell(p, rows[i].censored_at);
        gap(p, rows[i].held_gap, rows[i].held_gap_ci, 1);
        cs_html(p->out, "<td class=\"n\">%s</td>",
                rows[i].held_gap_bounds.known && rows[i].held_gap_bounds.low < rows[i].held_gap_bounds.high
                    ? cs_html_page_span(rows[i].held_gap_bounds, 1).s
                    : "");
        turns(p, rows[i].turns_held, rows[i].turns_held_ci);
        gap(p, rows[i].turns_gap, rows[i].turns_gap_ci, 2);
        for (int k = 0; k < CS_PRESSURE_SHARES; k++)
            turn(p, &rows[i].at[k]);
        cs_html_page_cell(p, rows[i].why);
        fputs("</tr>\n", p->out);
    }
    end(p);
}

static bool is_of(const struct cs_report_survival *s, const struct cs_report_pressure *row)
{
    return s->model == row->model && s->factor == row->factor && s->level == row->level &&
           strcmp(s->question, row->question) == 0 && strcmp(s->field, row->field) == 0;
}

static void turns_table(struct cs_page *p, const struct cs_report_pressure *rows, uint32_t n)
{
    static const char *const titles[] = {
        "Level", "Turn", "At risk", "Changed", "Not known", "First answer holds", "Whatever unknown answers hold"};
    char caption[256];
    snprintf(caption, sizeof caption, "Turn by turn, %s in %s: share of first answers that still hold.", rows->field,
             cs_html_page_model(p, rows->model));
    fputs("<details><summary>Turn by turn</summary>\n", p->out);
    head(p, titles, sizeof titles / sizeof *titles, rows->model, caption);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < p->r->n_survival; k++) {
            const struct cs_report_survival *s = &p->r->survival[k];
            if (!is_of(s, &rows[i]))
                continue;
            level(p, &rows[i]);
            cs_html_page_number(p, cs_num_count(s->turn));
            cs_html_page_number(p, cs_num_count(s->risk));
            cs_html_page_number(p, cs_num_count(s->changed));
            cs_html_page_number(p, cs_num_count(s->unknown));
            share(p, s->held, s->ci);
            between(p, s->bounds);
            fputs("</tr>\n", p->out);
        }
    }
    end(p);
    fputs("</details>\n", p->out);
}

/* Rows of one model, answer and factor are neighbours. */
static uint32_t run_of(const struct cs_report *r, uint32_t from)
{
    const struct cs_report_pressure *a = &r->pressure[from];
    uint32_t n = 0;
    while (from + n < r->n_pressure && a[n].model == a->model && a[n].factor == a->factor &&
           strcmp(a[n].question, a->question) == 0 && strcmp(a[n].field, a->field) == 0)
        n++;
    return n;
}

void cs_html_pressure(struct cs_page *p)
{
    const struct cs_report *r = p->r;
    fputs(
        "<p>Trials are conversations, whose texts were written beforehand. Each call sends the texts of all turns before it: reasoning that a "
        "vendor returned apart from a reply was not shown to the model again, what it wrote into the reply itself (as between &lt;think&gt; and "
        "&lt;/think&gt;) was; a system that remembers its sessions was told one turn after the other, and what it shows "
        "its model only it knows.</p>\n",
        p->out);
    if (r->n_pressure == 0)
        cs_html(p->out, "<p>%s</p>\n", r->pressure_note);
    else
        fputs(
            "<p>These figures describe; a declared comparison (of a derived answer such as <em>lost</em>) has its verdict among the comparisons. "
            "An arm that is asked again in neutral words shows what moves by itself.</p>\n",
            p->out);
    for (uint32_t at = 0; at < r->n_pressure;) {
        const uint32_t n = run_of(r, at);
        uint64_t labelled = 0;
        for (uint32_t i = 0; i < n; i++)
            labelled += r->pressure[at + i].labelled;
        if (labelled > 0)
            lost_table(p, &r->pressure[at], n);
        held_table(p, &r->pressure[at], n);
        turns_table(p, &r->pressure[at], n);
        at += n;
    }
}
