/* parameters.h - what a condition sends beside its messages: the model's parameters, changed by the levels'.
 *
 * A level's object is merged key by key: it replaces the model's value in its place or is appended; the string "omit" takes a
 * key away; later factors win. What the model's own object omits stays away, whatever levels say: the model does not take it. max_output_tokens is not a parameter of the dialect but our cap, and is taken out.
 */
#ifndef CS_PARAMETERS_H
#define CS_PARAMETERS_H

#include "protocol/base/buf.h"
#include "protocol/study/study.h"

struct cs_parameters {
    char *text;                 /* `,"temperature":0.7,...`, or "" ; free() */
    uint32_t max_output_tokens; /* 0: no cap is sent */
};

/* objects: n texts (NULL is skipped) merged over the model's, in order. CS_EINVAL: not a JSON object, or a key that ClinSafe
 * itself sends. */
CS_WARN_UNUSED enum cs_err cs_parameters_make(const struct cs_model *model, const char *const *objects, uint32_t n,
                                              struct cs_parameters *out, struct cs_error *err);

#endif
