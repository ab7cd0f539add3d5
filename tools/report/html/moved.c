/* Cases that moved most: for each finding, the case under the comparator and under the level, side by side, as sent and as answered. */
#include <string.h>

#include "tools/report/html/page.h"

/* A line for each: its number in the prompt, and where it is, which is in the page itself. */
static void write_images(struct cs_page *p, const char *images)
{
    fputs("<td>", p->out);
    for (const char *at = images; *at != '\0';) {
        const size_t n = strcspn(at, "\n");
        const size_t number = strcspn(at, " ");
        fprintf(p->out, "<img alt=\"image %.*s of the prompt\" style=\"max-width:12rem;max-height:12rem\" src=\"",
                (int)number, at);
        fwrite(at + number + 1, 1, n - number - 1, p->out); /* base64 and a type: nothing in it is markup */
        fputs("\"> ", p->out);
        at += n + (at[n] == '\n');
    }
    fputs("</td>", p->out);
}

static void write_sides(struct cs_page *p, const struct cs_report_moved *m, const char *comparator, const char *level)
{
    cs_html_page_table(p, "moved", p->r->contrasts[m->contrast].model, "Prompt and reply, verbatim.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, comparator, "");
    cs_html_page_column(p, level, "");
    fputs("</tr></thead><tbody>\n", p->out);
    cs_html(p->out, "<tr><td class=\"verbatim\">%s</td><td class=\"verbatim\">%s</td></tr>\n", m->prompt_comparator,
            m->prompt_level);
    if (m->images_comparator != NULL && (m->images_comparator[0] != '\0' || m->images_level[0] != '\0')) {
        fputs("<tr>", p->out);
        write_images(p, m->images_comparator);
        write_images(p, m->images_level);
        fputs("</tr>\n", p->out);
    }
    cs_html(p->out, "<tr><td class=\"verbatim\"><b>%s</b></td><td class=\"verbatim\"><b>%s</b></td></tr>\n",
            m->reply_comparator, m->reply_level);
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

static void write_case(struct cs_page *p, const struct cs_report_moved *m)
{
    const struct cs_report_contrast *c = &p->r->contrasts[m->contrast];
    const struct cs_report_level *l = cs_html_page_level(p, c->factor, c->level);
    const int decimals = cs_html_page_decimals(p, c->outcome);
    const char *unit = cs_html_page_unit(p, c->outcome);
    cs_html(p->out, "<details%s><summary>Case %s: %s %s in the half that chose it, ", m == p->r->moved ? " open" : "",
            m->case_id, cs_num_signed(cs_html_page_figure_value(m->chosen), decimals).s, unit);
    cs_html(p->out, "<b>%s</b> in the other", cs_num_signed(cs_html_page_figure_value(m->shift), decimals).s);
    if (m->label[0] != '\0')
        cs_html(p->out, "; its label is %s", m->label);
    fputs("</summary>\n", p->out);
    if (m->prompt_level[0] != '\0')
        write_sides(p, m, c->comparator_text, l == NULL ? "" : l->id);
    else
        fputs("<p>The texts are not in this report.</p>\n", p->out);
    fputs("</details>\n", p->out);
}

static void write_heading(struct cs_page *p, const struct cs_report_contrast *c)
{
    cs_html(p->out, "<h3><a href=\"#%s\">", c->anchor);
    cs_html_page_level_name(p, c->factor, c->level);
    cs_html(p->out, "</a>, %s in ", cs_html_page_label(p, c->outcome).s);
    cs_html_page_model_name(p, c->model);
    cs_html(p->out, ": %s %s on average</h3>\n",
            cs_num_signed(cs_html_page_figure_value(c->shift), cs_html_page_decimals(p, c->outcome)).s,
            cs_html_page_unit(p, c->outcome));
}

void cs_html_moved(struct cs_page *p)
{
    const struct cs_report *r = p->r;
    uint32_t last = CS_REPORT_NONE;
    if (r->moved_note != NULL && r->moved_note[0] != '\0')
        cs_html(p->out, "<p>%s</p>\n", r->moved_note);
    if (r->n_moved == 0)
        return;
    fputs(
        "<p>The cases that moved most in one half of the repeats, with what the other half says of them. What was picked as the "
        "largest of many is smaller when one looks again: only the second number is an estimate. Cases show what a finding "
        "looks like; they are none themselves. Those that moved towards less come first. <code>clinsafe report STUDY --confirm N</code> "
        "plans N fresh draws for them.</p>\n",
        p->out);
    for (uint32_t i = 0; i < r->n_moved; i++) {
        if (r->moved[i].contrast != last)
            write_heading(p, &r->contrasts[r->moved[i].contrast]);
        last = r->moved[i].contrast;
        write_case(p, &r->moved[i]);
    }
}
