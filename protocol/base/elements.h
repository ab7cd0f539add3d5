/* elements.h - a list in JSON, as a case brings one: its elements are texts, or objects with keys of their own.
 *
 * A text has the one key `text`. What stands in an element is read as cells of a table are: numbers and truth values as the texts they are
 * written as, what is nested as JSON, null as nothing.
 * Pure; any thread. What is read lives in the caller's arena.
 */
#ifndef CS_ELEMENTS_H
#define CS_ELEMENTS_H

#include "protocol/base/arena.h"
#include "protocol/base/error.h"
#include "protocol/base/json.h"

enum { CS_ELEMENTS_MAX = 1000, CS_ELEMENTS_KEYS_MAX = 256 /* of one */ };

struct cs_element {
    const char *const *keys, *const *values;
    uint32_t n;
};
struct cs_elements {
    const struct cs_element *all;
    uint32_t n;
};

/* CS_EINVAL: it is no list, is empty, or has too much; err is the end of a sentence. */
CS_WARN_UNUSED enum cs_err cs_elements_read(const char *json, struct cs_arena *arena, struct cs_elements *out,
                                            struct cs_error *err);
/* What element i (from 0) has under a key, or "". */
const char *cs_elements_value(const struct cs_elements *l, uint32_t i, const char *key);
/* A value inside an element as a text. */
const char *cs_elements_text(struct cs_arena *arena, const struct cs_json *v);

#endif
