/* acts.h - what a key on the wall screen asks of the coordinator. Thread: main; a question waits for its answer, at most CS_WALL_ACT_MS. */
#ifndef CS_WALL_ACTS_H
#define CS_WALL_ACTS_H

#include "protocol/base/buf.h"
#include "tools/fleet/whom.h"
#include "tools/wall/past.h"

enum { CS_WALL_ACT_MS = 3000, CS_WALL_PING_MS = 500 };

struct cs_wall_acts {
    struct cs_whom whom; /* endpoint and dir NULL: keys only look */
    struct cs_admin_client *client;
};
bool cs_wall_acts_may(const struct cs_wall_acts *a);
/* verb: pause, resume (model, study), drain (nothing), set (study, "", "set", KEY=VALUE). args ends with NULL. said: what came of it, one line. */
void cs_wall_acts_ask(struct cs_wall_acts *a, const char *verb, const char *const *args, const char *what,
                      struct cs_buf *said);
/* A JSON array, or "" where it does not answer. */
void cs_wall_acts_events(struct cs_wall_acts *a, struct cs_buf *out);
/* Whether it is there, within CS_WALL_PING_MS. */
enum cs_wall_heard cs_wall_acts_heard(struct cs_wall_acts *a);
void cs_wall_acts_close(struct cs_wall_acts *a);

#endif
