/* Studies on the wire: they come back whole, foreign ones cannot lead anybody astray, and cases come in bounded chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"
#include "protocol/dialects/request.h"
#include "protocol/wire/spec.h"
#include "protocol/study/study_check.h"
#include "tests/unit/fixture_study.h"

/* ---- where chunks are kept --------------------------------------------------------------------- */

enum { KEPT_MAX = 64 };

struct shelf {
    struct kept {
        uint8_t digest[32];
        uint8_t *bytes;
        uint32_t n;
    } kept[KEPT_MAX];
    uint32_t n, fetched;
    bool later; /* fetching only asks */
};

static enum cs_err keep(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    struct shelf *s = self;
    (void)err;
    assert_true(s->n < KEPT_MAX);
    struct kept *k = &s->kept[s->n++];
    memcpy(k->digest, digest, 32);
    k->bytes = memcpy(cs_xmalloc(n), bytes, n);
    k->n = n;
    return CS_OK;
}

static enum cs_err fetch(void *self, const uint8_t digest[32], void **bytes, uint32_t *n, struct cs_error *err)
{
    struct shelf *s = self;
    s->fetched++;
    if (s->later)
        return cs_error_set(err, CS_EAGAIN, "asked for");
    for (uint32_t i = 0; i < s->n; i++)
        if (memcmp(s->kept[i].digest, digest, 32) == 0) {
            *bytes = memcpy(cs_xmalloc(s->kept[i].n), s->kept[i].bytes, s->kept[i].n);
            *n = s->kept[i].n;
            return CS_OK;
        }
    return cs_error_set(err, CS_ENOENT, "no such chunk");
}

static void shelf_release(struct shelf *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        free(s->kept[i].bytes);
}

/* ---- there and back ---------------------------------------------------------------------------- */

static void assert_same_bodies(const struct cs_study *a, const struct cs_study *b, const struct cs_case_source *cases_a,
                               const struct cs_case_source *cases_b)
{
    struct cs_plan plan_a, plan_b;
    struct cs_requests *ra, *rb;
    cs_plan_init(&plan_a, a);
    cs_plan_init(&plan_b, b);
    assert_int_equal(plan_a.n_trials, plan_b.n_trials);
    assert_int_equal(cs_requests_open(&ra, &plan_a, NULL), CS_OK);
    assert_int_equal(cs_requests_open(&rb, &plan_b, NULL), CS_OK);
    for (uint32_t lane = 0; lane < 2; lane++)
        for (uint32_t i = 0; i < 2; i++) {
            struct cs_cells *x, *y;
            assert_int_equal(cs_cells_make(ra, lane, i, cases_a, true, &x, NULL), CS_OK);
            assert_int_equal(cs_cells_make(rb, lane, i, cases_b, true, &y, NULL), CS_OK);
            assert_int_equal(x->n, y->n);
            for (uint32_t k = 0; k < x->n; k++)
                assert_string_equal(x->body[k], y->body[k]);
            cs_cells_free(x);
            cs_cells_free(y);
        }
    for (uint64_t i = 0; i < plan_a.lanes[0].n_trials; i++)
        assert_int_equal(cs_plan_at(&plan_a, 0, i), cs_plan_at(&plan_b, 0, i));
    cs_requests_close(ra);
    cs_requests_close(rb);
    cs_plan_release(&plan_a);
    cs_plan_release(&plan_b);
}

