/* Study files: what each part of the grammar becomes, the shipped studies, and the message of every bad one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/file.h"
#include "protocol/study/plan.h"
#include "protocol/study/render.h"
#include "protocol/load/load.h"
#include "tests/unit/fixture_files.h"

static struct folder dir;
static struct cs_loaded loaded;
static struct cs_error err;

/* A study is put together from parts; NULL takes the part as below. */
struct parts {
    const char *cases, *factors, *prompt, *questions, *rest;
};
static const char *const default_cases =
    "{rows: [{case_id: c1, set: urban, text: \"One adult. Coughs.\", label: \"Yes\"},"
    " {case_id: c2, set: rural, text: \"Two adults. Sneeze.\", label: \"No\"}]}";
static const char *const default_factors =
    "[{name: group, insert: {after_first: \". \"}, levels: [{id: plain, role: control}, {id: tall, text: \"Is tall.\"}]}]";
static const char *const default_questions =
    "[{name: q, ask: \"Go?\", answer: {go: {boolean: [\"Yes\", \"No\"], truth: label}}}]";

static enum cs_err try_load(const struct parts *p)
{
    struct cs_buf b = CS_BUF_INIT(1 << 20);
    cs_buf_printf(&b, "study: t\ncases: %s\nfactors: %s\nprompt: %s\nquestions: %s\n%s",
                  p->cases != NULL ? p->cases : default_cases, p->factors != NULL ? p->factors : default_factors,
                  p->prompt != NULL ? p->prompt : "{user: \"{{case.text}} {{question.ask}}\"}",
                  p->questions != NULL ? p->questions : default_questions,
                  p->rest != NULL ? p->rest : "models: [m1]\n");
    const char *path = folder_put(&dir, "study.yaml", cs_buf_cstr(&b));
    cs_buf_release(&b);
    cs_load_release(&loaded);
    return cs_load_study(path, NULL, &loaded, &err);
}

static const struct cs_study *load(const struct parts *p)
{
    enum cs_err rc = try_load(p);
    if (rc != CS_OK)
        print_error("%s\n", err.msg);
    assert_int_equal(rc, CS_OK);
    return loaded.study;
}

static void refuse(const struct parts *p, const char *part_of_message)
{
    assert_int_not_equal(try_load(p), CS_OK);
    if (strstr(err.msg, part_of_message) == NULL)
        print_error("%s\n", err.msg);
    assert_non_null(strstr(err.msg, part_of_message));
}

static const char *value(uint32_t case_index, const char *column)
{
    struct cs_case c;
    uint32_t at = cs_study_column(loaded.study, column);
    assert_int_not_equal(at, CS_NONE);
    assert_int_equal(loaded.cases.get(loaded.cases.self, case_index, &c, &err), CS_OK);
    return c.values[at];
}

static uint64_t trials(const struct cs_study *s)
{
    struct cs_plan plan;
    cs_plan_init(&plan, s);
    uint64_t n = plan.n_trials;
    cs_plan_release(&plan);
    return n;
}

/* The user text of a cell of a case in lane 0 equals this. */
static void assert_user(uint32_t case_index, uint32_t cell, const char *text)
{
    struct cs_plan plan;
    struct cs_coords at;
    struct cs_case c;
    struct cs_prompt prompt = CS_PROMPT_INIT;
    cs_plan_init(&plan, loaded.study);
    assert_true(cell < plan.lanes[0].n_cells);
    cs_plan_cell(&plan, 0, case_index, cell, &at);
    assert_int_equal(loaded.cases.get(loaded.cases.self, case_index, &c, &err), CS_OK);
    assert_int_equal(cs_render(loaded.study, &at, &c, &prompt, &err), CS_OK);
    assert_string_equal(cs_buf_cstr(&prompt.user), text);
    cs_render_release(&prompt);
    cs_plan_release(&plan);
}

/* ---- the grammar ---------------------------------------------------------------------------------- */

