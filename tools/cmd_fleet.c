/* clinsafe submit, pause, resume, cancel, retry, void, drain - what a person says to a coordinator. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "tools/fleet/admin_client.h"
#include "tools/base/parents.h"
#include "tools/commands.h"
#include "tools/fleet/acted.h"
#include "tools/fleet/again.h"
#include "tools/fleet/whom.h"
#include "tools/fleet/parent_there.h"
#include "tools/screen/screen.h"
#include "tools/base/text.h"
#include "tools/fleet/submission.h"
#include "tools/fleet/submitted.h"
#include "tools/plan/identifiers.h"

enum { ASK_MS = 15000, SEARCH_MS = 10 * 60 * 1000, SUBMIT_MAX = 256 };

struct submit {
    struct cs_whom reach;
    struct cs_study_args args;
    struct cs_submission_place place;
    bool adopt_other, json;
    struct cs_json *taken; /* with --json: the studies that were */
};

static void tell_taken(const struct submit *s, struct cs_admin_client *client, const char *study, uint32_t gen,
                       bool is_new)
{
    struct cs_submitted stands;
    struct cs_ticker ticker = {0};
    const struct cs_fleet_status_watch watch = {
        .on_progress = cs_screen_ticker_progress, .self = &ticker, .study = study};
    if (!s->json) {
        printf("%s: generation %u %s\n", study, gen, is_new ? "started" : "continues");
        fflush(stdout);
    }
    cs_submitted_look(&stands, client, &watch);
    if (s->json)
        cs_json_array_append_new(s->taken, cs_submitted_json(&stands, study, gen, is_new));
    else
        cs_submitted_print(&stands, study, s->reach.endpoint, stdout);
    cs_submitted_release(&stands);
}

static enum cs_err submit_one(const struct submit *s, struct cs_admin_client *client, const char *path,
                              struct cs_error *err)
{
    struct cs_loaded loaded = {0};
    uint32_t gen;
    bool is_new;
    enum cs_err rc = cs_command_load_study(&s->args, path, &loaded, err);
    if (rc == CS_OK)
        rc = cs_identifiers_check(&loaded, err);
    if (rc == CS_OK)
        rc = cs_submission_send(client, &loaded, s->adopt_other, &s->place, &gen, &is_new, err);
    if (rc == CS_OK)
        tell_taken(s, client, loaded.study->name, gen, is_new);
    cs_load_release(&loaded);
    return rc;
}

/* A fault in one of several files is better known before another is given away. */
static enum cs_err check_all(const struct submit *s, int n, char **paths, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (int i = 0; n > 1 && i < n && rc == CS_OK; i++) {
        struct cs_loaded loaded = {0};
        char *parent = cs_parents_file(paths[i], NULL); /* its cases are made only when it is its turn */
        rc = parent == NULL ? cs_command_load_study(&s->args, paths[i], &loaded, err) : CS_OK;
        cs_load_release(&loaded);
        free(parent);
    }
    return rc;
}

static void print_taken(struct cs_json *studies)
{
    struct cs_json *root = cs_document_begin("submit/1", cs_clock_wall_ms());
    cs_document_add(root, cs_json_pack("{s:O}", "studies", studies));
    (void)!cs_document_print(root, stdout);
}

int cmd_submit(int argc, char **argv)
{
    struct submit s = {0};
    const struct cs_option table[] = {CS_WHOM_OPTIONS(s.reach),
                                      CS_WHOM_REASON_OPTION(s.reach),
                                      CS_STUDY_OPTIONS(s.args),
                                      CS_PARTIAL_OPTION(s.args),
                                      CS_ADOPT_OTHER_OPTION(s.adopt_other),
                                      {"weight", CS_OPT_U64, &s.place.weight, "N",
                                       "its share of slots and quotas against other studies, 1 to 1000; default 1"},
                                      {"priority", CS_OPT_STR, &s.place.priority, "P",
                                       "low, normal or high: a hundred times less or more; default normal"},
                                      {"after", CS_OPT_STR, &s.place.after, "NAME", "begin when that study is over"},
                                      {"stop-old", CS_OPT_FLAG, &s.place.stop_old, NULL,
                                       "ask nothing more of the study as it was while its edit is prepared"},
                                      {"json", CS_OPT_FLAG, &s.json, NULL, "print JSON"},
                                      {0}};
    const struct cs_command_help help = {
        "clinsafe submit STUDY... --coordinator ENDPOINT [options]",
        "Gives studies to a coordinator that runs already; its workers begin at once, and share their slots and the providers' limits among\n"
        "all its studies by weight. Submitting a study again continues it; submitting a changed file makes a new generation that keeps\n"
        "every answer already paid for. It is prepared while the study as it was goes on. A study of another one's outputs is made of those that\n"
        "the coordinator has, once that one is finished (--partial: of those that are there).",
        "clinsafe submit study.yaml --coordinator tcp://10.0.0.5:7403 --key me.key --server-key coordinator.pub --weight 2",
    };
    struct cs_parent_there there;
    struct cs_admin_client *client = NULL;
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, SUBMIT_MAX, &n_args, &status))
        return status;
    enum cs_err rc = check_all(&s, n_args, argv + 1, &err);
    if (rc == CS_OK)
        rc = cs_whom_open(&s.reach, &client, &err);
    cs_parent_there_init(&there, client, s.args.partial);
    s.args.parents = &there.parents;
    s.taken = cs_json_array();
    for (int i = 1; i <= n_args && rc == CS_OK; i++)
        rc = submit_one(&s, client, argv[i], &err);
    if (s.json && cs_json_array_size(s.taken) > 0) /* also those before one that was refused: they are being paid for */
        print_taken(s.taken);
    cs_json_decref(s.taken);
    if (rc != CS_OK)
        status = cs_command_fail(rc, &err);
    cs_admin_client_close(client);
    return status;
}

