/* The simulator over real sockets: answers, every fault as a client meets it, waits, many in flight, a clean end. */
#include <curl/curl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "tools/simulator/server.h"
#include "protocol/base/json.h"

static const char question[] = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";

struct rig {
    struct cs_simulator *simulator;
    struct cs_simulator_server *server;
};

static int start(void **state)
{
    struct rig *r = cs_xcalloc(1, sizeof *r);
    struct cs_error err;
    const struct cs_simulator_opts opts = {.drip_ms = 300};
    const struct cs_simulator_server_opts where = {.host = "127.0.0.1", .threads = 2};
    assert_int_equal(cs_simulator_open(&r->simulator, &opts, &err), CS_OK);
    if (cs_simulator_server_open(&r->server, r->simulator, &where, &err) != CS_OK)
        fail_msg("%s", err.msg);
    *state = r;
    return 0;
}

static int stop(void **state)
{
    struct rig *r = *state;
    cs_simulator_server_close(r->server);
    cs_simulator_close(r->simulator);
    free(r);
    return 0;
}

static size_t collect(char *data, size_t size, size_t n, void *arg)
{
    cs_buf_append(arg, data, size * n);
    return size * n;
}

struct result {
    CURLcode code;
    long status;
    struct cs_buf headers, body;
    uint64_t ms;
};

static void result_release(struct result *r)
{
    cs_buf_release(&r->headers);
    cs_buf_release(&r->body);
}

static CURL *prepare(const struct rig *rig, const char *path, const char *body, struct result *out)
{
    CURL *c = curl_easy_init();
    char url[128];
    *out = (struct result){.headers = CS_BUF_INIT(1 << 16), .body = CS_BUF_INIT(1 << 20)};
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", cs_simulator_server_port(rig->server), path);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &out->body);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, collect);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, &out->headers);
    if (body != NULL) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    }
    return c;
}

static struct result get(const struct rig *rig, const char *path, const char *body, long timeout_ms)
{
    struct result r;
    CURL *c = prepare(rig, path, body, &r);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, timeout_ms);
    const uint64_t from = cs_clock_mono_ms();
    r.code = curl_easy_perform(c);
    r.ms = cs_clock_mono_ms() - from;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &r.status);
    curl_easy_cleanup(c);
    return r;
}

static struct result ask(const struct rig *rig)
{
    return get(rig, "/v1/chat/completions", question, 20000);
}

static void control(const struct rig *rig, const char *json)
{
    struct result r = get(rig, "/control", json, 20000);
    assert_int_equal(r.status, 200);
    result_release(&r);
}

static int64_t stat_of(const struct rig *rig, const char *key)
{
    struct result r = get(rig, "/stats", NULL, 20000);
    struct cs_json *root = cs_json_loads(cs_buf_cstr(&r.body), 0, NULL);
    const struct cs_json *v = cs_json_object_get(root, key);
    if (v == NULL)
        v = cs_json_object_get(cs_json_object_get(root, "faults"), key);
    assert_true(cs_json_is_integer(v));
    const int64_t n = cs_json_integer_value(v);
    cs_json_decref(root);
    result_release(&r);
    return n;
}

static void assert_status(struct result r, long status, const char *contains)
{
    assert_int_equal(r.code, CURLE_OK);
    assert_int_equal(r.status, status);
    if (strstr(cs_buf_cstr(&r.body), contains) == NULL)
        fail_msg("%s: does not contain %s", cs_buf_cstr(&r.body), contains);
    result_release(&r);
}

static void routes(void **state)
{
    const struct rig *rig = *state;
    assert_status(get(rig, "/healthz", NULL, 20000), 200, "\"ok\"");
    assert_status(ask(rig), 200, "\"object\":\"chat.completion\"");
    assert_status(get(rig, "/chat/completions", question, 20000), 200, "\"model\":\"m\"");
    assert_status(get(rig, "/v1/models", NULL, 20000), 200, "\"id\":\"m\"");
    assert_status(get(rig, "/v1/chat/completions", NULL, 20000), 405, "\"error\"");
    assert_status(get(rig, "/v2/x", NULL, 20000), 404, "\"error\"");
    assert_status(get(rig, "/control", "{\"x\":1}", 20000), 400, "control: x");
    struct result r = ask(rig);
    assert_non_null(strcasestr(cs_buf_cstr(&r.headers), "content-type: application/json"));
    assert_non_null(strcasestr(cs_buf_cstr(&r.headers), "\nx-request-id: req_"));
    assert_non_null(strcasestr(cs_buf_cstr(&r.headers), "\nopenai-processing-ms: "));
    result_release(&r);
    assert_int_equal(stat_of(rig, "requests"), 3);
    assert_int_equal(stat_of(rig, "in_flight"), 0);
}