static void the_smallest_study(void **state)
{
    (void)state;
    const struct cs_study *s = load(&(struct parts){.factors = "[{name: f, levels: [{id: a, text: x}]}]",
                                                    .prompt = "{user: \"{{f.text}}{{question.ask}}\"}"});
    assert_int_equal(s->seed, 1);
    assert_int_equal(s->n_cases, 2);
    assert_string_equal(loaded.all[1].cluster, "c2");
    assert_int_equal(s->budget_nano_usd, -1);
    assert_string_equal(s->analysis, "{}");
    assert_int_equal(s->n_rects, 1);
    assert_int_equal(trials(s), 2);
    assert_user(0, 0, "xGo?");
}

static void ids_and_clusters_may_be_composite(void **state)
{
    (void)state;
    folder_put(&dir, "cases.csv", "case,rephrase,site,Vignette,label\n1,1,a,A. B.,Yes\n1,2,a,C. D.,No\n2,1,b,E. F.,\n");
    const struct cs_study *s = load(&(struct parts){
        .cases = "{file: cases.csv, id: [case, rephrase], cluster: [site, case], strata: [site], text: Vignette}"});
    assert_string_equal(loaded.all[1].id, "1/2");
    assert_string_equal(loaded.all[1].cluster, "a/1");
    assert_string_equal(loaded.all[2].cluster, "b/2");
    assert_int_equal(s->n_strata, 1);
    assert_string_equal(value(2, "text"), "E. F."); /* the alias */
    assert_string_equal(value(2, "Vignette"), "E. F.");
    assert_user(1, 1, "C. Is tall. D. Go?");
}

static void words_stay_words(void **state)
{
    (void)state;
    folder_put(&dir, "cases.csv", "case_id,text,label\nnull,Yes. No.,None\ntrue,A. B.,No\n");
    const struct cs_study *s = load(&(struct parts){
        .cases = "{file: cases.csv}",
        .questions = "[{name: q, ask: Yes, answer: {go: {nominal: [None, No, null, ~, true], truth: label}}}]"});
    assert_string_equal(loaded.all[0].id, "null");
    assert_string_equal(s->questions[0].ask, "Yes");
    assert_string_equal(s->questions[0].fields[0].categories[2], "null");
    assert_string_equal(s->questions[0].fields[0].categories[3], "~");
}

static void a_table_in_data_dir_goes_first(void **state)
{
    (void)state;
    struct folder data;
    folder_open(&data);
    folder_put(&dir, "cases.csv", "case_id,text,label\nhere,A. B.,\n");
    folder_put(&data, "cases.csv", "case_id,text,label\nthere,A. B.,\n");
    load(&(struct parts){.cases = "{file: cases.csv}"});
    assert_string_equal(loaded.all[0].id, "here");
    cs_load_release(&loaded);
    struct cs_load_opts opts = {.data_dir = data.path};
    assert_int_equal(cs_load_study(folder_file(&dir, "study.yaml"), &opts, &loaded, &err), CS_OK);
    assert_string_equal(loaded.all[0].id, "there");
    unlink(folder_file(&data, "cases.csv")); /* what is not there is beside the study */
    cs_load_release(&loaded);
    assert_int_equal(cs_load_study(folder_file(&dir, "study.yaml"), &opts, &loaded, &err), CS_OK);
    assert_string_equal(loaded.all[0].id, "here");
    folder_close(&data);
}

