/* clinsafe list - the studies of a coordinator. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "tools/base/text.h"
#include "tools/commands.h"
#include "tools/fleet/fleet_status.h"
#include "tools/fleet/whom.h"

enum { ASK_MS = 15000 };

static void print_one(const struct cs_json *s)
{
    char done[CS_TEXT_MAX_LEN], planned[CS_TEXT_MAX_LEN];
    const char *after = cs_fleet_status_text(s, "after"), *priority = cs_fleet_status_text(s, "priority"),
               *by_hand = cs_fleet_status_text(s, "by_hand");
    const uint64_t failed = cs_fleet_status_number(s, "failed"), cancelled = cs_fleet_status_number(s, "cancelled"),
                   n = cs_fleet_status_number(s, "planned");
    printf("%-24s %-9s", cs_fleet_status_text(s, "study"), cs_fleet_status_text(s, "state"));
    if (n > 0)
        printf(" %s of %s", cs_text_count(done, cs_fleet_status_number(s, "done")), cs_text_count(planned, n));
    if (failed > 0)
        printf(", %llu failed", (unsigned long long)failed);
    if (cancelled > 0)
        printf(", %s cancelled", cs_text_count(done, cancelled));
    printf("  weight %llu", (unsigned long long)cs_fleet_status_number(s, "weight"));
    if (strcmp(priority, "normal") != 0)
        printf(" %s", priority);
    if (strcmp(cs_fleet_status_text(s, "state"), "queued") == 0 && after[0] != '\0')
        printf("  after %s", after);
    if (by_hand[0] != '\0')
        printf("  set by hand: %s", by_hand);
    putchar('\n');
}

static void print_all(const struct cs_json *all)
{
    const struct cs_json *one;
    size_t i;
    if (cs_json_array_size(all) == 0)
        printf("no study was submitted yet\n");
    cs_json_array_foreach((struct cs_json *)(uintptr_t)all, i, one) print_one(one);
}

int cmd_list(int argc, char **argv)
{
    struct cs_whom reach = {0};
    bool json = false;
    const struct cs_option table[] = {
        CS_WHOM_OPTIONS(reach),
        CS_WHOM_DIR_OPTION(reach),
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe list (--coordinator ENDPOINT | --dir DIR)",
        "Lists the studies of a coordinator in the order in which they were submitted: state, progress, weight and what they wait for.",
        "clinsafe list --coordinator tcp://10.0.0.5:7403 --key me.key --server-key coordinator.pub",
    };
    struct cs_admin_client *client = NULL;
    struct cs_error err = {0};
    struct cs_json *all = NULL;
    const char *reply = NULL;
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 0, 0, &n_args, &status))
        return status;
    enum cs_err rc = cs_whom_open(&reach, &client, &err);
    if (rc == CS_OK)
        rc = cs_admin_client_ask(client, "list", NULL, NULL, 0, ASK_MS, &reply, &err);
    if (rc == CS_OK && !cs_json_is_array(all = cs_json_loads(reply, 0, NULL)))
        rc = cs_error_set(&err, CS_EPROTO, "the coordinator's answer is not a JSON array");
    if (rc != CS_OK) {
        status = cs_command_fail(rc, &err);
    } else if (json) {
        struct cs_json *root = cs_document_begin("list/1", cs_clock_wall_ms());
        cs_json_object_set_new(root, "studies", cs_document_money(cs_json_incref(all)));
        cs_document_print(root, stdout);
    } else {
        print_all(all);
    }
    cs_json_decref(all);
    cs_admin_client_close(client);
    return status;
}
