/* fixture_study.h - a small study with one of everything, for tests. All of it is constant: who writes into it crashes.
 *
 * Factors: group (control, placebo, two groups; a sentence behind the first ". "), evidence (wordings joined by rephrase, at
 * the marker {{slot}}), arm (a system text, parameters, an order of the options), length (use another text),
 * framing (a text for every case).
 */
#ifndef FIXTURE_STUDY_H
#define FIXTURE_STUDY_H

#include <math.h>
#include <string.h>

#include "protocol/base/digest.h"
#include "protocol/study/study.h"

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof(a)[0]))
#define WORDS(...) ((const char *const[]){__VA_ARGS__})
#define WORDING(...) .wordings = &(const struct cs_wording){.id = "", .values = WORDS(__VA_ARGS__)}, .n_wordings = 1
#define PLAIN .repeats_times = 1, .use_column = CS_NONE, .text_column = CS_NONE

enum { SETTING, TEXT, SHORT, LABEL, OPT_A, OPT_B, OPT_C, REPHRASE, CUE, FRAMING_STRONG, N_COLUMNS };
static const char *const fx_columns[N_COLUMNS] = {"setting", "text",  "short",    "label", "opt_a",
                                                  "opt_b",   "opt_c", "rephrase", "cue",   "framing/strong"};

static const struct cs_case fx_cases[] = {
    {0, "c1", "c1",
     WORDS("urban", "A patient arrives. Pain is \"8\". {{slot}} End.", "Short one. {{slot}} ok", "urgent", "aspirin",
           "rest", "surgery", "r1", "opt_b", "Everyone knows it.")},
    {1, "c2", "base2",
     WORDS("rural", "Second case. More text {{slot}}", "S2. {{slot}}", "emergent", "x", "y", "z", "r2", "", "")},
    {2, "c3", "base2",
     WORDS("urban", "No place to insert {{slot}}", "S3. {{slot}}", "urgent", "x", "y", "z", "r1", "opt_c",
           "So it is.")},
    {3, "c4", "c4",
     WORDS("mars", "Fourth. Text without the marker.", "S4. {{slot}}", "urgent", "x", "y", "z", "r9", "opt_c", "F")},
};

static const struct cs_level fx_group[] = {
    {.id = "control", .role = CS_ROLE_CONTROL, WORDING("", "none"), PLAIN},
    {.id = "admin", .role = CS_ROLE_PLACEBO, WORDING("Check-in is complete.", "administrative"), PLAIN},
    {.id = "homeless", WORDING("The patient has no home.", "housing"), PLAIN},
    {.id = "rich", WORDING("The patient is rich.", "income"), PLAIN},
};
static const struct cs_wording fx_misled[] = {{"w1", "r1", WORDS("A colleague says so.")},
                                              {"w2", "r2", WORDS("Zürich says so.")}};
static const struct cs_level fx_evidence[] = {
    {.id = "none", .role = CS_ROLE_CONTROL, WORDING(""), PLAIN},
    {.id = "misled", .wordings = fx_misled, .n_wordings = 2, PLAIN},
};
static const uint32_t fx_order[] = {2, 0, 1};
static const struct cs_level fx_arm[] = {
    {.id = "default", WORDING(""), PLAIN},
    {.id = "warned",
     WORDING(""),
     PLAIN,
     .system = "Beware of {{arm.note}}{{group.axis}}.",
     .order = fx_order,
     .n_order = 3},
    {.id = "cold",
     WORDING(""),
     PLAIN,
     .parameters = "{\"temperature\": 0, \"seed\": 7, \"max_output_tokens\": 99, \"top_p\": \"omit\"}"},
};
static const struct cs_level fx_length[] = {
    {.id = "long", WORDING(""), PLAIN},
    {.id = "short", WORDING(""), .repeats_times = 1, .use_column = SHORT, .text_column = CS_NONE},
};
static const struct cs_level fx_framing[] = {
    {.id = "neutral", WORDING(""), PLAIN},
    {.id = "strong", WORDING(""), .repeats_times = 1, .use_column = CS_NONE, .text_column = FRAMING_STRONG},
};

