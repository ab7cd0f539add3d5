/* providers.yaml: where it is found, accounts, prices, limits; and how parameters are laid over one another. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "protocol/base/buf.h"
#include "protocol/load/params.h"
#include "protocol/load/providers.h"
#include "protocol/load/load.h"
#include "tests/unit/fixture_files.h"

static struct folder dir;
static struct cs_arena arena;
static struct cs_providers p;
static struct cs_error err;

static enum cs_err load(const char *text)
{
    return cs_providers_load(folder_put(&dir, "p.yaml", text), &arena, &p, &err);
}

static void account_gives(const char *account, enum cs_err rc)
{
    struct cs_buf b = CS_BUF_INIT(4096);
    cs_buf_printf(&b, "accounts: {a: {%s}}\nmodels: {m: {account: a, model: x}}\n", account);
    if (load(cs_buf_cstr(&b)) != rc)
        print_error("%s: %s\n", account, err.msg);
    assert_int_equal(load(cs_buf_cstr(&b)), rc);
    cs_buf_release(&b);
}

static void accounts_and_models(void **state)
{
    (void)state;
    assert_int_equal(
        load(
            "accounts:\n"
            "  gw: {protocol: openai-chat, base_url: \"https://h.example/v1/\", key: {env: GW_KEY}, ca_file: ca.pem,\n"
            "       proxy: \"http://p:8080\", max_tokens_field: max_tokens, confidential: approved,\n"
            "       limits: {requests_per_minute: 500, tokens_per_day: 9000000000, concurrent: 64}}\n"
            "  sim: {provider: simulated, truth: p.yaml}\n"
            "models:\n"
            "  big: {account: gw, model: big-2026, price: {input: 1.25, cached: 0.125, cache_write: 1.6, output: 10},\n"
            "        limits: {requests_per_minute: 60}}\n"
            "  free: {account: sim, model: f}\n"),
        CS_OK);
    const struct cs_account *gw = &p.accounts[0], *sim = &p.accounts[1];
    char expected[PATH_MAX];
    assert_string_equal(gw->base_url, "https://h.example/v1");
    assert_string_equal(gw->key_env, "GW_KEY");
    assert_string_equal(gw->max_tokens_field, "max_tokens");
    assert_string_equal(gw->ca_file, folder_file(&dir, "ca.pem"));
    assert_true(gw->confidential_ok);
    assert_false(gw->simulated);
    assert_true(sim->simulated);
    assert_string_equal(sim->base_url, "");
    assert_non_null(realpath(folder_file(&dir, "p.yaml"), expected));
    assert_string_equal(sim->truth, expected);
    const struct cs_provider_model *big = &p.models[0];
    assert_int_equal(big->price.input, 1250); /* nano-USD per token */
    assert_int_equal(big->price.cached, 125);
    assert_int_equal(big->price.cache_write, 1600);
    assert_int_equal(big->price.request, 0);
    assert_int_equal(big->limits.requests_per_minute, 60); /* the model's over the account's */
    assert_int_equal(big->limits.tokens_per_day, 9000000000);
    assert_int_equal(big->limits.concurrent, 64);
    assert_int_equal(p.models[1].price.output, -1);
    assert_int_equal(p.models[1].price.cache_write, -1); /* a study knows what it is then */
}

static void models_share_the_pools_that_they_name(void **state)
{
    (void)state;
    assert_int_equal(
        load(
            "accounts:\n"
            "  v: {protocol: anthropic-messages, base_url: \"https://h.example/v1\", limits: {requests_per_minute: 9},\n"
            "      pools: {large: {input_tokens_per_minute: 2000000}, all: {concurrent: 50}}}\n"
            "models:\n"
            "  a: {account: v, model: a-1, pools: [large, all]}\n"
            "  b: {account: v, model: b-1, pools: [all]}\n"
            "  c: {account: v, model: c-1}\n"),
        CS_OK);
    assert_int_equal(p.accounts[0].n_pools, 2);
    assert_string_equal(p.accounts[0].pools[1].name, "all");
    assert_int_equal(p.accounts[0].pools[0].limits.input_tokens_per_minute, 2000000);
    assert_int_equal(p.accounts[0].pools[0].limits.requests_per_minute, 0); /* limits are each model's own */
    assert_int_equal(p.accounts[0].pools[1].limits.concurrent, 50);
    assert_int_equal(p.models[0].n_pools, 2);
    assert_int_equal(p.models[0].pools[1], 1);
    assert_int_equal(p.models[0].limits.requests_per_minute, 9);
    assert_int_equal(p.models[1].n_pools, 1);
    assert_int_equal(p.models[1].pools[0], 1);
    assert_int_equal(p.models[2].n_pools, 0);
    assert_int_equal(load("accounts: {v: {provider: simulated, pools: {all: {concurrent: 5}}}}\n"
                          "models: {a: {account: v, model: a-1, pools: [al]}}\n"),
                     CS_EINVAL);
    assert_non_null(strstr(err.msg, "account \"v\" has no pool \"al\""));
    assert_non_null(strstr(err.msg, "all"));
    assert_int_equal(load("accounts: {v: {provider: simulated, pools: {all: {concurrent: 5}}}}\n"
                          "models: {a: {account: v, model: a-1, pools: [all, all]}}\n"),
                     CS_EINVAL);
    account_gives("provider: simulated, pools: {all: {}}", CS_EINVAL);
    account_gives("provider: simulated, pools: {all: {rpm: 5}}", CS_EINVAL);
    account_gives("provider: simulated, pools: [all]", CS_EINVAL);
}

