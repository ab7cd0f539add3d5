#include "protocol/wire/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/file.h"

enum { KEY_FILE_MAX = 4096 };

/* ---- lines -------------------------------------------------------------------------------------- */

/* The key that the line starts with. CS_ENOENT: blank or a comment ('#' is of Z85, but no key can start with it). */
static enum cs_err key_of_line(const char *line, size_t n, char key[41])
{
    static const char blanks[] = " \t\r";
    while (n > 0 && strchr(blanks, line[0]) != NULL) {
        line++;
        n--;
    }
    if (n == 0 || line[0] == '#')
        return CS_ENOENT;
    size_t word = 0;
    while (word < n && strchr(blanks, line[word]) == NULL)
        word++;
    if (word == 40) {
        memcpy(key, line, 40);
        key[40] = '\0';
        if (cs_curve_is_key(key))
            return CS_OK;
    }
    return CS_EINVAL;
}

/* Calls for one key line after the other: *text moves on. CS_ENOENT: no more; CS_EINVAL: line *number is not a key. */
static enum cs_err next_key(const char **text, unsigned *number, char key[41])
{
    while (**text != '\0') {
        size_t n = strcspn(*text, "\n");
        enum cs_err rc = key_of_line(*text, n, key);
        *text += n + ((*text)[n] == '\n');
        ++*number;
        if (rc != CS_ENOENT)
            return rc;
    }
    return CS_ENOENT;
}

/* The word behind "name " at the start of a line of text. */
static bool field(const char *text, const char *name, char out[41])
{
    size_t n = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += line[0] == '\n';
        if (strncmp(line, name, n) == 0 && line[n] == ' ' && strcspn(line + n + 1, " \t\r\n") == 40) {
            memcpy(out, line + n + 1, 40);
            out[40] = '\0';
            return cs_curve_is_key(out);
        }
    }
    return false;
}

/* ---- key pairs ---------------------------------------------------------------------------------- */

enum cs_err cs_keys_pair_make(struct cs_keypair *k, struct cs_error *err)
{
    return cs_curve_pair(k, err);
}

static bool is_name(const char *name)
{
    const char *c = name;
    while (*c != '\0' && (unsigned char)*c >= 0x20 && *c != 0x7f && *c != '=')
        c++;
    return *c == '\0' && c - name < CS_ALLOWED_NAME_MAX;
}

enum cs_err cs_keys_pair_save(const struct cs_keypair *k, const char *base, const char *name, enum cs_allowed_role role,
                              struct cs_error *err)
{
    if (!is_name(name))
        return cs_error_set(err, CS_EINVAL, "the name of a key is one line of at most %d bytes without \"=\"",
                            CS_ALLOWED_NAME_MAX - 1);
    char *secret_path = cs_xasprintf("%s.key", base), *public_path = cs_xasprintf("%s.pub", base);
    char *secret = cs_xasprintf("# ClinSafe secret key of %s. Whoever reads it can act as %s.\npublic %s\nsecret %s\n",
                                name, name, k->public_key, k->secret_key);
    char *public = cs_xasprintf("%s role=%s name=%s\n", k->public_key, cs_allowed_role_name(role), name);
    enum cs_err rc = cs_file_create(secret_path, secret, 0600, err);
    if (rc == CS_OK) {
        rc = cs_file_create(public_path, public, 0644, err);
        if (rc != CS_OK)
            unlink(secret_path);
    }
    explicit_bzero(secret, strlen(secret));
    free(secret);
    free(public);
    free(secret_path);
    free(public_path);
    return rc;
}

enum cs_err cs_keys_pair_load(const char *key_file, struct cs_keypair *k, struct cs_error *err)
{
    char *text = NULL, derived[41];
    size_t n = 0;
    *k = (struct cs_keypair){0};
    enum cs_err rc = cs_file_check_secret(key_file, err);
    if (rc == CS_OK)
        rc = cs_file_read(key_file, KEY_FILE_MAX, &text, &n, err);
    if (rc != CS_OK)
        return rc;
    if (!field(text, "public", k->public_key) || !field(text, "secret", k->secret_key))
        rc = cs_error_set(err, CS_EINVAL, "%s: not a key file (lines \"public KEY\" and \"secret KEY\")", key_file);
    else if (!cs_curve_public(k->secret_key, derived) || strcmp(derived, k->public_key) != 0)
        rc = cs_error_set(err, CS_EINVAL, "%s: the public key is not that of the secret one", key_file);
    explicit_bzero(text, n);
    free(text);
    if (rc != CS_OK)
        explicit_bzero(k, sizeof *k);
    return rc;
}

enum cs_err cs_keys_public_load(const char *file_or_key, char out[41], struct cs_error *err)
{
    char *text = NULL;
    unsigned line = 0;
    if (strlen(file_or_key) == 40 && cs_curve_is_key(file_or_key) && strcmp(file_or_key + 36, ".pub") != 0 &&
        access(file_or_key, F_OK) != 0) {
        memcpy(out, file_or_key, 41);
        return CS_OK;
    }
    enum cs_err rc = cs_file_read(file_or_key, KEY_FILE_MAX, &text, NULL, err);
    if (rc != CS_OK)
        return rc;
    const char *at = text;
    if (next_key(&at, &line, out) != CS_OK)
        rc = cs_error_set(err, CS_EINVAL, "%s: no public key in it (40 characters of Z85 on a line)", file_or_key);
    free(text);
    return rc;
}
