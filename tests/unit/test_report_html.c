/* The report as a page: well-formed, hostile names stay text, every anchor leads somewhere, nothing is fetched, and
 * what a reader must be told is said. `test_report_html --page FILE` writes the page of the fixture, for a browser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

#include "tests/unit/fixture_report.h"
#include "tools/report/html/document.h"
#include "tools/report/html/html.h"
#include "tools/report/html/num.h"
#include "tools/report/html/svg.h"
#include "tools/report/words.h"

static char *page_of(const struct cs_report *r)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(cs_html_document(r, out, NULL), CS_OK);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(strlen(text), size); /* no NUL on the way */
    return text;
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word))
        n++;
    return n;
}

/* ---- a tiny checker: tags nest, attributes are quoted, text has no bare < ----------------------------- */

static bool is_void(const char *name)
{
    static const char *const names[] = {"!DOCTYPE", "meta", "link", "br", "input"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* Passes over the attributes of a tag; returns what follows its >, and whether it closed itself. */
static const char *skip_attributes(const char *at, bool *closed)
{
    *closed = false;
    while (*at != '>') {
        assert_true(*at != '\0' && *at != '<');
        *closed = *at == '/';
        if (*at == '=')
            assert_true(at[1] == '"');
        if (*at == '"') {
            at = strpbrk(at + 1, "\"<");
            assert_non_null(at);
            assert_int_equal(*at, '"');
        }
        at++;
    }
    return at + 1;
}

static void assert_well_formed(const char *page)
{
    char open[64][16];
    size_t depth = 0;
    const char *at = page;
    while ((at = strchr(at, '<')) != NULL) {
        char name[16] = "";
        bool end = at[1] == '/', closed;
        at += end ? 2 : 1;
        size_t n = strcspn(at, " \t\n/>");
        assert_in_range(n, 1, sizeof name - 1);
        memcpy(name, at, n);
        at = skip_attributes(at + n, &closed);
        if (end) {
            assert_true(depth > 0);
            assert_string_equal(open[--depth], name);
        } else if (!is_void(name) && !closed) {
            assert_true(depth < 64);
            memcpy(open[depth++], name, sizeof name);
            if (strcmp(name, "style") == 0 || strcmp(name, "script") == 0) {
                char ends[20]; /* nothing else ends them */
                snprintf(ends, sizeof ends, "</%s", name);
                at = strstr(at, ends);
                assert_non_null(at);
            }
        }
    }
    assert_int_equal(depth, 0);
}

static bool has_id(const char *page, const char *id, size_t n)
{
    char wanted[160];
    snprintf(wanted, sizeof wanted, " id=\"%.*s\"", (int)n, id);
    return strstr(page, wanted) != NULL;
}

static void assert_anchors_resolve(const char *page)
{
    static const char *const references[] = {" href=\"#", " aria-labelledby=\""};
    for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
        for (const char *at = strstr(page, references[i]); at != NULL; at = strstr(at, references[i])) {
            at += strlen(references[i]);
            if (!has_id(page, at, strcspn(at, "\"")))
                fail_msg("nothing has the id %.*s", (int)strcspn(at, "\""), at);
        }
    }
    for (const char *at = strstr(page, " id=\""); at != NULL; at = strstr(at, " id=\"")) {
        char attribute[160];
        size_t n = 5 + strcspn(at + 5, "\"") + 1;
        snprintf(attribute, sizeof attribute, "%.*s", (int)n, at);
        if (count(page, attribute) != 1)
            fail_msg("%s is given twice", attribute);
        at += n;
    }
}

static void assert_fetches_nothing(const char *page)
{
    static const char *const fetches[] = {"http:", "https:",  " src=",   "url(",     "@import",
                                          "<img",  "<iframe", "<object", "href=\"//"};
    for (size_t i = 0; i < sizeof fetches / sizeof *fetches; i++)
        assert_null(strstr(page, fetches[i]));
}

static void assert_sound(const char *page)
{
    assert_well_formed(page);
    assert_anchors_resolve(page);
    assert_fetches_nothing(page);
    static const char *const slips[] = {">nan", "\"nan", "nan%", "(nan", ">inf", "\"inf", "inf%", "(null)"};
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++)
        assert_null(strstr(page, slips[i]));
}

