/* usage.h - inside the dialects only: what a reply says it used.
 *
 * Vendors count alike in most things; where they differ, a dialect adds up its parts and then compares them with the vendor's own total:
 * a total above its parts was not told whole, and what is charged for it is a lower bound. Counts saturate. Pure; any thread.
 */
#ifndef CS_USAGE_H
#define CS_USAGE_H

#include "protocol/dialects/replies/reply.h"

struct cs_json;

/* a + b, at most UINT32_MAX. */
uint32_t cs_usage_add(uint32_t a, uint32_t b);
/* Some servers count reasoning beside the answer (xAI) where most count it within: adds it to the output if the total says so, or, where
 * there is no total, if it is more than the output that would have to hold it. */
void cs_usage_reasoning(const struct cs_json *total, struct cs_reading *out);
/* Compares the parts with the total, once they are all there. */
void cs_usage_total(const struct cs_json *total, struct cs_reading *out);

#endif
