/* clinsafe report - what the outputs say: completeness, noise, shifts with their verdicts; as a page, JSON, or lines in the terminal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/plain.h"
#include "tools/commands.h"
#include "tools/base/part_file.h"
#include "tools/base/ratings.h"
#include "tools/fleet/submission.h"
#include "tools/report/analysis/analysis.h"
#include "tools/report/forms/forms.h"
#include "tools/report/html/document.h"

enum { THREADS_MAX = 64 };

static enum cs_err write_page(const struct cs_report *r, const char *path, bool readable, struct cs_error *err)
{
    struct cs_part_file file;
    enum cs_err rc = cs_part_file_open(&file, path, err);
    file.readable = readable;
    return rc == CS_OK ? cs_part_file_close(&file, cs_html_document(r, file.out, err), err) : rc;
}

struct wanted { /* which outputs */
    const char *study, *from, *map, *analysis, *store, *name, *against;
    struct cs_study_args args;
};

struct opened {
    struct cs_reader reader;
    struct cs_report_source source;
};

static enum cs_err open_table(struct opened *o, const struct wanted *in, const char *path, struct cs_error *err)
{
    const char *data = in->args.data != NULL ? in->args.data : getenv("CLINSAFE_DATA");
    const struct cs_source_from from = {
        .path = path,
        .study = in->study,
        .map = in->map,
        .analysis = in->analysis,
        .opts = {.providers = in->args.providers, .data_dir = data != NULL && data[0] != '\0' ? data : NULL}};
    return cs_source_table(&o->source, &from, err);
}

/* The report is of what ran: that the file says something else by now is no error, and the first thing to know. */
static void compare_file(struct opened *o, const struct wanted *in)
{
    struct cs_report_file *file = &o->source.file;
    struct cs_loaded l = {0};
    struct cs_error err = {0};
    bool same = false;
    enum cs_err rc = cs_command_load_study(&in->args, in->study, &l, &err);
    if (rc == CS_OK)
        rc = cs_submission_is_of(&l, &o->reader.view, &same, &err);
    file->state = rc != CS_OK ? CS_FILE_UNREADABLE : same ? CS_FILE_SAME : CS_FILE_EDITED;
    if (rc == CS_OK)
        file->same_analysis = memcmp(l.study->analysis_digest, o->reader.view.spec.study->analysis_digest,
                                     sizeof l.study->analysis_digest) == 0;
    snprintf(file->why, sizeof file->why, "%s", err.msg);
    cs_load_release(&l);
}

static enum cs_err open_source(struct opened *o, const struct wanted *in, struct cs_ratings *ratings, unsigned threads,
                               struct cs_error *err)
{
    if (in->from != NULL && (in->store != NULL || in->args.dir != NULL))
        return cs_error_set(err, CS_EUSAGE, "--from reads a table, --store and --dir a store; give one of them");
    if (in->from == NULL && (in->map != NULL || in->analysis != NULL))
        return cs_error_set(err, CS_EUSAGE, "--map and --analysis go with --from: they say what a table holds");
    if (in->study != NULL && in->analysis != NULL)
        return cs_error_set(err, CS_EUSAGE, "the study file has an analysis of its own; give STUDY or --analysis");
    if (in->from != NULL)
        return open_table(o, in, in->from, err);
    enum cs_err rc = cs_reader_open(&o->reader, in->study, in->args.dir, in->store, in->name, err);
    char *folder = cs_ratings_folder(in->study, in->args.dir, in->store, o->reader.apart);
    if (rc == CS_OK)
        rc = cs_ratings_load(ratings, folder, err);
    free(folder);
    if (rc == CS_OK)
        rc = cs_source_store(&o->source, &o->reader, ratings, threads, err);
    if (rc == CS_OK && in->study != NULL)
        compare_file(o, in);
    return rc;
}

static bool ends_with(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);
    return n > m && strcmp(s + n - m, end) == 0;
}

/* Another generation of the same store (a number), a table, a database folder or a study directory. */
static enum cs_err open_other(struct opened *o, const struct wanted *in, unsigned threads, struct cs_error *err)
{
    const char *what = in->against;
    enum cs_err rc;
    if (ends_with(what, ".csv") || ends_with(what, ".tsv") || ends_with(what, ".jsonl"))
        return open_table(o, in, what, err);
    if (what[strspn(what, "0123456789")] == '\0' && what[0] != '\0') {
        if (in->from != NULL)
            return cs_error_set(err, CS_EUSAGE, "--against %s is a generation, and a table has none", what);
        rc = cs_reader_open(&o->reader, in->study, in->args.dir, in->store, in->name, err);
        if (rc == CS_OK)
            rc = cs_reader_generation(&o->reader, (uint32_t)strtoul(what, NULL, 10), err);
    } else {
        char *current = cs_xasprintf("%s/CURRENT", what);
        const bool is_store = access(current, F_OK) == 0;
        free(current);
        rc = cs_reader_open(&o->reader, NULL, is_store ? NULL : what, is_store ? what : NULL, in->name, err);
    }
    if (rc == CS_OK)
        rc = cs_source_store(&o->source, &o->reader, NULL, threads, err);
    o->source.name = what[strspn(what, "0123456789")] == '\0' ? "another generation of this store" : "another run";
    return rc;
}