static void urls_must_be_https_or_this_machine(void **state)
{
    (void)state;
    account_gives("base_url: \"https://api.example.com/v1\"", CS_OK);
    account_gives("base_url: \"http://127.0.0.1:8080/v1\"", CS_OK);
    account_gives("base_url: \"http://localhost/v1\"", CS_OK);
    account_gives("base_url: \"http://[::1]:80\"", CS_OK);
    account_gives("base_url: \"http://api.example.com/v1\"", CS_EINVAL);
    account_gives("base_url: \"http://localhost.example.com\"", CS_EINVAL);
    account_gives("base_url: \"http://127.0.0.1.example.com\"", CS_EINVAL);
    account_gives("base_url: \"http://127.0.0.1@example.com\"", CS_EINVAL);
    account_gives("base_url: \"http://localhost:80@example.com\"", CS_EINVAL);
    account_gives("base_url: \"https://user:secret@example.com\"", CS_EINVAL);
    account_gives("base_url: \"https://\"", CS_EINVAL);
    account_gives("base_url: \"https://example.com/v1?key=1\"", CS_EINVAL);
    account_gives("base_url: \"ftp://example.com\"", CS_EINVAL);
    account_gives("protocol: openai-chat", CS_EINVAL);
}

static void a_key_is_named_never_written(void **state)
{
    (void)state;
    account_gives("base_url: \"https://e.example\", key: {file: key.txt}", CS_OK);
    assert_string_equal(p.accounts[0].key_file, folder_file(&dir, "key.txt"));
    account_gives("base_url: \"https://e.example\", key: sk-very-secret", CS_EINVAL);
    assert_null(strstr(err.msg, "very-secret"));
    account_gives("base_url: \"https://e.example\", key: {env: sk-very-secret}", CS_EINVAL);
    assert_null(strstr(err.msg, "very-secret"));
    account_gives("base_url: \"https://e.example\", key: {env: A, file: b}", CS_EINVAL);
    account_gives("provider: simulated, key: {env: A}", CS_EINVAL);
    account_gives("base_url: \"https://e.example\", truth: p.yaml", CS_EINVAL);
}

/* ---- where the file is ------------------------------------------------------------------------ */

static void the_file_is_found_in_order(void **state)
{
    (void)state;
    const char *path;
    struct folder home;
    char sub[512];
    folder_open(&home);
    snprintf(sub, sizeof sub, "%s/clinsafe", home.path);
    assert_int_equal(setenv("XDG_CONFIG_HOME", home.path, 1), 0);
    char study[512];
    snprintf(study, sizeof study, "%s/study.yaml", dir.path);

    assert_int_equal(cs_providers_find(study, NULL, &arena, &path, &err), CS_ENOENT);
    assert_non_null(strstr(err.msg, dir.path)); /* both places are named */
    assert_non_null(strstr(err.msg, home.path));

    assert_int_equal(mkdir(sub, 0700), 0);
    folder_put(&home, "clinsafe/providers.yaml", "x");
    assert_int_equal(cs_providers_find(study, NULL, &arena, &path, &err), CS_OK);
    assert_memory_equal(path, sub, strlen(sub));

    folder_put(&dir, "providers.yaml", "x");
    assert_int_equal(cs_providers_find(study, NULL, &arena, &path, &err), CS_OK);
    assert_string_equal(path, folder_file(&dir, "providers.yaml"));
    assert_int_equal(cs_providers_find(study, "given.yaml", &arena, &path, &err), CS_OK);
    assert_string_equal(path, "given.yaml");

    unlink(folder_file(&dir, "providers.yaml"));
    unlink(folder_file(&home, "clinsafe/providers.yaml"));
    assert_int_equal(rmdir(sub), 0);
    folder_close(&home);
}