static void wordings_are_joined_or_crossed(void **state)
{
    (void)state;
    folder_put(&dir, "inj.csv",
               "dim,level,w,say\nrace,Black,urban,U.\nrace,Black,rural,R.\nses,low,rural,LR.\nses,low,urban,LU.\n");
    const struct cs_study *s = load(&(struct parts){
        .factors = "[{name: inj, file: inj.csv, level: [dim, level], wording: w, match: {w: case.set}, control: none,"
                   " insert: {after_first: \". \", text: say}}]"});
    const struct cs_factor *f = &s->factors[0];
    assert_int_equal(f->n_levels, 3);
    assert_string_equal(f->levels[1].id, "ses/low");
    assert_true(f->joined);
    assert_string_equal(f->levels[2].id, "none");
    assert_int_equal(f->levels[2].role, CS_ROLE_CONTROL);
    assert_null(f->levels[2].wordings[0].match);
    assert_int_equal(s->rects[0].n_arms[0], 3);
    assert_int_equal(s->rects[0].arms[0][0].wording, CS_NONE);
    assert_user(1, 0, "Two adults. R. Sneeze. Go?");
    assert_user(0, 1, "One adult. LU. Coughs. Go?");
    assert_user(0, 2, "One adult. Coughs. Go?");

    s = load(&(struct parts){.factors = "[{name: inj, file: inj.csv, level: [dim, level], wording: w,"
                                        " insert: {after_first: \". \", text: say}}]"});
    assert_int_equal(s->rects[0].n_arms[0], 4); /* every wording of every level */
}

static void roles_and_multiples_of_repeats(void **state)
{
    (void)state;
    folder_put(&dir, "g.csv", "id,role,say\nc,control,\np1,placebo,P1.\np2,placebo,P2.\nx,,X.\ny,,Y.\naa,aa,\n");
    const struct cs_study *s = load(
        &(struct parts){.factors = "[{name: g, file: g.csv, insert: {after_first: \". \", text: say},"
                                   " repeats: {control: 5x, placebo: 2x, y: 2x}}]",
                        .rest = "repeats: 3\nmodels: [m1, m2]\n"});
    assert_int_equal(s->factors[0].levels[5].role, CS_ROLE_AA);
    assert_int_equal(s->n_rects, 3); /* 5x, 2x, 1x */
    assert_int_equal(s->rects[0].repeats, 15);
    assert_int_equal(s->rects[1].n_arms[0], 3);
    assert_int_equal(trials(s), 2 * 2 * 3 * (5 + 3 * 2 + 2));
}

static void levels_set_system_parameters_and_texts(void **state)
{
    (void)state;
    const struct cs_study *s = load(&(struct parts){
        .cases = "{rows: [{case_id: c1, short: S, long: L, label: \"\"}]}",
        .factors =
            "[{name: len, into: case.shown, levels: [{id: s, use: case.short}, {id: l, use: case.long}]},"
            " {name: arm, columns: [dose], levels: [{id: d, dose: low, text: T}, {id: w, dose: high, system: \"W {{case.short}}\"},"
            " {id: t0, dose: \"\", parameters: {temperature: 0, top_p: omit, stop: [a, \"1\"], logprobs: true, user: \"true\"}}]}]",
        .prompt = "{system: base, user: \"{{case.shown}}|{{arm.text}}|{{arm.dose}}\"}"});
    assert_user(0, 0, "S|T|low");
    assert_user(0, 4, "L||high");
    assert_string_equal(s->factors[1].levels[1].system, "W {{case.short}}");
    assert_string_equal(
        s->factors[1].levels[2].parameters,
        "{\"temperature\":0,\"top_p\":\"omit\",\"stop\":[\"a\",\"1\"],\"logprobs\":true,\"user\":\"true\"}");
    assert_string_equal(value(0, "shown"), ""); /* exists by the choice only */
}

static const char *const default_providers = "accounts: {s: {provider: simulated}}\n"
                                             "models: {m1: {account: s, model: m-1}, m2: {account: s, model: m-2}}\n";

