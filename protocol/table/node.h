/* node.h - reading a YAML tree with types: every refusal says where, what is wrong and what would be right.
 *
 * `what` names the value in sentences ("repeats", "answer triage"). Texts returned live as long as the tree.
 * All functions return CS_OK or CS_EINVAL. Thread: any.
 */
#ifndef CS_NODE_H
#define CS_NODE_H

#include "protocol/table/yaml.h"

/* A map, and nothing but these keys (NULL-terminated). */
CS_WARN_UNUSED enum cs_err cs_node_map(const struct cs_node *n, const char *what, const char *const *keys,
                                       struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_node_any_map(const struct cs_node *n, const char *what, struct cs_error *err);
/* A list with at least one item. */
CS_WARN_UNUSED enum cs_err cs_node_list(const struct cs_node *n, const char *what, struct cs_error *err);

/* The value of a key, or NULL. */
const struct cs_node *cs_node_get(const struct cs_node *map, const char *key);
CS_WARN_UNUSED enum cs_err cs_node_need(const struct cs_node *map, const char *what, const char *key,
                                        const struct cs_node **out, struct cs_error *err);

/* A text that is not empty; cs_node_any_text allows "" in quotes. */
CS_WARN_UNUSED enum cs_err cs_node_text(const struct cs_node *n, const char *what, const char **out,
                                        struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_node_any_text(const struct cs_node *n, const char *what, const char **out,
                                            struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_node_u64(const struct cs_node *n, const char *what, uint64_t min, uint64_t max,
                                       uint64_t *out, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_node_number(const struct cs_node *n, const char *what, double min, double max,
                                          double *out, struct cs_error *err);
/* `true` or `false`. */
CS_WARN_UNUSED enum cs_err cs_node_bool(const struct cs_node *n, const char *what, bool *out, struct cs_error *err);
/* One of these words (NULL-terminated); *out is its place. */
CS_WARN_UNUSED enum cs_err cs_node_word(const struct cs_node *n, const char *what, const char *const *words,
                                        uint32_t *out, struct cs_error *err);
/* A name of at most 64 characters. FIELD: [a-z][a-z0-9_]*, a key of JSON answers; LOOSE: [A-Za-z0-9][A-Za-z0-9_.-]*;
 * MEMBER: [A-Za-z][A-Za-z0-9_]*, a key of JSON that others have named. */
enum cs_name_rule { CS_NAME_FIELD, CS_NAME_LOOSE, CS_NAME_MEMBER };
CS_WARN_UNUSED enum cs_err cs_node_name(const struct cs_node *n, const char *what, enum cs_name_rule rule,
                                        const char **out, struct cs_error *err);
/* "3x" -> 3. */
CS_WARN_UNUSED enum cs_err cs_node_times(const struct cs_node *n, const char *what, uint32_t *out,
                                         struct cs_error *err);

#endif
