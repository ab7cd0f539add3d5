/* clinsafe events - what operators did, and what the coordinator did of itself: from a running coordinator, or a store at rest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "protocol/base/plain.h"
#include "store/events.h"
#include "tools/base/text.h"
#include "tools/commands.h"
#include "tools/fleet/fleet_status.h"
#include "tools/fleet/whom.h"

enum { ASK_MS = 15000, OUT_MAX = 64 * 1024 * 1024 };

/* "90s", "30m", "2h", "7d": so long ago. */
static bool read_ago(const char *text, int64_t *out)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    char *end;
    const unsigned long n = strtoul(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (end > text && text[0] != '-' && *end == units[i].unit && end[1] == '\0' && n < 1000000) {
            *out = cs_clock_wall_ms() - (int64_t)n * units[i].ms;
            return true;
        }
    }
    return false;
}

/* "2026-11-29", "2026-11-29T06:30" with or without seconds and Z: in UTC. */
static bool read_moment(const char *text, int64_t *out)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm t = {0};
        const char *end = strptime(text, forms[i], &t);
        if (end != NULL && *end == '\0') {
            *out = (int64_t)timegm(&t) * 1000;
            return true;
        }
    }
    return false;
}

static enum cs_err read_since(const char *text, int64_t *out, struct cs_error *err)
{
    if (text == NULL || read_ago(text, out) || read_moment(text, out))
        return CS_OK;
    return cs_error_set(err, CS_EUSAGE, "--since %s: 30m, 12h or 7d ago, or a moment in UTC such as 2026-11-29T06:30",
                        text);
}

static void print_one(FILE *out, const struct cs_json *e)
{
    const char *by = cs_fleet_status_text(e, "by"), *key = cs_fleet_status_text(e, "key"),
               *study = cs_fleet_status_text(e, "study"), *subject = cs_fleet_status_text(e, "subject"),
               *detail = cs_fleet_status_text(e, "detail"), *reason = cs_fleet_status_text(e, "reason");
    char when[32], usd[CS_TEXT_MAX_LEN];
    cs_clock_format_utc((int64_t)cs_fleet_status_number(e, "at"), when);
    fprintf(out, "%.19sZ  %-12s  %s", when, by[0] != '\0' ? by : "coordinator", cs_fleet_status_text(e, "act"));
    if (study[0] != '\0')
        fprintf(out, "  %s", study);
    if (subject[0] != '\0')
        fprintf(out, "  %s", subject);
    if (detail[0] != '\0')
        fprintf(out, "  %s", detail);
    if (cs_json_is_integer(cs_json_object_get(e, "trials")))
        fprintf(out, "  %llu trials", (unsigned long long)cs_fleet_status_number(e, "trials"));
    if (cs_json_is_integer(cs_json_object_get(e, "nano_usd")))
        fprintf(out, "  %s", cs_text_usd(usd, cs_json_integer_value(cs_json_object_get(e, "nano_usd"))));
    if (key[0] != '\0')
        fprintf(out, "  (key %s, %s)", key, cs_fleet_status_text(e, "role"));
    fprintf(out, "%s%s\n", reason[0] != '\0' ? ": " : "", reason);
}

static void print_text(const struct cs_json *events, uint64_t left_off)
{
    FILE *out = cs_plain_file(stdout);
    const struct cs_json *e;
    size_t i;
    if (left_off > 0)
        fprintf(
            out,
            "(%llu earlier ones are left off: --since and --study narrow it down, --store on a store at rest has all)\n",
            (unsigned long long)left_off);
    if (cs_json_array_size(events) == 0)
        fprintf(out, "nothing was written down\n");
    cs_json_array_foreach((struct cs_json *)(uintptr_t)events, i, e) print_one(out, e);
    fclose(out);
}

static void print_json(struct cs_json *answer)
{
    struct cs_json *root = cs_document_begin("events/1", cs_clock_wall_ms());
    if (cs_json_object_get(answer, "left_off") == NULL)
        cs_json_object_set_new(answer, "left_off", cs_json_integer(0));
    cs_document_add(root, cs_json_incref(answer));
    cs_document_print(root, stdout);
}

