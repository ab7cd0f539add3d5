/* clinsafe report - what the outputs say: completeness, noise, shifts with their verdicts; as a page, JSON, or lines in the terminal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/plain.h"
#include "tools/commands.h"
#include "protocol/base/digest.h"
#include "tools/base/acts.h"
#include "tools/base/part_file.h"
#include "tools/base/parents.h"
#include "tools/base/ratings.h"
#include "tools/base/sampled.h"
#include "tools/fleet/submission.h"
#include "tools/plan/confirm.h"
#include "tools/report/analysis/analysis.h"
#include "tools/report/forms/forms.h"
#include "tools/report/html/document.h"
#include "tools/report/words.h"
#include "tools/screen/screen.h"

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
    bool unblind;
};

struct opened {
    struct cs_reader reader, asker; /* asker: of the study that was judged */
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

/* The report is of what ran: that the file says something else by now is not an error, but the first thing to know. */
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

/* What judges do not see, the parameters of the calls that they judge, is known where the study that was judged is still there as it was. */
static void find_asker(struct opened *o, const struct wanted *in)
{
    const struct cs_parent_study *parent = o->reader.view.spec.study->parent;
    struct cs_error none = {0};
    char *file = in->study != NULL ? cs_parents_file(in->study, NULL) : NULL;
    enum cs_err rc = CS_ENOENT;
    if (in->store != NULL)
        rc = cs_reader_open(&o->asker, NULL, NULL, in->store, parent->study, &none);
    else if (file != NULL || in->args.dir != NULL)
        rc = cs_parents_open(&o->asker, file, parent->study, in->args.dir, &none);
    if (rc == CS_OK && o->asker.view.generation.number == parent->generation)
        o->source.judged.asker = o->asker.view.spec.study;
    free(file);
}

static enum cs_err open_source(struct opened *o, const struct wanted *in, struct cs_ratings *ratings,
                               struct cs_sampled *sampled, const struct cs_report_opts *opts, struct cs_error *err)
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
    if (rc == CS_OK)
        rc = cs_sampled_load(sampled, folder, ratings, err);
    free(folder);
    if (rc == CS_OK)
        rc = cs_source_store(&o->source, &o->reader, ratings, opts->threads, opts->watch, err);
    if (rc == CS_OK && in->study != NULL)
        compare_file(o, in);
    if (rc == CS_OK && o->source.judged.own != NULL)
        find_asker(o, in);
    return rc;
}

static bool ends_with(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);
    return n > m && strcmp(s + n - m, end) == 0;
}

/* Another generation of the same store (a number), a table, a database folder or a study directory. */
static enum cs_err open_other(struct opened *o, const struct wanted *in, const struct cs_report_opts *opts,
                              struct cs_error *err)
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
        rc = cs_source_store(&o->source, &o->reader, NULL, opts->threads, opts->watch, err);
    o->source.name = what[strspn(what, "0123456789")] == '\0' ? "another generation of this store" : "another run";
    return rc;
}

static void close_source(struct opened *o)
{
    cs_source_release(&o->source);
    cs_reader_close(&o->asker);
    cs_reader_close(&o->reader);
}

struct forms { /* the forms in which the report is wanted */
    const char *page, *csv;
    bool json, readable, excel;
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
        rc = cs_forms_csv(r, as->csv, as->readable, as->excel, err);
    if (rc == CS_OK && as->json)
        return cs_forms_json(r, stdout, err);
    if (rc == CS_OK)
        terminal(r);
    return rc;
}

/* A look at a pilot's contrasts is noted before it is taken. */
static enum cs_err note_unblinding(struct cs_acts *acts, const char *path, const struct wanted *in,
                                   const struct opened *now, struct cs_error *err)
{
    char hex[65];
    if (!in->unblind)
        return CS_OK;
    if (now->source.reader == NULL || !cs_submission_is_pilot(now->source.study))
        return cs_error_set(err, CS_EUSAGE, "--unblind is for a pilot's store: nothing else is blind");
    cs_digest_hex(now->source.study->analysis_digest, 32, hex);
    return cs_acts_add(acts, path,
                       &(struct cs_act){.kind = CS_ACT_UNBLINDED,
                                        .what = "",
                                        .date = "",
                                        .analysis_digest = hex,
                                        .generation = now->reader.view.generation.number},
                       err);
}

