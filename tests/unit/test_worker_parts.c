/* The worker's smaller parts: alarms, window, keys, and studies rebuilt from the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/file.h"
#include "protocol/base/rng.h"
#include "protocol/dialects/request.h"
#include "protocol/wire/spec.h"
#include "protocol/load/load.h"
#include "protocol/wire/messages.h"
#include "worker/calls/alarm.h"
#include "protocol/load/keys_env.h"
#include "worker/studies.h"
#include "worker/calls/window.h"

static void alarms_ring_in_order(void **state)
{
    (void)state;
    enum { N = 300 };
    struct cs_alarms all = {0};
    struct cs_alarm a[N] = {0};
    struct cs_rng rng = {7};
    for (int round = 0; round < 50; round++) {
        uint32_t set = 0;
        for (int i = 0; i < 2000; i++) {
            struct cs_alarm *x = &a[cs_rng_below(&rng, N)];
            if (cs_rng_below(&rng, 4) == 0)
                cs_alarm_clear(&all, x);
            else
                cs_alarm_set(&all, x, cs_rng_below(&rng, 1000));
        }
        for (int i = 0; i < N; i++)
            set += a[i].place != 0;
        assert_int_equal(all.n, set);
        uint64_t last = 0;
        while (all.n > 0) {
            uint64_t next = cs_alarm_next(&all);
            assert_true(next >= last);
            assert_null(next > 0 ? cs_alarm_due(&all, next - 1) : NULL);
            struct cs_alarm *x = cs_alarm_due(&all, next);
            assert_int_equal(x->at_ms, next);
            assert_int_equal(x->place, 0);
            last = next;
        }
        assert_int_equal(cs_alarm_next(&all), CS_NEVER);
    }
    cs_alarms_release(&all);
}

static void push(struct cs_window *w, uint32_t len)
{
    struct cs_window_entry e = {.bytes = cs_xcalloc(1, len), .len = len};
    cs_window_push(w, &e);
}

static void pop(struct cs_window *w)
{
    struct cs_window_entry e;
    cs_window_pop(w, &e);
    free(e.bytes);
}

static void window_keeps_its_limits(void **state)
{
    (void)state;
    struct cs_window w;
    cs_window_init(&w, 4, CS_OUTPUT_MAX);
    for (int i = 0; i < 10; i++)
        push(&w, 100);
    assert_false(cs_window_open(&w));
    assert_int_equal(cs_window_sendable(&w, 100, 1 << 20), 4);
    assert_int_equal(cs_window_sendable(&w, 3, 1 << 20), 3);
    assert_int_equal(cs_window_sendable(&w, 100, 250), 2);
    assert_int_equal(cs_window_sendable(&w, 100, 1), 1); /* one goes, whatever its size */
    cs_window_sent(&w, 4);
    assert_int_equal(cs_window_sendable(&w, 100, 1 << 20), 0);
    pop(&w);
    pop(&w);
    assert_int_equal(w.first, 3);
    assert_int_equal(cs_window_sendable(&w, 100, 1 << 20), 2);
    cs_window_rewind(&w, false);
    assert_int_equal(w.first, 3);
    assert_int_equal(cs_window_sendable(&w, 100, 1 << 20), 4);
    cs_window_rewind(&w, true);
    assert_int_equal(w.first, 1);
    cs_window_release(&w);

    cs_window_init(&w, 100, CS_OUTPUT_MAX); /* by bytes */
    push(&w, CS_OUTPUT_MAX - 10);
    push(&w, 20);
    assert_int_equal(cs_window_sendable(&w, 100, CS_MESSAGE_MAX), 1);
    cs_window_sent(&w, 1);
    assert_int_equal(cs_window_sendable(&w, 100, CS_MESSAGE_MAX), 0);
    assert_false(cs_window_open(&w));
    pop(&w);
    assert_true(cs_window_open(&w));
    assert_int_equal(cs_window_sendable(&w, 100, CS_MESSAGE_MAX), 1);
    cs_window_release(&w);
}

