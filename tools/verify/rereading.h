/* rereading.h - what would become of a study's stored answers if their texts were read anew, by a study that may differ in `reading`
 * alone. Reads only. Thread: main. Errors: those of the store.
 */
#ifndef CS_REREADING_H
#define CS_REREADING_H

#include <stdio.h>

#include "protocol/wire/spec.h"
#include "tools/base/reader.h"

struct cs_json;
struct cs_rereading_cells; /* by model, factor and level */
struct cs_rereading_sums {
    uint64_t answers, changed;
    uint64_t reread; /* answers that an earlier rereading made something else of than their records say */
    struct cs_rereading_cells *cells;
};
/* spec: the study as it is to be read, with the generation's plan. on_progress: told now and then; or NULL. */
CS_WARN_UNUSED enum cs_err cs_rereading_count(
    struct cs_rereading_sums *out, struct cs_reader *r, const struct cs_spec *spec,
    void (*on_progress)(void *self, const char *what, uint64_t done, uint64_t total), void *self, struct cs_error *err);
/* A table: what changes, by model, and there by level of each factor. */
void cs_rereading_print(const struct cs_rereading_sums *s, const struct cs_reader *r, FILE *out);
/* The same rows as `reread/1` has them. */
struct cs_json *cs_rereading_json(const struct cs_rereading_sums *s, const struct cs_reader *r);
void cs_rereading_release(struct cs_rereading_sums *s); /* a zeroed struct is fine */

#endif