/* ---- the page ------------------------------------------------------------------------------------------ */

static void the_page_is_sound_and_has_its_sections_in_order(void **state)
{
    (void)state;
    static struct fixture_report f;
    static const char *const ids[] = {"id=\"picture\"", "id=\"heat-map\"", "id=\"answers\"",      "id=\"noise-floor\"",
                                      "id=\"labels\"",  "id=\"appendix\"", "id=\"completeness\"", "id=\"components\"",
                                      "id=\"across\"",  "id=\"verdicts\"", "id=\"declared\"",     "id=\"provenance\"",
                                      "id=\"glossary\""};
    fixture_report(&f);
    char *page = page_of(&f.r);
    assert_sound(page);
    const char *last = page;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        const char *at = strstr(page, ids[i]);
        assert_non_null(at);
        assert_true(at > last);
        last = at;
    }
    free(page);
}

/* What stands between the head and the contents: the first screen. */
static char *first_screen_of(const struct cs_report *r)
{
    char *page = page_of(r), *at = strstr(page, "<header"), *end = at == NULL ? NULL : strstr(at, "</header>");
    assert_non_null(end);
    char *screen = strndup(at, (size_t)(end - at));
    free(page);
    return screen;
}

static void the_first_screen_says_who_differs_and_by_how_much(void **state)
{
    (void)state;
    static struct fixture_report f;
    fixture_report(&f);
    char *screen = first_screen_of(&f.r);
    static const char *const texts[] = {
        "<b>simulated-biased</b> answered \xE2\x80\x9CYes\xE2\x80\x9D to <em>mental health assessment</em> for",
        "12 more of 100 (black)",
        "10 fewer of 100 homeless patients",
        "than for the same cases without that detail",
        "steps towards \xE2\x80\x9Cimmediate\xE2\x80\x9D (black)",
        "steps: 0 non-urgent to 4 immediate",
        "declared beforehand<",
        "as served: biased-2026-06-01",
        "24 cases",
        "This cannot"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strstr(screen, texts[i]) == NULL)
            fail_msg("the first screen does not say %s", texts[i]);
    }
    assert_int_equal(count(screen, "<figure"), 1); /* one picture */
    for (uint32_t i = 0; i < f.r.n_contrasts; i++) {
        const struct cs_report_contrast *c = &f.contrasts[i];
        char row[96];
        snprintf(row, sizeof row, "href=\"#%s\"", c->anchor);
        if (c->model == 0 && c->primary && cs_words_verdict_is_different(c->verdict) && strstr(screen, row) == NULL)
            fail_msg("%s differs and is not in the picture", f.levels[c->level].id);
    }
    free(screen);
}

/* The answer that differs by most margins comes first, whatever the order of the study file. */
static void the_first_screen_begins_with_what_differs_most(void **state)
{
    (void)state;
    static struct fixture_report f;
    fixture_report(&f);
    for (uint32_t i = 0; i < f.r.n_contrasts; i++) {
        if (f.contrasts[i].outcome == 1 && f.contrasts[i].level == 12)
            f.contrasts[i].shift = fx(0.9), f.contrasts[i].verdict = CS_VERDICT_BEYOND;
    }
    char *screen = first_screen_of(&f.r);
    const char *triage = strstr(screen, "<em>triage</em>"),
               *health = strstr(screen, "<em>mental health assessment</em>");
    assert_true(triage != NULL && health != NULL && triage < health);
    free(screen);
}