static void window_wraps_and_grows(void **state)
{
    (void)state;
    struct cs_window w;
    uint32_t in = 0, out = 0;
    struct cs_rng rng = {3};
    cs_window_init(&w, 100000, 1 << 30);
    for (int i = 0; i < 20000; i++) {
        if (cs_rng_below(&rng, 5) < 3) {
            in++;
            push(&w, in);
        } else if (w.n > 0) {
            assert_int_equal(cs_window_at(&w, 0)->len, ++out);
            pop(&w);
        }
        assert_int_equal(w.n, in - out);
    }
    cs_window_release(&w);
}

/* ---- keys ------------------------------------------------------------------------------------------ */

static char dir[] = "/tmp/clinsafe-worker-XXXXXX";

static char *put_file(const char *name, const char *text)
{
    struct cs_error err;
    char *path = cs_xasprintf("%s/%s", dir, name);
    assert_int_equal(cs_file_write(path, text, strlen(text), 0600, &err), CS_OK);
    return path;
}

static void keys_are_found(void **state)
{
    (void)state;
    struct cs_error err;
    char *key;
    char *file = put_file("key.txt", "from-file \n");
    free(put_file("TEST_CRED_KEY", "from-credential\n"));
    struct cs_account a = {.name = "a"};
    assert_int_equal(cs_keys_env_find(&a, &key, &err), CS_OK);
    assert_null(key); /* none is needed */

    a.key_env = "TEST_NO_SUCH_KEY";
    assert_int_equal(cs_keys_env_find(&a, &key, &err), CS_ENOENT);
    assert_string_equal(err.msg, "no key: set TEST_NO_SUCH_KEY");
    a.key_file = file;
    assert_int_equal(cs_keys_env_find(&a, &key, &err), CS_OK);
    assert_string_equal(key, "from-file");
    cs_keys_env_free(key);

    setenv("CREDENTIALS_DIRECTORY", dir, 1);
    a.key_env = "TEST_CRED_KEY";
    assert_int_equal(cs_keys_env_find(&a, &key, &err), CS_OK);
    assert_string_equal(key, "from-credential");
    cs_keys_env_free(key);
    setenv("TEST_CRED_KEY", "from-environment", 1);
    assert_int_equal(cs_keys_env_find(&a, &key, &err), CS_OK);
    assert_string_equal(key, "from-environment");
    cs_keys_env_free(key);
    setenv("TEST_CRED_KEY", "two\r\nX-Injected: lines", 1);
    assert_int_equal(cs_keys_env_find(&a, &key, &err), CS_EINVAL);
    assert_null(strstr(err.msg, "Injected")); /* what was found is not told */
    assert_null(key);
    unsetenv("TEST_CRED_KEY");
    unsetenv("CREDENTIALS_DIRECTORY");
    a.key_env = NULL;
    a.key_file = "/nonexistent/TEST_CRED_KEY";
    setenv("CREDENTIALS_DIRECTORY", dir, 1);
    assert_int_equal(cs_keys_env_find(&a, &key, &err), CS_OK);
    assert_string_equal(key, "from-credential");
    cs_keys_env_free(key);
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_not_equal(cs_keys_env_find(&a, &key, &err), CS_OK);
    assert_non_null(strstr(err.msg, "no key"));
    free(file);
}

/* ---- studies --------------------------------------------------------------------------------------- */

static const char study_yaml[] = "study: small\ntitle: A small study\nseed: 5\n"
                                 "cases: {file: cases.csv, id: [case_id]}\n"
                                 "factors:\n"
                                 "  - name: group\n"
                                 "    levels: [{id: none, role: control, text: \"\"}, {id: x, text: \"X.\"}]\n"
                                 "    insert: {into: case.text, after_first: \". \"}\n"
                                 "prompt: {system: \"S\", user: \"{{case.text}} {{question.ask}}\"}\n"
                                 "questions:\n"
                                 "  - name: q\n    ask: \"Well?\"\n    answer: {urgent: {boolean: [\"Yes\", \"No\"]}}\n"
                                 "repeats: 2\n"
                                 "models: [sim, real]\n";
static const char providers_yaml[] =
    "accounts:\n"
    "  s: {provider: simulated, protocol: openai-chat}\n"
    "  r: {protocol: openai-chat, base_url: \"https://api.example.com/v1\", key: {env: TEST_STUDY_KEY},\n"
    "      pools: {all: {requests_per_minute: 70}}}\n"
    "models:\n"
    "  sim: {account: s, model: m-1}\n"
    "  real: {account: r, model: m-2, limits: {concurrent: 3}, pools: [all]}\n";

