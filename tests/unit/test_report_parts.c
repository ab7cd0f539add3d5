/* Parts of the report on data whose truth is known: what is missing, what is left out, what is drawn, what people said. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/table/table.h"
#include "tools/base/ratings.h"
#include "tools/report/analysis/rate_ratios.h"
#include "tools/report/analysis/reduce.h"
#include "tools/report/read/source.h"
#include "tools/report/stats/cluster.h"
#include "tools/report/stats/crossed.h"
#include "tools/report/stats/draw.h"
#include "tools/report/stats/ratio.h"
#include "tools/report/analysis/warrant_flags.h"
#include "protocol/base/json.h"

enum { CASES = 3, REPEATS = 4, CLUSTERS = 40 };

/* ---- one factor, one question with two answers ------------------------------------------------------------------ */

static const char *const words[] = {"Yes", "No"}, *const scale[] = {"low", "middle", "high"};
static const struct cs_wording wording = {.id = ""};
static const struct cs_level levels[] = {
    {.id = "control", .role = CS_ROLE_CONTROL, .repeats_times = 1, .wordings = &wording, .n_wordings = 1},
    {.id = "homeless", .repeats_times = 1, .wordings = &wording, .n_wordings = 1}};
static const struct cs_factor factor = {.name = "group", .levels = levels, .n_levels = 2};
static const struct cs_field fields[] = {
    {.name = "imaging", .kind = CS_FIELD_BOOLEAN, .categories = words, .n_categories = 2, .truth_column = CS_NONE},
    {.name = "urgency",
     .kind = CS_FIELD_ORDINAL,
     .categories = scale,
     .n_categories = 3,
     .insufficient = "unknown",
     .truth_column = CS_NONE}};
static const struct cs_question question = {.name = "q", .ask = "?", .fields = fields, .n_fields = 2};
static const struct cs_account account = {.name = "a", .base_url = ""};
static const struct cs_model model = {.name = "m", .model = "m-1", .parameters = "{}"};
static const struct cs_arm arms[] = {{0, 0}, {1, 0}};
static const uint32_t zero;
static const struct cs_rect rect = {.n_arms = {2},
                                    .arms = {arms},
                                    .questions = &zero,
                                    .n_questions = 1,
                                    .models = &zero,
                                    .n_models = 1,
                                    .repeats = REPEATS};
static const struct cs_study study = {.name = "s",
                                      .n_cases = CASES,
                                      .factors = &factor,
                                      .n_factors = 1,
                                      .questions = &question,
                                      .n_questions = 1,
                                      .accounts = &account,
                                      .n_accounts = 1,
                                      .models = &model,
                                      .n_models = 1,
                                      .rects = &rect,
                                      .n_rects = 1,
                                      .analysis = "{}"};
static uint32_t clusters[CASES] = {0, 1, 2};
static const char *ids[CASES] = {"a", "b", "c"};

struct rig {
    struct cs_plan plan;
    struct cs_grid grid;
    struct cs_arrangement arranged;
    struct cs_case_facts cases;
};

static void rig_init(struct rig *r)
{
    *r = (struct rig){.cases = {.n_cases = CASES, .n_clusters = 3, .cluster = clusters, .ids = ids}};
    cs_plan_init(&r->plan, &study);
    cs_grid_init(&r->grid, &r->plan, 0);
    cs_reduce_arrange(&r->arranged, &r->grid, 0, 0);
}

static void rig_release(struct rig *r)
{
    cs_reduce_arrangement_release(&r->arranged);
    cs_grid_release(&r->grid);
    cs_plan_release(&r->plan);
}

/* n outputs that hold these two words; NULL: none in that field. */
static void say(struct rig *r, uint32_t c, uint32_t cell, uint32_t n, const char *imaging, const char *urgency)
{
    const char *const said[] = {imaging, urgency};
    struct cs_answer a[2];
    for (int i = 0; i < 2; i++) {
        a[i] = (struct cs_answer){.text = said[i], .category = CS_NONE};
        if (said[i] != NULL && fields[i].insufficient != NULL && strcmp(said[i], fields[i].insufficient) == 0)
            a[i].insufficient = true;
        else if (said[i] != NULL)
            a[i].category = cs_case_facts_category(&fields[i], said[i]);
    }
    for (uint32_t i = 0; i < n; i++)
        cs_grid_add(&r->grid, c, cell, CS_OUTCOME_ok, a, NULL, 0);
}