static void a_study_comes_back_whole(void **state)
{
    (void)state;
    struct cs_study s = fx_study();
    struct cs_case_source source = fx_source();
    struct shelf shelf = {0}, again = {0};
    struct cs_buf bytes = CS_BUF_INIT(CS_SPEC_MAX), second = CS_BUF_INIT(CS_SPEC_MAX);
    struct cs_spec spec;
    uint8_t digest[32];
    assert_int_equal(cs_spec_pack(&s, &source, &bytes, keep, &shelf, NULL), CS_OK);
    assert_int_equal(cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &spec, NULL), CS_OK);
    cs_digest_blake2b_256(bytes.data, bytes.len, digest);
    assert_memory_equal(spec.digest, digest, 32);
    assert_int_equal(spec.n_chunks, 1);
    assert_null(spec.study->accounts[0].truth); /* the simulator's, of one machine */
    assert_null(strstr(spec.study->accounts[0].name, "truth"));
    assert_true(memmem(bytes.data, bytes.len, "truth.yaml", 10) == NULL);
    assert_string_equal(spec.study->accounts[1].key_env, "OLD_KEY");
    assert_null(spec.study->accounts[1].key_file);
    assert_string_equal(spec.study->accounts[1].path, "/d/{model}/chat");
    assert_string_equal(spec.study->accounts[1].headers[0], "X-Project: p");
    assert_int_equal(spec.study->accounts[1].auth, CS_AUTH_API_KEY);
    assert_null(spec.study->factors[ARM].levels[0].order);

    struct cs_chunks *chunks = cs_chunks_open(&spec, fetch, &shelf, 1 << 20);
    struct cs_case_source remote = cs_chunks_source(chunks);
    assert_same_bodies(&s, spec.study, &source, &remote);
    for (uint32_t i = 0; i < s.n_cases; i++) {
        struct cs_case c;
        assert_int_equal(remote.get(remote.self, i, &c, NULL), CS_OK);
        assert_int_equal(c.index, i);
        assert_string_equal(c.id, fx_cases[i].id);
        assert_string_equal(c.cluster, fx_cases[i].cluster);
        for (uint32_t k = 0; k < N_COLUMNS; k++)
            assert_string_equal(c.values[k], fx_cases[i].values[k]);
    }
    /* What came back packs to the same bytes: no field is lost on the way. */
    assert_int_equal(cs_spec_pack(spec.study, &remote, &second, keep, &again, NULL), CS_OK);
    assert_int_equal(second.len, bytes.len);
    assert_memory_equal(second.data, bytes.data, bytes.len);
    cs_chunks_close(chunks);
    cs_spec_release(&spec);
    shelf_release(&shelf);
    shelf_release(&again);
    cs_buf_release(&bytes);
    cs_buf_release(&second);
}

/* A rereading may change how replies are read, and nothing else. */
static void requests_are_compared_without_how_they_are_read(void **state)
{
    (void)state;
    struct cs_case_source source = fx_source();
    struct cs_spec specs[4];
    for (int i = 0; i < 4; i++) {
        struct cs_study s = fx_study();
        struct shelf shelf = {0};
        struct cs_buf bytes = CS_BUF_INIT(CS_SPEC_MAX);
        struct cs_question questions[3];
        struct cs_account accounts[8];
        memcpy(questions, s.questions, s.n_questions * sizeof *questions);
        memcpy(accounts, s.accounts, s.n_accounts * sizeof *accounts);
        questions[0].reads = i == 1 ? CS_READS_LENIENT : CS_READS_UNSAID;
        accounts[0].reads = i == 2 ? CS_READS_STRICT : CS_READS_UNSAID;
        s.seed += i == 3;
        s.questions = questions;
        s.accounts = accounts;
        assert_int_equal(cs_spec_pack(&s, &source, &bytes, keep, &shelf, NULL), CS_OK);
        assert_int_equal(cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &specs[i], NULL), CS_OK);
        shelf_release(&shelf);
        cs_buf_release(&bytes);
    }
    for (int i = 0; i < 4; i++) {
        bool same = i == 3;
        assert_int_equal(cs_spec_same_requests(&specs[0], &specs[i], &same, NULL), CS_OK);
        assert_true(same == (i < 3));
        assert_true(i != 1 || specs[1].study->questions[0].reads == CS_READS_LENIENT); /* it was only looked at */
    }
    for (int i = 0; i < 4; i++)
        cs_spec_release(&specs[i]);
}

/* ---- studies that do not hold together --------------------------------------------------------- */

static const char *const two_lines[] = {"X-A: 1\r\nX-B: 2"}, *const no_value[] = {"X-A"}; /* headers */

struct copy { /* the parts of the fixture that the faults below change */
    struct cs_study s;
    struct cs_factor factors[N_FACTORS];
    struct cs_level group[4], arm[3];
    struct cs_question questions[3];
    struct cs_field choice[2], triage[4];
    struct cs_derived derived[2];
    struct cs_rect rects[2];
    struct cs_arm arms[4];
    struct cs_model models[2];
    struct cs_account accounts[2];
    struct cs_template_set prompts[2];
};

