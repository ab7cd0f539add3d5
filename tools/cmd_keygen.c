/* clinsafe keygen - a CURVE key pair for one host of the fleet, or for a person. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/wire/keys.h"
#include "tools/base/wrote.h"
#include "tools/commands.h"

static void print_json(const char *base)
{
    static const char *const endings[] = {"key", "pub"};
    struct cs_json *w = cs_wrote_begin("keygen");
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char *path = cs_xasprintf("%s.%s", base, endings[i]);
        cs_wrote_file(w, path, -1);
        free(path);
    }
    cs_wrote_print(w, NULL);
}

int cmd_keygen(int argc, char **argv)
{
    const char *name = NULL, *role_text = "worker";
    bool json = false;
    const struct cs_option table[] = {
        {"name", CS_OPT_STR, &name, "NAME", "shown beside the public key; default: the last part of BASE"},
        {"role", CS_OPT_STR, &role_text, "ROLE",
         "worker (default), operator or viewer, as the allow-list will have it"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe keygen BASE [--role ROLE] [--name NAME]",
        "Writes BASE.key (secret, mode 0600, stays on its host) and BASE.pub (one line for the coordinator's allow-list). A worker asks\n"
        "providers, an operator submits and administers, a viewer only looks.",
        "clinsafe keygen worker-7 && cat worker-7.pub >> allowed-keys",
    };
    enum cs_allowed_role role;
    struct cs_keypair pair;
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 1, &n_args, &status))
        return status;
    const char *slash = strrchr(argv[1], '/');
    enum cs_err rc = cs_allowed_role_of(role_text, &role, &err);
    if (rc == CS_OK)
        rc = cs_keys_pair_make(&pair, &err);
    if (rc == CS_OK)
        rc = cs_keys_pair_save(&pair, argv[1], name != NULL ? name : slash != NULL ? slash + 1 : argv[1], role, &err);
    if (rc != CS_OK)
        return cs_command_fail(rc, &err);
    if (json) {
        print_json(argv[1]);
        return 0;
    }
    printf("%s.key  secret: keep it on its host\n%s.pub  public: for the allow-list, or --server-key\n", argv[1],
           argv[1]);
    return 0;
}
