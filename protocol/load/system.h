/* system.h - an account of `protocol: http`: its declaration, checked and made into the JSON that travels (dialects/system/service.h).
 *
 * system.c has the account, asks.c what is sent, told.c what comes back, sessions.c the sessions. Texts live in the arena. Thread: any.
 */
#ifndef CS_LOAD_SYSTEM_H
#define CS_LOAD_SYSTEM_H

#include "protocol/base/json.h"
#include "protocol/study/study.h"
#include "protocol/table/node.h"

/* Keys of an account that only such a one has. */
#define CS_SERVICE_KEYS "request", "reply", "roles", "stream", "poll", "session", "client_certificate"

/* Sets a->service; of an account that speaks another protocol: refuses these keys. */
CS_WARN_UNUSED enum cs_err cs_load_system(const struct cs_node *account, struct cs_arena *arena, struct cs_account *a,
                                          struct cs_error *err);
/* Where the account's one secret is said under `key`: with oauth2 it is the client's, beside its id. */
const struct cs_node *cs_load_system_secret(const struct cs_node *key, const struct cs_account *a);

/* ---- inside the loader of systems ------------------------------------------------------------------------------- */

/* Which fillings may stand where. */
enum cs_load_filled { CS_LOAD_FILLED_REQUEST, CS_LOAD_FILLED_START, CS_LOAD_FILLED_POLL };

/* Adds `request` and `roles` to out. */
CS_WARN_UNUSED enum cs_err cs_load_asks(const struct cs_node *account, struct cs_json *out, struct cs_error *err);
/* A path: it begins with /, and its fillings may stand there. */
CS_WARN_UNUSED enum cs_err cs_load_asks_path(const struct cs_node *n, enum cs_load_filled where, const char **out,
                                             struct cs_error *err);
/* GET, POST, PUT or PATCH; n NULL: `usual`. */
CS_WARN_UNUSED enum cs_err cs_load_asks_method(const struct cs_node *n, const char *usual, const char **out,
                                               struct cs_error *err);
/* Any tree as JSON: numbers, true, false and null without quotes are JSON's. No secret may stand in it. *out is the caller's. */
CS_WARN_UNUSED enum cs_err cs_load_asks_tree(const struct cs_node *n, enum cs_load_filled where, struct cs_json **out,
                                             struct cs_error *err);

/* Adds `reply`. */
CS_WARN_UNUSED enum cs_err cs_load_told(const struct cs_node *account, bool streams, struct cs_json *out,
                                        struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_load_told_stream(const struct cs_node *n, struct cs_json *out, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_load_told_poll(const struct cs_node *n, struct cs_json *out, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_load_sessions(const struct cs_node *n, struct cs_json *out, struct cs_error *err);
/* A place in a reply, set in `o` under the node's key. */
CS_WARN_UNUSED enum cs_err cs_load_told_place(const struct cs_node *n, struct cs_json *o, struct cs_error *err);

#endif
