/* build.h - a changed study becomes a new generation; the table is in build.c.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_BUILD_H
#define CS_COORDINATOR_BUILD_H

#include "coordinator/server.h"

/* The next generation of the study, whose row is in the store or on its way there; goes on where an earlier pass was. */
CS_WARN_UNUSED enum cs_err cs_build_start(struct cs_server *sv, struct cs_roster_study *s, struct cs_error *err);
/* Whether --reuse names stores, in a state that the study's newest generation was not built from, or answers of other lanes are now to
 * be taken over (others), and it still plans trials. */
bool cs_build_has_news(struct cs_server *sv, const struct cs_roster_study *s, bool others);
/* The study is changed, and its old generation is still worked on: an operator's word holds for both. */
bool cs_build_is_beside(const struct cs_server *sv, const struct cs_roster_study *s);
/* Nothing more is asked in the old generation of a study whose next one is wanted or being built, now and after a restart. */
void cs_build_stop_old(struct cs_server *sv, const struct cs_roster_study *s);
/* At the start: that was said of it. */
void cs_build_stay_stopped(struct cs_server *sv, const struct cs_roster_study *s);
bool cs_build_turn(struct cs_server *sv); /* a slice of work; true: there is more to do at once */
void cs_build_committed(struct cs_server *sv, struct cs_batch *batch, enum cs_err rc);
void cs_build_release(struct cs_server *sv);
enum { CS_BUILD_GROUP_BIT = 63 }; /* a bit of cs_batch.group: this batch is the builder's, not the core's */

#endif
