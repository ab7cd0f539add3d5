/* diary.h - writes down what operators do and what the coordinator does of itself (store/events.h), in the group that holds the act.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_DIARY_H
#define CS_DIARY_H

#include "coordinator/server.h"

/* An operator's act on its way: who is filled in when the request is read, the rest by its verb, the counts by the core. */
struct cs_diary_entry {
    struct cs_server *sv;
    struct cs_events_row row;
};
/* What the core is given with an event: it calls it once the act is accepted. Both live as long as the entry. */
struct cs_note cs_diary_note(struct cs_diary_entry *e);
/* An act that no event stands for: a group of its own. token: as of every admin request, 0: none is answered for it. */
void cs_diary_write(struct cs_diary_entry *e, uint64_t token);
/* A copy that outlives its request. NULL is fine to drop. */
struct cs_diary_entry *cs_diary_keep(const struct cs_diary_entry *e);
void cs_diary_drop(struct cs_diary_entry *e);
/* The coordinator's own: into a batch of the shell's. trials: outputs that went; kept: that stayed. */
void cs_diary_erased(struct cs_server *sv, struct cs_batch *batch, const char *study, uint64_t outputs, uint64_t kept);
struct cs_core_diary cs_diary_for_core(struct cs_server *sv);
CS_WARN_UNUSED enum cs_err cs_diary_open(struct cs_server *sv, struct cs_error *err);

#endif