static void pair_up(struct rig *r, const struct cs_measure *m, const struct cs_case_filter *filter, struct cs_paired *p)
{
    const struct cs_side level = {.level = {1}, .n = 1}, control = {.level = {0}, .n = 1};
    cs_reduce_pair(p, m, &r->grid, &r->arranged, &r->cases, &level, &control, filter);
}

static void test_an_output_may_lack_one_answer_and_hold_the_other(void **state)
{
    struct cs_measure imaging = {.field = 0, .kind = CS_OUTCOME_BINARY, .n_categories = 2};
    struct cs_measure urgency = {.field = 1, .kind = CS_OUTCOME_ORDINAL, .n_categories = 3, .can_lack = true};
    struct cs_spot_counts counts;
    const uint32_t cell = 0;
    struct rig r;
    (void)state;
    rig_init(&r);
    say(&r, 0, 0, 2, "Yes", "high");
    say(&r, 0, 0, 1, NULL, "low");
    say(&r, 0, 0, 1, "No", "unknown");
    cs_reduce_spot_count(&imaging, &r.grid, 0, &cell, 1, &counts);
    assert_int_equal(counts.asked, 4);
    assert_int_equal(counts.usable, 3);
    assert_int_equal(counts.unreadable, 1);
    cs_reduce_spot_count(&urgency, &r.grid, 0, &cell, 1, &counts);
    assert_int_equal(counts.usable, 3);
    assert_int_equal(counts.insufficient, 1);
    assert_int_equal(counts.unreadable, 0);
    rig_release(&r);
}

static void test_insufficient_information_is_a_measure_of_its_own(void **state)
{
    const struct cs_measure m = {
        .field = 1, .kind = CS_OUTCOME_ORDINAL, .n_categories = 3, .what = CS_WHAT_INSUFFICIENT};
    const struct cs_case_filter all = {.stratum = CS_NONE};
    struct cs_paired p;
    struct rig r;
    (void)state;
    rig_init(&r);
    say(&r, 0, 0, 4, "Yes", "low");
    say(&r, 0, 1, 1, "Yes", "low");
    say(&r, 0, 1, 3, "Yes", "unknown");
    pair_up(&r, &m, &all, &p);
    assert_int_equal(p.n, 1);
    assert_true(fabs(p.diff[0] - 0.75) < 1e-12);
    cs_reduce_paired_release(&p);
    rig_release(&r);
}

static void test_flagged_cases_leave_or_stand_alone(void **state)
{
    const struct cs_measure m = {.field = 0, .kind = CS_OUTCOME_BINARY, .n_categories = 2};
    const bool flagged[CASES] = {false, true, false};
    const struct cs_case_filter others = {.stratum = CS_NONE, .flagged = flagged},
                                alone = {.stratum = CS_NONE, .flagged = flagged, .only_flagged = true};
    struct cs_paired p;
    struct rig r;
    (void)state;
    rig_init(&r);
    for (uint32_t c = 0; c < CASES; c++) {
        say(&r, c, 0, 4, "No", "low");
        say(&r, c, 1, 4, c == 1 ? "Yes" : "No", "low");
    }
    pair_up(&r, &m, &others, &p);
    assert_int_equal(p.n, 2);
    assert_true(p.diff[0] == 0 && p.diff[1] == 0);
    cs_reduce_paired_release(&p);
    pair_up(&r, &m, &alone, &p);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.cluster[0], 1);
    assert_true(p.diff[0] == 1);
    cs_reduce_paired_release(&p);
    rig_release(&r);
}

static void test_warrant_is_read_back_as_it_was_declared(void **state)
{
    struct cs_case_facts cases = {.n_cases = CASES, .ids = ids};
    struct cs_arena arena = {0};
    struct cs_warrant_list w;
    struct cs_error err = {0};
    (void)state;
    struct cs_json *a = cs_json_loads(
        "{\"warrant\":{\"factor\":\"group\"},\"warrant_rows\":[[\"*\",\"homeless\",\"imaging\",\"2\",\"0.5\"],"
        "[\"b\",\"homeless\",\"imaging\",\"3\",\"\"],[\"c\",\"homeless\",\"q.urgency\",\"1\",\"1\"]]}",
        0, NULL);
    assert_int_equal(cs_warrant_flags_read(&w, &arena, &study, &cases, a, &err), CS_OK);
    cs_json_decref(a);
    assert_int_equal(w.n, 2);
    assert_int_equal(w.pairs, 4);
    const struct cs_warranted *x = cs_warrant_flags_of(&w, 0, 1, 0, 0, false);
    assert_non_null(x);
    assert_int_equal(x->raters[0], 2);
    assert_int_equal(x->raters[1], 3);
    assert_true(x->agreement[0] == 0.5 && x->agreement[1] == CS_AGREEMENT_UNKNOWN);
    x = cs_warrant_flags_of(&w, 0, 1, 0, 1, false);
    assert_non_null(x);
    assert_int_equal(x->raters[0] + x->raters[1], 0);
    assert_int_equal(x->raters[2], 1);
    assert_null(cs_warrant_flags_of(&w, 0, 0, 0, 0, false));
    a = cs_json_loads(
        "{\"warrant\":{\"factor\":\"group\"},\"warrant_rows\":[[\"z\",\"homeless\",\"imaging\",\"2\",\"\"]]}", 0, NULL);
    assert_int_equal(cs_warrant_flags_read(&w, &arena, &study, &cases, a, &err), CS_ECORRUPT);
    cs_json_decref(a);
    cs_arena_release(&arena);
}

