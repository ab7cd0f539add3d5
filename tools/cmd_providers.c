/* clinsafe providers check - can each lane be used? The calls are made by clinsafe-worker, as all calls are. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "protocol/base/plain.h"
#include "protocol/load/providers.h"
#include "tools/base/text.h"
#include "tools/commands.h"
#include "tools/fleet/fleet.h"

enum { LINE_MAX_BYTES = 64 * 1024, ARGS_MAX = 16 };

struct check {
    const char *file, *model, *simulator;
    struct cs_study_args study;
    bool json;
    uint32_t lanes, failed;
    struct cs_json *all;   /* what --json prints */
    struct cs_arena arena; /* holds its lines */
};

/* ---- the worker ----------------------------------------------------------------------------------- */

static void option(const char **args, unsigned *n, const char *name, const char *value)
{
    if (value == NULL)
        return;
    args[(*n)++] = name;
    args[(*n)++] = value;
}

static _Noreturn void become(const struct check *k, const char *program, int out)
{
    const char *args[ARGS_MAX] = {program};
    unsigned n = 1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    option(args, &n, "--check", k->file);
    option(args, &n, "--model", k->model);
    option(args, &n, "--simulator", k->simulator);
    option(args, &n, "--providers", k->study.providers);
    option(args, &n, "--data", k->study.data);
    if (dup2(out, STDOUT_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0)
        execv(program, (char *const *)(uintptr_t)args);
    dprintf(STDERR_FILENO, "clinsafe-worker: %s: %s\n", program, strerror(errno));
    _exit(127);
}

static enum cs_err start_worker(const struct check *k, pid_t *pid, FILE **out, struct cs_error *err)
{
    char *program = cs_fleet_program_beside("clinsafe-worker");
    int pipes[2];
    enum cs_err rc = CS_OK;
    *out = NULL;
    if (pipe(pipes) != 0) {
        free(program);
        return cs_error_set(err, CS_EIO, "cannot start clinsafe-worker: %s", strerror(errno));
    }
    *pid = fork();
    if (*pid == 0)
        become(k, program, pipes[1]);
    close(pipes[1]);
    if (*pid < 0 || (*out = fdopen(pipes[0], "r")) == NULL) {
        close(pipes[0]);
        rc = cs_error_set(err, CS_EIO, "cannot start clinsafe-worker: %s", strerror(errno));
    }
    free(program);
    return rc;
}

/* ---- a lane in one line ---------------------------------------------------------------------------- */

/* Often a provider's own words. */
static const char *text_of(struct check *k, const struct cs_json *lane, const char *key)
{
    const char *v = cs_json_string_value(cs_json_object_get(lane, key));
    return v != NULL ? cs_plain_in(&k->arena, v) : "";
}

static void print_limits(const struct cs_json *limits)
{
    const char *name, *between = "; limits told: ";
    struct cs_json *v;
    cs_json_object_foreach((struct cs_json *)(uintptr_t)limits, name, v)
    {
        char told[CS_TEXT_MAX_LEN], declared[CS_TEXT_MAX_LEN];
        const int64_t t = cs_json_integer_value(cs_json_object_get(v, "told"));
        const int64_t d = cs_json_integer_value(cs_json_object_get(v, "declared"));
        if (t == 0)
            continue;
        printf("%s%s ", between, cs_text_count(told, (uint64_t)t));
        for (const char *s = name; *s != '\0'; s++)
            putchar(*s == '_' ? ' ' : *s);
        if (d == 0)
            printf(" (none declared)");
        else if (d != t)
            printf(" (%s declared%s)", cs_text_count(declared, (uint64_t)d), d > t ? ": lower it" : "");
        between = ", ";
    }
}

/* "http://127.0.0.1:8001/v1: " where its account has several. */
static const char *server_of(struct check *k, const struct cs_json *lane)
{
    const char *server = text_of(k, lane, "server");
    return server[0] != '\0' ? cs_arena_printf(&k->arena, "%s: ", server) : "";
}

static void print_ok(struct check *k, const struct cs_json *lane)
{
    const char *sent = text_of(k, lane, "model_sent"), *resolved = text_of(k, lane, "model_resolved");
    printf("%sreachable from %s, key accepted; %s", server_of(k, lane), text_of(k, lane, "from"), sent);
    if (resolved[0] != '\0' && strcmp(sent, resolved) != 0)
        printf(" is %s", resolved);
    printf("; %lld ms", (long long)cs_json_integer_value(cs_json_object_get(lane, "latency_ms")));
    print_limits(cs_json_object_get(lane, "limits"));
    if (text_of(k, lane, "todo")[0] != '\0')
        printf("; note: %s", text_of(k, lane, "todo"));
    if (text_of(k, lane, "sunset")[0] != '\0')
        printf("; %s", text_of(k, lane, "sunset"));
}

static void print_failed(struct check *k, const struct cs_json *lane)
{
    const int64_t status = cs_json_integer_value(cs_json_object_get(lane, "http_status"));
    printf("%s", server_of(k, lane));
    for (const char *s = text_of(k, lane, "state"); *s != '\0'; s++)
        putchar(*s == '_' ? ' ' : *s);
    if (status > 0)
        printf(" (HTTP %lld)", (long long)status);
    printf(" from %s: %s", text_of(k, lane, "from"), text_of(k, lane, "todo"));
    if (text_of(k, lane, "said")[0] != '\0')
        printf(" [%s]", text_of(k, lane, "said"));
}

static void take_lane(struct check *k, struct cs_json *lane)
{
    const char *state = text_of(k, lane, "state");
    const bool ok = strcmp(state, "ok") == 0, skipped = strcmp(state, "skipped") == 0;
    k->lanes++;
    k->failed += !ok && !skipped;
    if (k->json) {
        cs_json_array_append(k->all, lane);
        return;
    }
    printf("%-24s %-7s ", text_of(k, lane, "model"), ok ? "ok" : skipped ? "skipped" : "FAILED");
    if (ok)
        print_ok(k, lane);
    else if (skipped)
        printf("simulated: nothing to check");
    else
        print_failed(k, lane);
    putchar('\n');
    fflush(stdout);
}

/* ---- the command ---------------------------------------------------------------------------------- */

/* Reads the worker's lines. What is not JSON is its last sentence: why it could not begin, or a count that we make too. */
static enum cs_err read_lanes(struct check *k, FILE *out, struct cs_error *err)
{
    char *line = cs_xmalloc(LINE_MAX_BYTES);
    enum cs_err rc = CS_OK;
    while (fgets(line, LINE_MAX_BYTES, out) != NULL) {
        struct cs_json *lane = cs_json_loads(line, 0, NULL);
        line[strcspn(line, "\n")] = '\0';
        if (cs_json_is_object(lane))
            take_lane(k, lane);
        else if (strncmp(line, "clinsafe-worker: ", 17) == 0)
            cs_error_set(err, CS_EINTERNAL, "%s", line + 17);
        cs_json_decref(lane);
    }
    free(line);
    return rc;
}

/* The exit status of the worker as an error of ours; its sentence is in err. */
static enum cs_err outcome(pid_t pid, struct cs_error *err)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return CS_OK;
    if (!WIFEXITED(status))
        return cs_error_set(err, CS_EINTERNAL, "clinsafe-worker ended by signal %d", WTERMSIG(status));
    static const enum cs_err known[] = {CS_EINCOMPLETE, CS_EUSAGE, CS_EINVAL, CS_ENOENT, CS_EIO, CS_EINTERNAL};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (cs_error_exit_code(known[i]) == WEXITSTATUS(status))
            return err->code = known[i];
    }
    return err->code = CS_EINTERNAL;
}