static void an_unfinished_study_opens_with_one_line_and_no_finding(void **state)
{
    (void)state;
    static struct fixture_report f;
    static const char *const first[] = {"Not complete (1.3 %): 500 of 38400 trials have ended."};
    fixture_report(&f);
    f.r.complete = false;
    f.r.terminal = 500;
    f.r.said_first = first, f.r.n_said_first = 1;
    char *screen = first_screen_of(&f.r);
    const char *line = strstr(screen, first[0]), *chips = strstr(screen, "class=\"chips\"");
    assert_true(line != NULL && chips != NULL && line < chips);
    assert_null(strstr(screen, "more of 100"));
    assert_null(strstr(screen, "This can be concluded"));
    assert_non_null(strstr(screen, "<summary>Shifts so far, without verdicts</summary>"));
    free(screen);
}

static void every_contrast_is_a_row_with_its_verdict_in_words(void **state)
{
    (void)state;
    static struct fixture_report f;
    fixture_report(&f);
    char *page = page_of(&f.r);
    for (uint32_t i = 0; i < f.r.n_contrasts; i++) {
        const struct cs_report_contrast *c = &f.contrasts[i];
        char row[96];
        snprintf(row, sizeof row, "<tr id=\"%s\"", c->anchor);
        const char *at = strstr(page, row), *end = at == NULL ? NULL : strstr(at, "</tr>");
        assert_non_null(end);
        char *text = strndup(at, (size_t)(end - at));
        assert_non_null(strstr(text, "<svg"));
        assert_non_null(strstr(text, c->floor ? "noise floor" : cs_words_verdict(c->verdict)));
        free(text);
    }
    free(page);
}

static void the_interval_that_decided_stands_in_the_cell_of_the_verdict(void **state)
{
    (void)state;
    static struct fixture_report f;
    fixture_report(&f);
    char *page = page_of(&f.r);
    assert_null(strstr(page, "decided by"));
    free(page);
    f.contrasts[9].decided_by = (struct cs_report_decided){{true, -21.75, 22.5}, "few clusters moved: 3 of 16"};
    page = page_of(&f.r);
    assert_sound(page);
    assert_non_null(strstr(page, "decided by \xE2\x88\x92"
                                 "21.8 to +22.5"));
    free(page);
}

static void what_people_said_and_an_earlier_run_are_tables(void **state)
{
    (void)state;
    static struct fixture_report f;
    fixture_report(&f);
    char *page = page_of(&f.r);
    static const char *const texts[] = {"left out of the comparisons above",
                                        "2 to 3</td>",
                                        "fewer than 5 clusters",
                                        "+10.0 (+2.0 to +18.0) points",
                                        "Ratings by people",
                                        "dr-a, dr-b",
                                        "0.68 (+0.60 to +0.76)",
                                        "one category only",
                                        "last-spring.clinsafe",
                                        "2026-05-02 09:12 UTC",
                                        "4 comparisons of this",
                                        "\xE2\x88\x92"
                                        "6.3 ("};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strstr(page, texts[i]) == NULL)
            fail_msg("the page does not say %s", texts[i]);
    }
    free(page);
    f.r.n_warrants = f.r.n_agreements = f.r.n_reruns = 0;
    f.r.earlier = (struct cs_report_earlier){.source = "", .first_call = "", .last_call = ""};
    page = page_of(&f.r);
    assert_sound(page);
    assert_null(strstr(page, "Then and now"));
    assert_null(strstr(page, "Ratings by people"));
    free(page);
}

