/* Which secret of a worker goes where: hosts of URLs, and a worker's own file against what studies name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "protocol/base/file.h"
#include "protocol/load/permits.h"
#include "protocol/study/address.h"

static void test_hosts(void **state)
{
    static const struct {
        const char *url, *host; /* NULL: none */
        bool local;
    } urls[] = {
        {"https://api.example.com/v1", "api.example.com", false},
        {"https://API.Example.com:443", "api.example.com", false},
        {"https://api.example.com:8443/v1", "api.example.com:8443", false},
        {"http://127.0.0.1:8000/v1", "127.0.0.1:8000", true},
        {"http://127.8.9.10/", "127.8.9.10", true},
        {"http://LOCALHOST:80/v1", "localhost", true},
        {"http://[::1]:8000/v1", "[::1]:8000", true},
        {"http://[::1]", "[::1]", true},
        {"http://127.evil.com/v1", "127.evil.com", false},
        {"http://127.0.0.1.evil.com", "127.0.0.1.evil.com", false},
        {"http://localhost.evil.com", "localhost.evil.com", false},
        {"http://127.1/", "127.1", false}, /* no address as we read them */
        {"http://2130706433/", "2130706433", false},
        {"http://0.0.0.0:80/", "0.0.0.0", false},
        {"http://localhost@evil.com/", NULL, false},
        {"http://127.0.0.1:80@evil.com/", NULL, false},
        {"http:///v1", NULL, false},
        {"http://:80/v1", NULL, false},
        {"http://[::1/v1", NULL, false},
        {"ftp://localhost/", NULL, false},
    };
    char host[CS_ADDRESS_HOST_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        if (cs_address_is_local(urls[i].url) != urls[i].local)
            fail_msg("%s", urls[i].url);
        assert_int_equal(cs_address_host(urls[i].url, host), urls[i].host != NULL);
        if (urls[i].host != NULL)
            assert_string_equal(host, urls[i].host);
    }
}

static enum cs_err load(const char *text, struct cs_permits **out, struct cs_error *err)
{
    char path[] = "/tmp/cs-permits-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(cs_file_write(path, text, strlen(text), 0600, err), CS_OK);
    enum cs_err rc = cs_permits_load(path, out, err);
    unlink(path);
    return rc;
}

static void test_what_may_go_where(void **state)
{
    static const char file[] = "api.openai.com: {env: OPENAI_API_KEY}\n"
                               "api.example.com:8443: [{file: /etc/one.key}, {credential: two}]\n"
                               "localhost:8000: none\n"
                               "10.0.0.9: {env: VLLM, insecure_network: yes}\n"
                               "10.0.0.8: {env: VLLM}\n";
    static const struct {
        const char *url, *env, *file;
        bool insecure, ok;
    } cases[] = {
        {"https://api.openai.com/v1", "OPENAI_API_KEY", NULL, false, true},
        {"https://API.openai.com:443/v1", "OPENAI_API_KEY", NULL, false, true},
        {"https://api.openai.com/v1", NULL, NULL, false, true}, /* without a key: nothing to lose */
        {"https://api.openai.com/v1", "AWS_SECRET", NULL, false, false},
        {"https://api.openai.com/v1", NULL, "/etc/passwd", false, false},
        {"https://api.openai.com:8443/v1", "OPENAI_API_KEY", NULL, false, false},
        {"https://evil.example/v1", "OPENAI_API_KEY", NULL, false, false},
        {"https://api.openai.com.evil.example/v1", "OPENAI_API_KEY", NULL, false, false},
        {"https://evil.example/v1", NULL, NULL, false, false}, /* a host that is not listed */
        {"https://api.example.com:8443", NULL, "/etc/one.key", false, true},
        {"https://api.example.com:8443", "two", NULL, false, true},
        {"https://api.example.com:8443", NULL, "/elsewhere/two", false, true}, /* the credential of that name */
        {"https://api.example.com:8443", NULL, "/etc/other.key", false, false},
        {"http://localhost:8000/v1", NULL, NULL, false, true},
        {"http://localhost:8000/v1", "OPENAI_API_KEY", NULL, false, false},
        {"http://10.0.0.9/v1", "VLLM", NULL, true, true},
        {"http://10.0.0.8/v1", "VLLM", NULL, true, false}, /* the study alone does not make it so */
    };
    struct cs_permits *p = NULL;
    struct cs_error err = {0};
    (void)state;
    assert_int_equal(load(file, &p, &err), CS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cs_account a = {.name = "a",
                                     .base_url = cases[i].url,
                                     .key_env = cases[i].env,
                                     .key_file = cases[i].file,
                                     .insecure_network = cases[i].insecure};
        err = (struct cs_error){0};
        const enum cs_err rc = cs_permits_check(p, &a, &err);
        if (rc != (cases[i].ok ? CS_OK : CS_EDENIED))
            fail_msg("%zu %s: %s", i, cases[i].url, err.msg);
        assert_int_equal(cs_permits_check(NULL, &a, &err), CS_OK); /* one's own machine */
    }
    const struct cs_account evil = {.name = "a", .base_url = "https://evil.example", .key_env = "OPENAI_API_KEY"};
    assert_int_equal(cs_permits_check(p, &evil, &err), CS_EDENIED);
    assert_non_null(strstr(err.msg, "`evil.example: {env: OPENAI_API_KEY}`")); /* the line to write */
    const struct cs_account proxied = {.name = "a",
                                       .base_url = "https://api.openai.com",
                                       .key_env = "OPENAI_API_KEY",
                                       .proxy = "http://evil.example:1"};
    assert_int_equal(cs_permits_check(p, &proxied, &err), CS_EDENIED);
    cs_permits_free(p);
}

/* A worker of a cluster without a file sends no secret anywhere; what needs none, it does. */
static void test_no_file(void **state)
{
    struct cs_permits *p = NULL;
    struct cs_error err = {0};
    const struct cs_account keyed = {.name = "a", .base_url = "https://api.openai.com", .key_env = "K"},
                            plain = {.name = "b", .base_url = "http://localhost:8000"},
                            simulated = {.name = "c", .base_url = "", .simulated = true};
    (void)state;
    assert_int_equal(cs_permits_load(NULL, &p, &err), CS_OK);
    assert_int_equal(cs_permits_check(p, &keyed, &err), CS_EDENIED);
    assert_non_null(strstr(err.msg, "--keys keys.yaml"));
    assert_int_equal(cs_permits_check(p, &plain, &err), CS_OK);
    assert_int_equal(cs_permits_check(p, &simulated, &err), CS_OK);
    cs_permits_free(p);
}

static void test_faulty_files(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"api.example.com: sk-12345678\n", ":1:18: a key is never written here"},
        {"https://api.example.com: none\n", ":1:1: want a host"},
        {"\"*\": none\n", ":1:1: want a host"},
        {"a.b: {env: A, file: /b}\n", ":1:6: one secret an entry"},
        {"a.b: {file: b}\n", "want a whole path"},
        {"a.b: {environment: A}\n", ":1:7:"},
        {"- a.b\n", ":1:1:"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cs_permits *p = NULL;
        struct cs_error err = {0};
        assert_int_equal(load(bad[i].text, &p, &err), CS_EINVAL);
        assert_null(p);
        if (strstr(err.msg, bad[i].says) == NULL || strstr(err.msg, "12345678") != NULL)
            fail_msg("%s: %s", bad[i].text, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_what_may_go_where),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_faulty_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
