#include "protocol/load/keys_env.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/base/file.h"
#include "protocol/dialects/system/service.h"

enum { KEY_MAX = 8192 };

void cs_keys_env_guard(void)
{
#if !defined(__SANITIZE_ADDRESS__)
    const struct rlimit none = {0, 0};
    prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
#endif
}

void cs_keys_env_free(char *key)
{
    if (key != NULL)
        explicit_bzero(key, strlen(key));
    free(key);
}

void cs_keys_env_fingerprint(const char *key, char out[9])
{
    uint8_t hash[32];
    if (key == NULL) {
        snprintf(out, 9, "no-key");
        return;
    }
    char *named = cs_xasprintf("clinsafe key\x1f%s", key); /* no plain hash of the key leaves this process */
    cs_digest_blake2b_256(named, strlen(named), hash);
    cs_digest_hex(hash, 4, out);
    cs_keys_env_free(named);
}

/* A key becomes part of a header line: one line of printable ASCII. */
static enum cs_err check_key(char **key, const char *where, struct cs_error *err)
{
    size_t n = strlen(*key);
    while (n > 0 && isspace((unsigned char)(*key)[n - 1]))
        (*key)[--n] = '\0';
    bool good = n > 0;
    for (size_t i = 0; i < n; i++)
        good = good && (*key)[i] > ' ' && (*key)[i] < 127;
    if (good)
        return CS_OK;
    cs_keys_env_free(*key);
    *key = NULL;
    return cs_error_set(err, CS_EINVAL, "%s holds no usable key: want one word of printable characters", where);
}

static enum cs_err from_file(const char *path, char **key, struct cs_error *err)
{
    enum cs_err rc = cs_file_check_secret(path, err);
    if (rc == CS_OK)
        rc = cs_file_read(path, KEY_MAX, key, NULL, err);
    return rc == CS_OK ? check_key(key, path, err) : rc;
}

static enum cs_err from_credential(const char *name, char **key, struct cs_error *err)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    if (dir == NULL)
        return CS_ENOENT;
    char *path = cs_xasprintf("%s/%s", dir, name);
    enum cs_err rc = from_file(path, key, err);
    free(path);
    return rc;
}

static bool is(const char *env, const char *name, size_t n)
{
    return env != NULL && strlen(env) == n && memcmp(env, name, n) == 0;
}

bool cs_keys_env_names(const struct cs_account *account, const char *name, size_t n)
{
    struct cs_service *s = NULL;
    bool found = is(account->key_env, name, n);
    if (!found && account->service != NULL && cs_service_open(&s, account->service, NULL) == CS_OK)
        found = is(s->id_env, name, n);
    cs_service_close(s);
    return found;
}

bool cs_keys_env_wanted(const struct cs_study *study, uint32_t account)
{
    bool used = false;
    for (uint32_t i = 0; i < study->n_models; i++)
        used |= study->models[i].account == account;
    return used && !study->accounts[account].simulated;
}

enum cs_err cs_keys_env_find(const struct cs_account *account, char **key, struct cs_error *err)
{
    enum cs_err rc;
    *key = NULL;
    if (account->key_env != NULL) {
        const char *value = getenv(account->key_env);
        if (value != NULL && value[0] != '\0') {
            *key = cs_xstrdup(value);
            return check_key(key, account->key_env, err);
        }
        rc = from_credential(account->key_env, key, err);
        if (rc != CS_ENOENT || account->key_file == NULL)
            return rc != CS_ENOENT ? rc : cs_error_set(err, CS_ENOENT, "no key: set %s", account->key_env);
    }
    if (account->key_file == NULL)
        return CS_OK;
    const char *slash = strrchr(account->key_file, '/');
    rc = from_credential(slash != NULL ? slash + 1 : account->key_file, key, err);
    if (rc == CS_ENOENT)
        rc = from_file(account->key_file, key, err);
    return rc != CS_OK ? cs_error_wrap(err, rc, "no key") : CS_OK;
}
