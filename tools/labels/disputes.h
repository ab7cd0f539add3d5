/* disputes.h - outputs that raters said different words about, and that nobody has decided yet. Thread: main. */
#ifndef CS_LABELS_DISPUTES_H
#define CS_LABELS_DISPUTES_H

#include "tools/base/ratings.h"

/* The item of an output in dispute; NULL: there is none. digest: hex. */
const char *cs_disputes_item(const struct cs_ratings *r, const char *digest);
/* "dr-a: urgent; dr-b: emergent" where they differ in this field; NULL: they do not, or it is decided. Lives in the arena. */
const char *cs_disputes_said(const struct cs_ratings *r, const char *digest, const char *field, struct cs_arena *arena);

#endif
