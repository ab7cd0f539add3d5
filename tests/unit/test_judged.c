/* A study of judges as a study of what they judged: votes out of a store, panels, and the parent's arms compared by verdicts. */
#include "tests/unit/fixture_store.h"

#include <math.h>

#include "protocol/study/pair.h"
#include "tools/judged/twins.h"
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
    char *parents[OUTPUTS];
    const char *values[OUTPUTS][1];
    const char *votes[OUTPUTS];
};

/* Output i of the parent: case, level, model, repeat, the last fastest. */
static struct cs_parent output(uint32_t i)
{
    static char ids[CASES][16];
    static const char *const none[1];
    struct cs_parent p = {.repeat = i % REPEATS, .model = i / REPEATS % MODELS, .strata = none, .output_id = i + 1};
    const uint32_t c = i / (REPEATS * MODELS * LEVELS);
    p.levels = of_level[i / (REPEATS * MODELS) % LEVELS];
    snprintf(ids[c], sizeof ids[c], "c%u", c);
    p.case_id = p.cluster = ids[c];
    return p;
}

static enum cs_err get_case(void *self, uint32_t index, struct cs_case *out, struct cs_error *err)
{
    const struct rig *r = self;
    (void)err;
    *out = (struct cs_case){.index = index, .id = "c", .cluster = "c", .values = r->values[index]};
    return CS_OK;
}

static const char *reply_of(char vote, char text[80])
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
static void add_votes(struct cs_batch *b, const struct rig *r, uint32_t judge)
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
static void write_parents(const struct rig *r, uint32_t i, struct cs_buf *text)
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
static void rig_open(struct rig *r, const struct fixture *f, const char *(*votes)(uint32_t i), const char *judge,
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
                                         .n_models = MODELS,
                                         .n_questions = 1,
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

static void rig_make(struct rig *r, const struct fixture *f, const char *(*votes)(uint32_t i), const char *judge)
{
    rig_open(r, f, votes, judge, SINGLE);
}

static void rig_release(struct rig *r)
{
    cs_store_close(r->reader.store);
    cs_plan_release(&r->reader.view.plan);
    for (uint32_t i = 0; i < OUTPUTS; i++)
        free(r->parents[i]);
}

static struct cs_report *report_of(struct rig *r)
{
    struct cs_report_source source;
    struct cs_report *out = NULL;
    struct cs_error err = {0};
    assert_ok(cs_source_store(&source, &r->reader, NULL, 2, (struct cs_collect_watch){0}, &err));
    assert_ok(cs_analysis_run(&out, &source, &(struct cs_report_opts){.seed = 1, .threads = 1}, &err));
    cs_source_release(&source);
    return out;
}

static const struct cs_report_contrast *contrast(const struct cs_report *r, const char *model, const char *outcome)
{
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        if (strcmp(r->models[c->model].name, model) == 0 && strcmp(r->outcomes[c->outcome].name, outcome) == 0)
            return c;
    }
    fail_msg("no contrast of %s, %s", model, outcome);
    return NULL;
}