static void close_source(struct opened *o)
{
    cs_source_release(&o->source);
    cs_reader_close(&o->reader);
}

struct forms { /* the forms in which the report is wanted */
    const char *page, *csv;
    bool json, readable;
};

static void terminal(const struct cs_report *r)
{
    FILE *out = cs_plain_file(stdout);
    cs_forms_terminal(r, out);
    fclose(out);
}

static enum cs_err show(const struct cs_report *r, const struct forms *as, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    if (as->page != NULL)
        rc = write_page(r, as->page, as->readable, err);
    if (rc == CS_OK && as->csv != NULL)
        rc = cs_forms_csv(r, as->csv, as->readable, err);
    if (rc == CS_OK && as->json)
        return cs_forms_json(r, stdout, err);
    if (rc == CS_OK)
        terminal(r);
    return rc;
}

static enum cs_err make(struct cs_report **out, const struct wanted *in, struct cs_report_opts *opts,
                        struct cs_error *err)
{
    struct opened now = {0}, other = {0};
    struct cs_ratings ratings = {0};
    enum cs_err rc = open_source(&now, in, &ratings, opts->threads, err);
    if (rc == CS_OK && in->against != NULL)
        rc = open_other(&other, in, opts->threads, err);
    opts->ratings = in->from != NULL ? &now.source.table_ratings : &ratings;
    opts->against = in->against != NULL ? &other.source : NULL;
    if (rc == CS_OK)
        rc = cs_analysis_run(out, &now.source, opts, err);
    close_source(&other);
    close_source(&now);
    cs_ratings_release(&ratings);
    return rc;
}

int cmd_report(int argc, char **argv)
{
    struct wanted in = {0};
    struct forms as = {0};
    uint64_t seed = 1, threads = 2;
    const struct cs_option table[] = {
        CS_STUDY_OPTIONS(in.args),
        CS_DIR_OPTION(in.args),
        CS_WHICH_OPTION(in.name),
        {"store", CS_OPT_STR, &in.store, "DIR", "the database folder itself (a coordinator's --dir)"},
        {"from", CS_OPT_STR, &in.from, "FILE",
         "analyse a table instead of a store: CSV or JSON Lines with the columns of `clinsafe export`"},
        {"map", CS_OPT_STR, &in.map, "OURS=THEIRS,...",
         "what these columns are called in that table, as in case_id=Q,model=llm,answer.visit=VISIT"},
        {"analysis", CS_OPT_STR, &in.analysis, "FILE",
         "without STUDY: what is declared of that table (tools/report/README.md)"},
        {"against", CS_OPT_STR, &in.against, "OTHER",
         "compare with another run: a study directory, a store, a CSV, or a generation's number"},
        {"out", CS_OPT_STR, &as.page, "FILE", "write the report as one HTML file"},
        {"csv", CS_OPT_STR, &as.csv, "DIR", "write every number as tidy tables, one CSV file each, into a folder"},
        {"readable", CS_OPT_FLAG, &as.readable, NULL,
         "others of this machine may read what is written (default: you alone)"},
        {"json", CS_OPT_FLAG, &as.json, NULL, "print the whole result as JSON"},
        {"seed", CS_OPT_U64, &seed, "N", "of bootstrap and sign flips; default 1"},
        {"threads", CS_OPT_U64, &threads, "N", "changes the time, never a figure; default 2"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe report [STUDY] [options]",
        "Analyses the outputs as the study's `analysis:` part declares: completeness first, then the noise floor, shifts with their intervals\n"
        "and verdicts, labels, warrant, provenance. Works while the study runs, without verdicts until it is complete.\n"
        "Without STUDY, --from reads factors and answers off the columns, and nothing counts as declared.",
        "clinsafe report ops/studies/demo/study.yaml --out report.html --csv tables",
    };
    struct cs_report *r = NULL;
    struct cs_error err = {0};
    enum cs_err rc = CS_OK;
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 0, 1, &n_args, &status))
        return status;
    in.study = n_args > 0 ? argv[1] : NULL;
    if (threads < 1 || threads > THREADS_MAX)
        rc = cs_error_set(&err, CS_EUSAGE, "--threads: want 1 to %d", THREADS_MAX);
    struct cs_report_opts opts = {.seed = seed, .threads = (unsigned)threads};
    if (rc == CS_OK)
        rc = make(&r, &in, &opts, &err);
    if (rc == CS_OK)
        rc = show(r, &as, &err);
    status = rc != CS_OK ? cs_command_fail(rc, &err) : r->complete ? 0 : 2;
    cs_analysis_free(r);
    return status;
}