static int say(const char *verb, const char *summary, const char *done, int argc, char **argv)
{
    struct cs_whom reach = {0};
    bool json = false;
    const struct cs_option table[] = {
        CS_WHOM_OPTIONS(reach),
        CS_WHOM_DIR_OPTION(reach),
        CS_WHOM_STUDY_OPTION(reach),
        CS_WHOM_REASON_OPTION(reach),
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    char usage[128], example[160];
    snprintf(usage, sizeof usage, "clinsafe %s [MODEL] (--coordinator ENDPOINT | --dir DIR) [--study NAME]", verb);
    snprintf(example, sizeof example, "clinsafe %s --dir ops/studies/demo/study.clinsafe", verb);
    const struct cs_command_help help = {usage, summary, example};
    struct cs_admin_client *client = NULL;
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 0, 1, &n_args, &status))
        return status;
    const char *args[] = {n_args > 0 ? argv[1] : reach.study != NULL ? "" : NULL, reach.study, NULL};
    enum cs_err rc = cs_whom_open(&reach, &client, &err);
    if (rc == CS_OK)
        rc = cs_admin_client_ask(client, verb, args, NULL, 0, ASK_MS, NULL, &err);
    if (rc == CS_OK && json)
        cs_acted_print(verb, reach.study, n_args > 0 ? argv[1] : NULL, NULL);
    else if (rc == CS_OK)
        printf("%s%s%s\n", n_args > 0 ? argv[1] : "", n_args > 0 ? ": " : "", done);
    else
        status = cs_command_fail(rc, &err);
    cs_admin_client_close(client);
    return status;
}

int cmd_pause(int argc, char **argv)
{
    return say(
        "pause",
        "Starts no further calls, in all models or in MODEL; calls in flight finish. Holds until `resume`, over restarts and edits\n"
        "of the study too.",
        "paused", argc, argv);
}

int cmd_resume(int argc, char **argv)
{
    return say("resume", "Goes on after `pause`. With MODEL also after `cancel`: what was given up is planned again.",
               "resumed", argc, argv);
}

int cmd_cancel(int argc, char **argv)
{
    return say(
        "cancel",
        "Gives up every trial that has no answer yet, in all models or in MODEL. Answers are kept. Holds over edits of the\n"
        "study too, until `resume MODEL`.",
        "cancelled", argc, argv);
}

/* They are typed by people who look for what is not there, and deserve the reason. */
static bool is_data(int argc, char **argv, struct cs_error *err)
{
    static const char *const data[] = {"ok", "refused", "content-filtered", "content_filtered", "truncated"};
    for (int i = 1; i < argc; i++) {
        for (size_t k = 0; k < sizeof data / sizeof *data; k++) {
            if (strncmp(argv[i], "--", 2) != 0 || strcmp(argv[i] + 2, data[k]) != 0)
                continue;
            (void)cs_error_set(
                err, CS_EUSAGE,
                "%s: such answers are data and stand; only --timeouts and --unparsable can be asked again", argv[i]);
            return true;
        }
    }
    return false;
}

struct pick { /* which of the failed trials; NULL: any */
    const char *class, *case_id, *like;
};

