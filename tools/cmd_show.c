/* clinsafe show - one prompt of a study: the exact request, and all that came back for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/export/show.h"

static enum cs_err read_repeat(const char *text, uint32_t *out, struct cs_error *err)
{
    char *end = NULL;
    const unsigned long n = text != NULL ? strtoul(text, &end, 10) : 0;
    *out = (uint32_t)n;
    if (text != NULL && (text[0] < '1' || text[0] > '9' || *end != '\0' || n > UINT32_MAX))
        return cs_error_set(err, CS_EUSAGE, "REPEAT is \"%s\"; write a number from 1 on", text);
    return CS_OK;
}

int cmd_show(int argc, char **argv)
{
    struct cs_study_args args = {0};
    struct cs_show_opts o = {0};
    const char *store = NULL, *name = NULL;
    const struct cs_option table[] = {
        CS_DIR_OPTION(args),
        CS_WHICH_OPTION(name),
        {"store", CS_OPT_STR, &store, "DIR", "the database folder itself (a coordinator's --dir)"},
        {"model", CS_OPT_STR, &o.model, "NAME", "only this model"},
        {"question", CS_OPT_STR, &o.question, "NAME", "only this question"},
        {"json", CS_OPT_FLAG, &o.json, NULL, "as JSON: requests as sent, outputs as rows of the export"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe show STUDY CASE [LEVEL [REPEAT]] [options]",
        "Shows the exact request that a case makes under a level, and for each repeat every output that was ever kept: the answer that counts,\n"
        "superseded ones, duplicates, failures, with their calls, tokens, cost and verbatim replies. LEVEL is a level, FACTOR=LEVEL, several with\n"
        "commas, or - for all (as when left out). The texts may be patients': they go to this terminal and nowhere else.",
        "clinsafe show ops/studies/demo/study.yaml case-01 homeless 3 --model simulated-biased",
    };
    struct cs_reader r = {0};
    struct cs_show_done done;
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 2, 4, &n_args, &status))
        return status;
    o.case_id = argv[2];
    o.levels = n_args > 2 ? argv[3] : "-";
    enum cs_err rc = read_repeat(n_args > 3 ? argv[4] : NULL, &o.repeat, &err);
    if (rc == CS_OK)
        rc = cs_reader_open(&r, argv[1], args.dir, store, name, &err);
    if (rc == CS_OK)
        rc = cs_show(&r, &o, stdout, &done, &err);
    cs_reader_close(&r);
    if (rc != CS_OK)
        return cs_command_fail(rc, &err);
    if (!o.json)
        printf("%u prompt%s, %u trial%s, %u output%s\n", done.prompts, done.prompts == 1 ? "" : "s", done.trials,
               done.trials == 1 ? "" : "s", done.outputs, done.outputs == 1 ? "" : "s");
    return 0;
}