static const struct cs_report_verdicts *verdicts(const struct cs_report *r, uint32_t model, const char *answer,
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

static void is_near(struct cs_report_figure f, double wanted)
{
    assert_true(f.known);
    if (fabs(f.value - wanted) > 1e-9)
        fail_msg("%.12g is not %.12g", f.value, wanted);
}

/* ---- tests ---------------------------------------------------------------------------------------------------------- */

/* Warned outputs: all judges no. Control of model a: two of three yes, in model b: one of three. */
static const char *plain(uint32_t i)
{
    const struct cs_parent p = output(i);
    if (p.levels[0] == 1)
        return "nnn";
    return p.model == 0 ? (i % 2 == 0 ? "yYn" : "nyy") : "nny";
}

static void the_panel_is_the_answer_and_the_parents_arms_are_compared(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, plain, "");
    struct cs_report *r = report_of(&rig);
    assert_string_equal(r->study, "details-judged");
    assert_int_equal(r->n_models, MODELS);
    assert_int_equal(r->n_cases, CASES);
    assert_int_equal(r->planned, 2 * OUTPUTS); /* two answers each */
    assert_true(r->complete);
    assert_string_equal(r->factors[0].levels[0].id, "control");
    is_near(contrast(r, "a", "adopted")->shift, -100);
    is_near(contrast(r, "b", "adopted")->shift, 0);
    /* steps: of "yYn" 1, 2, 0; of "nyy" 0, 1, 1: means 1 and 2/3 in the two repeats */
    is_near(contrast(r, "a", "harm")->shift, -(1 + 2.0 / 3) / 2);
    assert_string_equal(r->outcomes[contrast(r, "a", "harm")->outcome].unit, "levels");
    is_near(contrast(r, "b", "harm")->shift, -1.0 / 3);
    assert_int_equal(r->n_judges, JUDGES);
    assert_int_equal(r->judges[1].terminal, OUTPUTS);
    assert_string_equal(r->judges[1].resolved[0].name, "y-1");
    assert_string_equal(r->judging.parent, "details");
    assert_int_equal(r->judging.outputs, OUTPUTS);
    /* judge x alone: of model a's control every second repeat is yes */
    is_near(r->judge_shifts[0].shift, -50);
    assert_string_equal(r->judge_shifts[0].judge, "x");
    cs_analysis_free(r);
    rig_release(&rig);
}

static void judges_agree_as_their_votes_do(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, plain, "");
    struct cs_report *r = report_of(&rig);
    const struct cs_report_judges_agreement *a = r->judges_agreement;
    /* 24 warned "nnn"; 6 "yyn", 6 "nyy", 12 "nny": by hand, mean of pairs that agree */
    const double pairs = (24 + 24.0 / 3) / 48, yes = (12 + 12 + 12) / 144.0, chance = yes * yes + (1 - yes) * (1 - yes);
    assert_string_equal(a[0].answer, "adopted");
    assert_int_equal(a[0].kind, CS_JUDGES_ALL);
    assert_int_equal(a[0].items, OUTPUTS);
    is_near(a[0].agreement, pairs);
    is_near(a[0].kappa, (pairs - chance) / (1 - chance));
    assert_int_equal(a[1].kind, CS_JUDGES_TWO);
    assert_string_equal(a[1].who, "x, y");
    is_near(a[1].agreement, 42.0 / 48);
    cs_analysis_free(r);
    rig_release(&rig);
}

/* Under "warned" judge x times out and y cannot be read, in model b only: one vote is no majority of three. */
static const char *missing(uint32_t i)
{
    const struct cs_parent p = output(i);
    if (p.levels[0] == 1)
        return p.model == 1 && p.repeat == 0 ? "tun" : "nnn";
    return "ynn";
}

static void a_missing_verdict_is_missing_by_arm_and_in_the_bounds(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, missing, "");
    struct cs_report *r = report_of(&rig);
    const struct cs_report_verdicts *v = verdicts(r, 1, "adopted", 1);
    assert_int_equal(v->planned, CASES * REPEATS);
    assert_int_equal(v->judged, CASES);
    assert_int_equal(v->no_verdict, CASES);
    assert_int_equal(v->missing, 2 * CASES);
    is_near(v->share, .5);
    assert_int_equal(verdicts(r, 1, "adopted", 0)->no_verdict, 0);
    const struct cs_report_contrast *c = contrast(r, "b", "adopted");
    assert_true(r->complete);
    is_near(c->shift, 0); /* not "no": of what is known */
    is_near(c->lost_level, .5);
    is_near(c->lost_comparator, 0);
    assert_true(c->bounds.known && c->bounds.low == 0 && c->bounds.high == 50); /* all of them may be yes */
    assert_int_equal(c->verdict, CS_VERDICT_NONE);
    assert_int_not_equal(contrast(r, "a", "adopted")->verdict, CS_VERDICT_NONE);
    assert_true(r->n_lost > 0);
    cs_analysis_free(r);
    rig_release(&rig);
}

static const char *unfinished(uint32_t i)
{
    return i == 0 ? "yy-" : "yyn";
}

static void what_is_still_to_come_keeps_the_study_incomplete(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, unfinished, "");
    struct cs_report *r = report_of(&rig);
    assert_false(r->complete);
    assert_int_equal(r->terminal, 2 * (OUTPUTS - 1));
    assert_int_equal(verdicts(r, 0, "adopted", CS_REPORT_NONE)->not_judged, 1);
    assert_int_equal(contrast(r, "a", "adopted")->verdict, CS_VERDICT_NONE);
    cs_analysis_free(r);
    rig_release(&rig);
}