/* What is decided about the study from here on may be decided because of what was found. */
static void note_report(struct cs_acts *acts, const char *path, const struct opened *now, const struct cs_report *r)
{
    struct cs_error err = {0};
    char hex[65];
    if (path == NULL || r->pilot) /* what is seen of a pilot is noted as its unblinding */
        return;
    for (uint32_t i = 0; i < acts->n; i++) {
        if (strcmp(acts->list[i].kind, CS_ACT_REPORTED) == 0)
            return;
    }
    cs_digest_hex(now->source.study->analysis_digest, 32, hex);
    if (cs_acts_add(acts, path,
                    &(struct cs_act){.kind = CS_ACT_REPORTED,
                                     .what = "",
                                     .date = "",
                                     .analysis_digest = hex,
                                     .generation = now->reader.view.generation.number},
                    &err) != CS_OK)
        fprintf(stderr, "clinsafe: that this report was made cannot be noted: %s\n", err.msg);
}

static enum cs_err make(struct cs_report **out, const struct wanted *in, struct cs_report_opts *opts,
                        struct cs_error *err)
{
    struct opened now = {0}, other = {0};
    struct cs_ratings ratings = {0};
    struct cs_sampled sampled = {0};
    struct cs_acts acts = {.n = 0};
    char *acts_path = NULL;
    enum cs_err rc = open_source(&now, in, &ratings, &sampled, opts, err);
    opts->sampled = &sampled;
    if (rc == CS_OK && in->against != NULL)
        rc = open_other(&other, in, opts, err);
    opts->ratings = in->from != NULL ? &now.source.table_ratings : &ratings;
    opts->against = in->against != NULL ? &other.source : NULL;
    if (rc == CS_OK && in->from == NULL) {
        acts_path = cs_acts_path(in->study, in->args.dir, in->store, now.reader.apart);
        rc = cs_acts_load(&acts, acts_path, err);
    }
    if (rc == CS_OK)
        rc = note_unblinding(&acts, acts_path, in, &now, err);
    opts->acts = in->from == NULL ? &acts : NULL;
    opts->unblind = in->unblind;
    if (rc == CS_OK)
        rc = cs_analysis_run(out, &now.source, opts, err);
    if (rc == CS_OK)
        note_report(&acts, acts_path, &now, *out);
    free(acts_path);
    cs_acts_release(&acts);
    close_source(&other);
    close_source(&now);
    cs_ratings_release(&ratings);
    cs_sampled_release(&sampled);
    return rc;
}

/* ---- for a pipeline ---------------------------------------------------------------------------------------------- */

enum fail_on { FAIL_ON_NOTHING, FAIL_ON_DIFFERENT, FAIL_ON_BEYOND, FAIL_ON_INCOMPLETE };
enum { EXIT_INCOMPLETE = 2, EXIT_FOUND = 3 };

static enum cs_err read_fail_on(const char *word, enum fail_on *out, struct cs_error *err)
{
    static const char *const words[] = {"", "different", "beyond-margin", "incomplete"};
    for (int i = FAIL_ON_DIFFERENT; word != NULL && i <= FAIL_ON_INCOMPLETE; i++) {
        if (strcmp(words[i], word) == 0)
            *out = (enum fail_on)i;
    }
    if (word != NULL && *out == FAIL_ON_NOTHING)
        return cs_error_set(err, CS_EUSAGE, "--fail-on is \"%s\"; write different, beyond-margin or incomplete", word);
    return CS_OK;
}

static bool is_found(enum cs_report_verdict v, enum fail_on what)
{
    return what == FAIL_ON_BEYOND ? v == CS_VERDICT_BEYOND
                                  : what == FAIL_ON_DIFFERENT && cs_words_verdict_is_different(v);
}

