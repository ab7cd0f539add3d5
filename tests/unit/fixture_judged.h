/* fixture_judged.h - a study of judges and the study that it judged, with votes out of a store, and the report of it. Static helpers. */
#ifndef CS_TEST_FIXTURE_JUDGED_H
#define CS_TEST_FIXTURE_JUDGED_H

#include "tests/unit/fixture_store.h"

#include <math.h>

#include "protocol/study/pair.h"
#include "tools/report/analysis/analysis.h"

/* ---- a parent: 6 cases x (control, warned) x 2 models x 2 repeats; a child: each output is a case, three judges ------------- */

enum { CASES = 6, LEVELS = 2, MODELS = 2, REPEATS = 2, OUTPUTS = CASES * LEVELS * MODELS * REPEATS, JUDGES = 3 };

static const char *const yes_no[] = {"Yes", "No"}, *const steps[] = {"low", "mid", "high"};
static const struct cs_field fields[] = {
    {.name = "reason", .kind = CS_FIELD_TEXT, .truth_column = CS_NONE, .order_factor = CS_NONE},
    {.name = "adopted",
     .kind = CS_FIELD_BOOLEAN,
     .categories = yes_no,
     .n_categories = 2,
     .truth_column = CS_NONE,
     .order_factor = CS_NONE},
    {.name = "harm",
     .kind = CS_FIELD_ORDINAL,
     .categories = steps,
     .n_categories = 3,
     .truth_column = CS_NONE,
     .order_factor = CS_NONE}};
static const struct cs_question question = {.name = "verdict", .ask = "?", .fields = fields, .n_fields = 3};
static const struct cs_field which = {.name = "safer",
                                      .kind = CS_FIELD_NOMINAL,
                                      .categories = cs_pair_words,
                                      .n_categories = CS_PAIR_WORDS,
                                      .truth_column = CS_NONE,
                                      .order_factor = CS_NONE};
static const struct cs_question duel = {.name = "duel", .ask = "?", .fields = &which, .n_fields = 1};
static const struct cs_account account = {.name = "a", .base_url = ""};
static const struct cs_model judges[JUDGES] = {{.name = "x", .model = "x-1", .parameters = "{}"},
                                               {.name = "y", .model = "y-1", .parameters = "{}"},
                                               {.name = "b", .model = "b-1", .parameters = "{}"}};
static const uint32_t all[] = {0, 1, 2};
static const struct cs_rect rect = {
    .questions = all, .n_questions = 1, .models = all, .n_models = JUDGES, .repeats = 1};
static const struct cs_parent_level levels[LEVELS] = {{"control", CS_ROLE_CONTROL}, {"warned", CS_ROLE_LEVEL}};
static const struct cs_parent_factor factor = {"arm", levels, LEVELS};
static const char *const models[MODELS] = {"a", "b"}, *const asks[] = {"plan"}, *const sent[MODELS] = {"a-1", "b-1"},
                         *const accounts[MODELS] = {"a", "a"};
static const char *const strata[] = {"ward"}; /* the first half of the cases are in one, the others in two */
static const uint32_t of_level[LEVELS][1] = {{0}, {1}};
static const char *const columns[] = {CS_PARENTS_COLUMN};

enum shown {
    SINGLE,
    PAIRS,
    ALIKE
}; /* a case is an output; a pair in one order; a pair of equal texts, in both orders */

struct rig {
    struct cs_study child;
    struct cs_parent_study parent;
    struct cs_parent_arm arms[MODELS * LEVELS];
    uint32_t groups[1];
    struct cs_reader reader;
    enum shown shown;
    char *parents[OUTPUTS], ids[OUTPUTS][8];
    const char *values[OUTPUTS][1];
    const char *votes[OUTPUTS];
};

/* Output i of the parent: case, level, model, repeat, the last fastest. */
FIXTURE_FN struct cs_parent output(uint32_t i)
{
    static char ids[CASES][16];
    static const char *const wards[][1] = {{"one"}, {"two"}};
    const uint32_t c = i / (REPEATS * MODELS * LEVELS);
    struct cs_parent p = {
        .repeat = i % REPEATS, .model = i / REPEATS % MODELS, .strata = wards[2 * c / CASES], .output_id = i + 1};
    p.levels = of_level[i / (REPEATS * MODELS) % LEVELS];
    snprintf(ids[c], sizeof ids[c], "c%u", c);
    p.case_id = p.cluster = ids[c];
    return p;
}

FIXTURE_FN enum cs_err get_case(void *self, uint32_t index, struct cs_case *out, struct cs_error *err)
{
    const struct rig *r = self;
    (void)err;
    *out = (struct cs_case){.index = index, .id = r->ids[index], .cluster = "c", .values = r->values[index]};
    return CS_OK;
}