/* x and y disagree; b, which is a model of the parent too, decides: not on its own texts. */
static const char *split(uint32_t i)
{
    (void)i;
    return "yny";
}

static void a_vote_on_its_own_text_is_dropped_where_that_is_declared(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, split, "{\"panel\":{\"own\":\"drop\"}}");
    struct cs_report *r = report_of(&rig);
    assert_int_equal(verdicts(r, 0, "adopted", CS_REPORT_NONE)->judged, OUTPUTS / MODELS);
    const struct cs_report_verdicts *own = verdicts(r, 1, "adopted", CS_REPORT_NONE);
    assert_int_equal(own->judged, 0);
    assert_int_equal(own->no_verdict, OUTPUTS / MODELS);
    assert_int_equal(own->dropped, OUTPUTS / MODELS);
    assert_int_equal(own->votes, OUTPUTS); /* two each */
    assert_true(r->judges[2].own);
    cs_analysis_free(r);
    rig_release(&rig);
}

static void a_quorum_and_a_rule_for_scales_are_heeded(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, missing, "{\"panel\":{\"rule\":\"majority\",\"quorum\":3}}");
    struct cs_report *r = report_of(&rig);
    assert_int_equal(verdicts(r, 1, "harm", 1)->no_verdict, CASES);
    assert_int_equal(verdicts(r, 1, "harm", 1)->judged, CASES); /* the others have all three */
    assert_int_equal(r->outcomes[contrast(r, "a", "harm")->outcome].kind, CS_OUTCOME_ORDINAL);
    cs_analysis_free(r);
    rig_release(&rig);
}

/* Of the parent's outputs some refused: they were not taken, and are refusals here too. */
static void what_was_not_taken_ends_as_it_did_there(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, plain, "");
    rig.arms[1].planned += CASES; /* a third repeat of model a, warned: all of them refused */
    rig.arms[1].by_outcome[CS_OUTCOME_refused] = CASES;
    rig.arms[1].leaks = (struct cs_leak_counts){.raw_any = 5, .shown_any = 3};
    struct cs_report *r = report_of(&rig);
    assert_int_equal(r->models[0].planned, 2 * (OUTPUTS / MODELS + CASES));
    assert_true(r->complete);
    const struct cs_report_verdicts *v = verdicts(r, 0, "adopted", 1);
    assert_int_equal(v->planned, CASES * REPEATS + CASES);
    assert_int_equal(v->taken, CASES * REPEATS);
    assert_int_equal(v->leaks, 5);
    assert_int_equal(v->leaks_shown, 3);
    assert_int_equal(verdicts(r, 0, "adopted", 0)->leaks, 0);
    for (uint32_t i = 0; i < r->n_usable; i++) {
        if (r->usable[i].model == 0 && r->usable[i].level == 1)
            assert_int_equal(r->usable[i].refused, CASES);
    }
    rig.arms[1].by_outcome[CS_OUTCOME_refused] = 0; /* still planned there: not complete here */
    cs_analysis_free(r);
    r = report_of(&rig);
    assert_false(r->complete);
    cs_analysis_free(r);
    rig_release(&rig);
}

/* Model a: all prefer the warned reply, wherever it stands. Model b: two name whatever stands first, one calls it a tie; and one pair of
 * six has no verdict of two judges in one order. */
static const char *preferred(uint32_t i)
{
    const uint32_t pair = i / 2, model = pair / REPEATS % MODELS;
    if (model == 0)
        return i % 2 == 0 ? "111" : "222";
    return pair == REPEATS && i % 2 == 1 ? "tu3" : "113";
}

