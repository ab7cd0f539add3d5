#include "tools/report/html/document.h"

#include <string.h>

#include "protocol/base/assert.h"
#include "tools/report/html/page.h"

#define ANALYSIS(file)
#define PAGE(file, id, title) {id, title, cs_html_##file, false},
#define BACK(file, id, title) {id, title, cs_html_##file, true},
static const struct section {
    const char *id, *title;
    void (*write)(struct cs_page *p);
    bool back; /* in the appendix */
} sections[] = {CS_REPORT_SECTIONS(ANALYSIS, PAGE, BACK)};
#undef ANALYSIS
#undef PAGE
#undef BACK
enum { N_SECTIONS = sizeof sections / sizeof *sections };

static void write_head(struct cs_page *p)
{
    cs_html(p->out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
            "content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" "
            "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src "
            "data:\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<link rel=\"icon\" href=\"data:,\">\n");
    cs_html(p->out, "<title>%s \xE2\x80\x93 ClinSafe report</title>\n<style>\n",
            p->r->title[0] != '\0' ? p->r->title : p->r->study);
    fputs(cs_style_css, p->out);
    fputs(
        "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the findings</a>\n<div class=\"page\">\n",
        p->out);
}

/* Comparisons have nothing to show where none is made; noise, rates, labels do. */
static bool is_shown(const struct cs_page *p, const struct section *s)
{
    static void (*const of_comparisons[])(struct cs_page *) = {cs_html_heat, cs_html_moved, cs_html_pooled,
                                                               cs_html_counted};
    if (s->write == cs_html_judges)
        return p->r->n_judges > 0;
    if (s->write == cs_html_corrected)
        return p->r->n_corrected > 0 || p->r->n_judge_errors > 0;
    if (s->write == cs_html_scores)
        return p->r->n_scores > 0;
    if (s->write == cs_html_composites)
        return p->r->n_composites > 0;
    if (s->write == cs_html_task_horizons)
        return p->r->n_task_horizons > 0;
    if (s->write == cs_html_pressure)
        return p->r->conversations;
    if (s->write == cs_html_ended)
        return p->r->n_replies > 0;
    if (p->r->n_contrasts > 0)
        return true;
    if (s->write == cs_html_interactions) /* trends are comparisons of another kind */
        return p->r->n_interactions > 0 || p->r->n_trends > 0;
    for (size_t i = 0; i < sizeof of_comparisons / sizeof *of_comparisons; i++) {
        if (s->write == of_comparisons[i])
            return false;
    }
    return true;
}

static void write_entry(struct cs_page *p, const struct section *section)
{
    cs_html(p->out, "<li><a href=\"#%s\">%s</a>", section->id, section->title);
    if (section->write == cs_html_answers && p->r->n_outcomes > 0) {
        fputs("<ol>", p->out);
        for (uint32_t o = 0; o < p->r->n_outcomes; o++) {
            cs_html(p->out, "<li><a href=\"#answer-%u\">", o);
            cs_html_page_words(p, p->r->outcomes[o].label);
            fputs("</a></li>", p->out);
        }
        fputs("</ol>", p->out);
    }
    fputs("</li>\n", p->out);
}

static void write_contents(struct cs_page *p)
{
    fputs("<nav class=\"toc\" aria-label=\"Contents\"><div class=\"stick\"><h2>Contents</h2><ol>\n", p->out);
    for (size_t i = 0; i < N_SECTIONS; i++) {
        if (!sections[i].back && is_shown(p, &sections[i]))
            write_entry(p, &sections[i]);
    }
    fputs("<li><a href=\"#appendix\">Appendix</a><ol>\n", p->out);
    for (size_t i = 0; i < N_SECTIONS; i++) {
        if (sections[i].back && is_shown(p, &sections[i]))
            write_entry(p, &sections[i]);
    }
    fputs("</ol></li>\n", p->out);
    fputs("</ol></div></nav>\n", p->out);
}

static void write_sections(struct cs_page *p)
{
    for (size_t i = 0; i < N_SECTIONS; i++) {
        if (sections[i].back || !is_shown(p, &sections[i]))
            continue;
        cs_html_page_section(p, sections[i].id, sections[i].title);
        sections[i].write(p);
        cs_html_page_section_end(p);
    }
}

static void write_appendix(struct cs_page *p)
{
    fputs("\n<section id=\"appendix\" aria-labelledby=\"appendix-title\">\n<h2 id=\"appendix-title\">Appendix</h2>\n",
          p->out);
    for (size_t i = 0; i < N_SECTIONS; i++) {
        if (!sections[i].back || !is_shown(p, &sections[i]))
            continue;
        cs_html(p->out, "<section id=\"%s\"><details class=\"back\"><summary><h3>%s</h3></summary>\n", sections[i].id,
                sections[i].title);
        sections[i].write(p);
        fputs("</details></section>\n", p->out);
    }
    fputs("</section>\n", p->out);
}

static void write_foot(struct cs_page *p)
{
    cs_html(p->out, "</main>\n<footer class=\"small\"><p>Study %s", p->r->study);
    if (p->r->generation > 0)
        cs_html(p->out, ", generation %u of %s", p->r->generation, cs_html_page_minute(p->r->created).s);
    cs_html(p->out, ". Made by %s from %s. The same data and seed give the same bytes.</p></footer>\n", p->r->software,
            p->r->source);
    fputs("</div>\n<script>\n", p->out);
    fputs(cs_page_script_text, p->out);
    fputs("</script>\n</body>\n</html>\n", p->out);
}

enum cs_err cs_html_document(const struct cs_report *r, FILE *out, struct cs_error *err)
{
    struct cs_page page = {.out = out, .r = r};

    CS_ASSERT(r != NULL);
    CS_ASSERT(out != NULL);
    write_head(&page);
    if (r->simulated)
        fputs("<div class=\"aside\" aria-hidden=\"true\">SIMULATED</div>\n", out);
    cs_html_first(&page);
    write_contents(&page);
    fputs("<main id=\"main\">\n", out);
    write_sections(&page);
    write_appendix(&page);
    write_foot(&page);
    if (fflush(out) != 0 || ferror(out))
        return cs_error_set(err, CS_EIO, "the HTML report could not be written");
    return CS_OK;
}