/* As vendors charge for it, where nobody says it. */
static void writing_to_a_cache_has_a_price(void **state)
{
    (void)state;
    folder_put(&dir, "providers.yaml",
               "accounts:\n  s: {provider: simulated}\n  g: {provider: simulated, protocol: gemini}\n"
               "models:\n  chat: {account: s, model: m, price: {input: 2, output: 10}}\n"
               "  said: {account: s, model: m, price: {input: 2, cache_write: 2, output: 10}}\n"
               "  gem: {account: g, model: m, price: {input: 2, output: 10}}\n"
               "  none: {account: s, model: m}\n");
    const struct cs_study *s = load(&(struct parts){.rest = "models: [chat, said, gem, none]\n"});
    const int64_t expected[] = {2500, 2000, -1, -1};
    for (uint32_t i = 0; i < s->n_models; i++)
        assert_int_equal(s->models[i].price.cache_write, expected[i]);
    folder_put(&dir, "providers.yaml", default_providers);
}

static void texts_per_case_and_level(void **state)
{
    (void)state;
    folder_put(&dir, "t.csv", "set,framing,body\nurban,calm,UC.\nurban,loud,UL.\nrural,calm,RC.\nrural,loud,RL.\n");
    const struct cs_study *s = load(
        &(struct parts){.factors = "[{name: framing, texts: {file: t.csv, by: [set, framing], text: body},"
                                   " insert: {after_first: \". \"}, control: none}]"});
    assert_int_equal(s->factors[0].n_levels, 3);
    assert_string_equal(value(1, "framing/loud"), "RL.");
    assert_user(1, 1, "Two adults. RL. Sneeze. Go?");
    assert_user(1, 2, "Two adults. Sneeze. Go?");

    load(&(struct parts){
        .factors = "[{name: framing, texts: {file: t.csv, by: [set, framing], text: body}, into: case.text}]"});
    assert_user(0, 1, "UL. Go?");
    load(&(struct parts){.factors = "[{name: framing, texts: {file: t.csv, by: [set, framing], text: body},"
                                    " levels: [{id: plain, role: control}, {id: loud}, {id: calm}]}]",
                         .prompt = "{user: \"{{framing.text}}\"}"});
    assert_user(0, 0, "");
    assert_user(0, 1, "UL.");
    refuse(&(struct parts){.factors =
                               "[{name: framing, texts: {file: t.csv, by: [set, framing], text: body},"
                               " levels: [{id: plain, role: control}, {id: loud}], insert: {after_first: \". \"}}]"},
           "factor \"framing\" has no level \"calm\"");
}

static void markers_and_texts_from_columns(void **state)
{
    (void)state;
    load(&(struct parts){
        .cases = "{rows: [{case_id: c1, text: \"A [x] b {{y}}.\", cue: \"the {{case.text}} cue\", label: \"\"}]}",
        .factors =
            "[{name: cue, insert: {at: \"[x]\"}, levels: [{id: n, role: control}, {id: c, text_from: case.cue}]}]"});
    assert_user(0, 0, "A b {{y}}. Go?"); /* what stands in a case is no placeholder */
    assert_user(0, 1, "A the {{case.text}} cue b {{y}}. Go?");
}

static void options_and_their_order(void **state)
{
    (void)state;
    const struct cs_study *s = load(&(struct parts){
        .cases = "{rows: [{case_id: c1, a: Aa, b: Bb, c: Cc, right: b, cue: c}]}",
        .factors = "[{name: o, levels: [{id: abc, order: [1, 2, 3]}, {id: cab, order: [3, 1, 2]}]}]",
        .prompt = "{user: \"{{question.options}}\"}",
        .questions =
            "[{name: q, ask: Which?, answer: {pick: {options: [a, b, c], order: o, truth: right, insufficient: cannot say}},"
            " derive: {cued: {equals: [pick, case.cue]}, first: {equals: [pick, a]}}}]"});
    const struct cs_question *q = &s->questions[0];
    assert_int_equal(q->fields[0].order_factor, 0);
    assert_int_equal(s->factors[0].levels[1].order[0], 2);
    assert_int_equal(q->derived[0].column, cs_study_column(s, "cue"));
    assert_int_equal(q->derived[1].column, CS_NONE);
    assert_string_equal(q->derived[1].literal, "a");
    assert_user(0, 1, "A. Cc\nB. Aa\nC. Bb");
}

