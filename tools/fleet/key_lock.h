/* key_lock.h - which runs of this user call with which key: two that do not know of each other exceed its limits together.
 *
 *   RUNTIME/key-FINGERPRINT.lock    held (flock, so that a dead process frees it) by each run that calls with that key
 *   RUNTIME/url-HASH.lock           the same for an account without a key
 * RUNTIME is $XDG_RUNTIME_DIR/clinsafe, else /run/user/UID/clinsafe, else /tmp/clinsafe-UID; a folder of this user alone (0700). A run
 * holds them alone, or together with runs that use the same Redis (`run --redis`) and the same account: these share one quota.
 * Accounts that are simulated, or whose key is not found, take none. Thread: main.
 */
#ifndef CS_KEY_LOCK_H
#define CS_KEY_LOCK_H

#include "protocol/study/study.h"

struct cs_key_locks { /* a zeroed struct holds none */
    int *fds;
    uint32_t n;
};

/* dir: of the study, named to others. redis: the address of a shared Redis, or NULL. CS_EBUSY: err names the other study, its directory and
 * the ways out; CS_EDENIED: the folder is not this user's alone. On failure nothing is held. */
CS_WARN_UNUSED enum cs_err cs_key_lock_take(struct cs_key_locks *k, const struct cs_study *study, const char *dir,
                                            const char *redis, struct cs_error *err);
void cs_key_lock_release(struct cs_key_locks *k);

#endif
