/* dialect.h - which dialect an account of providers.yaml speaks, and how its server differs from the vendor's:
 * `protocol`, `max_tokens_field`, `response_format`, `prompt_cache`, `auth`, `path`, `headers`. Texts live in the arena. Thread: any.
 */
#ifndef CS_LOAD_DIALECT_H
#define CS_LOAD_DIALECT_H

#include "protocol/table/node.h"
#include "protocol/study/study.h"

CS_WARN_UNUSED enum cs_err cs_load_dialect(const struct cs_node *account, struct cs_arena *arena, struct cs_account *a,
                                           struct cs_error *err);

/* `reading: strict` or `lenient`, of an account or a question. n NULL: unsaid. */
CS_WARN_UNUSED enum cs_err cs_load_dialect_reads(const struct cs_node *n, enum cs_reads *out, struct cs_error *err);

#endif