static void every_kind_of_answer(void **state)
{
    (void)state;
    const struct cs_study *s = load(&(struct parts){
        .questions =
            "[{name: q, ask: \"?\", answer: {a: {ordinal: [low, high], describe: d}, b: text, c: {text: free, truth: label},"
            " d: number, e: {number: {min: 0, max: 1}}, f: {nominal: [x, y, z], insufficient: none}}}]"});
    const struct cs_field *f = s->questions[0].fields;
    assert_int_equal(s->questions[0].n_fields, 6);
    assert_int_equal(f[0].kind, CS_FIELD_ORDINAL);
    assert_string_equal(f[0].describe, "d");
    assert_int_equal(f[1].kind, CS_FIELD_TEXT);
    assert_int_equal(f[2].truth_column, cs_study_column(s, "label"));
    assert_int_equal(f[3].kind, CS_FIELD_NUMBER);
    assert_true(f[3].min < -1e300);
    assert_true(f[4].max > 0.99 && f[4].max < 1.01);
    assert_int_equal(f[5].n_categories, 3);
}

static void prompts_by_a_column(void **state)
{
    (void)state;
    const struct cs_study *s = load(&(struct parts){
        .prompt =
            "{by: case.set, each: {urban: {user: \"U {{case.text}}\"}, rural: {system: s, user: \"R {{case.text}}\"}}}"});
    assert_int_equal(s->n_prompts, 2);
    assert_string_equal(s->prompts[0].system, "");
    assert_user(1, 0, "R Two adults. Sneeze.");
}

static void blocks_are_a_sum_of_rectangles(void **state)
{
    (void)state;
    const struct cs_study *s = load(&(struct parts){
        .factors = "[{name: g, insert: {after_first: \". \"}, repeats: {control: 4x},"
                   " levels: [{id: a, text: A.}, {id: c, role: control}, {id: b, text: B.}]},"
                   " {name: h, levels: [{id: x, text: X}, {id: y, text: Y}]}]",
        .prompt = "{user: \"{{case.text}} {{h.text}}\"}",
        .questions = "[{name: q1, ask: a, answer: {v: text}}, {name: q2, ask: b, answer: {v: text}}]",
        .rest =
            "models: [m1, m2]\nrepeats: 2\n"
            "blocks:\n  - {factors: {g: all}}\n  - {factors: {g: [b], h: y}, models: [m2], questions: [q2], repeats: 7}\n"});
    assert_int_equal(s->n_rects, 3);
    assert_int_equal(s->rects[0].block, 0);
    assert_int_equal(s->rects[0].n_arms[0], 2); /* a and b, 2 repeats */
    assert_int_equal(s->rects[0].n_arms[1], 1);
    assert_int_equal(s->rects[0].arms[1][0].level, 0); /* h has no control: its first level */
    assert_int_equal(s->rects[1].repeats, 8);          /* the control, 4 x 2 */
    assert_int_equal(s->rects[2].block, 1);
    assert_int_equal(s->rects[2].models[0], 1);
    assert_int_equal(trials(s), 2 * (2 * 2 * (2 * 2 + 8) + 7));
}

static void a_block_rests_at_the_control(void **state)
{
    (void)state;
    const struct cs_study *s = load(&(struct parts){
        .factors = "[{name: g, insert: {after_first: \". \"}, levels: [{id: a, text: A.}, {id: c, role: control}]}]",
        .rest = "models: [m1]\nblocks: [{repeats: 3}]\n"});
    assert_int_equal(s->rects[0].arms[0][0].level, 1);
    assert_int_equal(trials(s), 6);
}

