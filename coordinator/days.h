/* days.h - limits per day: the shell that asks Redis about the pools that workers have named, and writes what may be granted (day.h).
 *
 * Thread: the loop's. Whatever it writes is a batch of its own (CS_DAYS_GROUP_BIT of cs_batch.group).
 */
#ifndef CS_DAYS_H
#define CS_DAYS_H

#include "coordinator/server.h"

enum { CS_DAYS_TICK_MS = 200 };
enum { CS_DAYS_GROUP_BIT = 62 }; /* a bit of cs_batch.group */

void cs_days_open(struct cs_server *sv); /* the loop runs, Redis may be there or not */
void cs_days_written(struct cs_server *sv, struct cs_batch *batch, enum cs_err rc);
void cs_days_close(struct cs_server *sv); /* after the last reply of Redis */

#endif