struct parts {
    uint8_t digest[32];
    void *bytes;
    uint32_t n;
};

static enum cs_err keep_chunk(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    struct parts *p = self;
    (void)err;
    assert_null(p->bytes); /* one chunk is enough for this study */
    memcpy(p->digest, digest, 32);
    p->bytes = memcpy(cs_xmalloc(n), bytes, n);
    p->n = n;
    return CS_OK;
}

/* What the source gives for a position must be what the study itself renders. */
static void check_trial(const struct cs_loaded *l, const struct cs_source *source, void *study, uint32_t lane,
                        uint64_t position)
{
    struct cs_error err = {0};
    struct cs_plan plan;
    struct cs_requests *requests;
    struct cs_cells *cells;
    struct cs_coords at;
    struct cs_digest digest;
    struct cs_trial t;
    assert_int_equal(source->trial(source->self, study, lane, position, NULL, 0, &t, &err), CS_OK);
    cs_plan_init(&plan, l->study);
    assert_int_equal(cs_requests_open(&requests, &plan, &err), CS_OK);
    cs_plan_coords(&plan, lane, cs_plan_at(&plan, lane, position), &at);
    assert_int_equal(cs_cells_make(requests, lane, at.case_index, &l->cases, true, &cells, &err), CS_OK);
    cs_cells_trial_digest(cells, l->study, at.cell, at.repeat, &digest);
    assert_true(cs_digest_equal(&digest, &t.digest));
    assert_int_equal(t.body_len, cells->body_len[at.cell]);
    assert_memory_equal(t.body, cells->body[at.cell], t.body_len);
    assert_memory_equal(&t.prompt, cells->body_digest[at.cell], sizeof t.prompt); /* the same for all its repeats */
    cs_cells_free(cells);
    cs_requests_close(requests);
    cs_plan_release(&plan);
}

/* Whose quota: the account and its key. Without its own limits a model draws from the pools that it names. */
static void check_pools(const struct cs_source *s, const uint8_t spec[32], const struct cs_lane_facts f[2])
{
    struct cs_error err = {0};
    struct cs_lane_facts other;
    assert_int_equal(f[0].n_pools, 0);
    assert_int_equal(f[1].n_pools, 2);
    assert_int_equal(f[1].pools[0].limits.concurrent, 3);
    assert_int_equal(f[1].pools[1].limits.requests_per_minute, 70);
    assert_string_not_equal(f[1].pools[0].name, f[1].pools[1].name);
    setenv("TEST_STUDY_KEY", "sk-other", 1);
    assert_int_equal(s->lane(s->self, spec, 1, &other, &err), CS_OK);
    s->release(s->self, other.study);
    assert_string_not_equal(other.group, f[1].group); /* two keys are two quotas */
    assert_string_not_equal(other.pools[1].name, f[1].pools[1].name);
    setenv("TEST_STUDY_KEY", "sk-9", 1);
    assert_int_equal(s->lane(s->self, spec, 1, &other, &err), CS_OK);
    s->release(s->self, other.study);
    assert_string_equal(other.group, f[1].group);
    assert_string_equal(other.pools[1].name, f[1].pools[1].name);
    assert_null(strstr(other.group, "sk-9"));
}

static void check_endpoints(const struct cs_lane_facts f[2])
{
    assert_string_equal(f[0].endpoint->url, "http://127.0.0.1:9/v1/chat/completions");
    assert_true(f[0].endpoint->plain_http);
    assert_null(f[0].endpoint->auth); /* a simulator is sent no key */
    assert_string_equal(f[1].trouble, "no key: set TEST_STUDY_KEY");
    assert_int_equal(f[1].concurrent, 3);
}