static enum cs_err retry_failed(struct cs_admin_client *client, const struct cs_again_options *again,
                                const struct pick *pick, const char **reply, struct cs_error *err)
{
    const char *all[] = {again->model != NULL ? again->model : again->study != NULL ? "" : NULL, again->study, NULL};
    const char *some[6] = {again->model != NULL ? again->model : "", again->study != NULL ? again->study : ""};
    const char *const names[] = {"class", "case", "like"}, *const values[] = {pick->class, pick->case_id, pick->like};
    char *words[3] = {NULL};
    size_t n = 2;
    for (size_t i = 0; i < 3; i++) {
        if (values[i] != NULL)
            some[n++] = words[i] = cs_xasprintf("%s=%s", names[i], values[i]);
    }
    enum cs_err rc = n > 2 ? cs_admin_client_ask(client, "retry-some", some, NULL, 0, SEARCH_MS, reply, err)
                           : cs_admin_client_ask(client, "retry", all, NULL, 0, ASK_MS, reply, err);
    for (size_t i = 0; i < 3; i++)
        free(words[i]);
    return rc;
}

static enum cs_err ask_again(struct cs_admin_client *client, const struct cs_again_options *again, bool json,
                             struct cs_error *err)
{
    struct cs_json *said = NULL, *m;
    struct cs_ticker ticker = {0};
    const struct cs_fleet_status_watch watch = {
        .on_progress = cs_screen_ticker_progress, .self = &ticker, .study = again->study};
    size_t i;
    uint64_t n = 0;
    enum cs_err rc = cs_fleet_again_ask(client, again, &watch, json ? NULL : stdout, &said, err);
    cs_json_array_foreach(said, i, m)
        n += cs_fleet_status_number(m, "timeouts") + cs_fleet_status_number(m, "unparsable");
    if (rc == CS_OK && json)
        cs_acted_print("retry", again->study, again->model,
                       cs_json_pack("{s:I, s:O}", "trials", (int64_t)n, "asked_again", said));
    cs_json_decref(said);
    return rc;
}

static enum cs_err retry(struct cs_admin_client *client, const struct cs_again_options *again, const struct pick *pick,
                         bool json, struct cs_error *err)
{
    const char *reply = NULL;
    if (cs_fleet_again_is_asked(again))
        return ask_again(client, again, json, err);
    enum cs_err rc = retry_failed(client, again, pick, &reply, err);
    if (rc != CS_OK)
        return rc;
    struct cs_json *said = cs_json_loads(reply, 0, NULL); /* NULL: a coordinator that does not say how many */
    const char *model = again->model != NULL ? again->model : "", *colon = again->model != NULL ? ": " : "";
    if (json)
        cs_acted_print("retry", again->study, again->model,
                       cs_json_pack("{s:o?}", "trials", cs_json_incref(cs_json_object_get(said, "trials"))));
    else if (said != NULL)
        printf("%s%s%llu failed trials planned again\n", model, colon,
               (unsigned long long)cs_fleet_status_number(said, "trials"));
    else
        printf("%s%sfailed trials planned again\n", model, colon);
    cs_json_decref(said);
    return CS_OK;
}

