/* reread.h - has a coordinator reread a study's answers (store/reread.h): one that runs already, or one of our own, without workers, on
 * a study directory where nothing runs. Nothing is asked of any provider. Thread: main.
 */
#ifndef CS_FLEET_REREAD_H
#define CS_FLEET_REREAD_H

#include "protocol/load/load.h"
#include "tools/base/study_dir.h"
#include "tools/fleet/fleet_status.h"

/* *gen: the generation that holds the new outcomes, all of it on disk; *changed: answers there that are not as their records say. CS_EINVAL:
 * the study says more than another `reading`. Broken off at any point, the same call goes on where it was. */
CS_WARN_UNUSED enum cs_err cs_fleet_reread_ask(struct cs_admin_client *a, const struct cs_loaded *l,
                                               const struct cs_fleet_status_watch *watch, uint32_t *gen,
                                               uint64_t *changed, struct cs_error *err);
/* The same, by a coordinator of our own that ends before this returns. dir: locked by the caller. */
CS_WARN_UNUSED enum cs_err cs_fleet_reread_at_rest(struct cs_study_dir *dir, const struct cs_loaded *l,
                                                   const struct cs_fleet_status_watch *watch, uint32_t *gen,
                                                   uint64_t *changed, struct cs_error *err);

#endif
