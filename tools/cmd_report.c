/* clinsafe report - what the outputs say: completeness, noise, shifts with their verdicts; as a page, JSON, or lines in the terminal. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "tools/command.h"
#include "tools/report/html.h"
#include "tools/report/ratings.h"
#include "tools/report/report.h"

enum { THREADS_MAX = 64 };

/* Writes beside the target and renames, so that a failed report leaves no half page under the wanted name. */
static enum cs_err write_page(const struct cs_report *r, const char *path, struct cs_error *err)
{
    char *part = cs_xasprintf("%s.part", path);
    FILE *f = fopen(part, "w");
    enum cs_err rc = f == NULL ? cs_error_set(err, CS_EIO, "%s: %s", part, strerror(errno)) : CS_OK;
    if (rc == CS_OK)
        rc = cs_report_html(r, f, err);
    if (f != NULL && fclose(f) != 0 && rc == CS_OK)
        rc = cs_error_set(err, CS_EIO, "%s: %s", part, strerror(errno));
    if (rc == CS_OK && rename(part, path) != 0)
        rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
    if (rc != CS_OK)
        unlink(part);
    free(part);
    return rc;
}

struct wanted { /* outputs */
    const char *study, *from, *store;
    struct cs_study_args args;
};

static enum cs_err open_source(struct cs_report_source *source, struct cs_reader *reader, const struct wanted *in,
                               unsigned threads, struct cs_error *err)
{
    if (in->from != NULL) {
        const char *data = in->args.data != NULL ? in->args.data : getenv("CLINSAFE_DATA");
        const struct cs_load_opts opts = {.providers = in->args.providers,
                                          .data_dir = data != NULL && data[0] != '\0' ? data : NULL};
        if (in->store != NULL || in->args.dir != NULL)
            return cs_error_set(err, CS_EUSAGE, "--from reads a table, --store and --dir a store; give one of them");
        return cs_source_table(source, in->from, in->study, &opts, err);
    }
    enum cs_err rc = cs_reader_open(reader, in->study, in->args.dir, in->store, err);
    return rc == CS_OK ? cs_source_store(source, reader, threads, err) : rc;
}

int cmd_report(int argc, char **argv)
{
    struct cs_study_args args = {0};
    const char *store = NULL, *path = NULL, *from = NULL, *csv = NULL;
    uint64_t seed = 1, threads = 2;
    bool json = false;
    const struct cs_option table[] = {
        CS_STUDY_OPTIONS(args),
        CS_DIR_OPTION(args),
        {"from", CS_OPT_STR, &from, "FILE",
         "analyse a table instead of a store: CSV with the columns of `clinsafe export`"},
        {"store", CS_OPT_STR, &store, "DIR", "the database folder itself (a coordinator's --dir)"},
        {"out", CS_OPT_STR, &path, "FILE", "write the report as one HTML file"},
        {"csv", CS_OPT_STR, &csv, "DIR", "write every number as tidy tables, one CSV file each, into a folder"},
        {"json", CS_OPT_FLAG, &json, NULL, "print the whole result as JSON"},
        {"seed", CS_OPT_U64, &seed, "N", "of bootstrap and sign flips; default 1"},
        {"threads", CS_OPT_U64, &threads, "N", "changes the time, never a figure; default 2"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe report [STUDY] [options]",
        "Analyses the outputs as the study's `analysis:` part declares: completeness first, then the noise floor, shifts with their intervals\n"
        "and verdicts, labels, provenance. Works while the study runs, without verdicts until it is complete.\n"
        "PREVIEW: its acceptance tests are not complete; do not publish from it.",
        "clinsafe report ops/studies/demo/study.yaml --out report.html",
    };
    struct cs_reader reader = {0};
    struct cs_report_source source = {0};
    struct cs_ratings ratings = {0};
    struct cs_report *r = NULL;
    struct cs_error err = {0};
    enum cs_err rc = CS_OK;
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 0, 1, &n_args, &status))
        return status;
    const struct wanted in = {n_args > 0 ? argv[1] : NULL, from, store, args};
    if (threads < 1 || threads > THREADS_MAX)
        rc = cs_error_set(&err, CS_EUSAGE, "--threads: want 1 to %d", THREADS_MAX);
    if (rc == CS_OK)
        rc = open_source(&source, &reader, &in, (unsigned)threads, &err);
    char *folder = cs_ratings_folder(in.study, args.dir, store);
    if (rc == CS_OK && from == NULL)
        rc = cs_ratings_load(&ratings, folder, &err);
    free(folder);
    const struct cs_report_opts opts = {.seed = seed, .threads = (unsigned)threads, .ratings = &ratings};
    if (rc == CS_OK)
        rc = cs_report_build(&r, &source, &opts, &err);
    if (rc == CS_OK && path != NULL)
        rc = write_page(r, path, &err);
    if (rc == CS_OK && csv != NULL)
        rc = cs_report_csv(r, csv, &err);
    if (rc == CS_OK && json)
        rc = cs_report_json(r, stdout, &err);
    else if (rc == CS_OK)
        cs_report_text(r, stdout);
    status = rc != CS_OK ? cs_report(rc, &err) : r->complete ? 0 : 2;
    cs_report_free(r);
    cs_ratings_release(&ratings);
    cs_source_release(&source);
    cs_reader_close(&reader);
    return status;
}