int cmd_retry(int argc, char **argv)
{
    struct cs_whom reach = {0};
    struct cs_again_options again = {0};
    struct pick pick = {0};
    bool json = false;
    const struct cs_option table[] = {
        CS_WHOM_OPTIONS(reach),
        CS_WHOM_DIR_OPTION(reach),
        CS_WHOM_STUDY_OPTION(reach),
        CS_WHOM_REASON_OPTION(reach),
        {"model", CS_OPT_STR, &again.model, "NAME", "in this model alone"},
        {"class", CS_OPT_STR, &pick.class, "CLASS",
         "those that failed so: provider_error, rate_limited, transport, invalid_request, internal, quarantined"},
        {"case", CS_OPT_STR, &pick.case_id, "ID", "those of this case"},
        {"like", CS_OPT_STR, &pick.like, "TEXT", "those whose error has this in it, in any case of letters"},
        {"timeouts", CS_OPT_FLAG, &again.timeouts, NULL, "ask answers that are `timeout` again, once a trial"},
        {"unparsable", CS_OPT_FLAG, &again.unparsable, NULL, "ask answers that are `unparsable` again, once a trial"},
        {"again", CS_OPT_FLAG, &again.repeat, NULL, "also those that were asked again before"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe retry [MODEL] (--coordinator ENDPOINT | --dir DIR) [options]",
        "Plans failed trials again, in all models or in MODEL, all of them or those that --class, --case and --like pick, and says how many:\n"
        "no answer is touched. With --timeouts or --unparsable instead those answers are\n"
        "asked again. The first answer is kept and linked, its cost stays counted, and the report shows findings with both.",
        "clinsafe retry --dir ops/studies/demo/study.clinsafe --class provider_error --like \"upstream connect\"",
    };
    struct cs_admin_client *client = NULL;
    struct cs_error err = {0};
    int n_args, status;
    if (is_data(argc, argv, &err))
        return cs_command_fail(CS_EUSAGE, &err);
    if (!cs_command_args(table, &help, argc, argv, 0, 1, &n_args, &status))
        return status;
    enum cs_err rc = CS_OK;
    if (n_args > 0 && again.model != NULL)
        rc = cs_error_set(&err, CS_EUSAGE, "MODEL and --model say the same: give one of them");
    else if (again.repeat && !cs_fleet_again_is_asked(&again))
        rc = cs_error_set(&err, CS_EUSAGE, "--again goes with --timeouts or --unparsable");
    else if (cs_fleet_again_is_asked(&again) && (pick.class != NULL || pick.case_id != NULL || pick.like != NULL))
        rc = cs_error_set(&err, CS_EUSAGE,
                          "--class, --case and --like pick failed trials, not --timeouts or --unparsable");
    again.model = n_args > 0 ? argv[1] : again.model;
    again.study = reach.study;
    if (rc == CS_OK)
        rc = cs_whom_open(&reach, &client, &err);
    if (rc == CS_OK)
        rc = retry(client, &again, &pick, json, &err);
    if (rc != CS_OK)
        status = cs_command_fail(rc, &err);
    cs_admin_client_close(client);
    return status;
}

static void print_voids(const struct cs_json *rows)
{
    const struct cs_json *row;
    size_t i;
    cs_json_array_foreach((struct cs_json *)(uintptr_t)rows, i, row)
    {
        const char *model = cs_fleet_status_text(row, "model");
        char when[32], usd[CS_TEXT_MAX_LEN];
        cs_clock_format_utc(cs_json_integer_value(cs_json_object_get(row, "at")), when);
        cs_text_usd(usd, (int64_t)(cs_json_number_value(cs_json_object_get(row, "usd")) * 1e9));
        printf("%s  %s  %s%s%s: %s\n", when, usd, cs_fleet_status_text(row, "what"), model[0] != '\0' ? ", " : "",
               model, cs_fleet_status_text(row, "reason"));
    }
    if (cs_json_array_size(rows) == 0)
        printf("nothing was voided\n");
}

static struct cs_json *voids_json(const struct cs_json *rows)
{
    struct cs_json *out = cs_json_array();
    const struct cs_json *row;
    size_t i;
    cs_json_array_foreach((struct cs_json *)(uintptr_t)rows, i, row)
    {
        const char *model = cs_fleet_status_text(row, "model");
        cs_json_array_append_new(out, cs_json_pack("{s:I, s:b, s:s?, s:f, s:s}", "at",
                                                   cs_json_integer_value(cs_json_object_get(row, "at")), "presumed",
                                                   strcmp(cs_fleet_status_text(row, "what"), "presumed") == 0, "model",
                                                   model[0] != '\0' ? model : NULL, "amount_usd",
                                                   cs_json_number_value(cs_json_object_get(row, "usd")), "reason",
                                                   cs_fleet_status_text(row, "reason")));
    }
    return cs_json_pack("{s:o}", "voids", out);
}

struct void_args {
    const char *study, *model, *reason;
    bool presumed, json;
};

static enum cs_err list_voids(struct cs_admin_client *client, const struct void_args *v, struct cs_error *err)
{
    const char *reply = NULL;
    enum cs_err rc = cs_admin_client_ask(client, "void", NULL, NULL, 0, ASK_MS, &reply, err);
    if (rc != CS_OK)
        return rc;
    struct cs_json *rows = cs_json_loads(reply != NULL ? reply : "[]", 0, NULL);
    if (v->json)
        cs_acted_print("void", NULL, NULL, voids_json(rows));
    else
        print_voids(rows);
    cs_json_decref(rows);
    return CS_OK;
}

static enum cs_err void_spend(struct cs_admin_client *client, const struct void_args *v, struct cs_error *err)
{
    const char *of_model[] = {"model", v->model, v->reason, v->study, NULL};
    const char *of_presumed[] = {"presumed", v->reason, v->study, NULL}, *reply = NULL;
    char usd[CS_TEXT_MAX_LEN];
    if (!v->presumed && v->model == NULL)
        return list_voids(client, v, err);
    enum cs_err rc = cs_admin_client_ask(client, "void", v->presumed ? of_presumed : of_model, NULL, 0, ASK_MS, &reply,
                                         err);
    if (rc != CS_OK)
        return rc;
    struct cs_json *said = reply != NULL ? cs_json_loads(reply, 0, NULL) : NULL;
    const int64_t nano = cs_json_integer_value(cs_json_object_get(said, "nano_usd"));
    if (v->json)
        cs_acted_print("void", v->study, v->model,
                       cs_json_pack("{s:b, s:I}", "presumed", v->presumed, "voided_nano_usd", nano));
    else
        printf("%s%s voided, and written down with its reason\n", v->presumed ? "presumed: " : "",
               cs_text_usd(usd, nano));
    cs_json_decref(said);
    return CS_OK;
}

int cmd_void(int argc, char **argv)
{
    struct cs_whom reach = {0};
    struct void_args v = {0};
    const struct cs_option table[] = {
        CS_WHOM_OPTIONS(reach),
        CS_WHOM_DIR_OPTION(reach),
        CS_WHOM_STUDY_OPTION(reach),
        {"presumed", CS_OPT_FLAG, &v.presumed, NULL, "what is presumed of calls whose cost nobody knows"},
        {"reason", CS_OPT_STR, &v.reason, "TEXT", "why: it is kept with the sum"},
        {"json", CS_OPT_FLAG, &v.json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe void [MODEL | --presumed] --reason TEXT (--coordinator ENDPOINT | --dir DIR)",
        "Takes spend out of a study's account that was never spent, or that nobody believes: what MODEL's replies claim beyond what was\n"
        "reserved for them, or what is presumed of calls without a known cost. The provider's bill is the judge: look there first. Sum, time\n"
        "and reason stay in the store; without MODEL or --presumed they are listed.",
        "clinsafe void --presumed --reason \"the bill of 3 May has none of these calls\" --dir study.clinsafe",
    };
    struct cs_admin_client *client = NULL;
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 0, 1, &n_args, &status))
        return status;
    v.study = reach.study;
    v.model = n_args > 0 ? argv[1] : NULL;
    enum cs_err rc = CS_OK;
    if (n_args > 0 && v.presumed)
        rc = cs_error_set(&err, CS_EUSAGE, "say either MODEL or --presumed: they are two sums");
    else if ((n_args > 0 || v.presumed) && (v.reason == NULL || v.reason[0] == '\0'))
        rc = cs_error_set(&err, CS_EUSAGE, "say why with --reason TEXT: it is kept with the sum");
    else if (n_args == 0 && !v.presumed && v.reason != NULL)
        rc = cs_error_set(&err, CS_EUSAGE, "say what: MODEL or --presumed");
    if (rc == CS_OK)
        rc = cs_whom_open(&reach, &client, &err);
    if (rc == CS_OK)
        rc = void_spend(client, &v, &err);
    if (rc != CS_OK)
        status = cs_command_fail(rc, &err);
    cs_admin_client_close(client);
    return status;
}

