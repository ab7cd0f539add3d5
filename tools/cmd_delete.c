/* clinsafe delete - takes a study out of a coordinator's store. */
#include <stdio.h>
#include <string.h>

#include "protocol/base/json.h"
#include "tools/base/text.h"
#include "tools/commands.h"
#include "tools/fleet/acted.h"
#include "tools/fleet/fleet_status.h"
#include "tools/fleet/whom.h"

enum { ASK_MS = 60000 };

/* What would be gone; CS_EUSAGE, for nobody has said yes. */
static enum cs_err ask_first(struct cs_admin_client *client, const char *study, struct cs_error *err)
{
    const char *reply = NULL;
    char done[CS_TEXT_MAX_LEN], usd[CS_TEXT_MAX_LEN];
    enum cs_err rc = cs_admin_client_ask(client, "list", NULL, NULL, 0, ASK_MS, &reply, err);
    if (rc != CS_OK)
        return rc;
    struct cs_json *all = cs_json_loads(reply, 0, NULL), *one, *found = NULL;
    size_t i;
    cs_json_array_foreach(all, i, one)
    {
        if (strcmp(cs_fleet_status_text(one, "study"), study) == 0)
            found = one;
    }
    if (found == NULL)
        rc = cs_error_set(err, CS_ENOENT, "there is no study \"%.100s\"; `clinsafe list` shows all", study);
    else
        rc = cs_error_set(
            err, CS_EUSAGE, "%.100s: %s answers, paid for with %s, would be gone for good; --yes deletes them", study,
            cs_text_count(done, cs_fleet_status_number(found, "done")),
            cs_text_usd(usd, (int64_t)(cs_json_number_value(cs_json_object_get(found, "committed_usd")) * 1e9)));
    cs_json_decref(all);
    return rc;
}

int cmd_delete(int argc, char **argv)
{
    struct cs_whom reach = {0};
    bool yes = false, json = false;
    const struct cs_option table[] = {
        CS_WHOM_OPTIONS(reach),
        CS_WHOM_DIR_OPTION(reach),
        CS_WHOM_REASON_OPTION(reach),
        {"yes", CS_OPT_FLAG, &yes, NULL, "it cannot be taken back: do it all the same"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe delete STUDY --yes (--coordinator ENDPOINT | --dir DIR) [--reason TEXT]",
        "Takes a study out of a coordinator's store, with all its generations: its answers and rows, but for answers that another study points\n"
        "to. It must be over or cancelled. It is gone at once and erased in the background; what is left is a note of who deleted it, when, why\n"
        "and what it had cost (`clinsafe events`, `clinsafe verify`). Nothing else is touched: exports, reports, backups.",
        "clinsafe delete pilot --yes --reason \"consent withdrawn\" --coordinator tcp://10.0.0.5:7403 --key me.key --server-key coordinator.pub",
    };
    struct cs_admin_client *client = NULL;
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 1, &n_args, &status))
        return status;
    const char *args[] = {argv[1], NULL};
    enum cs_err rc = cs_whom_open(&reach, &client, &err);
    if (rc == CS_OK && !yes)
        rc = ask_first(client, argv[1], &err);
    if (rc == CS_OK)
        rc = cs_admin_client_ask(client, "delete", args, NULL, 0, ASK_MS, NULL, &err);
    if (rc == CS_OK && json)
        cs_acted_print("delete", argv[1], NULL, NULL);
    else if (rc == CS_OK)
        printf("%s: deleted; its outputs are being erased\n", argv[1]);
    else
        status = cs_command_fail(rc, &err);
    cs_admin_client_close(client);
    return status;
}
