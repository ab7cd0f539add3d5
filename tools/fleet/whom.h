/* whom.h - which coordinator a person speaks to: over its admin socket, or by the directory of a `run` on this machine. Thread: main. */
#ifndef CS_WHOM_H
#define CS_WHOM_H

#include "protocol/base/options.h"
#include "tools/fleet/admin_client.h"

struct cs_whom {
    const char *endpoint, *dir, *key, *server_key;
    const char *reason; /* of what is asked; NULL: none is said */
    const char *study;  /* which one, where the coordinator has several; NULL: nothing is said */
};

#define CS_WHOM_OPTIONS(r)                                                                                             \
    {"coordinator", CS_OPT_STR, &(r).endpoint, "ENDPOINT",                                                             \
     "its admin socket: tcp://HOST:PORT, ipc:///PATH, or file:PATH that it wrote"},                                    \
        {"key", CS_OPT_STR, &(r).key, "FILE", "this host's key file (clinsafe keygen)"},                               \
    {                                                                                                                  \
        "server-key", CS_OPT_STR, &(r).server_key, "FILE", "the coordinator's public key"                              \
    }
#define CS_WHOM_STUDY_OPTION(r)                                                                                        \
    {                                                                                                                  \
        "study", CS_OPT_STR, &(r).study, "NAME", "which study, where the coordinator has several"                      \
    }
#define CS_WHOM_REASON_OPTION(r)                                                                                       \
    {                                                                                                                  \
        "reason", CS_OPT_STR, &(r).reason, "TEXT", "why: it is kept, and shown by `clinsafe events`"                   \
    }
#define CS_WHOM_DIR_OPTION(r)                                                                                          \
    {                                                                                                                  \
        "dir", CS_OPT_STR, &(r).dir, "DIR", "the study directory of a run on this machine"                             \
    }

/* CS_EUSAGE: neither was said. */
CS_WARN_UNUSED enum cs_err cs_whom_open(const struct cs_whom *r, struct cs_admin_client **out, struct cs_error *err);

#endif