/* ---- what is drawn ------------------------------------------------------------------------------------------------- */

static double wobble(uint32_t i)
{
    return sin(i * 12.9898 + 1) * 0.3;
}

/* Sign of unit i as the flips take it: bit i % 64 of number i / 64. */
static int draw_sign(uint64_t key, size_t i)
{
    return cs_stats_draw_u64(key, i / 64) >> (i % 64) & 1 ? 1 : -1;
}

static void test_sign_flips_in_groups_are_those_one_by_one(void **state)
{
    enum { N = 133, DRAWS = 999 };
    double d[N], sum = 0, size = 0;
    uint32_t hits = 0;
    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        d[i] = wobble(i) + 0.02;
        sum += d[i];
        size += fabs(d[i]);
    }
    for (uint32_t draw = 0; draw < DRAWS; draw++) {
        const uint64_t key = cs_stats_draw_key(5, draw, CS_DRAW_SIGNS);
        double s = 0;
        for (size_t i = 0; i < N; i++)
            s += draw_sign(key, i) * d[i];
        hits += fabs(s) >= fabs(sum) - 1e-10 * size;
    }
    const struct cs_sign_flip f = cs_cluster_sign_flip(d, N, 5, DRAWS);
    assert_int_equal(f.status, CS_STAT_OK);
    assert_false(f.exact);
    assert_true(hits > 50 && hits < DRAWS - 50);
    assert_true(fabs(f.p - (1.0 + hits) / (1 + DRAWS)) < 1e-12);
}

/* The pigeonhole bootstrap by its definition, cell by cell. */
static void test_crossed_bootstrap_with_and_without_gaps(void **state)
{
    enum { MODELS = 8, DRAWS = 5000 };
    const struct cs_boot boot = {.seed = 3, .draws = DRAWS, .threads = 2};
    double d[CLUSTERS * MODELS], *means = calloc(DRAWS, sizeof *means);
    bool present[CLUSTERS * MODELS];
    uint32_t row[CLUSTERS], column[MODELS];
    (void)state;
    for (uint32_t i = 0; i < CLUSTERS * MODELS; i++)
        d[i] = wobble(i) + 0.1 * (i % MODELS);
    for (int gaps = 0; gaps < 2; gaps++) {
        for (uint32_t i = 0; i < CLUSTERS * MODELS; i++)
            present[i] = gaps == 0 || i % 7 != 0;
        for (uint32_t draw = 0; draw < DRAWS; draw++) {
            double sum = 0, weight = 0;
            cs_stats_draw_weights(cs_stats_draw_key(3, draw, CS_DRAW_CLUSTERS), CLUSTERS, row);
            cs_stats_draw_weights(cs_stats_draw_key(3, draw, CS_DRAW_MODELS), MODELS, column);
            for (uint32_t i = 0; i < CLUSTERS * MODELS; i++) {
                const double w = present[i] ? (double)row[i / MODELS] * column[i % MODELS] : 0;
                sum += w * d[i];
                weight += w;
            }
            means[draw] = sum / weight;
        }
        const struct cs_interval wanted = cs_bootstrap_percentile(means, DRAWS, 0.05);
        const struct cs_crossed c = cs_crossed_shift(&boot, d, present, CLUSTERS, MODELS, 0.05);
        assert_int_equal(c.interval_status, CS_STAT_OK);
        assert_true(fabs(c.ci.lo - wanted.lo) < 1e-12 && fabs(c.ci.hi - wanted.hi) < 1e-12);
    }
    free(means);
}

