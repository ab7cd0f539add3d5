/* Key files, allow-lists, and files with an API key: accepted whole, or refused with a sentence that repeats nothing of a secret. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/assert.h"
#include "protocol/wire/keys.h"
#include "protocol/load/keys_env.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char path[256];

static void clean_up(void)
{
    unlink(path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/clinsafe-fuzz-XXXXXX", tmp != NULL ? tmp : "/tmp");
    int fd = mkstemp(path); /* mode 0600, as a secret must be */
    CS_ASSERT(fd >= 0);
    close(fd);
    atexit(clean_up);
    return 0;
}

static void check_api_key(void)
{
    struct cs_account a = {.name = "a", .key_file = path};
    struct cs_error err = {0};
    char *key = NULL, print[9];
    enum cs_err rc = cs_keys_env_find(&a, &key, &err);
    CS_ASSERT((rc == CS_OK) == (key != NULL));
    if (rc != CS_OK) {
        CS_ASSERT(err.msg[0] != '\0');
        return;
    }
    for (const char *p = key; *p != '\0'; p++)
        CS_ASSERT(*p > ' ' && *p < 127); /* it becomes part of a header line */
    cs_keys_env_fingerprint(key, print);
    CS_ASSERT(strspn(print, "0123456789abcdef") == 8);
    cs_keys_env_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct cs_error err = {0};
    struct cs_allowed list = {0};
    struct cs_keypair pair;
    char key[41];
    FILE *f = fopen(path, "wb");
    CS_ASSERT(f != NULL);
    CS_ASSERT(fwrite(data, 1, n, f) == n);
    CS_ASSERT(fclose(f) == 0);
    if (cs_allowed_load(path, &list, &err) == CS_OK) {
        for (uint32_t i = 0; i < list.n; i++) {
            CS_ASSERT(strlen(list.keys[i].key) == 40);
            CS_ASSERT(cs_allowed_find(&list, list.keys[i].key) != NULL);
        }
    } else {
        CS_ASSERT(err.msg[0] != '\0');
    }
    cs_allowed_release(&list);
    if (cs_keys_public_load(path, key, &err) == CS_OK)
        CS_ASSERT(strlen(key) == 40);
    (void)!cs_keys_pair_load(path, &pair, &err);
    check_api_key();
    return 0;
}