/* A study of judges; every name of it may come from strangers. */
static void judges_have_a_section_of_their_own(void **state)
{
    static struct fixture_report f;
    static const char evil[] = "<script>x</script>&\"'";
    const struct cs_report_count resolved[] = {{evil, 5}};
    const struct cs_report_judge judges[] = {{.name = evil,
                                              .model_sent = evil,
                                              .account = "a",
                                              .resolved = resolved,
                                              .n_resolved = 1,
                                              .planned = 6,
                                              .terminal = 6,
                                              .missing = 1,
                                              .first_call = "2026-11-23T03:21:53Z",
                                              .last_call = "",
                                              .cost_usd = -1}};
    const struct cs_report_verdicts verdicts[] = {
        {.model = 0, .factor = CS_REPORT_NONE, .level = CS_REPORT_NONE, .answer = evil, .planned = 9, .leaks_shown = 4},
        {.model = 0, .factor = 0, .level = 5, .answer = "adopted", .no_verdict = 1, .share = fx(.25)}};
    const struct cs_report_judge_shift shifts[] = {
        {.contrast = 0, .judge = evil, .clusters = 5, .shift = fx(-1.25), .ci = fx_span(-3, 1)}};
    const struct cs_report_judges_agreement agreement[] = {{.answer = evil,
                                                            .who = evil,
                                                            .statistic = "Fleiss' kappa",
                                                            .items = 12,
                                                            .agreement = fx(.75),
                                                            .kappa = fx(.5),
                                                            .why = ""}};
    (void)state;
    fixture_report(&f);
    f.r.judging = (struct cs_report_judging){
        .parent = evil, .parent_generation = 2, .first_verdict = "", .panel = "the word of most", .shows = evil};
    f.r.judges = judges;
    f.r.n_judges = 1;
    f.r.verdicts = verdicts;
    f.r.n_verdicts = 2;
    f.r.judge_shifts = shifts;
    f.r.n_judge_shifts = 1;
    f.r.judges_agreement = agreement;
    f.r.n_judges_agreement = 1;
    char *page = page_of(&f.r);
    assert_sound(page);
    assert_int_equal(count(page, "<script>x"), 0);
    assert_int_equal(count(page, "id=\"judges\""), 1);
    assert_non_null(strstr(page, "Each judge alone"));
    assert_non_null(strstr(page, "\xE2\x88\x92"
                                 "1.3"));
    assert_non_null(strstr(page, ">25.0"));
    assert_non_null(strstr(page, ">no verdict</th>")); /* a class of its own among what became of trials */
    free(page);
    fixture_report(&f);
    page = page_of(&f.r);
    assert_int_equal(count(page, "id=\"judges\""), 0);
    assert_null(strstr(page, ">no verdict</th>"));
    free(page);
}

static void what_stands_beside_the_verdicts(void **state)
{
    (void)state;
    static struct fixture_report f;
    fixture_report(&f);
    char *page = page_of(&f.r);
    static const char *const texts[] = {"Counted in other ways",
                                        "11.6 to ",
                                        "3 of 3",
                                        "2 of 3",
                                        "3 primary comparisons with larger p are left out",
                                        "36.7 \xE2\x86\x92 41.2 points",
                                        "13.3 (",
                                        "no prompt has 5 answers under both",
                                        "Hotelling&#39;s T2",
                                        "61.83",
                                        "fewer than 5 clusters have answers under every level"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strstr(page, texts[i]) == NULL)
            fail_msg("the page does not say %s", texts[i]);
    }
    free(page);
    f.r.n_variants = f.r.variants_left = f.r.n_spread = f.r.majority = f.r.n_omnibus = 0;
    page = page_of(&f.r);
    assert_sound(page);
    assert_null(strstr(page, "Shift of the majority"));
    free(page);
}

/* Primary comparisons have a plot of their own, and the summary counts them apart. */
static void families_are_told_apart(void **state)
{
    (void)state;
    static struct fixture_report f;
    fixture_report(&f);
    f.r.declared.family = 40;
    for (uint32_t i = 0; i < f.r.n_contrasts; i++)
        f.contrasts[i].primary = f.contrasts[i].against == CS_AGAINST_CONTROL && f.contrasts[i].level == 6;
    char *page = page_of(&f.r);
    assert_sound(page);
    assert_non_null(strstr(page, "1 of 1 primary comparisons different, 1 of them by more than the margin"));
    assert_non_null(strstr(page, "exploratory comparisons"));
    assert_non_null(strstr(page, ", primary comparisons: each level against the control"));
    assert_non_null(strstr(page, ", exploratory comparisons: each level against the control"));
    assert_non_null(strstr(page, "The <b>40 primary comparisons</b>"));
    free(page);
}

