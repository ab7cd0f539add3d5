/* keys.h - CURVE key pairs in files. Secret files are mode 0600 and refused when others can read them.
 *
 * Keys are Z85 text of 40 characters. A .pub file is a line of an allow-list (allowed.h). Thread: any; no state.
 */
#ifndef CS_KEYS_H
#define CS_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/wire/allowed.h"
#include "protocol/wire/curve.h"

CS_WARN_UNUSED enum cs_err cs_keys_pair_make(struct cs_keypair *k, struct cs_error *err);
/* BASE.key (secret and public), BASE.pub (`KEY role=ROLE name=NAME`, ready for an allow-list). CS_EEXIST: never overwrites. */
CS_WARN_UNUSED enum cs_err cs_keys_pair_save(const struct cs_keypair *k, const char *base, const char *name,
                                             enum cs_allowed_role role, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_keys_pair_load(const char *key_file, struct cs_keypair *k, struct cs_error *err);
/* First key of a .pub file, or a 40-character Z85 text given directly: a path may look like one, so what is there, or ends in .pub, is a file. */
CS_WARN_UNUSED enum cs_err cs_keys_public_load(const char *file_or_key, char out[41], struct cs_error *err);

#endif