static void bodies_up_to_thirty_two_mebibytes(void **state)
{
    const struct rig *rig = *state;
    char *body = cs_xmalloc((33 << 20) + 1);
    memset(body, ' ', 33 << 20);
    body[33 << 20] = '\0';
    assert_status(get(rig, "/v1/chat/completions", body, 20000), 413, "32 MiB");
    body[32 << 20] = '\0';
    memcpy(body, question, sizeof question - 1);
    assert_status(get(rig, "/v1/chat/completions", body, 20000), 200, "chat.completion");
    free(body);
}

static void faults_with_a_status(void **state)
{
    const struct rig *rig = *state;
    control(rig, "{\"faults\":{\"rate_limited\":1}}");
    struct result r = ask(rig);
    assert_non_null(strcasestr(cs_buf_cstr(&r.headers), "\nretry-after: 1"));
    assert_non_null(strcasestr(cs_buf_cstr(&r.headers), "\nretry-after-ms: 100"));
    assert_status(r, 429, "rate_limit_exceeded");
    control(rig, "{\"faults\":{\"quota\":1}}");
    assert_status(ask(rig), 429, "insufficient_quota");
    control(rig, "{\"faults\":{\"server_error\":1}}");
    assert_status(ask(rig), 500, "server_error");
    control(rig, "{\"faults\":{\"unavailable\":1}}");
    assert_status(ask(rig), 503, "server_is_overloaded");
    control(rig, "{\"faults\":{\"overloaded\":1}}");
    assert_status(ask(rig), 529, "Overloaded");
}

static void reset_is_seen_as_a_reset(void **state)
{
    const struct rig *rig = *state;
    control(rig, "{\"faults\":{\"reset\":1}}");
    for (int i = 0; i < 20; i++) {
        struct result r = ask(rig);
        assert_int_equal(r.code, CURLE_RECV_ERROR); /* CURLE_GOT_NOTHING would be an orderly end */
        result_release(&r);
    }
    assert_int_equal(stat_of(rig, "reset"), 20);
    assert_int_equal(stat_of(rig, "in_flight"), 0);
}

static void hang_lasts_until_the_client_leaves(void **state)
{
    const struct rig *rig = *state;
    control(rig, "{\"faults\":{\"hang\":1}}");
    struct result r = get(rig, "/v1/chat/completions", question, 2000);
    assert_int_equal(r.code, CURLE_OPERATION_TIMEDOUT);
    assert_int_equal(r.headers.len, 0);
    result_release(&r);
    for (int i = 0; stat_of(rig, "in_flight") > 0; i++) { /* the server notices within a moment */
        assert_true(i < 500);
        usleep(20000);
    }
    assert_int_equal(stat_of(rig, "hang"), 1);
}

static void truncated_has_the_right_length_and_half_the_body(void **state)
{
    const struct rig *rig = *state;
    control(rig, "{\"faults\":{\"truncated\":1}}");
    struct result r = ask(rig);
    const char *length = strcasestr(cs_buf_cstr(&r.headers), "content-length: ");
    assert_int_equal(r.code, CURLE_PARTIAL_FILE);
    assert_non_null(length);
    assert_int_equal(r.body.len, strtoul(length + 16, NULL, 10) / 2);
    result_release(&r);
    assert_int_equal(stat_of(rig, "answered"), 0);
}

static void malformed_is_complete_but_not_json(void **state)
{
    const struct rig *rig = *state;
    control(rig, "{\"faults\":{\"malformed\":1}}");
    struct result r = ask(rig);
    assert_int_equal(r.code, CURLE_OK);
    assert_int_equal(r.status, 200);
    assert_null(cs_json_loads(cs_buf_cstr(&r.body), 0, NULL));
    result_release(&r);
}

