/* sheet.h - a table for people to fill in, as CSV, as CSV for Excel, or as one page for a browser.
 *
 * A row is an item: texts to read, and for each field the words that may be said of it. CSV has the texts, a column `words`, and
 * empty columns rating.FIELD ("-" where the question does not apply). The page shows one item at a time, keeps what is said in the
 * browser, and saves it as a CSV file with the columns item, rater, rating.FIELD, which import reads as the other two. It fetches nothing:
 * its images (sheet_images.h) stand in it, and are called "image 1" and so on, as they come in the item. Tables have none. Thread: one owner.
 */
#ifndef CS_LABELS_SHEET_H
#define CS_LABELS_SHEET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/labels/sheet_images.h"

enum cs_sheet_kind { CS_SHEET_CSV, CS_SHEET_EXCEL, CS_SHEET_PAGE };

struct cs_sheet {
    FILE *out;
    enum cs_sheet_kind kind;
    const char *title, *help; /* the page's; id: what its answers are kept under */
    const char *id;
    const char *const *columns; /* text columns; the first is the item */
    uint32_t n_columns;
    const char *const *fields;
    uint32_t n_fields;
    const struct cs_sheet_images_source *from; /* of the page's images; NULL: it shows none */
    uint32_t rows;                             /* written so far; 0 at first */
    struct cs_sheet_images images;             /* added so far; empty at first */
};

/* "FILE.html" is a page. */
enum cs_sheet_kind cs_sheet_kind_of(const char *path, bool excel);

void cs_sheet_begin(struct cs_sheet *s);
/* words: per field, one word a line; "": any text; NULL: the question does not apply. images: n of them, passed over by tables. */
void cs_sheet_row(struct cs_sheet *s, const char *const *values, const char *const *words,
                  const struct cs_image *images, uint32_t n_images);
/* Errors: CS_ETOOBIG before anything more is written, and those of `from`. */
CS_WARN_UNUSED enum cs_err cs_sheet_end(struct cs_sheet *s, struct cs_error *err);
void cs_sheet_release(struct cs_sheet *s); /* not the file */

#endif
