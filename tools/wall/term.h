/* term.h - the wall screen on a terminal (ncurses), or as blocks of text where there is none. Thread: main. */
#ifndef CS_WALL_TERM_H
#define CS_WALL_TERM_H

#include "tools/wall/acts.h"

struct cs_wall_opts {
    const char *redis, *fleet; /* address; NULL: the only fleet there */
    uint32_t every_s;          /* as blocks: one every so many seconds */
    struct cs_whom whom;       /* who the keys speak to; zeroed: nobody */
    bool once;                 /* one block, then the end */
};
/* Until q, SIGINT, or a reader that is gone. CS_OK: all of these. Redis may come and go meanwhile; once: CS_EAGAIN when it does not answer. */
CS_WARN_UNUSED enum cs_err cs_wall_term_run(const struct cs_wall_opts *o, struct cs_error *err);

#endif