static void studies_come_over_the_wire(void **state)
{
    (void)state;
    struct cs_error err = {0};
    struct cs_loaded l = {0};
    struct cs_studies *studies;
    struct cs_lane_facts f[2];
    struct cs_trial t;
    struct parts chunk = {0};
    struct cs_buf spec = CS_BUF_INIT(CS_SPEC_MAX);
    uint8_t spec_digest[32], digest[32];
    uint32_t bytes;
    free(put_file("cases.csv", "case_id,text\na,\"One. Two.\"\nb,\"Three. Four.\"\n"));
    free(put_file("providers.yaml", providers_yaml));
    char *path = put_file("study.yaml", study_yaml);
    if (cs_load_study(path, &(struct cs_load_opts){0}, &l, &err) != CS_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(cs_spec_pack(l.study, &l.cases, &spec, keep_chunk, &chunk, &err), CS_OK);
    cs_digest_blake2b_256(spec.data, spec.len, spec_digest);

    cs_studies_open(&studies, "http://127.0.0.1:9/", NULL);
    struct cs_source s = cs_studies_source(studies);
    assert_int_equal(s.lane(s.self, spec_digest, 0, &f[0], &err), CS_EAGAIN);
    assert_true(s.missing(s.self, digest, &bytes));
    assert_memory_equal(digest, spec_digest, 32);
    assert_false(s.missing(s.self, digest, &bytes));
    assert_int_equal(s.put(s.self, spec_digest, spec.data, (uint32_t)spec.len - 1, &err), CS_ECORRUPT);
    assert_int_equal(s.put(s.self, spec_digest, spec.data, (uint32_t)spec.len, &err), CS_OK);
    for (uint32_t lane = 0; lane < 2; lane++)
        assert_int_equal(s.lane(s.self, spec_digest, lane, &f[lane], &err), CS_OK);
    assert_int_equal(s.lane(s.self, spec_digest, 2, &(struct cs_lane_facts){0}, &err), CS_EINVAL);
    check_endpoints(f);

    assert_int_equal(s.trial(s.self, f[0].study, 0, 0, NULL, 0, &t, &err), CS_EAGAIN);
    assert_true(s.missing(s.self, digest, &bytes));
    assert_memory_equal(digest, chunk.digest, 32);
    assert_int_equal(s.trial(s.self, f[1].study, 1, 0, NULL, 0, &t, &err), CS_EAGAIN); /* while it is on its way */
    assert_int_equal(s.put(s.self, digest, chunk.bytes, chunk.n, &err), CS_OK);
    assert_false(s.missing(s.self, digest, &bytes));
    for (uint64_t position = 0; position < 8; position++)
        check_trial(&l, &s, f[0].study, 0, position);
    assert_int_equal(s.trial(s.self, f[0].study, 0, 8, NULL, 0, &t, &err),
                     CS_EINVAL); /* 2 cases x 2 levels x 2 repeats */
    assert_int_equal(s.parses(s.self, f[0].study, 0, 0, 0, "{\"urgent\":\"Yes\"}", 16).fault, CS_ANSWER_NONE);
    assert_int_equal(s.parses(s.self, f[0].study, 0, 0, 0, "{\"urgent\":\"Yea\"}", 16).fault, CS_ANSWER_WORD);

    setenv("TEST_STUDY_KEY", "sk-9", 1); /* the key was put there, and the lane is loaded again */
    s.release(s.self, f[1].study);
    assert_int_equal(s.lane(s.self, spec_digest, 1, &f[1], &err), CS_OK);
    assert_string_equal(f[1].trouble, "");
    assert_string_equal(f[1].endpoint->auth, "Authorization: Bearer sk-9");
    assert_string_equal(f[1].endpoint->url, "https://api.example.com/v1/chat/completions");
    check_pools(&s, spec_digest, f);
    unsetenv("TEST_STUDY_KEY");
    for (uint32_t lane = 0; lane < 2; lane++)
        s.release(s.self, f[lane].study);
    assert_int_equal(s.lane(s.self, spec_digest, 0, &f[0], &err), CS_EAGAIN); /* forgotten with its last lane */
    cs_studies_close(studies);
    cs_load_release(&l);
    cs_buf_release(&spec);
    free(chunk.bytes);
    free(path);
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"key.txt", "TEST_CRED_KEY", "cases.csv", "providers.yaml", "study.yaml"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = cs_xasprintf("%s/%s", dir, names[i]);
        unlink(path);
        free(path);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alarms_ring_in_order),       cmocka_unit_test(window_keeps_its_limits),
        cmocka_unit_test(window_wraps_and_grows),     cmocka_unit_test(keys_are_found),
        cmocka_unit_test(studies_come_over_the_wire),
    };
    return cmocka_run_group_tests_name("worker parts", tests, make_dir, remove_dir);
}
