/* import.h - ratings that came back, checked and added to those beside the store (base/ratings.h).
 *
 * A file has a column `item` and columns `rating.FIELD`, or `rating.FIELD@RATER` for several raters side by side. Who rated is
 * the column's RATER, else the column `rater`, else the file's name without its ending. An empty rating counts as none. A word must be
 * one of the answer's where FIELD is an answer of the study. Nothing is changed unless the whole file is sound.
 * Thread: main. Errors: CS_EINVAL with FILE:LINE.
 */
#ifndef CS_LABELS_IMPORT_H
#define CS_LABELS_IMPORT_H

#include "protocol/study/study.h"
#include "tools/base/ratings.h"

struct cs_import_done {
    uint32_t added, replaced, empty; /* ratings */
};

/* `folder` holds the keys of the samples. Adds to *ratings. rater: who all of it is by, whatever the file says, or NULL. */
CS_WARN_UNUSED enum cs_err cs_import_ratings(struct cs_ratings *ratings, const struct cs_study *s, const char *folder,
                                             const char *path, const char *rater, struct cs_import_done *done,
                                             struct cs_error *err);

#endif
