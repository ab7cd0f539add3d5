/* term.h - the wall screen on a terminal (ncurses), or as blocks of text where there is none. Thread: main. */
#ifndef CS_WALL_TERM_H
#define CS_WALL_TERM_H

#include <stdio.h>

#include "protocol/study/study.h"
#include "tools/wall/acts.h"
#include "tools/wall/opened.h"

struct cs_wall_opts {
    const char *redis, *fleet; /* address; NULL: the only fleet there */
    FILE *out;
    uint32_t every_s;                      /* as blocks: one every so many seconds */
    struct cs_whom whom;                   /* who the keys speak to; zeroed: nobody */
    struct cs_wall_place place;            /* where trials are opened from */
    const struct cs_study *const *studies; /* n_studies that the caller has loaded: what is announced of their models */
    uint32_t n_studies;
    bool once; /* one block, then the end */
    bool
        owns; /* whoever watches owns the fleet: q asks whether to end it; a block comes only when something has changed */
};
/* Until q, SIGINT, or a reader that is gone. CS_OK: all of these. Redis may come and go meanwhile; once: CS_EAGAIN when it does not answer. */
CS_WARN_UNUSED enum cs_err cs_wall_term_run(const struct cs_wall_opts *o, struct cs_error *err);

/* For whoever has a loop of his own. The strings of opts must outlive it; signals are his. */
struct cs_wall;
struct cs_wall *cs_wall_term_open(const struct cs_wall_opts *o);
bool cs_wall_term_is_screen(const struct cs_wall *w); /* else blocks are written, and lines may be between them */
/* Looks, draws, and takes a key, within about so many ms. False: a person wants it to end, or the reader is gone. */
bool cs_wall_term_turn(struct cs_wall *w, uint32_t ms);
/* Whole lines. Into a pipe they are written; on a screen the first is shown for some seconds, and all again when the screen is gone. */
void cs_wall_term_say(struct cs_wall *w, const char *lines);
void cs_wall_term_close(struct cs_wall *w); /* NULL is fine */

#endif
