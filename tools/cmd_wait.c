/* clinsafe wait - until a study is over; the exit status says how. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/clock.h"
#include "protocol/base/json.h"
#include "tools/base/text.h"
#include "tools/commands.h"
#include "tools/fleet/fleet_status.h"
#include "tools/fleet/whom.h"

enum { POLL_US = 500000, INCOMPLETE = 2 };

/* "finished", "stopped", or "" while it goes on. */
static const char *end_of(const struct cs_json *status)
{
    const char *phase = cs_fleet_status_text(status, "phase");
    return strcmp(phase, "finished") == 0 || strcmp(phase, "stopped") == 0 ? phase : "";
}

static int tell(const struct cs_json *s)
{
    char done[CS_TEXT_MAX_LEN], planned[CS_TEXT_MAX_LEN];
    const uint64_t n = cs_fleet_status_number(s, "planned"), answered = cs_fleet_status_number(s, "done");
    printf("%s: %s, %s of %s trials done, %llu failed, %llu cancelled\n", cs_fleet_status_text(s, "study"), end_of(s),
           cs_text_count(done, answered), cs_text_count(planned, n),
           (unsigned long long)cs_fleet_status_number(s, "failed"),
           (unsigned long long)cs_fleet_status_number(s, "cancelled"));
    return answered == n ? 0 : INCOMPLETE;
}

int cmd_wait(int argc, char **argv)
{
    struct cs_whom reach = {0};
    uint64_t most = 0;
    const struct cs_option table[] = {
        CS_WHOM_OPTIONS(reach),
        CS_WHOM_DIR_OPTION(reach),
        {"for", CS_OPT_U64, &most, "SECONDS", "at most so long, then exit status 75; default: for ever"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe wait [STUDY] (--coordinator ENDPOINT | --dir DIR) [options]",
        "Waits until the study of this name is over (without one: the study that was submitted last). Exit status: 0 all trials have an answer;\n"
        "2 some have none: failed, cancelled, or stopped for want of a key or of money; 75 not over in time.",
        "clinsafe wait ed-triage --coordinator tcp://10.0.0.5:7403 --key me.key --server-key coordinator.pub",
    };
    struct cs_admin_client *client = NULL;
    struct cs_error err = {0};
    int n_args, status;
    bool over = false;
    if (!cs_command_args(table, &help, argc, argv, 0, 1, &n_args, &status))
        return status;
    const struct cs_fleet_status_watch watch = {.study = n_args > 0 ? argv[1] : NULL};
    const uint64_t end = most > 0 ? cs_clock_mono_ms() + 1000 * most : UINT64_MAX;
    enum cs_err rc = cs_whom_open(&reach, &client, &err);
    while (rc == CS_OK && !over) {
        struct cs_json *now = NULL;
        rc = cs_fleet_status_look(client, &watch, &now, &err);
        over = rc == CS_OK && end_of(now)[0] != '\0';
        if (over)
            status = tell(now);
        else if (rc == CS_OK && cs_clock_mono_ms() >= end)
            rc = cs_error_set(&err, CS_EAGAIN, "not over in time; it goes on");
        else if (rc == CS_OK)
            usleep(POLL_US);
        cs_json_decref(now);
    }
    if (rc != CS_OK)
        status = cs_command_fail(rc, &err);
    cs_admin_client_close(client);
    return status;
}