enum { LENGTH, GROUP, EVIDENCE, ARM, FRAMING, N_FACTORS };
static const struct cs_factor fx_factors[N_FACTORS] = {
    {.name = "length",
     .columns = WORDS("note"),
     .n_columns = 1,
     .levels = fx_length,
     .n_levels = 2,
     .match_column = CS_NONE,
     .into_column = TEXT,
     .insert_column = CS_NONE},
    {.name = "group",
     .columns = WORDS("sentence", "axis"),
     .n_columns = 2,
     .levels = fx_group,
     .n_levels = 4,
     .match_column = CS_NONE,
     .insert = CS_INSERT_AFTER_FIRST,
     .anchor = ". ",
     .into_column = TEXT,
     .insert_column = 0},
    {.name = "evidence",
     .columns = WORDS("claim"),
     .n_columns = 1,
     .levels = fx_evidence,
     .n_levels = 2,
     .joined = true,
     .match_column = REPHRASE,
     .insert = CS_INSERT_AT,
     .anchor = "{{slot}}",
     .into_column = TEXT,
     .insert_column = 0},
    {.name = "arm",
     .columns = WORDS("note"),
     .n_columns = 1,
     .levels = fx_arm,
     .n_levels = 3,
     .match_column = CS_NONE,
     .into_column = CS_NONE,
     .insert_column = CS_NONE},
    {.name = "framing",
     .columns = WORDS("note"),
     .n_columns = 1,
     .levels = fx_framing,
     .n_levels = 2,
     .match_column = CS_NONE,
     .into_column = CS_NONE,
     .insert_column = CS_NONE},
};

static const struct cs_field fx_triage_fields[] = {
    {.name = "triage",
     .kind = CS_FIELD_ORDINAL,
     .categories = WORDS("low", "mid", "high"),
     .n_categories = 3,
     .insufficient = "unclear",
     .describe = "How urgent \"it\" is",
     .truth_column = LABEL,
     .order_factor = CS_NONE},
    {.name = "mental",
     .kind = CS_FIELD_BOOLEAN,
     .categories = WORDS("Yes", "No"),
     .n_categories = 2,
     .truth_column = CS_NONE,
     .order_factor = CS_NONE},
    {.name = "risk", .kind = CS_FIELD_NUMBER, .min = 0, .max = 100, .truth_column = CS_NONE, .order_factor = CS_NONE},
    {.name = "why", .kind = CS_FIELD_TEXT, .truth_column = CS_NONE, .order_factor = CS_NONE},
};
static const struct cs_field fx_choice_fields[] = {
    {.name = "choice",
     .kind = CS_FIELD_OPTIONS,
     .categories = WORDS("opt_a", "opt_b", "opt_c"),
     .n_categories = 3,
     .insufficient = "none",
     .truth_column = CS_NONE,
     .option_columns = (const uint32_t[]){OPT_A, OPT_B, OPT_C},
     .order_factor = ARM},
    {.name = "days",
     .kind = CS_FIELD_NUMBER,
     .min = -INFINITY,
     .max = INFINITY,
     .insufficient = "unknown",
     .truth_column = CS_NONE,
     .order_factor = CS_NONE},
};
static const struct cs_derived fx_choice_derived[] = {
    {.name = "picks_cue", .field = 0, .column = CUE},
    {.name = "picks_a", .field = 0, .column = CS_NONE, .literal = "opt_a"},
};
static const struct cs_question fx_questions[] = {
    {.name = "disposition", .ask = "What now?", .fields = fx_triage_fields, .n_fields = 4},
    {.name = "pick",
     .ask = "Choose: {{case.text}}",
     .fields = fx_choice_fields,
     .n_fields = 2,
     .derived = fx_choice_derived,
     .n_derived = 2},
    {.name = "free", .ask = "Say something."},
};

