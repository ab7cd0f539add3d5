/* Judges against people: which outputs the corrected effect is about, what it leaves open, and when there is none. */
#include "tests/unit/fixture_judged.h"

#include "tools/base/judged_item.h"

static const char calibrated[] =
    "{\"primary\":{\"adopted\":{\"margin\":\"5 points\"}},\"contrasts\":[{\"factor\":\"arm\",\"each\":\"control\"}],"
    "\"calibrate\":{\"adopted\":{\"ratings\":\"imported\"}}}";

/* Control: all judges say yes; warned: none does. */
static const char *by_arm(uint32_t i)
{
    return output(i).levels[0] == 1 ? "nnn" : "yyy";
}

struct people {
    struct cs_sampled sampled;
    struct cs_ratings ratings;
};

static void ask(struct people *p, struct rig *r, uint32_t i, double pi, const char *word)
{
    struct cs_case c;
    struct cs_error err = {0};
    char hex[65], chance[32];
    assert_ok(get_case(r, i, &c, &err));
    const struct cs_digest digest = cs_judged_item_digest(&r->child, &c, 0);
    cs_digest_hex(digest.b, sizeof digest.b, hex);
    snprintf(chance, sizeof chance, "%.17g", pi);
    p->sampled.list = cs_xrealloc(p->sampled.list, p->sampled.n + 1, sizeof *p->sampled.list);
    struct cs_sampled_item *item = &p->sampled.list[p->sampled.n];
    *item = (struct cs_sampled_item){cs_arena_strdup(&p->sampled.arena, hex), "verdict", "all", "1", pi};
    cs_names_put(&p->sampled.digests, item->digest, p->sampled.n++);
    cs_ratings_put(&p->ratings, &(struct cs_rating){.item = hex,
                                                    .digest = hex,
                                                    .model = "panel",
                                                    .question = "verdict",
                                                    .field = "adopted",
                                                    .pass = 1,
                                                    .rater = "ann",
                                                    .rating = word,
                                                    .answer = "",
                                                    .imported = "",
                                                    .sample = "1",
                                                    .pi = chance});
}

static void leave(struct people *p)
{
    cs_ratings_release(&p->ratings);
    free(p->sampled.list);
    cs_names_release(&p->sampled.digests);
    cs_arena_release(&p->sampled.arena);
    *p = (struct people){0};
}

static struct cs_report *corrected(struct rig *r, const struct people *p)
{
    r->child.analysis = calibrated;
    return report_with(r, (struct cs_report_opts){.ratings = &p->ratings, .sampled = &p->sampled});
}

/* Every `step`th text from `from` on, with the chance 1 / step; all are adopted, people say. */
static void ask_every(struct people *p, struct rig *r, uint32_t from, uint32_t step)
{
    for (uint32_t i = from; i < OUTPUTS; i += step)
        ask(p, r, i, 1.0 / step, "Yes");
}

static void a_text_without_a_chance_leaves_no_corrected_effect(void **state)
{
    struct people p = {0};
    struct rig rig;
    rig_make(&rig, *state, by_arm, "");
    ask_every(&p, &rig, 0, 1); /* 48 texts, 48 in the frame: all are yes */
    struct cs_report *r = corrected(&rig, &p);
    is_near(contrast(r, "a", "adopted")->shift, 0);
    assert_int_not_equal(contrast(r, "a", "adopted")->verdict, CS_VERDICT_NONE);
    assert_string_equal(r->corrected[0].why, "");
    cs_analysis_free(r);
    leave(&p);
    ask_every(&p, &rig, 0, 2); /* 24 texts of chance one half */
    r = corrected(&rig, &p);
    assert_string_equal(r->corrected[0].why, "");
    cs_analysis_free(r);
    leave(&p);
    ask_every(&p, &rig, 3, 1); /* three texts were not judged when it was drawn */
    r = corrected(&rig, &p);
    assert_int_equal(contrast(r, "a", "adopted")->verdict, CS_VERDICT_NONE);
    assert_string_equal(contrast(r, "a", "adopted")->why, "the judges' words are not corrected by people's yet");
    assert_non_null(strstr(r->corrected[0].why, "3 texts were judged after the sample was drawn"));
    cs_analysis_free(r);
    snprintf(rig.ids[0], sizeof rig.ids[0], "other"); /* a sampled text that is here no more, and another one */
    ask_every(&p, &rig, 1, OUTPUTS);
    ask_every(&p, &rig, 2, OUTPUTS);
    ask_every(&p, &rig, 0, OUTPUTS);
    snprintf(rig.ids[0], sizeof rig.ids[0], "o0");
    for (uint32_t i = 0; i < p.sampled.n; i++)
        p.sampled.list[i].pi = 1;
    r = corrected(&rig, &p);
    assert_non_null(strstr(r->corrected[0].why, "1 sampled texts are not among those that were judged"));
    cs_analysis_free(r);
    leave(&p);
    rig_release(&rig);
}

