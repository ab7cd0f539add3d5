/* find.h - where the coordinator is: at an endpoint for good, or where an address file (protocol/wire/whereabouts.h) says just now.
 *
 * Thread: the loop. What goes wrong is logged, each sentence once.
 */
#ifndef CS_FIND_H
#define CS_FIND_H

#include <stdbool.h>

#include "protocol/wire/whereabouts.h"

enum { CS_FIND_MS = 2000 }; /* between two looks while there is no session */

struct cs_find {
    const char *path;         /* NULL: it does not move */
    bool keyed, pinned;       /* this worker has a key; the coordinator's is given, and no other is believed */
    struct cs_whereabouts at; /* coordinator "": not known yet */
    char said[sizeof((struct cs_error *)0)->msg];
};

/* coordinator: an endpoint or "file:PATH", which lives as long as *f; announce, server_key: may be NULL. Looks once. */
void cs_find_init(struct cs_find *f, const char *coordinator, const char *announce, const char *server_key, bool keyed);
/* Reads the file again; true when f->at has changed. held: calls and answers of the fleet it worked for, which it does not take to another. */
bool cs_find_look(struct cs_find *f, uint32_t held);

#endif