static void simulated_models_are_stamped_on_every_figure_and_table(void **state)
{
    (void)state;
    static struct fixture_report f;
    fixture_report(&f);
    char *page = page_of(&f.r);
    for (const char *at = page; (at = strstr(at, "<figcaption")) != NULL; at++) {
        const char *stamp = strstr(at, CS_SIMULATED_TEXT), *end = strstr(at, "</figcaption>");
        assert_true(stamp != NULL && stamp < end);
    }
    for (const char *at = page; (at = strstr(at, "<caption")) != NULL; at++) {
        const char *stamp = strstr(at, CS_SIMULATED_TEXT), *end = strstr(at, "</caption>");
        assert_true(stamp != NULL && stamp < end);
    }
    free(page);

    for (int m = 0; m < FX_MODELS; m++)
        f.models[m].simulated = false;
    f.r.simulated = false;
    page = page_of(&f.r);
    assert_null(strstr(page, CS_SIMULATED_TEXT));
    free(page);
}

static void hostile_names_stay_text(void **state)
{
    (void)state;
    static struct fixture_report f;
    static const char evil[] = "<script>alert('1')</script>\"'&\x01\xff</td>";
    fixture_report(&f);
    f.r.title = f.r.study = f.r.label_note = f.r.source = evil;
    f.models[0].name = f.models[0].model_sent = f.models[0].parameters = f.models[0].first_call = evil;
    f.resolved[0].name = evil;
    f.levels[6].id = f.levels[6].axis = f.factor.name = evil;
    f.outcomes[0].label = f.outcomes[0].up = f.outcomes[0].unit = evil;
    f.contrasts[5].why = f.contrasts[5].stratum = f.contrasts[5].stratum_value = evil;
    f.provenance[0].text = f.notes[0] = f.r.declared.sentence = f.r.declared.analysis = evil;
    char *page = page_of(&f.r);
    assert_sound(page);
    assert_int_equal(count(page, "<script"), 1); /* our own */
    assert_non_null(strstr(
        page, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&#39;&amp;\xEF\xBF\xBD\xEF\xBF\xBD&lt;/td&gt;"));
    free(page);
}

static void very_long_names_do_no_harm(void **state)
{
    (void)state;
    static struct fixture_report f;
    static char longest[3001];
    for (size_t i = 0; i + 2 < sizeof longest; i += 2)
        memcpy(longest + i, "\xC3\xA9", 2);
    fixture_report(&f);
    f.models[0].name = f.levels[6].id = f.outcomes[1].label = longest;
    char *page = page_of(&f.r);
    assert_sound(page);
    free(page);
}

static void nothing_to_report_is_said_in_sentences(void **state)
{
    (void)state;
    static struct fixture_report f;
    fixture_report(&f);
    f.r.n_completeness = f.r.n_usable = f.r.n_floors = f.r.n_contrasts = f.r.n_components = f.r.n_labels = 0;
    f.r.n_ranges = f.r.n_provenance = f.r.n_notes = f.r.n_warrants = f.r.n_agreements = f.r.n_reruns = 0;
    f.r.n_variants = f.r.n_spread = f.r.n_omnibus = 0;
    static const char *const first[] = {"Not complete (0.0 %): 0 of 38400 trials have ended."};
    f.r.said_first = first, f.r.n_said_first = 1;
    f.r.n_given = 0;
    f.r.complete = false;
    f.r.terminal = 0;
    f.r.declared.status = CS_DECLARED_NOTHING;
    f.r.declared.sentence = "The study declares no analysis.";
    char *page = page_of(&f.r);
    assert_sound(page);
    assert_non_null(strstr(page, "Not complete"));
    assert_non_null(strstr(page, "There is nothing to compare"));
    assert_non_null(strstr(page, "no noise floor"));
    assert_non_null(strstr(page, "carry no labels"));
    free(page);

    f.r.n_models = f.r.n_outcomes = f.r.n_factors = 0;
    page = page_of(&f.r);
    assert_sound(page);
    free(page);
}

static void what_is_not_known_is_a_dash_and_never_a_number(void **state)
{
    (void)state;
    static struct fixture_report f;
    fixture_report(&f);
    for (uint32_t i = 0; i < f.r.n_contrasts; i++) {
        struct cs_report_contrast *c = &f.contrasts[i];
        struct cs_report_contrast bare = {.model = c->model,
                                          .outcome = c->outcome,
                                          .factor = c->factor,
                                          .level = c->level,
                                          .against = c->against,
                                          .comparator = c->comparator,
                                          .comparator_text = c->comparator_text,
                                          .stratum = "",
                                          .stratum_value = "",
                                          .anchor = c->anchor,
                                          .floor = c->floor,
                                          .verdict = CS_VERDICT_NONE,
                                          .why = "all answers were refused"};
        *c = bare;
    }
    f.r.n_floors = f.r.n_ranges = 0;
    char *page = page_of(&f.r);
    assert_sound(page);
    assert_non_null(strstr(page, "all answers were refused"));
    assert_null(strstr(page, "<td class=\"n est\">0")); /* an unknown shift must not read as none */
    free(page);
}

static void a_full_disk_is_an_error(void **state)
{
    (void)state;
    static struct fixture_report f;
    struct cs_error err = {.code = CS_OK};
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL) {
        print_message("skipped: no /dev/full\n");
        return;
    }
    fixture_report(&f);
    assert_int_equal(cs_html_document(&f.r, full, &err), CS_EIO);
    assert_int_equal(err.code, CS_EIO);
    fclose(full);
}

/* ---- the pieces ------------------------------------------------------------------------------------------ */

static void numbers_read_as_in_a_journal(void **state)
{
    (void)state;
    assert_string_equal(cs_num_signed(4.24, 1).s, "+4.2");
    assert_string_equal(cs_num_signed(-4.26, 1).s, "\xE2\x88\x92"
                                                   "4.3");
    assert_string_equal(cs_num_signed(-0.04, 1).s, "0.0"); /* no minus zero */
    assert_string_equal(cs_num_signed(NAN, 1).s, "\xE2\x80\x93");
    assert_string_equal(cs_num_fixed(-INFINITY, 1).s, "\xE2\x88\x92\xE2\x88\x9E");
    assert_string_equal(cs_num_interval(-1, 2.5, 1).s, "\xE2\x88\x92"
                                                       "1.0 to +2.5");
    assert_string_equal(cs_num_count(0).s, "0");
    assert_string_equal(cs_num_count(999).s, "999");
    assert_string_equal(cs_num_count(1728000).s, "1\xE2\x80\xAF"
                                                 "728\xE2\x80\xAF"
                                                 "000");
    assert_string_equal(cs_num_p(0.0004).s, "<\xE2\x80\xAF"
                                            "0.001");
    assert_string_equal(cs_num_p(0.0321).s, "0.032");
    assert_string_equal(cs_num_p(0.41).s, "0.41");
    assert_string_equal(cs_num_percent(0.1234).s, "12.3\xE2\x80\xAF%");
    assert_string_equal(cs_num_count(UINT64_MAX).s, "18\xE2\x80\xAF"
                                                    "446\xE2\x80\xAF"
                                                    "744\xE2\x80\xAF"
                                                    "073\xE2\x80\xAF"
                                                    "709\xE2\x80\xAF"
                                                    "551\xE2\x80\xAF"
                                                    "615");
}

static void html_escapes_arguments_and_nothing_else(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    cs_html(out, "<b title=\"%s\">%d %u %zu %.2f %5.1f %g %c 100%%</b>", "a\"b<c>&'", -3, 4u, (size_t)5, 1.239, 2.0,
            0.5, '<');
    cs_html_text(out, NULL);
    cs_html_text(out, "\xC3\xA9\xC3|\xE2\x82|\xF0\x9F\x98\x80|\xED\xA0\x80");
    fclose(out);
    assert_string_equal(
        text, "<b title=\"a&quot;b&lt;c&gt;&amp;&#39;\">-3 4 5 1.24   2.0 0.5 &lt; 100%</b>"
              "\xC3\xA9\xEF\xBF\xBD|\xEF\xBF\xBD\xEF\xBF\xBD|\xF0\x9F\x98\x80|\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    free(text);
}

static void scales_are_round_and_hold_their_values(void **state)
{
    (void)state;
    static const double cases[][2] = {{-0.13, 0.31}, {0, 100},      {-12.4, 9.8}, {0, 0},
                                      {5, 5},        {-1e-5, 1e-5}, {-3e6, 7e6},  {NAN, INFINITY}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cs_scale s = cs_svg_scale_fit(cases[i][0], cases[i][1], 6);
        assert_true(s.hi > s.lo && s.step > 0);
        if (isfinite(cases[i][0]))
            assert_true(s.lo <= cases[i][0] + 1e-9 && s.hi >= cases[i][1] - 1e-9);
        double ticks = (s.hi - s.lo) / s.step;
        assert_true(ticks >= 1.5 && ticks <= 9.5);
        assert_true(fabs(ticks - round(ticks)) < 1e-6);
    }
    struct cs_scale s = cs_svg_scale_fit(-12.4, 9.8, 6);
    assert_true(s.lo == -15 && s.hi == 10 && s.step == 5 && s.decimals == 0);
    assert_true(cs_svg_scale_percent(&s, -100) == 0 && cs_svg_scale_percent(&s, 100) == 100 &&
                cs_svg_scale_percent(&s, -2.5) == 50);
    assert_int_equal(cs_svg_scale_fit(-0.13, 0.31, 6).decimals, 1);
}

static void an_interval_beyond_the_scale_ends_in_an_arrowhead(void **state)
{
    (void)state;
    struct cs_scale s = cs_svg_scale_fit(-10, 10, 4);
    struct cs_svg_mark mark = {.estimate = 2, .lo = -4, .hi = 40, .inner_lo = NAN, .inner_hi = NAN, .css = "m-open"};
    for (int inside = 0; inside < 2; inside++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        mark.hi = inside ? 9 : 40;
        cs_svg_row(out, &s, 5, &mark);
        fclose(out);
        assert_well_formed(text);
        assert_int_equal(count(text, "M0 0l-6 -4v8z"), inside ? 0 : 1);
        assert_int_equal(count(text, "class=\"band\""), 1);
        free(text);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--page") == 0) {
        static struct fixture_report f;
        FILE *out = fopen(argv[2], "w");
        fixture_report(&f);
        if (out == NULL || cs_html_document(&f.r, out, NULL) != CS_OK)
            return 1;
        return fclose(out) != 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_sound_and_has_its_sections_in_order),
        cmocka_unit_test(the_first_screen_says_who_differs_and_by_how_much),
        cmocka_unit_test(the_first_screen_begins_with_what_differs_most),
        cmocka_unit_test(an_unfinished_study_opens_with_one_line_and_no_finding),
        cmocka_unit_test(every_contrast_is_a_row_with_its_verdict_in_words),
        cmocka_unit_test(the_interval_that_decided_stands_in_the_cell_of_the_verdict),
        cmocka_unit_test(what_people_said_and_an_earlier_run_are_tables),
        cmocka_unit_test(judges_have_a_section_of_their_own),
        cmocka_unit_test(what_stands_beside_the_verdicts),
        cmocka_unit_test(families_are_told_apart),
        cmocka_unit_test(simulated_models_are_stamped_on_every_figure_and_table),
        cmocka_unit_test(hostile_names_stay_text),
        cmocka_unit_test(very_long_names_do_no_harm),
        cmocka_unit_test(nothing_to_report_is_said_in_sentences),
        cmocka_unit_test(what_is_not_known_is_a_dash_and_never_a_number),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(numbers_read_as_in_a_journal),
        cmocka_unit_test(html_escapes_arguments_and_nothing_else),
        cmocka_unit_test(scales_are_round_and_hold_their_values),
        cmocka_unit_test(an_interval_beyond_the_scale_ends_in_an_arrowhead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
