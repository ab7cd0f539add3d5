/* clinsafe reread - stored answers are read anew, as the study file declares now; nothing is asked again. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "protocol/wire/messages.h"
#include "tools/base/reader.h"
#include "tools/commands.h"
#include "tools/fleet/reread.h"
#include "tools/fleet/submission.h"
#include "tools/fleet/whom.h"
#include "tools/screen/screen.h"
#include "tools/verify/rereading.h"

enum { END_TRIES = 50, END_TRY_US = 100000 };

static volatile sig_atomic_t interrupts;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupts = interrupts + 1;
}

struct reread {
    struct cs_study_args args;
    struct cs_whom reach;
    const char *path, *store;
    bool dry, json;
    struct cs_json *said; /* with --json: the document */
    struct cs_loaded loaded;
};

static enum cs_err ignore_chunk(void *self, const uint8_t digest[32], const void *bytes, uint32_t n,
                                struct cs_error *err)
{
    (void)self, (void)digest, (void)bytes, (void)n, (void)err;
    return CS_OK;
}

/* The study file as a coordinator would see it. */
static enum cs_err spec_of(const struct cs_loaded *l, struct cs_spec *out, struct cs_error *err)
{
    struct cs_buf packed = CS_BUF_INIT(CS_SPEC_MAX);
    enum cs_err rc = cs_spec_pack(l->study, &l->cases, &packed, ignore_chunk, NULL, err);
    if (rc == CS_OK)
        rc = cs_spec_unpack(packed.data, (uint32_t)packed.len, out, err);
    cs_buf_release(&packed);
    return rc;
}

struct stands { /* what was seen in the store */
    bool todo;  /* something reads otherwise, or an earlier rereading was broken off */
    uint32_t gen;
    uint64_t reread; /* answers that are not as they were first recorded */
};

static struct cs_json *begin_json(const struct reread *a)
{
    struct cs_json *root = cs_document_begin("reread/1", cs_clock_wall_ms());
    cs_document_add(root, cs_json_pack("{s:s, s:b, s:n, s:n, s:n, s:[]}", "study", a->loaded.study->name, "dry_run",
                                       a->dry, "answers", "changed", "broken_off", "rows"));
    return root;
}

static void tell_json(const struct reread *a, const struct cs_rereading_sums *sums, const struct cs_reader *r)
{
    cs_document_add(a->said, cs_json_pack("{s:I, s:I, s:I, s:I, s:o}", "answers", (int64_t)sums->answers, "changed",
                                          (int64_t)sums->changed, "gen", (int64_t)r->view.generation.number, "reread",
                                          (int64_t)sums->reread, "rows", cs_rereading_json(sums, r)));
    if (r->rereads != 0)
        cs_json_object_set_new(a->said, "broken_off", cs_json_integer(r->rereads));
}

static void tell(const struct reread *a, const struct cs_rereading_sums *sums, const struct cs_reader *r)
{
    if (a->json) {
        tell_json(a, sums, r);
        return;
    }
    cs_rereading_print(sums, r, stdout);
    printf("%s: %" PRIu64 " of %" PRIu64 " answers of generation %u %s otherwise\n", a->loaded.study->name,
           sums->changed, sums->answers, r->view.generation.number, sums->changed == 1 ? "reads" : "read");
    if (r->rereads != 0)
        printf("generation %u, an earlier rereading, was broken off\n", r->rereads);
    fflush(stdout);
}

/* What would change, and said so. */
static enum cs_err look(struct reread *a, bool silent, struct stands *out, struct cs_error *err)
{
    struct cs_reader r = {0};
    struct cs_spec spec = {0};
    struct cs_rereading_sums sums = {0};
    struct cs_ticker ticker = {0};
    bool same = false;
    enum cs_err rc = cs_reader_open(&r, a->path, a->args.dir, a->store, a->loaded.study->name, err);
    if (rc == CS_OK && cs_submission_is_pilot(r.view.spec.study))
        rc = cs_submission_make_pilot(&a->loaded, r.view.spec.study->n_cases, err);
    if (rc == CS_OK)
        rc = spec_of(&a->loaded, &spec, err);
    if (rc == CS_OK)
        rc = cs_spec_same_requests(&r.view.spec, &spec, &same, err);
    if (rc == CS_OK && !same)
        rc = cs_error_set(err, CS_EINVAL,
                          "%s says more than another `reading` than generation %u does, so that what is sent could "
                          "change: `clinsafe run` that edit first, or undo it",
                          a->path, r.view.generation.number);
    if (rc == CS_OK)
        rc = cs_rereading_count(&sums, &r, &spec, cs_screen_ticker_progress, &ticker, err);
    cs_screen_ticker_end(&ticker);
    if (rc == CS_OK && !silent)
        tell(a, &sums, &r);
    *out = (struct stands){sums.changed > 0 || r.rereads != 0, r.view.generation.number, sums.reread};
    cs_rereading_release(&sums);
    cs_spec_release(&spec);
    cs_reader_close(&r);
    return rc;
}

static void say_done(const struct reread *a, uint32_t gen, uint64_t changed)
{
    if (a->json) {
        cs_document_add(a->said, cs_json_pack("{s:I, s:I}", "gen", (int64_t)gen, "reread", (int64_t)changed));
        return;
    }
    printf("%s: generation %u holds them as they read now; %" PRIu64
           " answers are not as they were first recorded, and every record is kept as it was. Nothing was asked.\n",
           a->loaded.study->name, gen, changed);
}

