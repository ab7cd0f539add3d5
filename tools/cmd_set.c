/* clinsafe set - a study's budget, weight and limits in mid-run, by hand. */
#include <stdio.h>
#include <string.h>

#include "protocol/wire/messages.h"
#include "tools/commands.h"
#include "tools/fleet/acted.h"
#include "tools/fleet/admin_client.h"
#include "tools/fleet/whom.h"

enum { ASK_MS = 15000, WORDS_MAX = CS_ADMIN_ARGS_MAX - 3 };

static struct cs_json *words_json(bool lifts, int n, char **words)
{
    struct cs_json *out = cs_json_array();
    for (int i = 0; i < n; i++) {
        const char *equals = strchr(words[i], '=');
        const size_t key = equals != NULL ? (size_t)(equals - words[i]) : strlen(words[i]);
        cs_json_array_append_new(out, cs_json_pack("{s:s%, s:s?}", "key", words[i], key, "value",
                                                   lifts || equals == NULL ? NULL : equals + 1));
    }
    return cs_json_pack("{s:o}", "set", out);
}

static enum cs_err set(const struct cs_whom *reach, const char *model, bool lifts, int n, char **words,
                       struct cs_error *err)
{
    struct cs_admin_client *client = NULL;
    const char *args[CS_ADMIN_ARGS_MAX + 1] = {reach->study != NULL ? reach->study : "", model != NULL ? model : "",
                                               lifts ? "lift" : "set"};
    for (int i = 0; i < n; i++)
        args[3 + i] = words[i];
    enum cs_err rc = cs_whom_open(reach, &client, err);
    if (rc == CS_OK)
        rc = cs_admin_client_ask(client, "set", args, NULL, 0, ASK_MS, NULL, err);
    cs_admin_client_close(client);
    return rc;
}

int cmd_set(int argc, char **argv)
{
    struct cs_whom reach = {0};
    const char *model = NULL;
    bool lifts = false, json = false;
    const struct cs_option table[] = {
        CS_WHOM_OPTIONS(reach),
        CS_WHOM_DIR_OPTION(reach),
        CS_WHOM_STUDY_OPTION(reach),
        CS_WHOM_REASON_OPTION(reach),
        {"model", CS_OPT_STR, &model, "NAME", "a limit: of this model; default: of each model of the study"},
        {"lift", CS_OPT_FLAG, &lifts, NULL, "take back what was set: what the study's files say holds again"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe set KEY=VALUE... | --lift KEY... (--coordinator ENDPOINT | --dir DIR) [--study NAME] [--model NAME]",
        "Sets by hand, at once and without a new generation: weight (1 to 1000), priority (low, normal, high), budget_usd, and a model's own\n"
        "limits requests_per_minute, tokens_per_minute, input_tokens_per_minute, output_tokens_per_minute, concurrent. Holds instead of what the\n"
        "study's files say, over restarts and edits, until --lift takes it back. `clinsafe list` shows what is set.",
        "clinsafe set budget_usd=400 requests_per_minute=900 --study sweep --reason \"quota raised\" --dir study.clinsafe",
    };
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, WORDS_MAX, &n_args, &status))
        return status;
    enum cs_err rc = set(&reach, model, lifts, n_args, argv + 1, &err);
    if (rc != CS_OK)
        return cs_command_fail(rc, &err);
    if (json)
        cs_acted_print("set", reach.study, model, words_json(lifts, n_args, argv + 1));
    for (int i = 1; i <= n_args && !json; i++)
        printf("%s%s%s%s\n", model != NULL ? model : "", model != NULL ? ": " : "", argv[i], lifts ? " lifted" : "");
    return status;
}
