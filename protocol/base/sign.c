#include "protocol/base/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/digest.h"
#include "protocol/base/file.h"

enum { KEY_FILE_MAX = 4096, ID = 4, ED25519 = 1, BASE64_MAX = 256 };
static const char dash[] = "\xE2\x80\x94 "; /* an em dash and a blank, as the format has it */

static void ready(void)
{
    CS_ASSERT(sodium_init() >= 0); /* may be called as often as one likes */
}

static bool is_name(const char *name)
{
    const size_t n = strlen(name);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)name[i] <= 0x20 || (unsigned char)name[i] >= 0x7f || name[i] == '+')
            return false;
    }
    return n > 0 && n <= CS_SIGN_NAME_MAX;
}

static void key_id(const char *name, const uint8_t public_key[32], uint8_t out[ID])
{
    static const uint8_t between[] = {'\n', ED25519};
    crypto_hash_sha256_state h;
    uint8_t full[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_init(&h);
    crypto_hash_sha256_update(&h, (const uint8_t *)name, strlen(name));
    crypto_hash_sha256_update(&h, between, sizeof between);
    crypto_hash_sha256_update(&h, public_key, 32);
    crypto_hash_sha256_final(&h, full);
    memcpy(out, full, ID);
}

static void public_of(struct cs_sign_key *k)
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(k->public_key, secret, k->seed);
    sodium_memzero(secret, sizeof secret);
}

void cs_sign_verifier(const struct cs_sign_key *k, char out[CS_SIGN_VERIFIER_MAX])
{
    uint8_t id[ID], typed[33] = {ED25519};
    char hex[2 * ID + 1], b64[48];
    key_id(k->name, k->public_key, id);
    memcpy(typed + 1, k->public_key, 32);
    cs_digest_hex(id, ID, hex);
    sodium_bin2base64(b64, sizeof b64, typed, sizeof typed, sodium_base64_VARIANT_ORIGINAL);
    snprintf(out, CS_SIGN_VERIFIER_MAX, "%s+%s+%s", k->name, hex, b64);
}

/* ---- files --------------------------------------------------------------------------------------- */

enum cs_err cs_sign_make(const char *base, const char *name, struct cs_error *err)
{
    struct cs_sign_key k = {0};
    char verifier[CS_SIGN_VERIFIER_MAX], hex[65];
    if (!is_name(name))
        return cs_error_set(err, CS_EUSAGE,
                            "\"%.80s\" is no name of a signing key: at most %d letters, digits and signs, no "
                            "blank and no \"+\"",
                            name, CS_SIGN_NAME_MAX);
    ready();
    snprintf(k.name, sizeof k.name, "%s", name);
    randombytes_buf(k.seed, sizeof k.seed);
    public_of(&k);
    cs_sign_verifier(&k, verifier);
    cs_digest_hex(k.seed, sizeof k.seed, hex);
    char *secret_path = cs_xasprintf("%s.key", base), *public_path = cs_xasprintf("%s.pub", base);
    char *secret = cs_xasprintf("# ClinSafe signing key of %s. Whoever reads it can sign as %s.\nname %s\nseed %s\n",
                                name, name, name, hex);
    char *public = cs_xasprintf("%s\n", verifier);
    enum cs_err rc = cs_file_create(secret_path, secret, 0600, err);
    if (rc == CS_OK && (rc = cs_file_create(public_path, public, 0644, err)) != CS_OK)
        unlink(secret_path);
    sodium_memzero(secret, strlen(secret));
    sodium_memzero(&k, sizeof k);
    sodium_memzero(hex, sizeof hex);
    free(secret);
    free(public);
    free(secret_path);
    free(public_path);
    return rc;
}

/* The word behind "key " at the start of a line; "" when there is none. */
static void word_of(const char *text, const char *key, char *out, size_t size)
{
    const size_t n = strlen(key);
    out[0] = '\0';
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += line[0] == '\n';
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            snprintf(out, size, "%.*s", (int)strcspn(line + n + 1, " \t\r\n"), line + n + 1);
    }
}

enum cs_err cs_sign_load(const char *path, struct cs_sign_key *out, struct cs_error *err)
{
    char *text = NULL, seed[80];
    *out = (struct cs_sign_key){0};
    enum cs_err rc = cs_file_check_secret(path, err);
    if (rc == CS_OK)
        rc = cs_file_read(path, KEY_FILE_MAX, &text, NULL, err);
    if (rc != CS_OK)
        return rc;
    ready();
    word_of(text, "name", out->name, sizeof out->name);
    word_of(text, "seed", seed, sizeof seed);
    if (!is_name(out->name) || !cs_digest_unhex(seed, out->seed, sizeof out->seed))
        rc = cs_error_set(err, CS_EINVAL, "%s: this is no signing key; `clinsafe suite key BASE` makes one", path);
    else
        public_of(out);
    sodium_memzero(text, strlen(text));
    sodium_memzero(seed, sizeof seed);
    free(text);
    return rc;
}