static void analysis_is_canonical(void **state)
{
    (void)state;
    uint8_t before[32];
    const char *rest =
        "models: [m1]\nanalysis: {alpha: 0.05, primary: {go: {margin: 5 points}}, contrasts: [{factor: group, each: control}]}\n";
    memcpy(before, load(&(struct parts){.rest = rest})->analysis_digest, 32);
    assert_string_equal(loaded.study->analysis, "{\"alpha\":0.05,\"primary\":{\"go\":{\"margin\":\"5 points\"}},"
                                                "\"contrasts\":[{\"factor\":\"group\",\"each\":\"control\"}]}");
    const char *again =
        "models: [m1]\nanalysis:   # the same, laid out otherwise\n  alpha: 0.05\n  primary:\n    go: {margin: \"5 points\"}\n"
        "  contrasts:\n    - factor: group\n      each: control\n";
    assert_memory_equal(before, load(&(struct parts){.rest = again})->analysis_digest, 32);
    const char *changed =
        "models: [m1]\nanalysis: {alpha: 0.01, primary: {go: {margin: 5 points}}, contrasts: [{factor: group, each: control}]}\n";
    assert_memory_not_equal(before, load(&(struct parts){.rest = changed})->analysis_digest, 32);
}

static void limits_of_a_study(void **state)
{
    (void)state;
    refuse(&(struct parts){.cases = "{generate: ed, n: 50000}",
                           .questions = "[{name: q, ask: a, answer: {v: text}}]",
                           .rest = "models: [m1]\nrepeats: 100000\n"},
           "trials");
    refuse(
        &(struct parts){
            .factors = "[{name: g, insert: {after_first: \". \"}, repeats: {a: 1000x}, levels: [{id: a, text: A.}]}]",
            .rest = "models: [m1]\nrepeats: 1000\n"},
        "more than 100000 repeats");
    assert_int_equal(cs_load_study(folder_file(&dir, "nothing.yaml"), NULL, &loaded, &err), CS_ENOENT);
}

/* ---- shipped studies ------------------------------------------------------------------------------ */

static void shipped_studies_have_their_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        uint64_t trials;
    } studies[] = {
        {"ops/studies/demo/study.yaml", 59136},          {"ops/studies/reference/study.yaml", 1728000},
        {"ops/studies/shapes/fabricated.yaml", 10800},   {"ops/studies/shapes/misinformation.yaml", 3476000},
        {"ops/studies/shapes/advertising.yaml", 112320}, {"ops/studies/shapes/cues.yaml", 92000 + 3600},
        {"ops/studies/worth/study.yaml", 960},           {"ops/studies/judged/study.yaml", 36},
        {"ops/studies/fabricated/study.yaml", 2592},     {"ops/studies/misinformation/study.yaml", 5280},
        {"ops/studies/pressure/study.yaml", 960},        {"ops/studies/healthbench/study.yaml", 320},
        {"ops/studies/medhelm-jury/study.yaml", 240},    {"ops/studies/noharm/study.yaml", 400},
        {"ops/studies/horizon/study.yaml", 480},         {"ops/studies/thinking/study.yaml", 2640},
        {"ops/studies/trust/study.yaml", 1152},
    };
    for (size_t i = 0; i < sizeof studies / sizeof studies[0]; i++) {
        cs_load_release(&loaded);
        enum cs_err rc = cs_load_study(studies[i].path, NULL, &loaded, &err);
        if (rc != CS_OK)
            print_error("%s\n", err.msg);
        assert_int_equal(rc, CS_OK);
        assert_int_equal(trials(loaded.study), studies[i].trials);
    }
}

static void rheumatology_has_its_size(void **state)
{
    (void)state;
    struct cs_load_opts opts = {.data_dir = getenv("CLINSAFE_DATA")};
    cs_load_release(&loaded);
    enum cs_err rc = cs_load_study("ops/studies/rheumatology.yaml", &opts, &loaded, &err);
    if (rc != CS_OK && strstr(err.msg, "there is no file") != NULL) {
        print_message("skipped: published data is not here: rheumatology\n");
        skip();
    }
    if (rc != CS_OK)
        print_error("%s\n", err.msg);
    assert_int_equal(rc, CS_OK);
    assert_int_equal(trials(loaded.study), 36000 * loaded.study->n_models);
    assert_int_equal(loaded.study->questions[0].n_fields, 16);
    uint32_t clusters = 0;
    for (uint32_t i = 0; i < loaded.study->n_cases; i++)
        clusters += i == 0 || strcmp(loaded.all[i].cluster, loaded.all[i - 1].cluster) != 0;
    assert_int_equal(clusters, 30);
}