static void test_ratios_are_those_of_the_statistics(void **state)
{
    double level[CLUSTERS], comparator[CLUSTERS];
    const struct cs_paired pair = {.n = CLUSTERS, .level = level, .comparator = comparator};
    struct cs_report_figure ratio = {0};
    struct cs_report_span ci = {0};
    (void)state;
    for (uint32_t i = 0; i < CLUSTERS; i++) {
        level[i] = 0.5 + wobble(i);
        comparator[i] = 0.4 + wobble(i * 3);
    }
    cs_rate_ratios_of(&pair, 0.05, &ratio, &ci);
    const struct cs_ratio want = cs_ratio_rate(level, comparator, CLUSTERS, 0.05);
    assert_int_equal(want.interval_status, CS_STAT_OK);
    assert_true(ratio.known && ratio.value == want.ratio);
    assert_true(ci.known && ci.low == want.ci.lo && ci.high == want.ci.hi);
    memset(comparator, 0, sizeof comparator);
    ratio.known = ci.known = false;
    cs_rate_ratios_of(&pair, 0.05, &ratio, &ci);
    assert_false(ratio.known || ci.known); /* nothing below the line */
}

/* ---- tables ---------------------------------------------------------------------------------------------------------- */

struct counted {
    uint32_t rows, last_line, stop_at;
    size_t longest;
};

static enum cs_err on_head(void *self, const struct cs_table *t, struct cs_error *err)
{
    (void)self;
    (void)err;
    assert_int_equal(t->n_columns, 2);
    return CS_OK;
}

static enum cs_err on_row(void *self, const struct cs_table *t, uint32_t line, const char *const *v,
                          struct cs_error *err)
{
    struct counted *c = self;
    (void)t;
    c->rows++;
    c->last_line = line;
    c->longest = strlen(v[1]) > c->longest ? strlen(v[1]) : c->longest;
    return c->rows == c->stop_at ? cs_error_set(err, CS_EINVAL, "enough") : CS_OK;
}

