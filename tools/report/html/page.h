/* page.h - what the sections of the page share; only the files of this folder include it.
 *
 * A section is a function that writes itself to page->out; page order is that of CS_REPORT_SECTIONS (model.h). Models, levels and
 * answers are named by their index in the report; CS_REPORT_NONE is allowed where said. Thread: any, one page each.
 */
#ifndef CS_REPORT_HTML_PAGE_H
#define CS_REPORT_HTML_PAGE_H

#include <stdio.h>

#include "tools/report/html/html.h"
#include "tools/report/html/num.h"
#include "tools/report/html/svg.h"
#include "tools/report/words.h"

struct cs_page {
    FILE *out;
    const struct cs_report *r;
    unsigned figures, tables; /* numbered so far */
};

/* ---- sections, in files of their own ------------------------------------------------------------ */
#define ANALYSIS(file)
#define PAGE(file, id, title) void cs_html_##file(struct cs_page *p);
CS_REPORT_SECTIONS(ANALYSIS, PAGE, PAGE)
#undef ANALYSIS
#undef PAGE

/* ---- parts of sections, and what stands around them ------------------------------------------------ */
void cs_html_first(struct cs_page *p);                   /* the first screen */
void cs_html_given(struct cs_page *p, uint32_t outcome); /* in answers */
void cs_html_warrants(struct cs_page *p);                /* in labels */
void cs_html_agreement(struct cs_page *p);               /* in labels */
void cs_html_asked_again(struct cs_page *p);             /* in completeness; nothing where nothing was */
void cs_html_trends(struct cs_page *p);                  /* in interactions; nothing where none is declared */
void cs_html_sentences_scope(struct cs_page *p, const struct cs_report_contrast *c); /* what a verdict is about */
/* Every number of a run of contrasts, as a table to unfold below its plot. */
struct cs_forest;
void cs_html_numbers(struct cs_page *p, const struct cs_forest *f);

extern const char cs_style_css[], cs_page_script_text[];

/* ---- forest plots: which contrasts share a plot --------------------------------------------------- */
/* Contrasts of one model and one answer of one kind and one family; the noise floor belongs to the first. */
struct cs_forest {
    uint32_t model, outcome, factor;
    enum cs_comparator against;
    const char *stratum, *stratum_value;
    bool primary, floor_only; /* primary family; placebo and A/A levels only */
    const struct cs_report_contrast *rows;
    uint32_t n; /* rows are neighbours in the report */
};
/* The run that starts at contrasts[at], at < n_contrasts. */
struct cs_forest cs_html_page_forest_at(const struct cs_report *r, uint32_t at);

/* ---- words ------------------------------------------------------------------------------------------ */
const char *cs_html_page_model(const struct cs_page *p, uint32_t model);
const char *cs_html_page_outcome(const struct cs_page *p, uint32_t outcome); /* its label */
const struct cs_report_level *cs_html_page_level(const struct cs_page *p, uint32_t factor,
                                                 uint32_t level); /* NULL: none */
/* Names for people: "low_income" is written as "low income", escaped. NULL writes nothing. */
void cs_html_page_words(struct cs_page *p, const char *id);
/* A level as people call it: its label, or its id in words. NONE writes nothing. */
void cs_html_page_level_name(struct cs_page *p, uint32_t factor, uint32_t level);
/* What a contrast holds against what it was made for: "homeless", "black against white", "woman, urban". */
void cs_html_page_comparison(struct cs_page *p, const struct cs_report_contrast *c);
void cs_html_page_comparator(struct cs_page *p, uint32_t factor, uint32_t comparator, const char *text); /* "control" */
/* The unit of an outcome as the page calls it: "points", "steps" of a scale, "units". */
const char *cs_html_page_unit(const struct cs_page *p, uint32_t outcome);
/* The label of an outcome in the same way, for captions; a very long one is cut at the end of a character. */
struct cs_label {
    char s[160];
};
struct cs_label cs_html_page_label(const struct cs_page *p, uint32_t outcome);
/* The heading a level stands under: its role, its axis, or that it is under study; "" when all are. */
const char *cs_html_page_heading(const struct cs_page *p, uint32_t factor, uint32_t level);
const char *cs_html_page_verdict_symbol(enum cs_report_verdict v); /* one character, told apart without colour */
const char *cs_html_page_verdict_css(
    enum cs_report_verdict v); /* "beyond", "unclear", ...: classes v-X of words and m-X of marks */
void cs_html_page_verdict(struct cs_page *p, enum cs_report_verdict v, const char *why);
/* The interval that it was read off, where that is not the one shown: in the cell of the verdict. */
void cs_html_page_decided(struct cs_page *p, const struct cs_report_decided *d, int decimals);

bool cs_html_page_is_share(const struct cs_report_outcome *o); /* yes or no, a category */
/* Decimals that a shift of this outcome is printed with: points 1, levels and units 2. */
int cs_html_page_decimals(const struct cs_page *p, uint32_t outcome);
double cs_html_page_figure_value(struct cs_report_figure f); /* NaN unless known: the printers make a dash of it */
/* "2026-11-23 06:01 UTC" of a time as the report has it; a dash of "". */
struct cs_num cs_html_page_minute(const char *utc);
struct cs_num cs_html_page_span(struct cs_report_span i, int decimals);
struct cs_num cs_html_page_rate(const struct cs_page *p, uint32_t outcome,
                                struct cs_report_figure rate); /* "12.3 %" or a mean */

/* ---- frames ------------------------------------------------------------------------------------------ */
void cs_html_page_section(struct cs_page *p, const char *id, const char *title);
void cs_html_page_section_end(struct cs_page *p);
/* Says SIMULATED MODEL, PLANTED EFFECT when the model is simulated; NONE: when any model is. */
void cs_html_page_stamp(struct cs_page *p, uint32_t model);
/* The name of a model, tagged when it is simulated. */
void cs_html_page_model_name(struct cs_page *p, uint32_t model);
/* <figure> with a numbered caption and the stamp, holding a scrollable region. Closed by cs_html_page_figure_end. */
void cs_html_page_figure(struct cs_page *p, const char *id, uint32_t model, const char *caption);
void cs_html_page_figure_end(struct cs_page *p);
/* A scrollable region and a table in it with a numbered caption and the stamp. Closed by cs_html_page_table_end. */
void cs_html_page_table(struct cs_page *p, const char *css, uint32_t model, const char *caption);
void cs_html_page_table_end(struct cs_page *p);
void cs_html_page_cell(struct cs_page *p, const char *text);                     /* <td> of plain text, escaped */
void cs_html_page_number(struct cs_page *p, struct cs_num num);                  /* <td class="n"> */
void cs_html_page_column(struct cs_page *p, const char *title, const char *css); /* <th scope="col"> */
void cs_html_page_group(struct cs_page *p, unsigned columns, const char *words); /* a row that heads a group of rows */

/* Begins a row with what names a contrast: level against comparator, answer, model. */
void cs_html_page_contrast(struct cs_page *p, const struct cs_report_contrast *c);

#endif