/* A third repeat of model a, warned, of which every output ended so, and no judge saw it. */
static void lose(struct rig *r, enum cs_outcome as)
{
    r->arms[1].planned += CASES;
    r->arms[1].by_outcome[as] = CASES;
}

static void what_was_never_judged_counts_as_among_the_judges_own(void **state)
{
    struct people p = {0};
    struct rig rig;
    rig_make(&rig, *state, by_arm, "");
    lose(&rig, CS_OUTCOME_refused);
    ask_every(&p, &rig, 0, 1);
    struct cs_report *r = corrected(&rig, &p);
    const struct cs_report_contrast *c = contrast(r, "a", "adopted");
    /* of three warned outputs two are yes and one is refused; of two control outputs two are */
    is_near(c->rate_level, 2.0 / 3);
    is_near(c->rate_comparator, 1);
    is_near(c->shift, -100.0 / 3);
    is_near(r->corrected[0].judge_shift, -100);
    assert_true(c->bounds.known && fabs(c->bounds.low + 100.0 / 3) < 1e-9 && fabs(c->bounds.high) < 1e-9);
    is_near(contrast(r, "b", "adopted")->shift, 0);
    cs_analysis_free(r);
    leave(&p);
    rig_release(&rig);
}

static void what_failed_stays_in_the_bounds(void **state)
{
    struct people p = {0};
    struct rig rig;
    rig_make(&rig, *state, by_arm, "");
    lose(&rig, CS_OUTCOME_timeout);
    ask_every(&p, &rig, 0, 1);
    struct cs_report *r = corrected(&rig, &p);
    const struct cs_report_contrast *c = contrast(r, "a", "adopted");
    is_near(c->shift, 0); /* of those that came */
    assert_true(c->bounds.known && fabs(c->bounds.low + 100.0 / 3) < 1e-9 && fabs(c->bounds.high) < 1e-9);
    is_near(c->lost_level, 1.0 / 3);
    assert_int_equal(c->verdict, CS_VERDICT_NONE);
    c = contrast(r, "b", "adopted");
    assert_true(c->bounds.known && fabs(c->bounds.low) < 1e-9 && fabs(c->bounds.high) < 1e-9);
    cs_analysis_free(r);
    leave(&p);
    rig_release(&rig);
}

/* In the first half of the cases the panel comes to no verdict on any warned text of model a. */
static const char *silent_in_half(uint32_t i)
{
    const bool silent = i < OUTPUTS / 2 && output(i).levels[0] == 1 && output(i).model == 0;
    return silent ? "tun" : by_arm(i);
}

/* What judges said nothing of is not lost; what failed is, in whatever cases the judges were silent. */
static void silence_of_judges_hides_no_loss(void **state)
{
    struct people p = {0};
    struct rig rig;
    rig_make(&rig, *state, silent_in_half, "");
    ask_every(&p, &rig, 0, 1);
    struct cs_report *r = corrected(&rig, &p);
    const struct cs_report_contrast *c = contrast(r, "a", "adopted");
    is_near(c->lost_level, 0);
    is_near(c->shift, 0);
    assert_true(c->bounds.known && fabs(c->bounds.low) < 1e-9 && fabs(c->bounds.high) < 1e-9);
    assert_int_not_equal(c->verdict, CS_VERDICT_NONE);
    cs_analysis_free(r);
    lose(&rig, CS_OUTCOME_timeout);
    r = corrected(&rig, &p);
    c = contrast(r, "a", "adopted");
    is_near(c->lost_level, 1.0 / 3); /* of three outputs a case one failed, and two are silent or judged */
    assert_int_equal(c->verdict, CS_VERDICT_NONE);
    cs_analysis_free(r);
    rig.child.analysis =
        "{\"primary\":{\"adopted\":{\"margin\":\"5 points\"}},\"contrasts\":[{\"factor\":\"arm\",\"each\":"
        "\"control\",\"by\":[\"ward\"]}],\"calibrate\":{\"adopted\":{\"ratings\":\"imported\"}}}";
    r = report_with(&rig, (struct cs_report_opts){.ratings = &p.ratings, .sampled = &p.sampled});
    uint32_t wards = 0;
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        c = &r->contrasts[i];
        if (c->model != 0 || c->stratum_value[0] == '\0' || strcmp(r->outcomes[c->outcome].name, "adopted") != 0)
            continue;
        is_near(c->lost_level, 1.0 / 3); /* also in ward two, where no judge was silent */
        wards++;
    }
    assert_int_equal(wards, 2);
    cs_analysis_free(r);
    leave(&p);
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_text_without_a_chance_leaves_no_corrected_effect, fixture_make,
                                        fixture_remove),
        cmocka_unit_test_setup_teardown(what_was_never_judged_counts_as_among_the_judges_own, fixture_make,
                                        fixture_remove),
        cmocka_unit_test_setup_teardown(what_failed_stays_in_the_bounds, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(silence_of_judges_hides_no_loss, fixture_make, fixture_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