static void copy_fixture(struct copy *c)
{
    c->s = fx_study();
    memcpy(c->factors, fx_factors, sizeof c->factors);
    memcpy(c->group, fx_group, sizeof c->group);
    memcpy(c->arm, fx_arm, sizeof c->arm);
    memcpy(c->questions, fx_questions, sizeof c->questions);
    memcpy(c->choice, fx_choice_fields, sizeof c->choice);
    memcpy(c->triage, fx_triage_fields, sizeof c->triage);
    memcpy(c->derived, fx_choice_derived, sizeof c->derived);
    memcpy(c->rects, fx_rects, sizeof c->rects);
    memcpy(c->arms, fx_rects[0].arms[GROUP], sizeof c->arms);
    memcpy(c->models, fx_models, sizeof c->models);
    memcpy(c->accounts, fx_accounts, sizeof c->accounts);
    memcpy(c->prompts, fx_prompts, sizeof c->prompts);
    c->factors[GROUP].levels = c->group;
    c->factors[ARM].levels = c->arm;
    c->questions[0].fields = c->triage;
    c->questions[1].fields = c->choice;
    c->questions[1].derived = c->derived;
    c->rects[0].arms[GROUP] = c->arms;
    c->s.factors = c->factors;
    c->s.questions = c->questions;
    c->s.rects = c->rects;
    c->s.models = c->models;
    c->s.accounts = c->accounts;
    c->s.prompts = c->prompts;
}

static void pools_come_along(void **state)
{
    static const struct cs_shared_limits pools[] = {{"large", {.input_tokens_per_minute = 2000000}},
                                                    {"all", {.concurrent = 9}}};
    struct copy c;
    struct cs_case_source source = fx_source();
    struct shelf shelf = {0}, second = {0};
    struct cs_buf bytes = CS_BUF_INIT(CS_SPEC_MAX), without = CS_BUF_INIT(CS_SPEC_MAX);
    struct cs_spec spec;
    (void)state;
    copy_fixture(&c);
    assert_int_equal(cs_spec_pack(&c.s, &source, &without, keep, &second, NULL), CS_OK);
    c.accounts[0].pools = pools;
    c.accounts[0].n_pools = 2;
    c.models[0].n_pools = 2;
    c.models[0].pools[0] = 1;
    assert_int_equal(cs_spec_pack(&c.s, &source, &bytes, keep, &shelf, NULL), CS_OK);
    assert_true(bytes.len > without.len + 10);
    assert_int_equal(cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &spec, NULL), CS_OK);
    const struct cs_account *a = &spec.study->accounts[0];
    assert_int_equal(a->n_pools, 2);
    assert_string_equal(a->pools[0].name, "large");
    assert_int_equal(a->pools[0].limits.input_tokens_per_minute, 2000000);
    assert_int_equal(a->pools[1].limits.concurrent, 9);
    assert_int_equal(spec.study->accounts[1].n_pools, 0);
    assert_int_equal(spec.study->models[0].n_pools, 2);
    assert_int_equal(spec.study->models[0].pools[0], 1);
    assert_int_equal(spec.study->models[0].pools[1], 0);
    assert_int_equal(spec.study->models[1].n_pools, 0);
    cs_spec_release(&spec);
    shelf_release(&shelf);
    shelf_release(&second);
    cs_buf_release(&bytes);
    cs_buf_release(&without);
}

static void add_pool(struct copy *c)
{
    c->models[0].pools[c->models[0].n_pools++] = 0; /* its account has none */
}

/* Lists for the faults below. */
static const uint32_t list_0_1_1[] = {0, 1, 1};
static const uint32_t list_0_1_3[] = {0, 1, 3};
static const uint32_t list_0_1_n_columns[] = {0, 1, N_COLUMNS};
static const uint32_t list_0_2[] = {0, 2};
static const uint32_t list_1_1[] = {1, 1};
static const uint32_t list_0_3[] = {0, 3};
static const uint32_t list_0_0[] = {0, 0};
static const uint32_t list_n_columns[] = {N_COLUMNS};

/* Of its servers one has an address of 250 bytes. */
#define FIFTY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
static const char far_list[] = "http://a http://" FIFTY FIFTY FIFTY FIFTY FIFTY;

