/* params.h - model parameters and the analysis part as JSON texts.
 *
 * A text without quotes that is a JSON number stays one; in parameters `true` and `false` without quotes are JSON's;
 * all else is a string. `omit` takes a parameter away. Keys keep their order. Texts returned live in the arena.
 * Thread: any.
 */
#ifndef CS_LOAD_PARAMS_H
#define CS_LOAD_PARAMS_H

#include "protocol/table/node.h"

/* Any node as compact JSON, words as strings ("true" too). */
const char *cs_params_node_json(const struct cs_node *n, struct cs_arena *arena);
/* `parameters:` of a level; `omit` stays in it as a word. */
CS_WARN_UNUSED enum cs_err cs_params_of_level(const struct cs_node *n, struct cs_arena *arena, const char **json,
                                              struct cs_error *err);

struct cs_params {
    const char *json;           /* without the two below */
    uint32_t max_output_tokens; /* 0: none */
    uint32_t timeout_ms;
};
/* A model's parameters: those of providers.yaml, over them the study's, over them the model's in the study (each may be
 * NULL). `omit` in providers.yaml says that the model does not take a parameter: the study's own are dropped too,
 * unless its entry for this model names it. */
CS_WARN_UNUSED enum cs_err cs_params_of_model(const struct cs_node *provider, const struct cs_node *study,
                                              const struct cs_node *entry, struct cs_arena *arena,
                                              struct cs_params *out, struct cs_error *err);

#endif
