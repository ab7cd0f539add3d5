/* child_env.h - the environment of a process that `run` starts: what programs need, and of the secrets only those that are its own.
 *
 * A worker gets the keys that the study's accounts name, proxies and certificates; the coordinator and workers the password of Redis; the
 * others none of it. What is not known here is left out. Thread: main. Ownership: free() of the list itself; its texts are the environment's.
 */
#ifndef CS_CHILD_ENV_H
#define CS_CHILD_ENV_H

#include "protocol/study/study.h"

enum cs_child { CS_CHILD_HELPER, CS_CHILD_COORDINATOR, CS_CHILD_WORKER };

/* "NAME=value" texts, NULL at the end. */
char **cs_child_env_make(enum cs_child child, const struct cs_study *study);

#endif
