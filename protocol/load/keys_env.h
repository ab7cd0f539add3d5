/* keys_env.h - where an account's API key is found on this host: never argv, the wire or the store (decision 22).
 *
 * key_env NAME: the environment variable NAME, else the systemd credential $CREDENTIALS_DIRECTORY/NAME.
 * key_file FILE: the systemd credential of that name (its last component), else that file on this host.
 * A file that others of this machine can read is refused. An account that names neither needs no key. Thread: any, the environment unchanged meanwhile.
 */
#ifndef CS_KEYS_ENV_H
#define CS_KEYS_ENV_H

#include "protocol/base/error.h"
#include "protocol/study/study.h"

/* CS_OK: *key is the key (free it with cs_keys_env_free) or NULL when none is needed. CS_ENOENT, CS_EINVAL, ...: err
 * says what to set, in words for the operator, and never what was found. */
CS_WARN_UNUSED enum cs_err cs_keys_env_find(const struct cs_account *account, char **key, struct cs_error *err);
/* Whether a secret of the account is found in the environment variable of that name (n bytes): its key, or the id that goes with it. */
bool cs_keys_env_names(const struct cs_account *account, const char *name, size_t n);
/* Whether the study makes calls with the account of that number: a model of it, and not simulated. */
bool cs_keys_env_wanted(const struct cs_study *study, uint32_t account);
/* From now on no other process of this user may look into this one's memory or environment, and it leaves no core. (Builds with a
 * leak checker, which looks by the same means, go without.) */
void cs_keys_env_guard(void);
void cs_keys_env_free(char *key); /* wipes it; NULL is fine */
/* Names a key without telling it: 8 hexadecimal digits of a hash, or "no-key" for NULL. */
void cs_keys_env_fingerprint(const char *key, char out[9]);

#endif