static enum cs_err check(struct check *k, struct cs_error *err)
{
    FILE *out = NULL;
    pid_t pid = 0;
    k->all = cs_json_array();
    enum cs_err rc = start_worker(k, &pid, &out, err);
    if (rc == CS_OK) {
        rc = read_lanes(k, out, err);
        fclose(out);
    }
    if (rc == CS_OK)
        rc = outcome(pid, err);
    if (k->json && k->lanes > 0) {
        struct cs_json *root = cs_document_begin("providers/1", cs_clock_wall_ms());
        cs_json_object_set_new(root, "lanes", cs_json_incref(k->all));
        cs_document_print(root, stdout);
    }
    cs_json_decref(k->all);
    cs_arena_release(&k->arena);
    return rc;
}

int cmd_providers(int argc, char **argv)
{
    struct check k = {0};
    const struct cs_option table[] = {
        {"model", CS_OPT_STR, &k.model, "NAME", "check this model only"},
        {"json", CS_OPT_FLAG, &k.json, NULL, "print JSON"},
        {"simulator", CS_OPT_STR, &k.simulator, "URL",
         "where accounts with `provider: simulated` are found; without it they are skipped"},
        CS_STUDY_OPTIONS(k.study),
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe providers check [providers.yaml | STUDY] [options]",
        "Makes one call per lane, with the parameters of its trials, and says: reachable (from which host), key accepted, which model answers, limits that\n"
        "the provider tells and where they differ from the declared ones, latency. With a study, its own models are sent a prompt of it,\n"
        "with its schema, and what a run would make of the answer is said; else one word is asked for. Default: providers.yaml here,\n"
        "else the one in your configuration folder. Exit status 2 if a lane cannot be used; each line then says what to do. Keys are never shown.",
        "clinsafe providers check ops/studies/demo/study.yaml",
    };
    struct cs_arena arena = {0};
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 2, &n_args, &status))
        return status;
    enum cs_err rc = CS_OK;
    if (strcmp(argv[1], "check") != 0)
        rc = cs_error_set(&err, CS_EUSAGE, "providers %s: want `clinsafe providers check`", argv[1]);
    k.file = n_args > 1 ? argv[2] : NULL;
    if (rc == CS_OK && k.file == NULL)
        rc = cs_providers_find("study.yaml", NULL, &arena, &k.file, &err);
    if (rc == CS_OK)
        rc = check(&k, &err);
    status = rc != CS_OK ? cs_command_fail(rc, &err) : 0;
    cs_arena_release(&arena);
    return status;
}
