/* elements.h - list answers as a table of their own: a row for every element of every answer (`export --elements`, tools/README.md).
 *
 * Its columns are those of the trial's row in front of the answers, then `list` (the answer's name), `element` (its number from 1), what
 * the case has of the element (`element.KEY`, keys in the order in which they turn up in the cases), and what was answered of it
 * (`answer.FIELD`). Answers that are no list, or that cannot be read, have no row here.
 */
#ifndef CS_EXPORT_ELEMENTS_H
#define CS_EXPORT_ELEMENTS_H

#include "tools/export/format.h"

struct cs_export_elements {
    struct cs_export_row row; /* as the formats write it; opened by cs_export_elements_open, not as others are */
    uint32_t first;           /* column: `list` */
    struct cs_names own;      /* keys of elements: their columns */
    uint32_t *field[CS_QUESTIONS_MAX];
};

/* of: the trials' rows, which must outlive it. CS_EUSAGE: no question of the study has a list. */
CS_WARN_UNUSED enum cs_err cs_export_elements_open(struct cs_export_elements *e, const struct cs_export_row *of,
                                                   struct cs_error *err);
void cs_export_elements_close(struct cs_export_elements *e); /* a zeroed struct is fine */
/* The elements of the trial that `of` was filled with last; returns how many. */
uint32_t cs_export_elements_write(struct cs_export_elements *e, const struct cs_export_row *of,
                                  const struct cs_export_format *format, FILE *out);

#endif