/* One fault a line. */
#define FAULTS(X)                                                                                                      \
    X(c->accounts[1].base_url = "http://a http://b/\xc3\xbc")                                                          \
    X(c->accounts[1].base_url = far_list)                                                                              \
    X((c->accounts[1].base_url = "http://a http://b", c->accounts[1].protocol = CS_PROTOCOL_HTTP,                      \
       c->accounts[1].service = "{}"))                                                                                 \
    X(c->s.n_cases = 0)                                                                                                \
    X(c->s.n_cases = CS_CASES_MAX + 1)                                                                                 \
    X(c->s.n_questions = 0)                                                                                            \
    X(c->s.n_models = 0)                                                                                               \
    X(c->s.n_rects = 0)                                                                                                \
    X(c->s.n_prompts = 0)                                                                                              \
    X(c->s.n_accounts = 0)                                                                                             \
    X(c->s.prompt_by_column = N_COLUMNS)                                                                               \
    X(c->s.strata = list_n_columns)                                                                                    \
    X(c->models[1].account = 2)                                                                                        \
    X(c->accounts[1].protocol = (enum cs_protocol)9)                                                                   \
    X(c->accounts[1].protocol = CS_PROTOCOLS)                                                                          \
    X(c->accounts[1].response_format = CS_FORMS)                                                                       \
    X(c->accounts[1].n_headers = CS_HEADERS_MAX + 1)                                                                   \
    X(c->accounts[1].headers = two_lines)                                                                              \
    X(c->accounts[1].headers = no_value)                                                                               \
    X(add_pool(c))                                                                                                     \
    X(c->accounts[1].path = "x")                                                                                       \
    X(c->accounts[1].path = "/x y\n")                                                                                  \
    X(c->prompts[1].user = "{{case.nothing}}")                                                                         \
    X(c->prompts[0].system = "{{")                                                                                     \
    X(c->factors[GROUP].into_column = N_COLUMNS)                                                                       \
    X(c->factors[GROUP].into_column = CS_NONE)                                                                         \
    X(c->factors[GROUP].insert_column = 2)                                                                             \
    X(c->factors[GROUP].insert = (enum cs_insert)7)                                                                    \
    X(c->factors[GROUP].anchor = NULL)                                                                                 \
    X(c->factors[GROUP].anchor = "")                                                                                   \
    X(c->factors[LENGTH].into_column = CS_NONE)                                                                        \
    X(c->factors[EVIDENCE].match_column = CS_NONE)                                                                     \
    X(c->factors[EVIDENCE].joined = false)                                                                             \
    X(c->factors[GROUP].joined = true)                                                                                 \
    X(c->group[1].role = (enum cs_role)4)                                                                              \
    X(c->group[1].n_wordings = 0)                                                                                      \
    X(c->group[1].use_column = N_COLUMNS)                                                                              \
    X(c->group[1].text_column = N_COLUMNS)                                                                             \
    X(c->group[1].repeats_times = 0)                                                                                   \
    X(c->arm[1].n_order = 2)                                                                                           \
    X(c->arm[1].order = list_0_1_1)                                                                                    \
    X(c->arm[1].order = list_0_1_3)                                                                                    \
    X(c->arm[1].system = "{{nobody.home}}")                                                                            \
    X(c->choice[0].option_columns = list_0_1_n_columns)                                                                \
    X(c->choice[0].option_columns = NULL)                                                                              \
    X(c->choice[0].order_factor = N_FACTORS)                                                                           \
    X(c->triage[0].order_factor = ARM)                                                                                 \
    X(c->choice[0].kind = (enum cs_field_kind)17)                                                                      \
    X(c->choice[1].min = NAN)                                                                                          \
    X(c->triage[0].n_categories = 0)                                                                                   \
    X(c->triage[0].truth_column = N_COLUMNS)                                                                           \
    X(c->triage[1].n_categories = 1)                                                                                   \
    X(c->derived[0].field = 2)                                                                                         \
    X(c->derived[0].column = N_COLUMNS)                                                                                \
    X(c->derived[1].literal = NULL)                                                                                    \
    X(c->rects[0].repeats = 0)                                                                                         \
    X(c->rects[0].repeats = CS_REPEATS_MAX + 1)                                                                        \
    X(c->rects[0].n_models = 0)                                                                                        \
    X(c->rects[0].models = list_0_2)                                                                                   \
    X(c->rects[0].models = list_1_1)                                                                                   \
    X(c->rects[0].questions = list_0_3)                                                                                \
    X(c->rects[0].questions = list_0_0)                                                                                \
    X(c->rects[0].n_arms[GROUP] = 0)                                                                                   \
    X(c->arms[2].level = 4)                                                                                            \
    X(c->arms[2].level = 1)                                                                                            \
    X(c->arms[2].wording = 1)                                                                                          \
    X(c->arms[2].wording = CS_NONE)                                                                                    \
    X((c->rects[1].repeats = CS_REPEATS_MAX, c->s.n_cases = CS_CASES_MAX))

