/* reply.h - a JSON text that a schema allows: planted words where the truth has them, chance elsewhere.
 *
 * Chance is U(seed, "random", digest, path), path = the names of the properties joined by dots ("" at the root, an
 * item of an array adds its number). enum: the floor(U n)-th; boolean: U < 1/2; integer: min + floor(U (max - min +
 * 1)); number: min + U (max - min), bounds 0 and 100 where the schema has none; array: as many items as it must have,
 * at least one; string: a short text. Understood: type (also a list), enum, const, properties, items, minimum,
 * maximum, minItems, maxLength, anyOf (oneOf), local $ref. Keys come in the order of the schema. Pure; any thread.
 */
#ifndef CS_SIM_REPLY_H
#define CS_SIM_REPLY_H

#include "protocol/base/buf.h"
#include "protocol/base/error.h"
#include "tools/simulator/json_read.h"
#include "tools/simulator/planted_judge.h"
#include "tools/simulator/flips.h"
#include "tools/simulator/tooling.h"
#include "tools/simulator/truth.h"

enum { CS_REPLY_DEPTH_MAX = 16 };

struct cs_reply_source {
    uint64_t seed;
    const char *digest; /* 32 hex digits; of a later turn with "/TURN" behind them */
    const char *trial;  /* the digits alone */
    const struct cs_sim_talk *talk;
    const struct cs_sim_tooling *tooling;
    const struct cs_truth *truth; /* NULL: chance only */
    const struct cs_truth_model *model;
    struct cs_truth_place at;
    const struct cs_planted_case *judged; /* what a judge has before it; NULL: the model judges nothing */
};

/* CS_EINVAL: the schema is not understood, or does not allow the planted word, or a judge has nothing to judge; err is a sentence. */
CS_WARN_UNUSED enum cs_err cs_reply_write(const struct cs_j *schema, const struct cs_reply_source *from,
                                          struct cs_buf *out, struct cs_error *err);

#endif