FIXTURE_FN const char *reply_of(char vote, char text[80])
{
    static const char *const harm[] = {"low", "mid", "high"};
    const char *at = strchr("123", vote);
    if (at != NULL)
        snprintf(text, 80, "{\"safer\":\"%s\"}", cs_pair_words[*at - '1']);
    else
        snprintf(text, 80, "{\"reason\":\"r\",\"adopted\":\"%s\",\"harm\":\"%s\"}",
                 vote == 'y' || vote == 'Y' ? "Yes" : "No",
                 harm[vote == 'Y'   ? 2
                      : vote == 'y' ? 1
                                    : 0]);
    return text;
}

/* What a judge says of an output: y, Y, n; 1, 2, 3: the first, the second, a tie; t: a timeout; u: unreadable; -: still planned. */
FIXTURE_FN void add_votes(struct cs_batch *b, const struct rig *r, uint32_t judge)
{
    struct cs_batch_page page = {.gen = 1, .lane = judge};
    for (uint64_t position = 0; position < r->reader.view.plan.lanes[judge].n_trials; position++) {
        struct cs_buf packed = CS_BUF_INIT(1 << 16);
        struct cs_coords at;
        char text[80];
        cs_plan_coords(&r->reader.view.plan, judge, cs_plan_at(&r->reader.view.plan, judge, position), &at);
        const char vote = r->votes[at.case_index][judge];
        const enum cs_outcome outcome = vote == 't'   ? CS_OUTCOME_timeout
                                        : vote == 'u' ? CS_OUTCOME_unparsable
                                                      : CS_OUTCOME_ok;
        if (vote == '-')
            continue;
        struct cs_output out = {.gen = 1,
                                .lane = judge,
                                .position = position,
                                .digest = digest_of(judge * 1000 + position),
                                .outcome = (uint8_t)outcome,
                                .attempts = 1,
                                .started_wall_ms = 1700000000000 + (int64_t)position,
                                .model_resolved = judges[judge].model,
                                .text = outcome == CS_OUTCOME_ok ? reply_of(vote, text) : "",
                                .cause = outcome == CS_OUTCOME_unparsable ? "no_object" : "",
                                .worker = "w"};
        cs_output_pack(&out, &packed);
        cs_batch_add_output(b, &(struct cs_batch_output){.gen = 1,
                                                         .lane = judge,
                                                         .position = position,
                                                         .digest = out.digest,
                                                         .owner = {1, judge + 1},
                                                         .flags = CS_OUTPUT_CANONICAL,
                                                         .bytes = (const uint8_t *)packed.data,
                                                         .len = (uint32_t)packed.len});
        page.bits[position / 4] |= (uint8_t)(CS_TRIAL_DONE << 2 * (position % 4));
        cs_buf_release(&packed);
    }
    cs_batch_add_page(b, &page);
}

/* What case i came from: output i; as a pair, warned against control in the even ones, the same the other way round in the odd ones; of equal
 * texts, first the one and then the other. */
FIXTURE_FN void write_parents(const struct rig *r, uint32_t i, struct cs_buf *text)
{
    struct cs_parent p = output(i);
    if (r->shown == SINGLE) {
        cs_parents_write(&r->parent, &p, text);
        return;
    }
    const uint32_t pair = r->shown == ALIKE ? i : i / 2, first = r->shown == ALIKE ? 0 : i % 2,
                   last = r->shown == ALIKE ? 1 : first,
                   control = pair / (REPEATS * MODELS) * (REPEATS * MODELS * LEVELS) + pair % (REPEATS * MODELS);
    for (uint32_t side = 0; side < 2; side++) {
        for (uint32_t order = first; order <= last; order++) {
            p = output(side == order ? control + REPEATS * MODELS : control);
            p.side = side == 0 ? CS_PARENT_FIRST : CS_PARENT_SECOND;
            cs_parents_write(&r->parent, &p, text);
        }
    }
}

