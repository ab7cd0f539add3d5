#include "tools/suite_run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/file.h"
#include "protocol/load/keys_env.h"
#include "store/children/children.h"
#include "tools/base/reader.h"
#include "tools/base/stops.h"
#include "tools/base/text.h"
#include "tools/commands.h"
#include "tools/fleet/submission.h"
#include "tools/plan/fits.h"
#include "tools/plan/identifiers.h"
#include "tools/plan/reachable.h"
#include "tools/suite/asked.h"

enum { ARGS_MAX = 24, NOT_ALL = 2, REPORT_MAX = 256 * 1024 * 1024 };

/* ---- commands ---------------------------------------------------------------------------------------------- */

struct call { /* argv of a command; texts are others' */
    char *argv[ARGS_MAX];
    int argc;
};

static void add(struct call *c, const char *word)
{
    if (c->argc + 1 < ARGS_MAX)
        c->argv[c->argc++] = (char *)(uintptr_t)word;
    c->argv[c->argc] = NULL;
}

static void add_option(struct call *c, const char *name, const char *value)
{
    if (value == NULL)
        return;
    add(c, name);
    add(c, value);
}

/* Another command, with what it prints on standard output in a file. */
static int call_into(struct call *c, int (*command)(int, char **), const char *path, int flags)
{
    fflush(stdout);
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600),
              out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0 || out < 0 || dup2(fd, STDOUT_FILENO) < 0) {
        fprintf(stderr, "clinsafe: %s: %s\n", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        if (out >= 0)
            close(out);
        return cs_error_exit_code(CS_EIO);
    }
    close(fd);
    const int status = command(c->argc, c->argv);
    fflush(stdout);
    (void)!dup2(out, STDOUT_FILENO);
    close(out);
    return status;
}

/* ---- whether it can be asked --------------------------------------------------------------------------------- */

/* The first model whose account has no key in this process's surroundings, or NULL. */
static const struct cs_model *without_key(const struct cs_study *s, struct cs_error *why)
{
    for (uint32_t i = 0; i < s->n_models; i++) {
        const struct cs_account *a = &s->accounts[s->models[i].account];
        char *key = NULL;
        const enum cs_err rc = a->simulated ? CS_OK : cs_keys_env_find(a, &key, why);
        cs_keys_env_free(key);
        if (rc != CS_OK)
            return &s->models[i];
    }
    return NULL;
}

/* Judges that cannot be asked: known before the model's own replies are paid for. The file of a key is not named, the card shows it. */
static enum cs_err check_judges(const struct cs_study *s, struct cs_error *err)
{
    struct cs_error why = {0};
    const struct cs_model *m = without_key(s, &why);
    if (m == NULL)
        return CS_OK;
    const char *env = s->accounts[m->account].key_env;
    return cs_error_set(err, CS_EINVAL, "its judge %s has no key%s%s", m->name, env != NULL ? ": set " : "",
                        env != NULL ? env : "");
}

static enum cs_err check_part(const struct cs_stage *t, uint32_t study, uint32_t part, struct cs_error *err)
{
    const struct cs_study_args args = {.providers = t->providers, .planned = true};
    struct cs_loaded l = {0};
    struct cs_quote q;
    char *path = cs_stage_file(t, study, part);
    enum cs_err rc = cs_command_load_study(&args, path, &l, err);
    if (rc == CS_OK)
        rc = cs_identifiers_check(&l, err);
    if (rc == CS_OK)
        rc = cs_fits_check(&l, err);
    char *begun = cs_stage_begun(&t->studies[study]); /* a run that waits for its judges, or is over, is on the card */
    if (rc == CS_OK && part > 0 && begun == NULL)
        rc = check_judges(l.study, err);
    free(begun);
    if (rc == CS_OK)
        rc = cs_quote_part(t, study, part, &q, err); /* looks at every prompt */
    cs_load_release(&l);
    free(path);
    return rc;
}

enum cs_err cs_suite_run_fit(struct cs_stage *t, struct cs_error *err)
{
    for (uint32_t i = 0; i < t->n; i++) {
        struct cs_stage_study *s = &t->studies[i];
        const size_t folder = strlen(s->folder);
        for (uint32_t p = 0; p < s->study->n_parts && s->left_out == NULL; p++) {
            struct cs_error why = {0};
            const enum cs_err rc = check_part(t, i, p, &why);
            if (rc == CS_OK)
                continue;
            if (rc != CS_EINVAL && rc != CS_EDENIED && rc != CS_ETOOBIG)
                return cs_error_set(err, rc, "%s: %s", s->study->name, why.msg);
            const bool here = strncmp(why.msg, s->folder, folder) == 0 && why.msg[folder] == '/';
            s->left_out = cs_arena_strdup(&t->arena, here ? why.msg + folder + 1 : why.msg); /* no paths on a card */
        }
    }
    return CS_OK;
}