int cmd_drain(int argc, char **argv)
{
    struct cs_whom reach = {0};
    bool json = false;
    const struct cs_option table[] = {
        CS_WHOM_OPTIONS(reach),
        CS_WHOM_DIR_OPTION(reach),
        CS_WHOM_REASON_OPTION(reach),
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe drain [WORKER] (--coordinator ENDPOINT | --dir DIR)",
        "Lets the workers finish what is in flight and give back the rest; then workers and coordinator end. With WORKER, a name as `clinsafe\n"
        "status` shows it, that worker alone: the others go on with what it gives back.",
        "clinsafe drain node7 --reason \"new disk\" --coordinator tcp://10.0.0.5:7403 --key me.key --server-key coordinator.pub",
    };
    struct cs_admin_client *client = NULL;
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 0, 1, &n_args, &status))
        return status;
    const char *args[] = {n_args > 0 ? argv[1] : NULL, NULL};
    enum cs_err rc = cs_whom_open(&reach, &client, &err);
    if (rc == CS_OK)
        rc = cs_admin_client_ask(client, n_args > 0 ? "drain-worker" : "drain", args, NULL, 0, ASK_MS, NULL, &err);
    if (rc == CS_OK && json)
        cs_acted_print("drain", NULL, NULL, cs_json_pack("{s:s?}", "worker", args[0]));
    else if (rc == CS_OK)
        printf("%s%sdraining\n", n_args > 0 ? argv[1] : "", n_args > 0 ? ": " : "");
    else
        status = cs_command_fail(rc, &err);
    cs_admin_client_close(client);
    return status;
}