/* votes(i): three letters for case i. */
FIXTURE_FN void rig_open(struct rig *r, const struct fixture *f, const char *(*votes)(uint32_t i), const char *judge,
                         enum shown shown)
{
    struct cs_batch b;
    struct cs_error err = {0};
    *r = (struct rig){.groups = {OUTPUTS}, .shown = shown};
    const bool pairs = shown != SINGLE;
    r->parent = (struct cs_parent_study){.study = "details",
                                         .generation = 2,
                                         .repeats = REPEATS,
                                         .closed = true,
                                         .take = pairs ? "{\"parent\":\"details\",\"seed\":\"7\",\"pair\":\"arm\"}"
                                                       : "{\"parent\":\"details\",\"seed\":\"7\"}",
                                         .factors = &factor,
                                         .n_factors = 1,
                                         .models = models,
                                         .questions = asks,
                                         .sent = sent,
                                         .accounts = accounts,
                                         .strata = strata,
                                         .n_models = MODELS,
                                         .n_questions = 1,
                                         .n_strata = 1,
                                         .arms = r->arms,
                                         .n_arms = MODELS * LEVELS,
                                         .group_cases = r->groups,
                                         .n_groups = 1};
    for (uint32_t i = 0; i < MODELS * LEVELS; i++)
        r->arms[i] = (struct cs_parent_arm){.model = i / LEVELS,
                                            .levels = of_level[i % LEVELS],
                                            .planned = CASES * REPEATS,
                                            .by_outcome = {[CS_OUTCOME_ok] = CASES * REPEATS},
                                            .taken = CASES * REPEATS};
    r->child = (struct cs_study){
        .name = "details-judged",
        .title = "t",
        .seed = 7,
        .columns = columns,
        .n_columns = 1,
        .n_cases = shown == ALIKE ? OUTPUTS / 2 : OUTPUTS,
        .prompt_by_column = CS_NONE,
        .questions = pairs ? &duel : &question,
        .n_questions = 1,
        .accounts = &account,
        .n_accounts = 1,
        .models = judges,
        .n_models = JUDGES,
        .rects = &rect,
        .n_rects = 1,
        .budget_nano_usd = -1,
        .parent = &r->parent,
        .judge = judge,
        .scores = "",
        .analysis =
            "{\"primary\":{\"adopted\":{\"margin\":\"5 points\"},\"harm\":{\"margin\":\"0.1 levels\"},\"safer\":"
            "{\"margin\":\"5 points\"}},"
            "\"contrasts\":[{\"factor\":\"arm\",\"each\":\"control\"}]}"};
    for (uint32_t i = 0; i < r->child.n_cases; i++) {
        struct cs_buf text = CS_BUF_INIT(1 << 12);
        write_parents(r, i, &text);
        r->parents[i] = cs_xstrdup(cs_buf_cstr(&text));
        r->values[i][0] = r->parents[i];
        r->votes[i] = votes(i);
        snprintf(r->ids[i], sizeof r->ids[i], "o%u", i);
        cs_buf_release(&text);
    }
    r->reader.view.generation.number = 1;
    r->reader.view.spec.study = &r->child;
    r->reader.view.cases = (struct cs_case_source){r, get_case};
    cs_plan_init(&r->reader.view.plan, &r->child);
    struct cs_store *store = open_writer(f);
    cs_batch_init(&b);
    for (uint32_t k = 0; k < JUDGES; k++)
        add_votes(&b, r, k);
    assert_ok(cs_store_write(store, &b, &err));
    cs_batch_release(&b);
    cs_store_close(store);
    r->reader.store = open_reader(f);
}

FIXTURE_FN void rig_make(struct rig *r, const struct fixture *f, const char *(*votes)(uint32_t i), const char *judge)
{
    rig_open(r, f, votes, judge, SINGLE);
}

FIXTURE_FN void rig_release(struct rig *r)
{
    cs_store_close(r->reader.store);
    cs_plan_release(&r->reader.view.plan);
    for (uint32_t i = 0; i < OUTPUTS; i++)
        free(r->parents[i]);
}

FIXTURE_FN struct cs_report *report_with(struct rig *r, struct cs_report_opts opts)
{
    struct cs_report_source source;
    struct cs_report *out = NULL;
    struct cs_error err = {0};
    assert_ok(cs_source_store(&source, &r->reader, NULL, 2, (struct cs_collect_watch){0}, &err));
    opts.seed = opts.threads = 1;
    assert_ok(cs_analysis_run(&out, &source, &opts, &err));
    cs_source_release(&source);
    return out;
}

FIXTURE_FN struct cs_report *report_of(struct rig *r)
{
    return report_with(r, (struct cs_report_opts){0});
}

FIXTURE_FN const struct cs_report_contrast *contrast(const struct cs_report *r, const char *model, const char *outcome)
{
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        if (strcmp(r->models[c->model].name, model) == 0 && strcmp(r->outcomes[c->outcome].name, outcome) == 0)
            return c;
    }
    fail_msg("no contrast of %s, %s", model, outcome);
    return NULL;
}

FIXTURE_FN const struct cs_report_verdicts *verdicts(const struct cs_report *r, uint32_t model, const char *answer,
                                                     uint32_t level)
{
    for (uint32_t i = 0; i < r->n_verdicts; i++) {
        const struct cs_report_verdicts *v = &r->verdicts[i];
        if (v->model == model && strcmp(v->answer, answer) == 0 && v->level == level)
            return v;
    }
    fail_msg("no verdicts of %u, %s, %u", model, answer, level);
    return NULL;
}

FIXTURE_FN void is_near(struct cs_report_figure f, double wanted)
{
    assert_true(f.known);
    if (fabs(f.value - wanted) > 1e-9)
        fail_msg("%.12g is not %.12g", f.value, wanted);
}

#endif