/* ---- price --------------------------------------------------------------------------------------------------- */

static void print_money(const struct cs_quote *q, FILE *out)
{
    if (q->unpriced)
        fprintf(out, "%12s%12s", "unknown", "unknown");
    else if (q->open_ended)
        fprintf(out, "%12.2f%12s", q->expected, "unknown");
    else
        fprintf(out, "%12.2f%12.2f", q->expected, q->most);
}

static enum cs_err quote_study(const struct cs_stage *t, uint32_t i, FILE *out, struct cs_quote *sum,
                               struct cs_error *err)
{
    const struct cs_stage_study *s = &t->studies[i];
    char count[CS_TEXT_MAX_LEN];
    enum cs_err rc = CS_OK;
    for (uint32_t p = 0; p < s->study->n_parts && rc == CS_OK; p++) {
        struct cs_quote q;
        rc = cs_quote_part(t, i, p, &q, err);
        if (rc != CS_OK)
            break;
        char *name = cs_xasprintf("%s%s", p == 0 ? s->study->name : "  its judges", "");
        fprintf(out, "%-22s%12s", name, cs_text_count(count, q.calls));
        print_money(&q, out);
        fputc('\n', out);
        free(name);
        cs_quote_add(sum, &q);
    }
    return rc;
}

enum cs_err cs_suite_run_quote(const struct cs_stage *t, FILE *out, struct cs_quote *sum, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    char count[CS_TEXT_MAX_LEN], time[CS_TEXT_MAX_LEN];
    *sum = (struct cs_quote){0};
    fprintf(out, "%-22s%12s%12s%12s\n", "study", "calls, most", "about $", "at most $");
    for (uint32_t i = 0; i < t->n && rc == CS_OK; i++) {
        if (t->studies[i].left_out != NULL)
            fprintf(out, "%-24s  not run: %s\n", t->studies[i].study->name, t->studies[i].left_out);
        else
            rc = quote_study(t, i, out, sum, err);
    }
    if (rc != CS_OK)
        return rc;
    fprintf(out, "%-22s%12s", "all", cs_text_count(count, sum->calls));
    print_money(sum, out);
    if (sum->minutes > 0)
        fprintf(out, "\nAt the declared limits it takes at least %s.\n", cs_text_duration(time, sum->minutes * 60));
    else
        fprintf(out, "\nNo limits are declared: it takes as long as the model takes for %s calls.\n", count);
    if (sum->open_ended)
        fputs("At most is unknown: replies of a model have no cap (max_output_tokens: omit).\n", out);
    return CS_OK;
}

struct cs_json *cs_suite_run_quote_json(const struct cs_stage *t, const struct cs_quote *sum)
{
    struct cs_json *o = cs_document_begin("suite-plan/1", cs_clock_wall_ms());
    cs_document_add(o, cs_json_pack("{s:s, s:s, s:I, s:I, s:f}", "suite", t->suite->name, "model", t->model, "trials",
                                    (long long)sum->trials, "calls", (long long)sum->calls, "minutes_at_least",
                                    sum->minutes));
    struct cs_json *left = cs_json_array();
    cs_json_object_set_new(o, "expected_usd", sum->unpriced ? cs_json_null() : cs_json_real(sum->expected));
    cs_json_object_set_new(o, "most_usd", sum->unpriced || sum->open_ended ? cs_json_null() : cs_json_real(sum->most));
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->studies[i].left_out != NULL)
            cs_json_array_append_new(
                left, cs_json_pack("{s:s, s:s}", "study", t->studies[i].study->name, "why", t->studies[i].left_out));
    }
    cs_json_object_set_new(o, "not_run", left);
    return o;
}

static enum cs_err reach_of_study(const struct cs_stage *t, uint32_t study, struct cs_json *list, struct cs_error *err)
{
    const struct cs_study_args args = {.providers = t->providers, .planned = true};
    const struct cs_suite_study *s = t->studies[study].study;
    struct cs_loaded parts[CS_SUITE_PARTS_MAX] = {{0}};
    enum cs_err rc = CS_OK;
    for (uint32_t p = 0; p < s->n_parts && rc == CS_OK; p++) {
        char *path = cs_stage_file(t, study, p);
        rc = cs_command_load_study(&args, path, &parts[p], err);
        free(path);
    }
    if (rc == CS_OK)
        rc = cs_reachable_plan(s->name, &parts[0], parts[s->n_parts - 1].study, list, err);
    for (uint32_t p = 0; p < s->n_parts; p++)
        cs_load_release(&parts[p]);
    return rc;
}

