/* clinsafe wait - until a study is over; the exit status says how. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "tools/base/text.h"
#include "tools/commands.h"
#include "tools/fleet/fleet_status.h"
#include "tools/fleet/whom.h"

enum { POLL_US = 500000, INCOMPLETE = 2 };
enum { AWAY_MS = 15 * 60 * 1000 }; /* an upgrade, a requeue to another host, a restore: then somebody should be told */

/* "finished", "stopped", or "" while it goes on. */
static const char *end_of(const struct cs_json *status)
{
    const char *phase = cs_fleet_status_text(status, "phase");
    return strcmp(phase, "finished") == 0 || strcmp(phase, "stopped") == 0 ? phase : "";
}

static int exit_of(const struct cs_json *s)
{
    return cs_fleet_status_number(s, "done") == cs_fleet_status_number(s, "planned") ? 0 : INCOMPLETE;
}

static void tell(const struct cs_json *s)
{
    char done[CS_TEXT_MAX_LEN], planned[CS_TEXT_MAX_LEN];
    printf("%s: %s, %s of %s trials done, %llu failed, %llu cancelled\n", cs_fleet_status_text(s, "study"), end_of(s),
           cs_text_count(done, cs_fleet_status_number(s, "done")),
           cs_text_count(planned, cs_fleet_status_number(s, "planned")),
           (unsigned long long)cs_fleet_status_number(s, "failed"),
           (unsigned long long)cs_fleet_status_number(s, "cancelled"));
}

static void print_json(const struct cs_json *s, bool timed_out)
{
    static const char *const counts[] = {"planned", "done", "failed", "cancelled"};
    struct cs_json *root = cs_document_begin("wait/1", cs_clock_wall_ms());
    cs_document_add(root, cs_json_pack("{s:s, s:s}", "study", cs_fleet_status_text(s, "study"), "state",
                                       cs_fleet_status_text(s, "phase")));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        cs_json_object_set_new(root, counts[i], cs_json_integer((int64_t)cs_fleet_status_number(s, counts[i])));
    cs_json_object_set_new(root, "timed_out", cs_json_boolean(timed_out));
    (void)!cs_document_print(root, stdout);
}

int cmd_wait(int argc, char **argv)
{
    struct cs_whom reach = {0};
    uint64_t most = 0;
    bool json = false;
    const struct cs_option table[] = {
        CS_WHOM_OPTIONS(reach),
        CS_WHOM_DIR_OPTION(reach),
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON, also where it is not over in time"},
        {"for", CS_OPT_U64, &most, "SECONDS", "at most so long, then exit status 75; default: for ever"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe wait [STUDY] (--coordinator ENDPOINT | --dir DIR) [options]",
        "Waits until the study of this name is over (without one: the study that was submitted last). Exit status: 0 all trials have an answer;\n"
        "2 some have none: failed, cancelled, or stopped for want of a key or of money; 75 not over in time, or no coordinator: none within\n"
        "a minute of the start, or, once one has answered, none for 15 minutes. Until then it waits for it, and looks where file: says it is.\n"
        "66: the run in DIR has ended, or there is none.",
        "clinsafe wait ed-triage --coordinator tcp://10.0.0.5:7403 --key me.key --server-key coordinator.pub",
    };
    struct cs_admin_client *client = NULL;
    struct cs_error err = {0};
    int n_args, status;
    bool over = false, late = false;
    if (!cs_command_args(table, &help, argc, argv, 0, 1, &n_args, &status))
        return status;
    struct cs_fleet_status_watch watch = {.study = n_args > 0 ? argv[1] : NULL};
    const uint64_t begun = cs_clock_mono_ms(), end = most > 0 ? begun + 1000 * most : UINT64_MAX;
    uint64_t patience = CS_FLEET_STATUS_PATIENCE_MS;
    enum cs_err rc = cs_whom_open(&reach, &client, &err);
    while (rc == CS_OK && !over) {
        struct cs_json *now = NULL;
        const uint64_t at = cs_clock_mono_ms(), left = end > at ? end - at : 1;
        watch.patience_ms = left < patience ? left : patience;
        patience = AWAY_MS; /* of one that has answered */
        rc = cs_fleet_status_look(client, &watch, &now, &err);
        over = rc == CS_OK && end_of(now)[0] != '\0';
        late = rc == CS_OK && !over && cs_clock_mono_ms() >= end;
        if (over)
            status = exit_of(now);
        if (json && (over || late))
            print_json(now, late);
        else if (over)
            tell(now);
        if (late)
            rc = cs_error_set(&err, CS_EAGAIN, "not over in time; it goes on");
        else if (rc == CS_OK && !over)
            usleep(POLL_US);
        cs_json_decref(now);
    }
    if (rc != CS_OK)
        status = cs_command_fail(rc, &err);
    cs_admin_client_close(client);
    return status;
}
