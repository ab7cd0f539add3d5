/* parent_there.h - the outputs of a parent that a coordinator has: a snapshot is made there, and fetched. Thread: main. */
#ifndef CS_PARENT_THERE_H
#define CS_PARENT_THERE_H

#include "protocol/load/load.h"
#include "tools/fleet/admin_client.h"

struct cs_parent_there {
    struct cs_admin_client *client;
    bool partial;
    struct cs_load_parents parents; /* for cs_study_args */
};
void cs_parent_there_init(struct cs_parent_there *t, struct cs_admin_client *client, bool partial);

#endif
