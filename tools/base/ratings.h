/* ratings.h - what people say of outputs: blinded samples, and the ratings that came back, kept beside the store.
 *
 *   STORE.labels/items-SEED.csv   the key of one sample: item, pass, digest, model ... (not for raters); with strata also sample, pi, stratum
 *   STORE.labels/ratings.csv      every rating: item, digest, model, simulated, question, field, pass, rater, rating, answer, imported,
 *                                 sample, pi
 * Outputs are never touched; a rating belongs to a digest, whatever generation asks it. `pass` is 2 where a rater got the item again. What
 * judges judged is an item of its own, whose digest is that of judged_item.h; `pi` is the chance with which its sample took it.
 * Thread: main. Errors: CS_EINVAL with FILE:LINE, CS_ENOENT, CS_EIO.
 */
#ifndef CS_RATINGS_H
#define CS_RATINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/error.h"
#include "protocol/study/study.h"
#include "protocol/table/names.h"

struct cs_rating {
    const char *item, *digest; /* digest: hex */
    const char *model, *question, *field;
    bool simulated; /* the model */
    uint32_t pass;  /* 1 or 2 */
    const char *rater, *rating;
    const char *answer;   /* the model's own word in this field; "" when it has none */
    const char *imported; /* UTC */
    const char *sample;   /* its seed; "": it has no strata */
    const char *pi;       /* as the key has it; "": not known */
    uint32_t next;        /* the next rating of the same output, + 1; 0: none. Set by cs_ratings_put */
};

struct cs_ratings {
    struct cs_arena arena;
    struct cs_rating *list;
    uint32_t n, cap;
    struct cs_names digests; /* digest of an output -> its first rating */
    struct cs_names keys;    /* "item, field, rater" -> rating */
};

/* The folder of a store; free() it. store NULL: that of the study directory. */
char *cs_ratings_folder(const char *study, const char *dir, const char *store, uint64_t apart); /* apart: of reader.h */
/* No folder, or none in it yet: empty. */
CS_WARN_UNUSED enum cs_err cs_ratings_load(struct cs_ratings *r, const char *folder, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_ratings_save(const struct cs_ratings *r, const char *folder, struct cs_error *err);
void cs_ratings_release(struct cs_ratings *r); /* a zeroed struct is fine */

/* Copies the texts (sample and pi may be NULL: there are none). True: another rating of the same item, field and rater was replaced. */
bool cs_ratings_put(struct cs_ratings *r, const struct cs_rating *rating);
/* Is it the word of the one who decides where raters differ, CS_RATINGS_DECIDER? No rater among others: agreement is without it. */
#define CS_RATINGS_DECIDER "adjudication"
bool cs_ratings_decides(const struct cs_rating *a);
/* What was decided of an output, else what most raters said in pass 1; NULL when nobody did or two words are even. *raters: how many. */
const char *cs_ratings_majority(const struct cs_ratings *r, const char *digest, const char *field, uint32_t *raters);

/* The answer of the study that a rating is about; NULL: something else was rated. */
const struct cs_field *cs_ratings_field(const struct cs_study *s, const char *question, const char *field);

#endif