/* ---- parameters ------------------------------------------------------------------------------- */

static const struct cs_node *node(const char *text)
{
    const struct cs_yaml *doc;
    if (text == NULL)
        return NULL;
    assert_int_equal(cs_yaml_parse("p", text, strlen(text), &arena, &doc, &err), CS_OK);
    return doc->root;
}

static struct cs_params lay(const char *provider, const char *study, const char *entry)
{
    struct cs_params out;
    assert_int_equal(cs_params_of_model(node(provider), node(study), node(entry), &arena, &out, &err), CS_OK);
    return out;
}

static void parameters_are_laid_over_one_another(void **state)
{
    (void)state;
    struct cs_params out = lay(NULL, NULL, NULL);
    assert_string_equal(out.json, "{}");
    assert_int_equal(out.timeout_ms, 120000);
    assert_int_equal(out.max_output_tokens, 0);

    out = lay("{top_p: 0.9, max_output_tokens: 100}",
              "{temperature: 0.7, top_p: 0.5, max_output_tokens: 400, timeout_s: 1.5}", "{temperature: 1, seed: 7}");
    assert_string_equal(out.json, "{\"top_p\":0.5,\"temperature\":1,\"seed\":7}");
    assert_int_equal(out.max_output_tokens, 400);
    assert_int_equal(out.timeout_ms, 1500);
}

static void omit_takes_a_parameter_away(void **state)
{
    (void)state;
    assert_string_equal(lay(NULL, "{temperature: 0.7, top_p: 1}", "{temperature: omit}").json,
                        "{\"top_p\":1,\"temperature\":\"omit\"}"); /* the mark is for levels: parameters.h */
    assert_int_equal(lay(NULL, "{max_output_tokens: 5}", "{max_output_tokens: omit}").max_output_tokens, 0);
    /* a model that does not take a parameter is spared the study's, unless the study insists */
    assert_string_equal(lay("{temperature: omit}", "{temperature: 0.7}", NULL).json, "{\"temperature\":\"omit\"}");
    assert_string_equal(lay("{temperature: omit}", "{temperature: 0.7}", "{temperature: 1}").json,
                        "{\"temperature\":1}");
}

static void parameters_keep_their_json_kind(void **state)
{
    (void)state;
    assert_string_equal(
        lay(NULL, "{a: 0.1, b: \"0.1\", c: true, d: \"true\", e: [x, 2], f: {g: no}, h: 1e-7}", NULL).json,
        "{\"a\":0.1,\"b\":\"0.1\",\"c\":true,\"d\":\"true\",\"e\":[\"x\",2],\"f\":{\"g\":\"no\"},\"h\":1e-7}");
}

static void an_account_that_is_not_approved_gets_no_confidential_case(void **state)
{
    (void)state;
    const char *providers = folder_put(
        &dir, "q.yaml",
        "accounts: {ok: {base_url: \"https://a.example\", confidential: approved}, no: {base_url: \"https://b.example\"}}\n"
        "models: {good: {account: ok, model: x}, bad: {account: no, model: x}}\n");
    static const char *const models[] = {"good", "bad"};
    for (size_t i = 0; i < 2; i++) {
        struct cs_buf b = CS_BUF_INIT(4096);
        struct cs_loaded l;
        struct cs_load_opts opts = {.providers = providers};
        cs_buf_printf(
            &b,
            "study: s\ncases: {rows: [{case_id: c, text: t}], confidential: true}\nprompt: {user: \"{{case.text}}\"}\n"
            "questions: [{name: q, ask: a, answer: {v: text}}]\nmodels: [%s]\n",
            models[i]);
        const char *study = folder_put(&dir, "study.yaml", cs_buf_cstr(&b));
        assert_int_equal(cs_load_study(study, &opts, &l, &err), i == 0 ? CS_OK : CS_EINVAL);
        cs_load_release(&l);
        cs_buf_release(&b);
    }
    assert_non_null(strstr(err.msg, "not approved"));
}

static int setup(void **state)
{
    (void)state;
    folder_open(&dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cs_arena_release(&arena);
    folder_close(&dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_and_models),
        cmocka_unit_test(models_share_the_pools_that_they_name),
        cmocka_unit_test(urls_must_be_https_or_this_machine),
        cmocka_unit_test(a_key_is_named_never_written),
        cmocka_unit_test(the_file_is_found_in_order),
        cmocka_unit_test(parameters_are_laid_over_one_another),
        cmocka_unit_test(omit_takes_a_parameter_away),
        cmocka_unit_test(parameters_keep_their_json_kind),
        cmocka_unit_test(an_account_that_is_not_approved_gets_no_confidential_case),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