static void drip_is_slow_and_whole(void **state)
{
    const struct rig *rig = *state;
    control(rig, "{\"faults\":{\"drip\":1}}");
    struct result r = ask(rig);
    assert_true(r.ms >= 250);
    assert_status(r, 200, "\"system_fingerprint\"");
    control(rig, "{\"drip_ms\":20000}"); /* now slower than a byte a tick */
    r = get(rig, "/v1/chat/completions", question, 3000);
    assert_int_equal(r.code, CURLE_OPERATION_TIMEDOUT);
    assert_in_range(r.body.len, 10, 400);
    result_release(&r);
}

static void latency_is_waited(void **state)
{
    const struct rig *rig = *state;
    control(rig, "{\"latency\":{\"median_ms\":200}}");
    struct result r = ask(rig);
    assert_in_range(r.ms, 195, 5000);
    assert_non_null(strcasestr(cs_buf_cstr(&r.headers), "openai-processing-ms: 201"));
    assert_status(r, 200, "chat.completion");
}

/* More requests at once than there are threads, by far: one multi handle, all of them waiting together. */
static void many_wait_together(void **state)
{
    enum { N = 400 };
    const struct rig *rig = *state;
    static CURL *easy[N];
    static struct result results[N];
    CURLM *multi = curl_multi_init();
    int running = 1, left, done = 0;
    control(rig, "{\"latency\":{\"median_ms\":4000}}");
    const uint64_t from = cs_clock_mono_ms();
    for (int i = 0; i < N; i++) {
        easy[i] = prepare(rig, "/v1/chat/completions", question, &results[i]);
        curl_multi_add_handle(multi, easy[i]);
    }
    while (running > 0) {
        curl_multi_perform(multi, &running);
        if (running > 0)
            curl_multi_poll(multi, NULL, 0, 100, NULL);
    }
    for (CURLMsg *m; (m = curl_multi_info_read(multi, &left)) != NULL;)
        done += m->msg == CURLMSG_DONE && m->data.result == CURLE_OK;
    assert_int_equal(done, N);
    assert_true(cs_clock_mono_ms() - from < 20000);
    assert_in_range(stat_of(rig, "peak_in_flight"), N * 9 / 10, N);
    assert_int_equal(stat_of(rig, "answered"), N);
    for (int i = 0; i < N; i++) {
        curl_multi_remove_handle(multi, easy[i]);
        curl_easy_cleanup(easy[i]);
        result_release(&results[i]);
    }
    curl_multi_cleanup(multi);
}

static void *hang_for_ever(void *rig)
{
    struct result r = get(rig, "/v1/chat/completions", question, 30000);
    result_release(&r);
    return NULL;
}

static void closes_at_once_with_calls_in_flight(void **state)
{
    struct rig *rig = *state;
    pthread_t threads[8];
    control(rig, "{\"faults\":{\"hang\":0.5},\"latency\":{\"median_ms\":60000}}");
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hang_for_ever, rig), 0);
    while (stat_of(rig, "in_flight") < 8)
        usleep(10000);
    const uint64_t from = cs_clock_mono_ms();
    cs_simulator_server_close(rig->server);
    assert_true(cs_clock_mono_ms() - from < 5000);
    rig->server = NULL;
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
}

static void refuses_an_address_that_is_none(void **state)
{
    const struct rig *rig = *state;
    struct cs_simulator_server *s;
    struct cs_error err;
    const struct cs_simulator_server_opts name = {.host = "example.org"};
    const struct cs_simulator_server_opts taken = {.host = "127.0.0.1", .port = cs_simulator_server_port(rig->server)};
    assert_int_equal(cs_simulator_server_open(&s, rig->simulator, &name, &err), CS_EINVAL);
    assert_int_equal(cs_simulator_server_open(&s, rig->simulator, &taken, &err), CS_EIO);
    assert_null(s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(routes),
        TEST(bodies_up_to_thirty_two_mebibytes),
        TEST(faults_with_a_status),
        TEST(reset_is_seen_as_a_reset),
        TEST(hang_lasts_until_the_client_leaves),
        TEST(truncated_has_the_right_length_and_half_the_body),
        TEST(malformed_is_complete_but_not_json),
        TEST(drip_is_slow_and_whole),
        TEST(latency_is_waited),
        TEST(many_wait_together),
        TEST(closes_at_once_with_calls_in_flight),
        TEST(refuses_an_address_that_is_none),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