#define X(change) #change,
static const char *const fault_names[] = {FAULTS(X)};
#undef X

static void apply_fault(struct copy *c, uint32_t which)
{
    uint32_t i = 0;
#define X(change)                                                                                                      \
    if (i++ == which)                                                                                                  \
        (void)(change);
    FAULTS(X)
#undef X
}

static void what_does_not_hold_together_is_refused(void **state)
{
    (void)state;
    struct cs_case_source source = fx_source();
    struct cs_buf bytes = CS_BUF_INIT(CS_SPEC_MAX);
    struct copy c;
    copy_fixture(&c);
    assert_int_equal(cs_study_check(&c.s, NULL), CS_OK);
    for (uint32_t i = 0; i < COUNT(fault_names); i++) {
        struct shelf shelf = {0};
        struct cs_error err = {0};
        copy_fixture(&c);
        apply_fault(&c, i);
        if (cs_study_check(&c.s, &err) == CS_OK)
            fail_msg("accepted: %s", fault_names[i]);
        assert_true(err.msg[0] != '\0');
        assert_int_not_equal(cs_spec_pack(&c.s, &source, &bytes, keep, &shelf, &err), CS_OK);
        assert_int_equal(shelf.n, 0);
    }
    cs_buf_release(&bytes);
}

static void too_large_a_study_is_refused(void **state)
{
    (void)state;
    struct cs_case_source source = fx_source();
    struct shelf shelf = {0};
    struct copy c;
    struct cs_error err;
    struct cs_buf bytes = CS_BUF_INIT(2 * CS_SPEC_MAX);
    char *text = cs_xmalloc(CS_TEXT_MAX + 2);
    memset(text, 't', CS_TEXT_MAX + 1);
    text[CS_TEXT_MAX + 1] = '\0';
    copy_fixture(&c);
    c.s.title = text;
    assert_int_equal(cs_spec_pack(&c.s, &source, &bytes, keep, &shelf, &err), CS_EINVAL); /* one text */
    text[CS_TEXT_MAX] = '\0';
    assert_int_equal(cs_spec_pack(&c.s, &source, &bytes, keep, &shelf, &err), CS_OK);
    for (int i = 0; i < 3; i++)
        c.questions[i].ask = text;
    assert_int_equal(cs_spec_pack(&c.s, &source, &bytes, keep, &shelf, &err), CS_ETOOBIG); /* all together */
    free(text);
    shelf_release(&shelf);
    cs_buf_release(&bytes);
}

/* What is accepted must be safe to use: asserts in plan, render and answer, and ASan, are the judges. */
static void use(const struct cs_spec *spec, struct cs_case_source *cases)
{
    struct cs_plan plan;
    struct cs_requests *r;
    if (spec->study->n_cases != COUNT(fx_cases) || spec->study->n_columns != N_COLUMNS)
        return; /* the cases of this test do not fit it */
    cs_plan_init(&plan, spec->study);
    if (cs_requests_open(&r, &plan, NULL) == CS_OK) {
        for (uint32_t lane = 0; lane < plan.n_lanes; lane++) {
            struct cs_cells *cells;
            if (cs_cells_make(r, lane, 0, cases, false, &cells, NULL) == CS_OK)
                cs_cells_free(cells);
        }
        cs_requests_close(r);
    }
    cs_plan_release(&plan);
}

