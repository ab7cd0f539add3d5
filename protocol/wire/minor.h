/* minor.h - which minor version of the protocol a study needs of those who work on it.
 *
 * Readers skip fields that they do not know, so an older worker would ask a study without what a newer key means. A spec therefore states
 * the minor version that its keys need, and is leased only to workers that stated at least this one. A study that needs no more than 1.0
 * states nothing: its bytes, and so its digest, are those of 1.0. Pure. Thread: any.
 */
#ifndef CS_MINOR_H
#define CS_MINOR_H

#include "protocol/study/study.h"

struct cs_minor_need {
    uint32_t minor;  /* 0: what 1.0 has */
    const char *key; /* the study key that needs it, for people; "" where only the number is known */
};

/* A key of the study file that an older program would skip. */
struct cs_minor_row {
    uint32_t minor;                           /* the first that knows it, at most CS_WIRE_MINOR */
    const char *key;                          /* as the study file writes it, with dots: "answer.reading" */
    bool (*is_used)(const struct cs_study *); /* NULL ends a table */
};

/* By the table of all keys (minor.c): the highest that one of the study's keys needs. */
struct cs_minor_need cs_minor_needed(const struct cs_study *s);
/* The same by another table. */
struct cs_minor_need cs_minor_needed_by(const struct cs_minor_row *rows, const struct cs_study *s);

#endif