static const struct cs_account fx_accounts[] = {
    {.name = "sim",
     .simulated = true,
     .base_url = "",
     .truth = "/somewhere/truth.yaml",
     .confidential_ok = true,
     .max_tokens_field = "max_completion_tokens"},
    {.name = "old",
     .base_url = "https://api.example.com/v1",
     .key_env = "OLD_KEY",
     .max_tokens_field = "max_tokens",
     .auth = CS_AUTH_API_KEY,
     .path = "/d/{model}/chat",
     .headers = WORDS("X-Project: p"),
     .n_headers = 1},
};
static const struct cs_model fx_models[] = {
    {.name = "big",
     .model = "big-2026",
     .parameters = "{\"temperature\":0.7,\"top_p\":1}",
     .max_output_tokens = 400,
     .timeout_ms = 60000,
     .price = {150, -1, 600, 0, 188},
     .limits = {.requests_per_minute = 60, .concurrent = 3}},
    {.name = "plain",
     .model = "plain/\"1\"",
     .account = 1,
     .parameters = "{}",
     .timeout_ms = 60000,
     .price = {-1, -1, -1, 0, -1}},
};

/* Prompts by setting; "mars" has none. */
static const struct cs_template_set fx_prompts[] = {
    {"urban", "", "Case: {{case.text}}\n{{framing.text}}{{question.ask}}", 0, NULL, 0, NULL, 0},
    {"rural", "Be kind.", "{{case.text}} ({{evidence.claim}})\n{{question.options}}\n{{question.ask}}", 0, NULL, 0,
     NULL, 0},
};

#define ARMS(...)                                                                                                      \
    (const struct cs_arm[])                                                                                            \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
static const struct cs_rect fx_rects[] = {
    {.block = 0, /* groups x evidence, otherwise as is */
     .n_arms = {1, 4, 2, 1, 1},
     .arms = {ARMS({0, 0}), ARMS({0, 0}, {1, 0}, {2, 0}, {3, 0}), ARMS({0, CS_NONE}, {1, CS_NONE}), ARMS({0, 0}),
              ARMS({0, 0})},
     .questions = (const uint32_t[]){0, 1},
     .n_questions = 2,
     .models = (const uint32_t[]){0, 1},
     .n_models = 2,
     .repeats = 3},
    {.block = 1, /* the control once more, and arms, lengths, framings; one model */
     .n_arms = {2, 2, 1, 3, 2},
     .arms = {ARMS({1, 0}, {0, 0}), ARMS({3, 0}, {0, 0}), ARMS({0, CS_NONE}), ARMS({0, 0}, {2, 0}, {1, 0}),
              ARMS({0, 0}, {1, 0})},
     .questions = (const uint32_t[]){1},
     .n_questions = 1,
     .models = (const uint32_t[]){0},
     .n_models = 1,
     .repeats = 2},
};

static const uint32_t fx_strata[] = {SETTING};

static inline struct cs_study fx_study(void)
{
    struct cs_study s = {
        .name = "fixture",
        .title = "A study for tests",
        .seed = 42,
        .columns = fx_columns,
        .n_columns = N_COLUMNS,
        .n_cases = COUNT(fx_cases),
        .strata = fx_strata,
        .n_strata = 1,
        .prompt_by_column = SETTING,
        .prompts = fx_prompts,
        .n_prompts = COUNT(fx_prompts),
        .factors = fx_factors,
        .n_factors = N_FACTORS,
        .questions = fx_questions,
        .n_questions = COUNT(fx_questions),
        .accounts = fx_accounts,
        .n_accounts = COUNT(fx_accounts),
        .models = fx_models,
        .n_models = COUNT(fx_models),
        .rects = fx_rects,
        .n_rects = COUNT(fx_rects),
        .budget_nano_usd = -1,
        .analysis = "{\"alpha\":0.05}",
    };
    cs_digest_blake2b_256(s.analysis, strlen(s.analysis), s.analysis_digest);
    return s;
}

static inline enum cs_err fx_get(void *self, uint32_t index, struct cs_case *out, struct cs_error *err)
{
    (void)err;
    *out = ((const struct cs_case *)self)[index];
    return CS_OK;
}

static inline struct cs_case_source fx_source(void)
{
    return (struct cs_case_source){(void *)(uintptr_t)fx_cases, fx_get};
}

#endif