static void damaged_specs_are_refused_or_safe(void **state)
{
    (void)state;
    struct cs_study s = fx_study();
    struct cs_case_source source = fx_source();
    struct shelf shelf = {0};
    struct cs_buf bytes = CS_BUF_INIT(CS_SPEC_MAX);
    struct cs_rng r = {77};
    uint32_t accepted = 0;
    assert_int_equal(cs_spec_pack(&s, &source, &bytes, keep, &shelf, NULL), CS_OK);
    for (int i = 0; i < 6000; i++) {
        size_t n = cs_rng_below(&r, 8) == 0 ? cs_rng_below(&r, bytes.len) : bytes.len;
        uint8_t *copy = cs_xmalloc(n);
        struct cs_spec spec;
        memcpy(copy, bytes.data, n);
        for (uint64_t k = 1 + cs_rng_below(&r, 3); k > 0 && n > 0; k--) {
            static const uint8_t small[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x0a, 0x90, 0x91, 0xa0, 0xc0};
            uint8_t any = (uint8_t)cs_rng_next(&r);
            copy[cs_rng_below(&r, n)] = any < 128 ? small[any % sizeof small] : any;
        }
        if (cs_spec_unpack(copy, (uint32_t)n, &spec, NULL) == CS_OK) {
            accepted++;
            use(&spec, &source);
            cs_spec_release(&spec);
        } else {
            assert_null(spec.study);
        }
        free(copy);
    }
    assert_true(accepted > 100 && accepted < 6000);
    shelf_release(&shelf);
    cs_buf_release(&bytes);
}

/* ---- chunks ------------------------------------------------------------------------------------ */

enum { MANY = 200, BIG_TEXT = 10000 };

struct many {
    struct shelf shelf;
    struct cs_spec spec;
    char id[16], text[BIG_TEXT]; /* the case that was asked for last */
    const char *values[N_COLUMNS];
};

/* MANY cases of about 10 KB, 26 to a chunk. */
static enum cs_err many_get(void *self, uint32_t index, struct cs_case *out, struct cs_error *err)
{
    struct many *one = self;
    (void)err;
    snprintf(one->id, sizeof one->id, "case-%u", index);
    memset(one->text, 'a' + (int)(index % 26), BIG_TEXT - 1);
    one->text[BIG_TEXT - 1] = '\0';
    for (uint32_t i = 0; i < N_COLUMNS; i++)
        one->values[i] = "";
    one->values[TEXT] = one->text;
    *out = (struct cs_case){index, one->id, one->id, one->values};
    return CS_OK;
}

static void many_open(struct many *m)
{
    struct cs_study s = fx_study();
    struct cs_buf bytes = CS_BUF_INIT(CS_SPEC_MAX);
    struct cs_case_source source = {m, many_get};
    memset(m, 0, sizeof *m);
    s.n_cases = MANY;
    assert_int_equal(cs_spec_pack(&s, &source, &bytes, keep, &m->shelf, NULL), CS_OK);
    assert_int_equal(cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &m->spec, NULL), CS_OK);
    assert_int_equal(m->spec.n_chunks, m->shelf.n);
    assert_int_equal(m->spec.n_chunks, 8);
    for (uint32_t i = 0; i < m->shelf.n; i++)
        assert_true(m->shelf.kept[i].n <= CS_CHUNK_TARGET);
    cs_buf_release(&bytes);
}

static void many_close(struct many *m)
{
    cs_spec_release(&m->spec);
    shelf_release(&m->shelf);
}

static void assert_case(struct cs_case_source *source, uint32_t index)
{
    struct cs_case c;
    char id[16];
    snprintf(id, sizeof id, "case-%u", index);
    assert_int_equal(source->get(source->self, index, &c, NULL), CS_OK);
    assert_int_equal(c.index, index);
    assert_string_equal(c.id, id);
    assert_int_equal(strlen(c.values[TEXT]), BIG_TEXT - 1);
    assert_int_equal(c.values[TEXT][0], 'a' + (int)(index % 26));
}

