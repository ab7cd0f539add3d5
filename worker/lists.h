/* lists.h - the servers of a lane that has several, with an endpoint to each: from its account, or from a file that is read again.
 *
 * A file that cannot be read, or has a line that is no address, changes nothing: that is logged, each sentence once, and told (pub.fault). Endpoints stay until
 * the list is closed, since calls refer to them. Thread: the loop's.
 */
#ifndef CS_LISTS_H
#define CS_LISTS_H

#include "worker/calls/servers.h"

enum { CS_LISTS_MS = 2000 }; /* between two looks at a file */

struct cs_list {
    struct cs_server_list pub;
    struct cs_arena arena;
    const struct cs_account *account; /* lives as long as the list */
    struct cs_endpoint_means means;
    uint64_t *serial; /* the last number of an endpoint */
    struct cs_made_endpoint *made;
    char *said;
    struct cs_list *next; /* for its owner */
};

/* means: strings live as long as the list. */
struct cs_list *cs_list_open(const struct cs_account *a, const char *model, const struct cs_endpoint_means *means,
                             uint64_t *serial);
void cs_list_close(struct cs_list *l);
/* Reads the file again, if there is one; true: the list has changed. */
bool cs_list_look(struct cs_list *l);

#endif
