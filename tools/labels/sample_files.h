/* sample_files.h - inside this folder only: the files of one sample, made in memory and put in their places when all of it is sound.
 *
 * A sheet for every rater (or one for all), with the texts to read and the fields to fill in, and the key, which tells what an item is and
 * stays beside the store. Thread: main.
 */
#ifndef CS_LABELS_SAMPLE_FILES_H
#define CS_LABELS_SAMPLE_FILES_H

#include "protocol/base/digest.h"
#include "protocol/study/study.h"
#include "tools/labels/sample.h"
#include "tools/labels/sheet.h"

struct cs_sample_files {
    const struct cs_study *study;
    const struct cs_sample_opts *o;
    struct cs_store *store; /* which has the images; NULL: pages draw none */
    struct cs_sheet_images_source from;
    struct cs_arena arena;
    const char **fields; /* to rate: names of the answers of all questions, then the further ones */
    uint32_t n_fields, n_own;
    const char *const *columns; /* texts that raters get; the first is the item */
    uint32_t n_columns;
    struct cs_sheet *sheets; /* n_sheets: one a rater, or one */
    uint32_t n_sheets;
    FILE *key, **to;
    char **bytes, *key_bytes;
    size_t *sizes, n_key;
};

/* Which fields are rated. CS_EUSAGE: none. Release in any case. */
CS_WARN_UNUSED enum cs_err cs_sample_files_init(struct cs_sample_files *s, const struct cs_study *study,
                                                const struct cs_sample_opts *o, struct cs_error *err);
/* columns live as long as the files. key_head: the columns of the key before answer.FIELD. */
CS_WARN_UNUSED enum cs_err cs_sample_files_open(struct cs_sample_files *s, const char *const *columns,
                                                uint32_t n_columns, const char *key_head, struct cs_error *err);
/* The words of a field under a question: one a line; "" for any text, NULL when it has no such answer. */
const char *cs_sample_files_words(const struct cs_sample_files *s, const char *question, uint32_t field,
                                  struct cs_arena *arena);
/* What was said of an output on which raters differ; of its other fields nothing is asked: their words become NULL. */
const char *cs_sample_files_disputed(const struct cs_sample_files *s, const struct cs_digest *digest,
                                     const char **words, struct cs_arena *arena);
/* Whether rows have images at all: pages of a study with some. */
bool cs_sample_files_draw(const struct cs_sample_files *s);
/* A row of every sheet that it is for. turn: the number of the item among those chosen, which says whose it is. */
void cs_sample_files_row(struct cs_sample_files *s, uint32_t turn, const char *const *values, const char *const *words,
                         const struct cs_image *images, uint32_t n_images);
void cs_sample_files_count(const struct cs_sample_files *s, struct cs_sample_done *done); /* its images */
/* Ends the sheets and, with_key, puts the key before them: ratings of a sample without a key would be worth nothing. CS_EBUSY: another
 * sample was made with this seed; CS_ETOOBIG: the images are more than a page holds. */
CS_WARN_UNUSED enum cs_err cs_sample_files_put(struct cs_sample_files *s, bool with_key, struct cs_error *err);
void cs_sample_files_release(struct cs_sample_files *s);

#endif
