/* clinsafe keys list|revoke - the keys of a fleet, as its allow-list has them. */
#include <stdio.h>
#include <string.h>

#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "protocol/wire/allowed.h"
#include "tools/commands.h"
#include "tools/fleet/acted.h"
#include "tools/fleet/admin_client.h"

enum { ASK_MS = 15000 };

struct keys_options {
    const char *allow;
    struct cs_admin_opts reach;
    bool json;
};

/* The key in part: enough to find its line, too little to copy it from a screen by mistake. */
static void print_text(const struct cs_allowed *l)
{
    printf("%-12s %-9s %9s  %s\n", "key", "role", "sessions", "name");
    for (uint32_t i = 0; i < l->n; i++) {
        const struct cs_allowed_key *k = &l->keys[i];
        printf("%.8s...  %-9s %9u  %s%s\n", k->key, cs_allowed_role_name(k->role), k->sessions, k->name,
               k->role_said ? "" : "  (no role= in its line: a worker)");
    }
}

static void print_json(const struct cs_allowed *l)
{
    struct cs_buf b = CS_BUF_INIT(64 * 1024 * 1024);
    cs_document_head(&b, "keys/1", cs_clock_wall_ms());
    cs_buf_str(&b, ",\"keys\":[");
    for (uint32_t i = 0; i < l->n; i++) {
        const struct cs_allowed_key *k = &l->keys[i];
        cs_buf_printf(&b, "%s{\"key\":", i > 0 ? "," : "");
        cs_json_str(&b, k->key, strlen(k->key));
        cs_buf_printf(&b, ",\"role\":\"%s\",\"sessions\":%u,\"line\":%u,\"name\":", cs_allowed_role_name(k->role),
                      k->sessions, k->line);
        cs_json_str(&b, k->name, strlen(k->name));
        cs_buf_str(&b, "}");
    }
    printf("%s]}\n", cs_buf_cstr(&b));
    cs_buf_release(&b);
}

static enum cs_err list(const struct keys_options *o, struct cs_error *err)
{
    struct cs_allowed l;
    if (o->allow == NULL)
        return cs_error_set(err, CS_EUSAGE, "say which list: --allow FILE, as the coordinator has it");
    enum cs_err rc = cs_allowed_load(o->allow, &l, err);
    if (rc != CS_OK)
        return rc;
    if (o->json)
        print_json(&l);
    else
        print_text(&l);
    cs_allowed_release(&l);
    return CS_OK;
}

static enum cs_err revoke_in_file(const struct keys_options *o, const char *who, struct cs_error *err)
{
    struct cs_allowed_key k;
    enum cs_err rc = cs_allowed_revoke(o->allow, who, &k, err);
    if (rc == CS_OK && !o->json)
        printf("%.8s... (%s): revoked in %s; SIGHUP makes a running coordinator read it, and ends its sessions\n",
               k.key, k.name[0] != '\0' ? k.name : "no name", o->allow);
    return rc;
}

static enum cs_err revoke(const struct keys_options *o, const char *who, struct cs_error *err)
{
    struct cs_admin_client *client = NULL;
    const char *const args[] = {who, NULL};
    const char *said = NULL;
    if ((o->allow == NULL) == (o->reach.endpoint == NULL))
        return cs_error_set(err, CS_EUSAGE,
                            "say where: --coordinator ENDPOINT of a running one, or --allow FILE of one that is not");
    if (o->allow != NULL)
        return revoke_in_file(o, who, err);
    enum cs_err rc = cs_admin_client_open(&client, &o->reach, err);
    if (rc == CS_OK)
        rc = cs_admin_client_ask(client, "revoke", args, NULL, 0, ASK_MS, &said, err);
    if (rc == CS_OK && !o->json)
        printf("%s\n", said);
    cs_admin_client_close(client);
    return rc;
}

static enum cs_err revoke_and_tell(const struct keys_options *o, const char *who, struct cs_error *err)
{
    enum cs_err rc = revoke(o, who, err);
    if (rc == CS_OK && o->json)
        cs_acted_print("revoke", NULL, NULL, cs_json_pack("{s:s}", "key", who));
    return rc;
}

int cmd_keys(int argc, char **argv)
{
    struct keys_options o = {0};
    const struct cs_option table[] = {
        {"allow", CS_OPT_STR, &o.allow, "FILE", "the allow-list"},
        {"coordinator", CS_OPT_STR, &o.reach.endpoint, "ENDPOINT", "revoke: its admin socket"},
        {"key", CS_OPT_STR, &o.reach.key, "FILE", "an operator's key file"},
        {"server-key", CS_OPT_STR, &o.reach.server_key, "FILE", "the coordinator's public key"},
        {"reason", CS_OPT_STR, &o.reach.reason, "TEXT", "revoke: why; it is kept, and shown by `clinsafe events`"},
        {"json", CS_OPT_FLAG, &o.json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe keys list --allow FILE | revoke KEY|NAME (--coordinator ENDPOINT | --allow FILE)",
        "Shows who may come into a fleet and as what, or takes a key off its allow-list: a running coordinator ends all sessions of that\n"
        "key at once. A key is made with `clinsafe keygen`, and added by a line in the list and a SIGHUP to the coordinator.",
        "clinsafe keys revoke worker-7 --coordinator tcp://10.0.0.5:7403 --key me.key --server-key coordinator.pub",
    };
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 2, &n_args, &status))
        return status;
    enum cs_err rc;
    if (strcmp(argv[1], "list") == 0 && n_args == 1)
        rc = list(&o, &err);
    else if (strcmp(argv[1], "revoke") == 0 && n_args == 2)
        rc = revoke_and_tell(&o, argv[2], &err);
    else
        rc = cs_error_set(&err, CS_EUSAGE, "usage: %s", help.usage);
    return rc == CS_OK ? 0 : cs_command_fail(rc, &err);
}
