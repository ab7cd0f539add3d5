/* sample.h - which outputs people are asked to rate: a stratified random sample, written without levels and models.
 *
 * Strata are (model, prompt of the plan): outputs are put in their order, shuffled by the seed inside each, and every n-th is taken from a
 * random start, so that every stratum has its share. A seed gives the same sample of the same outputs. Of the outputs only their ids
 * are held (32 bytes each). A page draws the images of the prompt: blind those of the case, and with `level_images` the levels' too, which may
 * themselves show the group. Thread: main. Errors: those of the store, CS_EBUSY: another sample was made with this seed.
 */
#ifndef CS_LABELS_SAMPLE_H
#define CS_LABELS_SAMPLE_H

#include "protocol/base/options.h"
#include "tools/base/ratings.h"
#include "tools/base/reader.h"

struct cs_sample_opts {
    uint64_t seed;
    uint32_t n;
    uint32_t twice;    /* how many of them come a second time, for the agreement of a rater with himself */
    bool blind;        /* no model, no levels */
    bool excel;        /* CSV for Excel; a path that ends with .html is a page whatever this says */
    bool no_answer;    /* raters judge the case alone */
    bool level_images; /* blind raters see the images of levels too */
    const struct cs_option_list *rate;   /* what to rate beside the answers of the study */
    const struct cs_option_list *raters; /* each item goes to two of them, in a file of its own each; empty: one file */
    const struct cs_ratings
        *disputed;      /* not a sample: the outputs on which these differ, with what was said; or NULL */
    const char *path;   /* what raters get; with raters: NAME is put before its ending */
    const char *folder; /* STORE.labels, which gets the key of the sample */
    void (*wrote)(void *self, const char *path, int64_t rows); /* told of each file; rows of the key: -1; or NULL */
    void *self;
};

struct cs_sample_done {
    uint32_t items, outputs; /* rows written; outputs to choose from, at most UINT32_MAX */
    uint32_t images;         /* that the largest page draws */
    uint64_t image_bytes;    /* of these, as files */
    uint64_t unjudged;       /* judged texts that were not among these, for the judges are not through with them */
};

CS_WARN_UNUSED enum cs_err cs_sample_write(struct cs_reader *r, const struct cs_sample_opts *o,
                                           struct cs_sample_done *done, struct cs_error *err);

#endif
