/* hidden.h - the private tier: tables that are not published, held to commitments that are.
 *
 *   DIR/salt             32 random bytes as 64 hexadecimal digits; published with the tables, never before
 *   DIR/STUDY/TABLE      the table that takes the place of the study's own of that name
 * A row's commitment is HMAC-SHA-256(salt, its cells as netstrings "LENGTH:BYTES," in the order of the columns, the names of the columns
 * before them). Without the salt nobody can try texts; with it anybody can see that nothing was exchanged. Thread: main.
 */
#ifndef CS_SUITE_HIDDEN_H
#define CS_SUITE_HIDDEN_H

#include "protocol/base/json.h"
#include "tools/suite/suite.h"

char *cs_hidden_table(const char *dir, const struct cs_suite_study *study); /* its path; free() it */
/* The table at `path`, under the salt in DIR. CS_EINVAL: a row is not the one that was committed to, or holds the canary. */
CS_WARN_UNUSED enum cs_err cs_hidden_check(const struct cs_suite *s, const struct cs_suite_study *study,
                                           const char *dir, const char *path, struct cs_error *err);
/* Makes the salt where there is none (mode 0600), and appends the commitments of a table's rows to a list. */
CS_WARN_UNUSED enum cs_err cs_hidden_commit(const char *dir, const char *table, struct cs_json *rows,
                                            struct cs_error *err);

#endif