static void chunks_are_kept_within_bounds(void **state)
{
    (void)state;
    struct many m;
    many_open(&m);
    const uint32_t one = m.shelf.kept[0].n;
    struct cs_chunks *chunks = cs_chunks_open(&m.spec, fetch, &m.shelf, 2 * one + one / 2); /* room for two */
    struct cs_case_source source = cs_chunks_source(chunks);
    const uint32_t a = 0, b = m.spec.chunks[1].first_case, c = m.spec.chunks[2].first_case;
    static const char walk[] = "aabaacaab"; /* a stays, b has made room for c when it is asked for again */
    static const uint32_t fetched[] = {1, 1, 2, 2, 2, 3, 3, 3, 4};
    for (size_t i = 0; walk[i] != '\0'; i++) {
        assert_case(&source, walk[i] == 'a' ? a : walk[i] == 'b' ? b : c);
        assert_int_equal(m.shelf.fetched, fetched[i]);
    }
    for (uint32_t i = 0; i < MANY; i++)
        assert_case(&source, MANY - 1 - i);
    cs_chunks_close(chunks);

    chunks = cs_chunks_open(&m.spec, fetch, &m.shelf, 0); /* the one in use is always kept */
    source = cs_chunks_source(chunks);
    m.shelf.fetched = 0;
    for (uint32_t i = 0; i < MANY; i++)
        assert_case(&source, i);
    assert_int_equal(m.shelf.fetched, m.spec.n_chunks);
    cs_chunks_close(chunks);
    many_close(&m);
}

static void chunks_may_come_later(void **state)
{
    (void)state;
    struct many m;
    struct cs_case c;
    struct cs_error err;
    many_open(&m);
    m.shelf.later = true;
    struct cs_chunks *chunks = cs_chunks_open(&m.spec, fetch, &m.shelf, 1 << 30);
    struct cs_case_source source = cs_chunks_source(chunks);
    const struct kept *k = &m.shelf.kept[3];
    const uint32_t index = m.spec.chunks[3].first_case;
    assert_int_equal(source.get(source.self, index, &c, &err), CS_EAGAIN);

    uint8_t *bad = memcpy(cs_xmalloc(k->n), k->bytes, k->n);
    bad[k->n / 2] ^= 1;
    assert_int_equal(cs_chunks_put(chunks, k->digest, bad, k->n, &err), CS_ECORRUPT);
    assert_int_equal(cs_chunks_put(chunks, k->digest, k->bytes, k->n - 1, &err), CS_ECORRUPT);
    assert_int_equal(cs_chunks_put(chunks, bad, k->bytes, k->n, &err), CS_ECORRUPT); /* a digest that nobody named */
    free(bad);
    assert_int_equal(source.get(source.self, index, &c, &err), CS_EAGAIN);

    assert_int_equal(cs_chunks_put(chunks, k->digest, k->bytes, k->n, &err), CS_OK);
    assert_int_equal(cs_chunks_put(chunks, k->digest, k->bytes, k->n, &err), CS_OK); /* twice: fine */
    assert_case(&source, index);
    assert_case(&source, index + m.spec.chunks[3].n_cases - 1);
    assert_int_equal(source.get(source.self, index - 1, &c, &err), CS_EAGAIN);
    cs_chunks_close(chunks);
    many_close(&m);
}

/* A chunk whose digest is right but whose contents are not: a broken or hostile coordinator. */
static void contents_are_checked_too(void **state)
{
    (void)state;
    struct many m;
    struct cs_error err;
    static const uint8_t one_short[] = {0x91, 0x92, 0xa1, 'x', 0xa1, 'y'};
    many_open(&m);
    cs_digest_blake2b_256(one_short, sizeof one_short, m.spec.chunks[0].digest);
    struct cs_chunks *chunks = cs_chunks_open(&m.spec, fetch, &m.shelf, 1 << 20);
    assert_int_equal(cs_chunks_put(chunks, m.spec.chunks[0].digest, one_short, sizeof one_short, &err), CS_ECORRUPT);
    m.spec.chunks[0].n_cases = 1;
    assert_int_equal(cs_chunks_put(chunks, m.spec.chunks[0].digest, one_short, sizeof one_short, &err), CS_ECORRUPT);
    cs_chunks_close(chunks);
    many_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_study_comes_back_whole),
        cmocka_unit_test(requests_are_compared_without_how_they_are_read),
        cmocka_unit_test(pools_come_along),
        cmocka_unit_test(what_does_not_hold_together_is_refused),
        cmocka_unit_test(too_large_a_study_is_refused),
        cmocka_unit_test(damaged_specs_are_refused_or_safe),
        cmocka_unit_test(chunks_are_kept_within_bounds),
        cmocka_unit_test(chunks_may_come_later),
        cmocka_unit_test(contents_are_checked_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