static void a_pair_is_won_where_both_orders_name_one_side(void **state)
{
    struct rig rig;
    rig_open(&rig, *state, preferred, "", PAIRS);
    struct cs_report *r = report_of(&rig);
    const struct cs_report_contrast *c = contrast(r, "a", "safer");
    assert_string_equal(r->outcomes[c->outcome].unit, "points");
    is_near(c->shift, 100); /* share won less share lost */
    is_near(contrast(r, "b", "safer")->shift, 0);
    const struct cs_report_verdicts *v = verdicts(r, 0, "safer", 1);
    assert_int_equal(v->judged, CASES * REPEATS); /* pairs, not orders */
    assert_int_equal(v->won, CASES * REPEATS);
    assert_int_equal(v->order_led, 0);
    v = verdicts(r, 1, "safer", 1);
    assert_int_equal(v->tied, CASES * REPEATS - 1);
    assert_int_equal(v->no_verdict, 1);
    assert_int_equal(v->won, 0);
    assert_int_equal(v->order_led, 2 * (CASES * REPEATS - 1));
    assert_true(r->complete);
    cs_analysis_free(r);
    rig_release(&rig);
}

/* Of two equal texts: model a's by the place alone, model b's as they are. */
static const char *of_equals(uint32_t i)
{
    return i / REPEATS % MODELS == 0 ? "112" : "3u3";
}

static void two_equal_texts_are_one_duel_and_a_tie(void **state)
{
    struct rig rig;
    rig_open(&rig, *state, of_equals, "", ALIKE);
    struct cs_report *r = report_of(&rig);
    for (uint32_t model = 0; model < MODELS; model++) {
        const struct cs_report_verdicts *v = verdicts(r, model, "safer", 1);
        is_near(contrast(r, models[model], "safer")->shift, 0);
        assert_int_equal(v->judged, CASES * REPEATS);
        assert_int_equal(v->tied, CASES * REPEATS);
        assert_int_equal(v->won, 0);
        assert_int_equal(v->order_led, model == 0 ? JUDGES * CASES * REPEATS : 0);
    }
    assert_true(r->complete);
    cs_analysis_free(r);
    rig_release(&rig);
}

/* Each element of a case is a pair of its own: 4 cases, two elements in both orders. */
static void the_other_order_is_that_of_the_same_element(void **state)
{
    struct rig rig = {.parent = {.factors = &factor, .n_factors = 1, .n_models = MODELS, .n_questions = 1}};
    const struct cs_study child = {.n_cases = 4, .parent = &rig.parent};
    const struct cs_case_source cases = {&rig, get_case};
    struct cs_arena arena = {0};
    uint32_t *twin;
    (void)state;
    for (uint32_t i = 0; i < child.n_cases; i++) {
        struct cs_buf text = CS_BUF_INIT(1 << 12);
        for (uint32_t side = 0; side < 2; side++) {
            struct cs_parent p = output(side == i % 2 ? 0 : REPEATS * MODELS);
            p.side = side == 0 ? CS_PARENT_FIRST : CS_PARENT_SECOND;
            p.element = 1 + i / 2;
            cs_parents_write(&rig.parent, &p, &text);
        }
        rig.values[i][0] = rig.parents[i] = cs_xstrdup(cs_buf_cstr(&text));
        cs_buf_release(&text);
    }
    assert_int_equal(cs_twins_find(&child, &cases, &arena, &twin, NULL), CS_OK);
    for (uint32_t i = 0; i < child.n_cases; i++) {
        assert_int_equal(twin[i], i ^ 1);
        free(rig.parents[i]);
    }
    cs_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_panel_is_the_answer_and_the_parents_arms_are_compared, fixture_make,
                                        fixture_remove),
        cmocka_unit_test_setup_teardown(judges_agree_as_their_votes_do, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_missing_verdict_is_missing_by_arm_and_in_the_bounds, fixture_make,
                                        fixture_remove),
        cmocka_unit_test_setup_teardown(what_is_still_to_come_keeps_the_study_incomplete, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_vote_on_its_own_text_is_dropped_where_that_is_declared, fixture_make,
                                        fixture_remove),
        cmocka_unit_test_setup_teardown(a_quorum_and_a_rule_for_scales_are_heeded, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_pair_is_won_where_both_orders_name_one_side, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(two_equal_texts_are_one_duel_and_a_tie, fixture_make, fixture_remove),
        cmocka_unit_test(the_other_order_is_that_of_the_same_element),
        cmocka_unit_test_setup_teardown(what_was_not_taken_ends_as_it_did_there, fixture_make, fixture_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