enum cs_err cs_suite_run_reach(const struct cs_stage *t, FILE *out, struct cs_json **list, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    struct cs_json *row;
    size_t i;
    *list = cs_json_array();
    for (uint32_t k = 0; k < t->n && rc == CS_OK; k++) {
        if (t->studies[k].left_out == NULL)
            rc = reach_of_study(t, k, *list, err);
    }
    if (rc != CS_OK || out == NULL || cs_json_array_size(*list) == 0)
        return rc;
    fputs("\nWhat can be found (ops/suites/README.md):\n", out);
    cs_json_array_foreach(*list, i, row)
    {
        const long long n = (long long)cs_json_integer_value(cs_json_object_get(row, "comparisons"));
        const char *why = cs_json_string_value(cs_json_object_get(cs_json_object_get(row, "reach"), "why"));
        fprintf(out, "%s, %lld comparison%s of %s: %s\n", cs_json_string_value(cs_json_object_get(row, "study")), n,
                n == 1 ? "" : "s", cs_json_string_value(cs_json_object_get(row, "outcome")),
                why != NULL ? why : "not known");
    }
    return rc;
}

/* ---- runs ------------------------------------------------------------------------------------------------------ */

static enum cs_err store_is_of(const struct cs_stage *t, const char *path, bool *same, uint64_t *open_trials,
                               struct cs_error *err)
{
    const struct cs_study_args args = {.providers = t->providers};
    struct cs_reader r = {0};
    struct cs_loaded l = {0};
    *same = false;
    enum cs_err rc = cs_reader_open(&r, path, NULL, NULL, NULL, err);
    if (rc == CS_OK)
        rc = cs_children_open_trials(r.store, &r.view, open_trials, err);
    if (rc == CS_OK)
        rc = cs_command_load_study(&args, path, &l, err);
    if (rc == CS_OK)
        rc = cs_submission_is_of(&l, &r.view, same, err);
    cs_load_release(&l);
    cs_reader_close(&r);
    return rc;
}

/* A fault that a run would meet too is left to the run to tell. */
static bool is_finished(const struct cs_stage *t, uint32_t study)
{
    uint64_t open_trials = 1;
    bool all = true;
    for (uint32_t p = 0; p < t->studies[study].study->n_parts && all; p++) {
        struct cs_error err = {0};
        char *path = cs_stage_file(t, study, p);
        bool same = false;
        all = store_is_of(t, path, &same, &open_trials, &err) == CS_OK && same && open_trials == 0;
        free(path);
    }
    return all;
}

enum cs_err cs_suite_run_is_of(const struct cs_stage *t, uint32_t study, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t p = 0; p < t->studies[study].study->n_parts && rc == CS_OK; p++) {
        char *path = cs_stage_file(t, study, p);
        uint64_t open_trials;
        bool same = false;
        rc = store_is_of(t, path, &same, &open_trials, err);
        if (rc == CS_OK && !same)
            rc = cs_error_set(err, CS_EINVAL, "the store beside %s holds another study than this file", path);
        free(path);
    }
    return rc;
}

static int run_study(const struct cs_stage *t, uint32_t i, const struct cs_suite_run_options *o)
{
    const struct cs_suite_study *s = t->studies[i].study;
    struct call c = {.argc = 0};
    char *path = cs_stage_file(t, i, s->n_parts - 1), *log = cs_xasprintf("%s/run.log", t->dir);
    add(&c, "run");
    add(&c, path);
    add_option(&c, "--providers", t->providers);
    add(&c, "--accept-unparsable"); /* of the model that is asked they are a result; of a judge they are not */
    add_option(&c, "--workers", o->workers);
    add_option(&c, "--slots", o->slots);
    add_option(&c, "--simulator-args", t->simulated ? o->simulator_args : NULL);
    const int status = call_into(&c, cmd_run, log, O_APPEND);
    free(path);
    free(log);
    return status;
}