static enum cs_err by_coordinator(struct reread *a, const struct cs_fleet_status_watch *watch, struct cs_error *err)
{
    struct cs_admin_client *client = NULL;
    uint32_t gen = 0;
    uint64_t changed = 0;
    enum cs_err rc = cs_whom_open(&a->reach, &client, err);
    if (rc == CS_OK)
        rc = cs_fleet_reread_ask(client, &a->loaded, watch, &gen, &changed, err);
    if (rc == CS_OK)
        say_done(a, gen, changed);
    cs_admin_client_close(client);
    return rc;
}

/* dir is locked. The run that had it may have done it at its end. */
static enum cs_err at_rest(struct reread *a, struct cs_study_dir *dir, bool look_again,
                           const struct cs_fleet_status_watch *watch, struct cs_error *err)
{
    struct stands now = {.todo = true};
    enum cs_err rc = cs_study_dir_reap(dir, err);
    if (rc == CS_OK && look_again)
        rc = look(a, true, &now, err);
    if (rc == CS_OK && now.todo)
        rc = cs_fleet_reread_at_rest(dir, &a->loaded, watch, &now.gen, &now.reread, err);
    if (rc == CS_OK)
        say_done(a, now.gen, now.reread);
    return rc;
}

/* It went away while it was asked: a run ends when its study is over. */
static bool may_have_ended(enum cs_err rc)
{
    return rc == CS_ETIMEDOUT || rc == CS_EDENIED || rc == CS_ENOENT;
}

static enum cs_err on_this_machine(struct reread *a, const struct cs_fleet_status_watch *watch, struct cs_error *err)
{
    struct cs_study_dir dir;
    struct cs_error none = {0};
    cs_study_dir_init(&dir, a->path, a->args.dir);
    enum cs_err rc = cs_study_dir_lock(&dir, err);
    const bool busy = rc == CS_EBUSY; /* a run is going on: its coordinator does it */
    if (busy) {
        a->reach.dir = dir.path;
        rc = by_coordinator(a, watch, err);
        for (int i = 0; may_have_ended(rc) && i < END_TRIES && dir.lock_fd < 0; i++) {
            if (cs_study_dir_lock(&dir, &none) != CS_OK)
                usleep(END_TRY_US);
        }
    }
    if (dir.lock_fd >= 0)
        rc = at_rest(a, &dir, busy, watch, err);
    cs_study_dir_release(&dir);
    return rc;
}

static enum cs_err go(struct reread *a, struct cs_error *err)
{
    struct cs_ticker ticker = {0};
    const struct cs_fleet_status_watch watch = {
        .stop = &interrupts, .on_progress = cs_screen_ticker_progress, .self = &ticker, .study = a->loaded.study->name};
    const struct sigaction sa = {.sa_handler = on_interrupt};
    struct stands now;
    if (a->reach.endpoint != NULL)
        return by_coordinator(a, &watch, err);
    enum cs_err rc = look(a, false, &now, err);
    if (rc != CS_OK || a->dry || !now.todo)
        return rc;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    return on_this_machine(a, &watch, err);
}

static enum cs_err check_usage(const struct reread *a, struct cs_error *err)
{
    if (a->dry && a->reach.endpoint != NULL)
        return cs_error_set(err, CS_EUSAGE, "--dry-run reads the store itself: say --store DIR, not --coordinator");
    if (a->store != NULL && (!a->dry || a->args.dir != NULL))
        return cs_error_set(
            err, CS_EUSAGE,
            a->dry ? "--store and --dir name the same thing: give one of them"
                   : "--store goes with --dry-run; what a coordinator keeps it rereads itself: --coordinator");
    return CS_OK;
}

int cmd_reread(int argc, char **argv)
{
    struct reread a = {.dry = false};
    const struct cs_option table[] = {
        CS_DIR_OPTION(a.args),
        CS_STUDY_OPTIONS(a.args),
        {"dry-run", CS_OPT_FLAG, &a.dry, NULL, "show what would change, by arm, and write nothing"},
        {"store", CS_OPT_STR, &a.store, "DIR", "with --dry-run: the database folder itself (a coordinator's --dir)"},
        CS_WHOM_OPTIONS(a.reach),
        {"json", CS_OPT_FLAG, &a.json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe reread STUDY [options]",
        "Reads the stored answers anew, as the study file declares now: after `reading: lenient` was written for an account or a question, or\n"
        "with a later version that reads better. A new generation holds the new outcomes; the records stay as they came, and nothing is asked\n"
        "again. A file that says anything else than the last generation is refused: run that edit first. While a `run` works on the study, its\n"
        "coordinator does it. Broken off at any point, the same command (or `run`) goes on. The report says when it came after the first report.",
        "clinsafe reread ops/studies/demo/study.yaml --dry-run",
    };
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 1, &n_args, &status))
        return status;
    a.path = argv[1];
    enum cs_err rc = check_usage(&a, &err);
    if (rc == CS_OK)
        rc = cs_command_load_study(&a.args, a.path, &a.loaded, &err);
    a.said = rc == CS_OK && a.json ? begin_json(&a) : NULL;
    if (rc == CS_OK)
        rc = go(&a, &err);
    if (rc == CS_OK && a.json)
        (void)!cs_document_print(a.said, stdout);
    else
        cs_json_decref(a.said);
    if (rc != CS_OK)
        status = cs_command_fail(rc, &err);
    cs_load_release(&a.loaded);
    return status;
}