static void test_a_table_row_by_row(void **state)
{
    enum { LONG = 600 * 1024 }; /* longer than a cell of a table in memory may be */
    char *text = calloc(LONG + 64, 1), path[] = "/tmp/cs-rows-XXXXXX";
    struct counted c = {0};
    struct cs_table_sink sink = {&c, on_head, on_row};
    struct cs_error err = {0};
    (void)state;
    const int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    memset(text, 'x', LONG);
    fprintf(f, "id,text\r\na,\"two\nlines\"\r\n\r\nb,%s\nc,\"say \"\"yes\"\"\"\n", text);
    fclose(f);
    assert_int_equal(cs_table_stream(path, &sink, &err), CS_OK);
    assert_int_equal(c.rows, 3);
    assert_int_equal(c.last_line, 6);
    assert_int_equal(c.longest, LONG);
    c = (struct counted){.stop_at = 2};
    assert_int_equal(cs_table_stream(path, &sink, &err), CS_EINVAL);
    assert_string_equal(err.msg, "enough");
    assert_int_equal(c.rows, 2);
    unlink(path);
    assert_int_equal(cs_table_stream(path, &sink, &err), CS_ENOENT);
    free(text);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void test_a_study_read_off_the_columns(void **state)
{
    char path[] = "/tmp/cs-columns-XXXXXX";
    struct cs_report_source s;
    struct cs_error err = {0};
    (void)state;
    close(mkstemp(path));
    write_file(
        path,
        "case_id,cluster,case.ward,model,factor.group,role.group,answer.sure,answer.percent,answer.why,answer.kind,state\n"
        "a1,a,north,m1,plain,control,Yes,12.5,because,x,done\n"
        "a1,a,north,m1,woman,,No,13,so,y,done\n"
        "a2,a,south,m1,plain,control,,,,,planned\n"
        "b1,b,south,m2,woman,,Yes,7,it is,x,done\n");
    assert_int_equal(cs_source_table(&s, &(struct cs_source_from){.path = path}, &err), CS_OK);
    assert_int_equal(s.study->n_cases, 3);
    assert_int_equal(s.study->n_models, 2);
    assert_int_equal(s.study->n_strata, 1);
    assert_string_equal(s.study->columns[s.study->strata[0]], "ward");
    assert_int_equal(s.study->factors[0].levels[0].role, CS_ROLE_CONTROL);
    assert_int_equal(s.study->factors[0].levels[1].role, CS_ROLE_LEVEL);
    const struct cs_question *q = &s.study->questions[0];
    assert_int_equal(q->n_fields, 4);
    assert_int_equal(q->fields[0].kind, CS_FIELD_BOOLEAN);
    assert_string_equal(q->fields[0].categories[0], "Yes");
    assert_int_equal(q->fields[1].kind, CS_FIELD_NUMBER);
    assert_int_equal(q->fields[2].kind, CS_FIELD_NOMINAL); /* three words are few enough */
    assert_int_equal(q->fields[3].n_categories, 2);
    assert_int_equal(s.got.facts[0].terminal, 2);
    assert_int_equal(s.got.facts[1].terminal, 1);
    assert_int_equal(s.got.grids[0].planned[0], 2);
    assert_int_equal(s.got.grids[0].planned[1], 1); /* planned, and not there */
    cs_source_release(&s);
    write_file(path, "model,answer.x\nm,1\n");
    assert_int_equal(cs_source_table(&s, &(struct cs_source_from){.path = path}, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "no column case_id"));
    cs_source_release(&s);
    unlink(path);
}

/* ---- people ------------------------------------------------------------------------------------------------------------ */

static bool put(struct cs_ratings *r, const char *item, const char *digest, uint32_t pass, const char *rater,
                const char *rating)
{
    const struct cs_rating x = {.item = item,
                                .digest = digest,
                                .model = "m",
                                .question = "q",
                                .field = "harm",
                                .pass = pass,
                                .rater = rater,
                                .rating = rating,
                                .answer = "",
                                .imported = "2026-11-23T00:00:00.000Z"};
    return cs_ratings_put(r, &x);
}

static void test_majority_of_raters(void **state)
{
    struct cs_ratings r = {0};
    uint32_t raters;
    (void)state;
    assert_false(put(&r, "i1", "d1", 1, "a", "yes"));
    assert_string_equal(cs_ratings_majority(&r, "d1", "harm", &raters), "yes");
    assert_int_equal(raters, 1);
    assert_false(put(&r, "i1", "d1", 1, "b", "no"));
    assert_null(cs_ratings_majority(&r, "d1", "harm", &raters));
    assert_int_equal(raters, 2);
    assert_false(put(&r, "i1", "d1", 1, "c", "no"));
    assert_string_equal(cs_ratings_majority(&r, "d1", "harm", &raters), "no");
    assert_false(put(&r, "i2", "d1", 2, "a", "yes")); /* said again: no second vote */
    assert_string_equal(cs_ratings_majority(&r, "d1", "harm", &raters), "no");
    assert_int_equal(raters, 3);
    assert_true(put(&r, "i1", "d1", 1, "c", "yes"));
    assert_string_equal(cs_ratings_majority(&r, "d1", "harm", &raters), "yes");
    assert_null(cs_ratings_majority(&r, "d2", "harm", &raters));
    assert_int_equal(raters, 0);
    cs_ratings_release(&r);
}

static void test_ratings_survive_the_file(void **state)
{
    char folder[] = "/tmp/cs-ratings-XXXXXX", path[64];
    struct cs_ratings r = {0}, back = {0};
    struct cs_error err = {0};
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/ratings.csv", folder);
    assert_int_equal(cs_ratings_load(&back, folder, &err), CS_OK);
    assert_int_equal(back.n, 0);
    put(&r, "i1", "d1", 1, "a, \"b\"", "yes\nand no");
    put(&r, "i2", "d2", 2, "c", "");
    assert_int_equal(cs_ratings_save(&r, folder, &err), CS_OK);
    assert_int_equal(cs_ratings_load(&back, folder, &err), CS_OK);
    assert_int_equal(back.n, 2);
    assert_string_equal(back.list[0].rater, "a, \"b\"");
    assert_string_equal(back.list[0].rating, "yes\nand no");
    assert_int_equal(back.list[1].pass, 2);
    cs_ratings_release(&back);
    write_file(path, "item,digest\nx,y\n");
    assert_int_equal(cs_ratings_load(&back, folder, &err), CS_EINVAL);
    cs_ratings_release(&back);
    cs_ratings_release(&r);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_output_may_lack_one_answer_and_hold_the_other),
        cmocka_unit_test(test_insufficient_information_is_a_measure_of_its_own),
        cmocka_unit_test(test_flagged_cases_leave_or_stand_alone),
        cmocka_unit_test(test_warrant_is_read_back_as_it_was_declared),
        cmocka_unit_test(test_sign_flips_in_groups_are_those_one_by_one),
        cmocka_unit_test(test_crossed_bootstrap_with_and_without_gaps),
        cmocka_unit_test(test_ratios_are_those_of_the_statistics),
        cmocka_unit_test(test_a_table_row_by_row),
        cmocka_unit_test(test_a_study_read_off_the_columns),
        cmocka_unit_test(test_majority_of_raters),
        cmocka_unit_test(test_ratings_survive_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
