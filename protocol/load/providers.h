/* providers.h - providers.yaml: accounts (who is called, how, with which key) and the models they offer.
 *
 * The whole file is checked, whatever a study uses of it. Keys are never in it: only where one is found. Grammar:
 * ops/studies/README.md. Ownership: everything lives in the caller's arena. Thread: any.
 */
#ifndef CS_PROVIDERS_H
#define CS_PROVIDERS_H

#include "protocol/table/node.h"
#include "protocol/study/study.h"

struct cs_provider_model {
    const struct cs_node *node;
    const char *name, *model;
    uint32_t account;
    struct cs_price price;
    struct cs_limits limits;                     /* the account's, over them the model's */
    uint32_t pools[CS_MODEL_POOLS_MAX], n_pools; /* the account's */
    const struct cs_node *parameters;            /* or NULL */
    bool blind;                                  /* it takes no images */
    uint32_t image_tokens;                       /* what one counts at most; 0: not said */
    int64_t sunset_ms;                           /* sunset.h */
};

struct cs_providers {
    const char *path;
    const struct cs_account *accounts;
    uint32_t n_accounts;
    const struct cs_provider_model *models;
    uint32_t n_models;
};

/* Which file: `given` (--providers), else providers.yaml beside the study, else clinsafe/providers.yaml in
 * $XDG_CONFIG_HOME or ~/.config. CS_ENOENT: none is there; err says where it was looked for. *path is the arena's. */
CS_WARN_UNUSED enum cs_err cs_providers_find(const char *study_path, const char *given, struct cs_arena *arena,
                                             const char **path, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_providers_load(const char *path, struct cs_arena *arena, struct cs_providers *out,
                                             struct cs_error *err);
uint32_t cs_providers_model(const struct cs_providers *p, const char *name); /* CS_NONE if absent */

#endif
