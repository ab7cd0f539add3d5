/* beside.h - two cards side by side: each estimate of one beside that of the other. Nothing is subtracted, and nothing is ranked.
 *
 * Thread: main.
 */
#ifndef CS_SUITE_BESIDE_H
#define CS_SUITE_BESIDE_H

#include <stdio.h>

#include "protocol/base/json.h"

/* Comparisons, scores and rates of all studies that one of the two ran. Whether they may stand beside each other is recheck.h's. */
void cs_beside_print(const struct cs_json *a, const struct cs_json *b, FILE *out);

#endif
