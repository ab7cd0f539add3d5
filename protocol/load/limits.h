/* limits.h - the limits of an account or model in providers.yaml, and the pools that models share.
 *
 *   limits: {requests_per_minute: 500}                  for each model apart
 *   pools: {opus: {requests_per_minute: 4000}}          an account's: for all models that name it, together
 *   pools: [opus]                                       a model's
 *
 * Everything lives in the arena. Thread: any.
 */
#ifndef CS_LOAD_LIMITS_H
#define CS_LOAD_LIMITS_H

#include "protocol/table/node.h"
#include "protocol/study/study.h"

/* n NULL: *out stays. What is not named stays too. */
CS_WARN_UNUSED enum cs_err cs_load_limits(const struct cs_node *n, struct cs_limits *out, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_load_limits_pools(const struct cs_node *n, struct cs_arena *arena, struct cs_account *a,
                                                struct cs_error *err);
/* The pools of an account that a model names, as numbers. */
CS_WARN_UNUSED enum cs_err cs_load_limits_pool_names(const struct cs_node *n, const struct cs_account *a,
                                                     uint32_t pools[CS_MODEL_POOLS_MAX], uint32_t *n_pools,
                                                     struct cs_error *err);

#endif
