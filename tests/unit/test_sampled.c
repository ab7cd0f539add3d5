/* Keys of samples with strata, read again for the corrected effect; what a judged text is called. */
#include "tests/unit/stats_near.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/base/judged_item.h"
#include "tools/base/sampled.h"

static char folder[] = "/tmp/cs-sampled-XXXXXX";

static void write_key(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void put(struct cs_ratings *r, const char *item, const char *sample)
{
    const struct cs_rating rating = {.item = item,
                                     .digest = item,
                                     .model = "j",
                                     .question = "q",
                                     .field = "f",
                                     .pass = 1,
                                     .rater = "ann",
                                     .rating = "Yes",
                                     .answer = "",
                                     .imported = "",
                                     .sample = sample,
                                     .pi = "0.5"};
    assert_false(cs_ratings_put(r, &rating));
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"items-1.csv", "items-2.csv", "items-3.csv", "items-4.csv"};
    char path[128];
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void the_sample_that_was_rated_counts(void **state)
{
    static const char head[] = "item,pass,digest,model,simulated,question,case_id,cluster,sample,pi,stratum,answer.f\n";
    struct cs_ratings ratings = {0};
    struct cs_sampled s;
    struct cs_error err = {0};
    char text[1024];
    (void)state;
    assert_int_equal(cs_sampled_load(&s, folder, &ratings, &err), CS_OK);
    assert_int_equal(s.n, 0);
    cs_sampled_release(&s);
    write_key("items-1.csv",
              "item,pass,digest,model,simulated,question,case_id,cluster\na,1,d0,m,true,q,c,c\n"); /* no strata */
    snprintf(
        text, sizeof text,
        "%si1,1,d1,j,true,q,c1,c,2,0.25,yes,Yes\ni2,1,d2,j,true,q,c2,c,2,0.5,no,No\ni3,2,d2,j,true,q,c2,c,2,0.5,no,No\n",
        head);
    write_key("items-2.csv", text);
    snprintf(text, sizeof text, "%si4,1,d1,j,true,q,c1,c,3,0.75,yes,Yes\n", head);
    write_key("items-3.csv", text);
    put(&ratings, "i4", "3");
    assert_int_equal(cs_sampled_load(&s, folder, &ratings, &err), CS_OK);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.others, 1);
    NEAR(s.list[0].pi, 0.75);
    cs_sampled_release(&s);
    put(&ratings, "i1", "2");
    put(&ratings, "i2", "2");
    assert_int_equal(cs_sampled_load(&s, folder, &ratings, &err), CS_OK);
    assert_int_equal(s.n, 2); /* what comes a second time is one item */
    assert_string_equal(s.list[cs_names_get(&s.digests, "d1")].stratum, "yes");
    NEAR(s.list[cs_names_get(&s.digests, "d2")].pi, 0.5);
    cs_sampled_release(&s);
    snprintf(text, sizeof text, "%si9,1,d9,j,true,q,c1,c,4,1.5,yes,Yes\n", head);
    write_key("items-4.csv", text);
    assert_int_equal(cs_sampled_load(&s, folder, &ratings, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "items-4.csv:2: pi is \"1.5\""));
    cs_sampled_release(&s);
    cs_ratings_release(&ratings);
}

static void a_judged_text_is_called_by_what_was_judged(void **state)
{
    static const char *const columns[] = {"text", "output.text"}, *const same[] = {"A case.", "A reply."},
                             *const other[] = {"A case.", "Another."};
    const struct cs_question questions[] = {{.name = "q"}, {.name = "r"}};
    const struct cs_study study = {.columns = columns, .n_columns = 2, .questions = questions, .n_questions = 2};
    const struct cs_case a = {.id = "c/1", .values = same}, b = {.id = "c/1", .values = other},
                         c = {.id = "c/2", .values = same};
    uint32_t of[CS_JUDGED_TEXTS_MAX];
    (void)state;
    assert_int_equal(cs_judged_item_texts(&study, of), 1);
    assert_int_equal(of[0], 1);
    const struct cs_digest first = cs_judged_item_digest(&study, &a, 0), again = cs_judged_item_digest(&study, &a, 0),
                           text = cs_judged_item_digest(&study, &b, 0), id = cs_judged_item_digest(&study, &c, 0),
                           question = cs_judged_item_digest(&study, &a, 1);
    assert_true(cs_digest_equal(&first, &again));
    assert_false(cs_digest_equal(&first, &text));
    assert_false(cs_digest_equal(&first, &id));
    assert_false(cs_digest_equal(&first, &question));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_that_was_rated_counts),
        cmocka_unit_test(a_judged_text_is_called_by_what_was_judged),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
