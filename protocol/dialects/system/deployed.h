/* deployed.h - how a declared system's reply is read (deployed_read.c). */
#ifndef CS_DEPLOYED_H
#define CS_DEPLOYED_H

#include "protocol/base/arena.h"
#include "protocol/dialects/system/service.h"
#include "protocol/study/study.h"

/* As in struct cs_dialect; by the declaration that the reply comes with. */
void cs_deployed_read(const struct cs_http_reply *reply, enum cs_form asked, struct cs_arena *arena,
                      struct cs_reading *out);

/* What ends a job, read in one good reply to a poll. */
enum cs_poll_says { CS_POLL_GOES_ON, CS_POLL_DONE, CS_POLL_FAILED };
enum cs_poll_says cs_deployed_read_polled(const struct cs_service *s, const struct cs_http_reply *reply,
                                          struct cs_arena *arena);

#endif
