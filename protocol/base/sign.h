/* sign.h - signatures and commitments with libsodium: Ed25519 keys in files, signed notes, HMAC-SHA-256 of texts.
 *
 * A signing key is not a key of the wire (keygen makes those): the two are never shared.
 *   BASE.key    mode 0600: "name NAME" and "seed HEX", a line each
 *   BASE.pub    the verifier key in one line, NAME+XXXXXXXX+BASE64, as C2SP's signed notes have it
 * A note is a text that ends with a newline, an empty line, and a line "EM-DASH NAME BASE64": the first four bytes of SHA-256(NAME, newline,
 * 01, public key), then the Ed25519 signature of the text. Thread: any. Ownership: nothing is kept.
 */
#ifndef CS_SIGN_H
#define CS_SIGN_H

#include "protocol/base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { CS_SIGN_NAME_MAX = 64, CS_SIGN_VERIFIER_MAX = 160, CS_SIGN_NOTE_MAX = 64 * 1024 };

struct cs_sign_key {
    char name[CS_SIGN_NAME_MAX + 1];
    uint8_t seed[32], public_key[32];
};

/* A new pair in BASE.key and BASE.pub; neither may exist. The name has no blank and no "+". */
CS_WARN_UNUSED enum cs_err cs_sign_make(const char *base, const char *name, struct cs_error *err);
/* CS_EDENIED: others can read the file. */
CS_WARN_UNUSED enum cs_err cs_sign_load(const char *path, struct cs_sign_key *out, struct cs_error *err);
void cs_sign_verifier(const struct cs_sign_key *k, char out[CS_SIGN_VERIFIER_MAX]);
/* text with its signature below; free() it. The text ends with a newline and has no empty line. */
char *cs_sign_note(const struct cs_sign_key *k, const char *text);
/* The length of the text that the note signs, for this verifier key. CS_EINVAL: it is no note, or not signed by this key. */
CS_WARN_UNUSED enum cs_err cs_sign_check(const char *note, const char *verifier, size_t *text_len,
                                         struct cs_error *err);

void cs_sign_hmac(const uint8_t salt[32], const void *data, size_t n, uint8_t out[32]);
void cs_sign_random(void *out, size_t n);

#endif
