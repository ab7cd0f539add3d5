/* document.h - JSON for programs: what `--json` prints and /status.json answers. A document is an object that begins with what it is and of when:
 *
 *     {"schema": "clinsafe.status/1", "as_of": "2026-11-29T19:03:48.120Z", ...}
 *
 * Money is a number of US dollars under a key that ends in _usd; null where it is not known, or there is none. ops/schema/json/ says what
 * each document may hold; within a version keys are added, never renamed. Thread: any.
 */
#ifndef CS_DOCUMENT_H
#define CS_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "protocol/base/buf.h"

struct cs_json;

/* name: "status/1" */
struct cs_json *cs_document_begin(const char *name, int64_t as_of_wall_ms);
/* The same as the text that a document written piece by piece begins with: `{"schema":...,"as_of":...` */
void cs_document_head(struct cs_buf *out, const char *name, int64_t as_of_wall_ms);
/* Adds the members of an object, with money as dollars (below). from is consumed. */
void cs_document_add(struct cs_json *to, struct cs_json *from);
/* The same value with keys ..._nano_usd as ..._usd (a key that is nano_usd alone: amount_usd), a number of dollars, null below 0. v is consumed. */
struct cs_json *cs_document_money(struct cs_json *v);
/* Writes it with a line's end. root is consumed. False: it could not be written. */
bool cs_document_print(struct cs_json *root, FILE *out);

#endif