/* Of the model that is asked: without it no study would get an answer. */
static int check_own_key(const struct cs_stage *t, uint32_t study)
{
    const struct cs_study_args args = {.providers = t->providers, .planned = true};
    struct cs_loaded l = {0};
    struct cs_error err = {0}, why = {0};
    char *path = cs_stage_file(t, study, 0);
    enum cs_err rc = cs_command_load_study(&args, path, &l, &err);
    const struct cs_model *m = rc == CS_OK ? without_key(l.study, &why) : NULL;
    if (m != NULL)
        rc = cs_error_set(&err, why.code, "%s: %s", m->name, why.msg);
    cs_load_release(&l);
    free(path);
    return rc == CS_OK ? 0 : cs_command_fail(rc, &err);
}

int cs_suite_run_studies(const struct cs_stage *t, const struct cs_suite_run_options *o)
{
    int worst = 0;
    bool checked = false;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct cs_stage_study *s = &t->studies[i];
        if (s->left_out != NULL)
            continue;
        const bool finished = is_finished(t, i);
        fprintf(stderr, "\n%u of %u: %s%s\n", i + 1, t->n, s->study->name, finished ? ", which is finished" : "");
        int status = finished || checked ? 0 : check_own_key(t, i);
        checked = checked || !finished;
        if (status == 0 && !finished)
            status = run_study(t, i, o);
        else if (status != 0)
            return status;
        if (status != 0 && status != NOT_ALL)
            return status;
        worst = status != 0 ? status : worst;
    }
    return worst;
}

/* ---- what came of it ---------------------------------------------------------------------------------------------- */

static int read_json(const char *path, struct cs_json **out)
{
    struct cs_error err = {0};
    char *text = NULL;
    size_t n = 0;
    enum cs_err rc = cs_file_read(path, REPORT_MAX, &text, &n, &err);
    if (rc == CS_OK && (*out = cs_json_loadb(text, n, 0, NULL)) == NULL)
        rc = cs_error_set(&err, CS_EIO, "%s is not whole", path);
    free(text);
    return rc == CS_OK ? 0 : cs_command_fail(rc, &err);
}

static int ask(const struct cs_stage *t, struct call *c, int (*command)(int, char **), struct cs_json **out)
{
    char *path = cs_xasprintf("%s/answer.json", t->dir);
    int status = call_into(c, command, path, O_TRUNC);
    status = status == NOT_ALL ? 0 : status;
    if (status == 0)
        status = read_json(path, out);
    unlink(path);
    free(path);
    return status;
}

static int read_asked(const struct cs_stage *t, uint32_t i, uint32_t part, struct cs_card_study *to)
{
    struct cs_error err = {0};
    char *path = cs_stage_file(t, i, part);
    const enum cs_err rc = cs_asked_read(path, &to->asked[part], &err);
    free(path);
    return rc == CS_OK ? 0 : cs_command_fail(rc, &err);
}

static int read_part(const struct cs_stage *t, uint32_t i, uint32_t part, bool page, struct cs_card_study *to)
{
    char *path = cs_stage_file(t, i, part), *html = cs_xasprintf("%s/report.html", t->studies[i].folder);
    struct call report = {.argc = 0}, bill = {.argc = 0};
    add(&report, "report");
    add(&report, path);
    add_option(&report, "--providers", t->providers);
    add(&report, "--json");
    if (page)
        add_option(&report, "--out", html);
    add(&bill, "bill");
    add(&bill, path);
    add(&bill, "--json");
    int status = ask(t, &report, cmd_report, &to->reports[part]);
    if (status == 0)
        status = ask(t, &bill, cmd_bill, &to->bills[part]);
    if (status == 0)
        status = read_asked(t, i, part, to);
    if (status == 0)
        to->stops[part] = cs_stops_read(path);
    free(path);
    free(html);
    return status;
}

int cs_suite_run_read(const struct cs_stage *t, bool pages, struct cs_card_study *studies)
{
    int status = 0;
    for (uint32_t i = 0; i < t->n && status == 0; i++) {
        const uint32_t n = t->studies[i].left_out == NULL ? t->studies[i].study->n_parts : 0;
        for (uint32_t p = 0; p < n && status == 0; p++)
            status = read_part(t, i, p, pages && p + 1 == n, &studies[i]);
    }
    return status;
}

void cs_suite_run_free(struct cs_card_study *studies, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t p = 0; p < CS_SUITE_PARTS_MAX; p++) {
            cs_json_decref(studies[i].reports[p]);
            cs_json_decref(studies[i].bills[p]);
            cs_json_decref(studies[i].asked[p]);
            cs_json_decref(studies[i].stops[p]);
        }
    }
}
