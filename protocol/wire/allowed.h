/* allowed.h - the allow-list of a fleet: who may come in, as what, and how often.
 *
 * A line is `KEY role=worker|operator|viewer name=... sessions=N`. KEY is a public key (40 characters of Z85); what follows may be left
 * out and come in any order; words without `=` belong to the name. Without `role=` a key is a worker's. Lines that start with '#' are
 * comments. A worker asks providers and administers nothing; an operator says what the fleet does; a viewer only looks. sessions is how
 * many workers may be there under this key at once.
 * Thread: any; no state.
 */
#ifndef CS_ALLOWED_H
#define CS_ALLOWED_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/error.h"

enum cs_allowed_role { CS_ALLOWED_WORKER, CS_ALLOWED_OPERATOR, CS_ALLOWED_VIEWER, CS_ALLOWED_ROLES };
enum { CS_ALLOWED_NAME_MAX = 128, CS_ALLOWED_SESSIONS = 2048 };

struct cs_allowed_key {
    char key[41];
    char name[CS_ALLOWED_NAME_MAX]; /* "": none; no control characters */
    enum cs_allowed_role role;
    bool role_said; /* false: by default */
    uint32_t sessions, line;
};
struct cs_allowed { /* sorted by key */
    uint32_t n;
    struct cs_allowed_key *keys;
};

/* CS_EINVAL names file, line and column of what is wrong. An empty list is one: it admits nobody. */
CS_WARN_UNUSED enum cs_err cs_allowed_load(const char *file, struct cs_allowed *out, struct cs_error *err);
void cs_allowed_release(struct cs_allowed *l);
const struct cs_allowed_key *cs_allowed_find(const struct cs_allowed *l, const char *key); /* NULL: not listed */

/* Turns the line of a key, said by its 40 characters or by its name, into a comment; the file is replaced as a whole. CS_ENOENT: no such
 * line; CS_EINVAL: two keys have that name. *out: whose line it was. */
CS_WARN_UNUSED enum cs_err cs_allowed_revoke(const char *file, const char *who, struct cs_allowed_key *out,
                                             struct cs_error *err);

const char *cs_allowed_role_name(enum cs_allowed_role role);
CS_WARN_UNUSED enum cs_err cs_allowed_role_of(const char *text, enum cs_allowed_role *out, struct cs_error *err);

#endif