/* ---- notes ---------------------------------------------------------------------------------------- */

char *cs_sign_note(const struct cs_sign_key *k, const char *text)
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES], public_key[32], signature[ID + crypto_sign_BYTES];
    char b64[BASE64_MAX];
    const size_t n = strlen(text);
    CS_ASSERT(n > 0 && text[n - 1] == '\n' && strstr(text, "\n\n") == NULL);
    ready();
    crypto_sign_seed_keypair(public_key, secret, k->seed);
    key_id(k->name, public_key, signature);
    crypto_sign_detached(signature + ID, NULL, (const uint8_t *)text, n, secret);
    sodium_memzero(secret, sizeof secret);
    sodium_bin2base64(b64, sizeof b64, signature, sizeof signature, sodium_base64_VARIANT_ORIGINAL);
    return cs_xasprintf("%s\n%s%s %s\n", text, dash, k->name, b64);
}

static bool unbase64(const char *text, size_t n, uint8_t *out, size_t wanted)
{
    size_t got = 0;
    const char *end = NULL;
    return sodium_base642bin(out, wanted, text, n, NULL, &got, &end, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           got == wanted && end == text + n;
}

/* NAME+HEX+BASE64; the digits have to be those of name and key. */
static bool read_verifier(const char *text, char name[CS_SIGN_NAME_MAX + 1], uint8_t public_key[32], uint8_t id[ID])
{
    uint8_t typed[33], said[ID];
    char hex[2 * ID + 1];
    const size_t len = strcspn(text, " \t\r\n"), n = strcspn(text, "+");
    if (n >= len || n > CS_SIGN_NAME_MAX || len < n + 2 + 2 * ID || text[n + 1 + 2 * ID] != '+')
        return false;
    memcpy(name, text, n);
    name[n] = '\0';
    memcpy(hex, text + n + 1, 2 * ID);
    hex[2 * ID] = '\0';
    const char *b64 = text + n + 2 + 2 * ID;
    if (!is_name(name) || !cs_digest_unhex(hex, said, ID) ||
        !unbase64(b64, (size_t)(text + len - b64), typed, sizeof typed) || typed[0] != ED25519)
        return false;
    memcpy(public_key, typed + 1, 32);
    key_id(name, public_key, id);
    return memcmp(id, said, ID) == 0;
}

enum cs_err cs_sign_check(const char *note, const char *verifier, size_t *text_len, struct cs_error *err)
{
    char name[CS_SIGN_NAME_MAX + 1];
    uint8_t public_key[32], id[ID], signature[ID + crypto_sign_BYTES];
    const char *gap = strstr(note, "\n\n");
    ready();
    if (!read_verifier(verifier, name, public_key, id))
        return cs_error_set(err, CS_EINVAL, "this is no verifier key: NAME+XXXXXXXX+BASE64 in one line is wanted");
    if (gap == NULL)
        return cs_error_set(err, CS_EINVAL, "this is no signed note: no signature stands below an empty line");
    *text_len = (size_t)(gap - note) + 1;
    for (const char *line = gap + 2; line[0] != '\0'; line += strcspn(line, "\n"), line += line[0] == '\n') {
        const size_t n = strcspn(line, "\n"), head = sizeof dash - 1 + strlen(name) + 1;
        if (n <= head || strncmp(line, dash, sizeof dash - 1) != 0 ||
            strncmp(line + sizeof dash - 1, name, strlen(name)) != 0 || line[head - 1] != ' ')
            continue;
        if (unbase64(line + head, n - head, signature, sizeof signature) && memcmp(signature, id, ID) == 0 &&
            crypto_sign_verify_detached(signature + ID, (const uint8_t *)note, *text_len, public_key) == 0)
            return CS_OK;
        return cs_error_set(err, CS_EINVAL, "the signature of %s does not fit: text or signature were changed", name);
    }
    return cs_error_set(err, CS_EINVAL, "it is not signed by %s", name);
}

void cs_sign_hmac(const uint8_t salt[32], const void *data, size_t n, uint8_t out[32])
{
    ready();
    crypto_auth_hmacsha256(out, data, n, salt);
}

void cs_sign_random(void *out, size_t n)
{
    ready();
    randombytes_buf(out, n);
}
