/* clinsafe protocol - the protocol of a study in words, before its first output; and where it was registered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/digest.h"
#include "protocol/base/json.h"
#include "tools/base/acts.h"
#include "tools/base/part_file.h"
#include "tools/base/wrote.h"
#include "tools/commands.h"
#include "tools/plan/protocol.h"

static enum cs_err write_to(const struct cs_loaded *l, const char *path, struct cs_error *err)
{
    struct cs_plan plan;
    struct cs_plan_power power = {0};
    struct cs_part_file file = {.out = stdout};
    cs_plan_init(&plan, l->study);
    enum cs_err rc = cs_plan_power_make(&plan, l, &power, err);
    if (rc == CS_OK && path != NULL)
        rc = cs_part_file_open(&file, path, err);
    if (rc == CS_OK) {
        rc = cs_plan_protocol_write(&plan, l, &power, file.out, err);
        if (path != NULL)
            rc = cs_part_file_close(&file, rc, err);
    }
    cs_plan_power_release(&power);
    cs_plan_release(&plan);
    return rc;
}

static enum cs_err note_registration(const struct cs_loaded *l, const char *file, const char *acts_path,
                                     struct cs_json *w, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_plan_protocol_registered registered;
    struct cs_acts acts = {.n = 0};
    char hex[65];
    enum cs_err rc = cs_plan_protocol_registered(file, &arena, &registered, err);
    if (rc == CS_OK)
        rc = cs_acts_load(&acts, acts_path, err);
    cs_digest_hex(l->study->analysis_digest, 32, hex);
    if (rc == CS_OK)
        rc = cs_acts_add(
            &acts, acts_path,
            &(struct cs_act){
                .kind = CS_ACT_REGISTERED, .what = registered.what, .date = registered.date, .analysis_digest = hex},
            err);
    if (rc == CS_OK && w != NULL) {
        cs_wrote_file(w, acts_path, -1);
        cs_json_object_set_new(w, "registered",
                               cs_json_pack("{s:s, s:s}", "what", registered.what, "date", registered.date));
    } else if (rc == CS_OK) {
        fprintf(stderr, "registered %s (%s), noted in %s; every report says it\n", registered.date, registered.what,
                acts_path);
    }
    cs_acts_release(&acts);
    cs_arena_release(&arena);
    return rc;
}

int cmd_protocol(int argc, char **argv)
{
    struct cs_study_args args = {0};
    const char *out = NULL, *registration = NULL;
    bool json = false;
    const struct cs_option table[] = {
        CS_DIR_OPTION(args),
        CS_STUDY_OPTIONS(args),
        CS_PARTIAL_OPTION(args),
        {"out", CS_OPT_STR, &out, "FILE", "write it there; default: the terminal"},
        {"register", CS_OPT_STR, &registration, "FILE",
         "note where it was registered: a file as in {doi: 10.17605/OSF.IO/ABCDE, date: 2026-03-01}; also url, tag"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON, with --out or --register: what was written"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe protocol STUDY [options]",
        "Writes the protocol of a study in words, for an ethics board or a registry: design, estimands, margins with their reasons, family, power,\n"
        "stopping, sensitivity analyses, digests. With --register it notes where and when that was registered; the report then says how long before\n"
        "the first output.",
        "clinsafe protocol ops/studies/demo/study.yaml --out protocol.md",
    };
    struct cs_loaded l = {0};
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 1, &n_args, &status))
        return status;
    char *acts = cs_acts_path(argv[1], args.dir, NULL, 0);
    args.planned = true;
    struct cs_json *w = json ? cs_wrote_begin("protocol") : NULL;
    enum cs_err rc = json && out == NULL && registration == NULL
                         ? cs_error_set(&err, CS_EUSAGE, "--json tells what was written: say where, with --out FILE")
                         : CS_OK;
    if (rc == CS_OK)
        rc = cs_command_load_study(&args, argv[1], &l, &err);
    if (rc == CS_OK && (registration == NULL || out != NULL))
        rc = write_to(&l, out, &err);
    if (out != NULL)
        cs_wrote_file(w, out, -1);
    if (rc == CS_OK && registration != NULL)
        rc = note_registration(&l, registration, acts, w, &err);
    if (rc == CS_OK && json)
        cs_wrote_print(w, NULL);
    else
        cs_json_decref(w);
    free(acts);
    cs_load_release(&l);
    return rc == CS_OK ? 0 : cs_command_fail(rc, &err);
}
