/* pointer.h - where something stands in a JSON text: RFC 6901, with `*` for every element of a list or member of an object.
 *
 * "/messages/0/text", "/messages/ * /text" (without the blanks), "" for the whole. `~1` stands for `/` and `~0` for `~` in a name. A pointer
 * has at most one `*`. Pure; any thread. What is found is borrowed from the value.
 */
#ifndef CS_POINTER_H
#define CS_POINTER_H

#include <stdbool.h>

#include "protocol/base/error.h"
#include "protocol/base/json.h"

/* Whether this is a pointer. CS_EINVAL: a sentence without a place. */
CS_WARN_UNUSED enum cs_err cs_pointer_check(const char *pointer, struct cs_error *err);
bool cs_pointer_is_many(const char *pointer); /* it has a `*` */

/* Gives `found` what stands there: once, or with `*` for each element that has it; `element` is what the `*` took, else the found itself.
 * False: nothing stands there, and nothing was given. An empty list behind a `*` is there, and holds nothing. */
typedef void (*cs_pointer_fn)(void *self, const struct cs_json *element, const struct cs_json *found);
bool cs_pointer_each(const char *pointer, const struct cs_json *root, cs_pointer_fn found, void *self);
/* The first that stands there, or NULL. */
const struct cs_json *cs_pointer_get(const char *pointer, const struct cs_json *root);

#endif
