#include "tools/fleet/whom.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/utf8.h"
#include "store/events.h"
#include "tools/base/study_dir.h"

/* The admin socket of the `run` that works on a study directory. */
static enum cs_err endpoint_of_dir(const char *dir, char **out, struct cs_error *err)
{
    struct cs_study_dir d;
    char *sockets = NULL;
    cs_study_dir_init(&d, "", dir);
    enum cs_err rc = cs_study_dir_sockets(&d, &sockets, err);
    if (rc == CS_OK)
        *out = cs_xasprintf("ipc://%s/admin", sockets);
    free(sockets);
    cs_study_dir_release(&d);
    return rc;
}

enum cs_err cs_whom_open(const struct cs_whom *r, struct cs_admin_client **out, struct cs_error *err)
{
    char *of_dir = NULL;
    enum cs_err rc = CS_OK;
    if (r->endpoint == NULL && r->dir == NULL)
        rc = cs_error_set(err, CS_EUSAGE,
                          "say which coordinator: --coordinator ENDPOINT, or --dir DIR of a run on this machine");
    else if (r->endpoint == NULL)
        rc = endpoint_of_dir(r->dir, &of_dir, err);
    if (rc == CS_OK && r->reason != NULL &&
        (strlen(r->reason) > CS_EVENTS_REASON_MAX || !cs_utf8_valid(r->reason, strlen(r->reason))))
        rc = cs_error_set(err, CS_EUSAGE, "--reason: at most %d bytes of UTF-8", CS_EVENTS_REASON_MAX);
    struct cs_admin_opts o = {.endpoint = r->endpoint != NULL ? r->endpoint : of_dir,
                              .key = r->key,
                              .server_key = r->server_key,
                              .reason = r->reason,
                              .of_run = of_dir != NULL};
    if (rc == CS_OK)
        rc = cs_admin_client_open(out, &o, err);
    free(of_dir);
    return rc;
}
