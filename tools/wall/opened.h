/* opened.h - a trial that is opened from the wall screen: its exact request and all that came back, as `clinsafe show` has it.
 *
 * Read from the store, which has to be on this machine. Of a study whose cases are confidential texts are left out: a wall is seen by many.
 * Thread: main; it waits for the disk.
 */
#ifndef CS_WALL_OPENED_H
#define CS_WALL_OPENED_H

#include "protocol/base/buf.h"
#include "protocol/base/error.h"

struct cs_wall_place {
    const char *dir, *store; /* of the study's directory, or the database folder; both NULL: it is elsewhere */
};
struct cs_wall_wish {
    const char *study, *model;
    uint32_t gen;      /* of which `words` are a number; 0: the newest */
    const char *words; /* "88,120": a position in working order; or CASE [LEVEL [REPEAT]] */
};
/* Lines in plain text. Whatever keeps it from being shown is a sentence, in out too: the caller shows what there is. */
void cs_wall_opened_read(const struct cs_wall_place *place, const struct cs_wall_wish *wish, struct cs_buf *out);

#endif