/* *root: {"events": [...], "left_off": n} */
static enum cs_err of_coordinator(const struct cs_whom *reach, int64_t since, struct cs_json **root,
                                  struct cs_error *err)
{
    struct cs_admin_client *client = NULL;
    char text[32];
    const char *args[] = {reach->study != NULL ? reach->study : "", text, NULL}, *reply = NULL;
    snprintf(text, sizeof text, "%lld", (long long)since);
    enum cs_err rc = cs_whom_open(reach, &client, err);
    if (rc == CS_OK)
        rc = cs_admin_client_ask(client, "events", args, NULL, 0, ASK_MS, &reply, err);
    if (rc == CS_OK && (*root = cs_json_loads(reply, 0, NULL)) == NULL)
        rc = cs_error_set(err, CS_EPROTO, "the coordinator's answer is no JSON");
    cs_admin_client_close(client);
    return rc;
}

static enum cs_err of_store(const char *path, const struct cs_events_query *q, struct cs_json **root,
                            struct cs_error *err)
{
    struct cs_buf out = CS_BUF_INIT(OUT_MAX);
    struct cs_store *store = NULL;
    uint64_t left_off = 0;
    enum cs_err rc = cs_store_open_reader(&store, path, err);
    cs_buf_str(&out, "{\"events\":");
    if (rc == CS_OK)
        rc = cs_events_list(store, q, &out, &left_off, err);
    cs_buf_printf(&out, ",\"left_off\":%llu}", (unsigned long long)left_off);
    if (rc == CS_OK)
        *root = cs_json_loads(cs_buf_cstr(&out), 0, NULL);
    cs_store_close(store);
    cs_buf_release(&out);
    return rc;
}

int cmd_events(int argc, char **argv)
{
    struct cs_whom reach = {0};
    struct cs_events_query q = {0};
    const char *since = NULL, *store = NULL;
    bool json = false;
    const struct cs_option table[] = {
        CS_WHOM_OPTIONS(reach),
        CS_WHOM_DIR_OPTION(reach),
        {"store", CS_OPT_STR, &store, "DIR", "read a store at rest instead: a database folder, or a study's directory"},
        {"study", CS_OPT_STR, &reach.study, "NAME", "those of this study alone, also after it was deleted"},
        {"since", CS_OPT_STR, &since, "WHEN",
         "those of the last 30m, 12h or 7d, or since a moment in UTC (2026-11-29T06:30)"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe events (--coordinator ENDPOINT | --dir DIR | --store DIR) [options]",
        "Lists what operators did (who, when, why: --reason of each command) and what the coordinator did of itself: lanes that it paused,\n"
        "workers that it isolated, trials that it quarantined. The newest 10,000 acts of operators are kept, and 1,000 of its own.",
        "clinsafe events --since 12h --coordinator tcp://10.0.0.5:7403 --key me.key --server-key coordinator.pub",
    };
    struct cs_error err = {0};
    struct cs_json *root = NULL;
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 0, 0, &n_args, &status))
        return status;
    enum cs_err rc = read_since(since, &q.since_wall_ms, &err);
    q.study = reach.study;
    if (rc == CS_OK && store != NULL && (reach.endpoint != NULL || reach.dir != NULL))
        rc = cs_error_set(&err, CS_EUSAGE, "say one: a coordinator, or --store of one that does not run");
    if (rc == CS_OK)
        rc = store != NULL ? of_store(store, &q, &root, &err) : of_coordinator(&reach, q.since_wall_ms, &root, &err);
    const struct cs_json *events = cs_json_object_get(root, "events");
    if (rc != CS_OK)
        status = cs_command_fail(rc, &err);
    else if (json)
        print_json(root);
    else
        print_text(events, cs_fleet_status_number(root, "left_off"));
    cs_json_decref(root);
    return status;
}