/* An incomplete study has no verdicts: that none is different says nothing, so that it ends with 2 whatever was asked. */
static int exit_of(const struct cs_report *r, enum fail_on what)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_contrasts; i++)
        n += r->contrasts[i].primary && is_found(r->contrasts[i].verdict, what);
    for (uint32_t i = 0; i < r->n_interactions; i++)
        n += r->interactions[i].primary && is_found(r->interactions[i].verdict, what);
    if (n > 0)
        fprintf(stderr, "clinsafe: %u primary comparison%s %s\n", n, n == 1 ? " is" : "s are",
                what == FAIL_ON_BEYOND ? "different, beyond the margin" : "different");
    return n > 0 ? EXIT_FOUND : r->complete ? 0 : EXIT_INCOMPLETE;
}

/* ---- fresh draws ----------------------------------------------------------------------------------------------- */

static enum cs_err follow_up(const struct cs_report *r, const char *study, uint32_t draws, struct cs_error *err)
{
    char *path = NULL;
    uint32_t n = 0;
    enum cs_err rc = r->n_judges > 0
                         ? cs_error_set(err, CS_EUSAGE, "--confirm: cases are asked again by the study that was judged")
                         : cs_confirm_write(r, study, draws, &path, &n, err);
    if (rc == CS_OK)
        fprintf(stderr,
                "%s: %u case%s that moved most, %u fresh draw%s of each prompt\n"
                "Its price:  clinsafe plan %s\nAsk them:   clinsafe run %s\nThen:       clinsafe report %s\n",
                path, n, n == 1 ? "" : "s", draws, draws == 1 ? "" : "s", path, path, path);
    free(path);
    return rc;
}

int cmd_report(int argc, char **argv)
{
    struct wanted in = {0};
    struct forms as = {0};
    uint64_t seed = 1, threads = 2, confirm = 0;
    const char *fail_on = NULL;
    enum fail_on fail = FAIL_ON_NOTHING;
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
        {"unblind", CS_OPT_FLAG, &in.unblind, NULL,
         "show the contrasts of a pilot too; this is recorded, and every later report says it"},
        {"excel", CS_OPT_FLAG, &as.excel, NULL,
         "these tables for Excel: byte-order mark, no cell that runs as a formula"},
        {"json", CS_OPT_FLAG, &as.json, NULL, "print the whole result as JSON"},
        {"fail-on", CS_OPT_STR, &fail_on, "WHAT",
         "end with 3 when a primary comparison is different, or beyond-margin; incomplete: with 2, as without this"},
        {"confirm", CS_OPT_U64, &confirm, "N",
         "write STUDY-confirm.yaml beside STUDY: the cases that moved most, N fresh draws of each prompt"},
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
    if (rc == CS_OK && as.excel && as.csv == NULL)
        rc = cs_error_set(&err, CS_EUSAGE, "--excel goes with --csv DIR");
    if (rc == CS_OK && confirm > CS_CONFIRM_MAX)
        rc = cs_error_set(&err, CS_EUSAGE, "--confirm: want 1 to %d draws", CS_CONFIRM_MAX);
    if (rc == CS_OK && confirm > 0 && in.study == NULL)
        rc = cs_error_set(&err, CS_EUSAGE, "--confirm needs STUDY: what it writes is made of that file");
    struct cs_ticker ticker = {0};
    struct cs_report_opts opts = {
        .seed = seed, .threads = (unsigned)threads, .watch = {cs_screen_ticker_progress, &ticker}};
    if (rc == CS_OK)
        rc = read_fail_on(fail_on, &fail, &err);
    if (rc == CS_OK)
        rc = make(&r, &in, &opts, &err);
    if (rc == CS_OK)
        rc = show(r, &as, &err);
    if (rc == CS_OK && confirm > 0)
        rc = follow_up(r, in.study, (uint32_t)confirm, &err);
    cs_screen_ticker_end(&ticker);
    status = rc != CS_OK ? cs_command_fail(rc, &err) : exit_of(r, fail);
    cs_analysis_free(r);
    return status;
}
