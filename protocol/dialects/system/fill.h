/* fill.h - fillings, `{{NAME}}`, in the texts of a JSON value: what an `http` account's request is made by.
 *
 * A request is filled in three steps by those who know: parameters and schema once for all cells of a kind, the prompt for each cell, and
 * what is known only when the call is made ({{trial}} {{session}} {{job}} {{mark}}), which stands unfilled in the canonical body. What is
 * filled in is never read as a filling again: where such a text has `{{user}}` or the like in it, it reads `{{text:user}}` until the last
 * step takes the mark away. A text that is nothing but one filling becomes its value (a number, a list), and is left out with its key where
 * there is none. Pure; any thread.
 */
#ifndef CS_FILL_H
#define CS_FILL_H

#include <stdbool.h>

#include "protocol/base/buf.h"
#include "protocol/base/json.h"

/* All that there are. */
enum cs_filling {
    CS_FILL_SYSTEM,
    CS_FILL_USER,
    CS_FILL_MESSAGES,
    CS_FILL_SESSION,
    CS_FILL_TRIAL,
    CS_FILL_SCHEMA,
    CS_FILL_PARAMETER, /* parameter.NAME */
    CS_FILL_JOB,
    CS_FILL_MARK,
    CS_FILLINGS
};
const char *cs_fill_name(enum cs_filling f);

struct cs_filled {
    bool is_ours;                /* else it is left for a later step */
    const char *text;            /* what it is, */
    const struct cs_json *value; /* or this; neither: there is none */
};

struct cs_fill {
    /* name: of a parameter, else ""; valid during the call. */
    void (*find)(void *self, enum cs_filling which, const char *name, struct cs_filled *out);
    void *self;
    bool last; /* takes the marks away */
};

/* A new value, or NULL where it is to be left out. */
struct cs_json *cs_fill_value(const struct cs_fill *f, const struct cs_json *v);
/* Appends the text filled. `encoded`: what is filled in is percent-encoded (a path). */
void cs_fill_text(const struct cs_fill *f, const char *text, bool encoded, struct cs_buf *out);
/* Percent-encodes all but letters, digits and -._~. */
void cs_fill_encode(const char *text, struct cs_buf *out);

/* A filling at text, which begins with `{{`: which, its parameter's name, and its length; 0: none is. */
size_t cs_fill_at(const char *text, enum cs_filling *which, char name[64]);
/* Whether the value's texts have this filling in them. */
bool cs_fill_has(const struct cs_json *v, enum cs_filling which);

#endif
