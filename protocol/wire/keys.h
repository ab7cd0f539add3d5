/* keys.h - CURVE key pairs in files, and the allow-list. Secret files are mode 0600 and refused when others can
 * read them.
 *
 * Keys are Z85 text of 40 characters. A line of a .pub file or of an allow-list is a key, then an optional name;
 * lines that start with '#' are comments. Thread: any; no state.
 */
#ifndef CS_KEYS_H
#define CS_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/wire/curve.h"

CS_WARN_UNUSED enum cs_err cs_keys_pair_make(struct cs_keypair *k, struct cs_error *err);
/* BASE.key (secret and public), BASE.pub (public, one line, ready for an allow-list). CS_EEXIST: never overwrites. */
CS_WARN_UNUSED enum cs_err cs_keys_pair_save(const struct cs_keypair *k, const char *base, const char *name,
                                             struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_keys_pair_load(const char *key_file, struct cs_keypair *k, struct cs_error *err);
/* First key of a .pub file (or a 40-character Z85 text given directly). */
CS_WARN_UNUSED enum cs_err cs_keys_public_load(const char *file_or_key, char out[41], struct cs_error *err);

struct cs_allow_list { /* the keys, sorted */
    uint32_t n;
    char (*keys)[41];
};
/* CS_EINVAL names file and line of what is not a key. An empty list is one: it admits nobody. */
CS_WARN_UNUSED enum cs_err cs_keys_allow_list_load(const char *file, struct cs_allow_list *out, struct cs_error *err);
void cs_keys_allow_list_release(struct cs_allow_list *l);
bool cs_keys_allow_list_has(const struct cs_allow_list *l, const char *key);

#endif
