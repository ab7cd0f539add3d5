#include "tools/report/html/document.h"

#include <string.h>

#include "protocol/base/assert.h"
#include "tools/report/html/page.h"

#define ANALYSIS(file)
#define PAGE(file, id, title) {id, title, cs_html_##file},
static const struct {
    const char *id, *title;
    void (*write)(struct cs_page *p);
} sections[] = {CS_REPORT_SECTIONS(ANALYSIS, PAGE)};
#undef ANALYSIS
#undef PAGE

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

static void write_contents(struct cs_page *p)
{
    fputs("<nav class=\"toc\" aria-label=\"Contents\"><div class=\"stick\"><h2>Contents</h2><ol>\n", p->out);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        cs_html(p->out, "<li><a href=\"#%s\">%s</a>", sections[i].id, sections[i].title);
        if (strcmp(sections[i].id, "answers") == 0 && p->r->n_outcomes > 0) {
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
    fputs("</ol></div></nav>\n", p->out);
}

static void write_foot(struct cs_page *p)
{
    cs_html(p->out,
            "</main>\n<footer class=\"small\"><p>Made by %s from %s. The same data and seed give the same "
            "bytes.</p></footer>\n",
            p->r->software, p->r->source);
    fputs("</div>\n<script>\n", p->out);
    fputs(cs_style_script, p->out);
    fputs("</script>\n</body>\n</html>\n", p->out);
}

enum cs_err cs_html_document(const struct cs_report *r, FILE *out, struct cs_error *err)
{
    struct cs_page page = {.out = out, .r = r};

    CS_ASSERT(r != NULL);
    CS_ASSERT(out != NULL);
    write_head(&page);
    cs_html_summary(&page);
    write_contents(&page);
    fputs("<main id=\"main\">\n", out);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        cs_html_page_section(&page, sections[i].id, sections[i].title);
        sections[i].write(&page);
        cs_html_page_section_end(&page);
    }
    write_foot(&page);
    if (fflush(out) != 0 || ferror(out))
        return cs_error_set(err, CS_EIO, "the HTML report could not be written");
    return CS_OK;
}