/* ---- bad studies ---------------------------------------------------------------------------------- */

static const char bad_folder[] = "tests/e2e/bad_studies/";

/* The value of a `# key: value` line at the start of the file, or NULL; free() it. */
static char *header(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    if (at == NULL)
        return NULL;
    at += strlen(key);
    return strndup(at, strcspn(at, "\n"));
}

/* Paths in messages are from the folder of the bad studies. */
static void take_folder_off(char *text)
{
    size_t n = sizeof bad_folder - 1;
    for (char *at; (at = strstr(text, bad_folder)) != NULL;)
        memmove(at, at + n, strlen(at + n) + 1);
}

static bool check_bad_study(const char *name)
{
    char *path = cs_xasprintf("%s%s", bad_folder, name), *text;
    assert_int_equal(cs_file_read(path, 1 << 20, &text, NULL, &err), CS_OK);
    char *expect = header(text, "# expect: "), *providers = header(text, "# providers: "), *file = NULL;
    assert_non_null(expect);
    if (providers != NULL)
        file = cs_xasprintf("%s%s", bad_folder, providers);
    struct cs_load_opts opts = {.providers = file};
    struct cs_loaded l;
    err.msg[0] = '\0';
    enum cs_err rc = cs_load_study(path, &opts, &l, &err);
    take_folder_off(err.msg);
    bool good = rc == CS_EINVAL && strcmp(err.msg, expect) == 0;
    if (!good)
        print_error("%s\n  expected %s\n  got      %s\n", name, expect, rc == CS_OK ? "no fault" : err.msg);
    cs_load_release(&l);
    free(path);
    free(text);
    free(expect);
    free(providers);
    free(file);
    return good;
}

static void bad_studies_get_their_messages(void **state)
{
    (void)state;
    unsigned total = 0, wrong = 0;
    DIR *d = opendir(bad_folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        const char *dot = strrchr(e->d_name, '.');
        if (dot == NULL || strcmp(dot, ".yaml") != 0 || strcmp(e->d_name, "providers.yaml") == 0)
            continue;
        total++;
        wrong += !check_bad_study(e->d_name);
    }
    closedir(d);
    assert_int_equal(wrong, 0);
    assert_true(total >= 45);
}

static int setup(void **state)
{
    (void)state;
    folder_open(&dir);
    folder_put(&dir, "providers.yaml", default_providers);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cs_load_release(&loaded);
    folder_close(&dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_study),
        cmocka_unit_test(ids_and_clusters_may_be_composite),
        cmocka_unit_test(words_stay_words),
        cmocka_unit_test(a_table_in_data_dir_goes_first),
        cmocka_unit_test(wordings_are_joined_or_crossed),
        cmocka_unit_test(roles_and_multiples_of_repeats),
        cmocka_unit_test(levels_set_system_parameters_and_texts),
        cmocka_unit_test(writing_to_a_cache_has_a_price),
        cmocka_unit_test(texts_per_case_and_level),
        cmocka_unit_test(markers_and_texts_from_columns),
        cmocka_unit_test(options_and_their_order),
        cmocka_unit_test(every_kind_of_answer),
        cmocka_unit_test(prompts_by_a_column),
        cmocka_unit_test(blocks_are_a_sum_of_rectangles),
        cmocka_unit_test(a_block_rests_at_the_control),
        cmocka_unit_test(analysis_is_canonical),
        cmocka_unit_test(limits_of_a_study),
        cmocka_unit_test(shipped_studies_have_their_sizes),
        cmocka_unit_test(rheumatology_has_its_size),
        cmocka_unit_test(bad_studies_get_their_messages),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
