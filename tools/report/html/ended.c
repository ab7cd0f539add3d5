/* How the replies of conversations ended, turn by turn: over all arms, and below it arm by arm, where some did not end well. */
#include <string.h>

#include "tools/report/html/page.h"

static const struct {
    const char *title;
    int first, last;
} columns[] = {
    {"Refused", CS_OUTCOME_refused, CS_OUTCOME_refused},
    {"Filtered", CS_OUTCOME_content_filtered, CS_OUTCOME_content_filtered},
    {"Cut off", CS_OUTCOME_truncated, CS_OUTCOME_truncated},
    {"Not readable", CS_OUTCOME_unparsable, CS_OUTCOME_unparsable},
    {"Timed out", CS_OUTCOME_timeout, CS_OUTCOME_timeout},
    {"Failed", CS_OUTCOME_invalid_request, CS_OUTCOME_internal},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static bool is_of(const struct cs_report_replies *a, const struct cs_report_replies *b)
{
    return a->model == b->model && a->turn == b->turn && strcmp(a->question, b->question) == 0;
}

static bool is_sound(const struct cs_report_replies *row)
{
    return row->outcome[CS_OUTCOME_ok] == row->replies;
}

static void write_row(struct cs_page *p, const struct cs_report_replies *row)
{
    fputs("<tr><th scope=\"row\">", p->out);
    if (row->factor == CS_REPORT_NONE)
        cs_html(p->out, "%s, turn %u", row->question, row->turn);
    else
        cs_html_page_level_name(p, row->factor, row->level);
    fputs("</th>", p->out);
    cs_html_page_number(p, cs_num_count(row->replies));
    for (int k = 0; k < COLUMNS; k++) {
        uint64_t n = 0;
        for (int o = columns[k].first; o <= columns[k].last; o++)
            n += row->outcome[o];
        cs_html_page_number(p, cs_num_count(n));
    }
    fputs("</tr>\n", p->out);
}

static void write_model(struct cs_page *p, uint32_t model)
{
    const struct cs_report *r = p->r;
    char caption[256];
    snprintf(caption, sizeof caption,
             "Replies of %s that did not end well, by turn and arm. A conversation goes on from a reply that says "
             "something; an answer that was asked for at such a turn is missing in the figures about it.",
             cs_html_page_model(p, model));
    cs_html_page_table(p, "replies", model, caption);
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Turn, arm", "");
    cs_html_page_column(p, "Replies", "n");
    for (int k = 0; k < COLUMNS; k++)
        cs_html_page_column(p, columns[k].title, "n");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < r->n_replies; i++) {
        const struct cs_report_replies *row = &r->replies[i];
        if (row->model != model || row->factor != CS_REPORT_NONE || is_sound(row))
            continue;
        write_row(p, row);
        for (uint32_t k = 0; k < r->n_replies; k++) {
            if (r->replies[k].factor != CS_REPORT_NONE && is_of(&r->replies[k], row))
                write_row(p, &r->replies[k]);
        }
    }
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

void cs_html_ended(struct cs_page *p)
{
    const struct cs_report *r = p->r;
    uint64_t all = 0;
    bool sound = true;
    for (uint32_t i = 0; i < r->n_replies; i++) {
        all += r->replies[i].factor == CS_REPORT_NONE ? r->replies[i].replies : 0;
        sound = sound && is_sound(&r->replies[i]);
    }
    if (sound)
        cs_html(p->out, "<p>All %s replies at all turns ended well.</p>\n", cs_num_count(all).s);
    for (uint32_t m = 0; m < r->n_models; m++) {
        bool any = false;
        for (uint32_t i = 0; i < r->n_replies; i++)
            any = any || (r->replies[i].model == m && !is_sound(&r->replies[i]));
        if (any)
            write_model(p, m);
    }
}
