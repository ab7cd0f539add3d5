/* roster.h - the studies of a store, as the process knows them: which generations each has, whose turn it is to be built or loaded, who
 * makes room.
 *
 *   waiting    its newest generation is not built: another one is, or it waits for the end of the study that it comes after
 *   building   the pass of build.h works on it
 *   loaded     the core has it
 *   parked     built, and not loaded: it is over and made room, or found none. An unfinished one is loaded as soon as there is some
 *
 * Rows: `operator/KEY/weight` ("WEIGHT PRIORITY") and `operator/KEY/after` (a name); KEY is the study's, 16 hex digits.
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_ROSTER_H
#define CS_ROSTER_H

#include "coordinator/server.h"

struct cs_roster_study *cs_roster_find(const struct cs_roster *r, uint64_t key);
struct cs_roster_study *cs_roster_named(const struct cs_roster *r, const char *name);
struct cs_roster_study *cs_roster_last(const struct cs_roster *r); /* the newest generation's; NULL: there is none */
struct cs_roster_study *cs_roster_add(struct cs_roster *r, const char *name);
void cs_roster_note(struct cs_roster *r, uint32_t gen, uint64_t study);
uint64_t cs_roster_study_of(const struct cs_roster *r, uint32_t gen); /* 0: unknown */
bool cs_roster_is_durable(const struct cs_server *sv, uint32_t gen);  /* it is on disk, and survives a kill */
void cs_roster_release(struct cs_roster *r);

/* What the study weighs against others, priority included: CS_WEIGHT_USUAL by default, a hundred times more or less by priority. */
uint32_t cs_roster_weight(const struct cs_roster_study *s);
bool cs_roster_priority(const char *name, enum cs_priority *out);
const char *cs_roster_priority_name(enum cs_priority p);

struct cs_roster_totals cs_roster_totals(const struct cs_server *sv, const struct cs_roster_study *s);
bool cs_roster_is_over(const struct cs_server *sv, const struct cs_roster_study *s); /* no trial of it is planned */
bool cs_roster_waits(const struct cs_server *sv,
                     const struct cs_roster_study *s); /* until the one it comes after ends */
bool cs_roster_is_held(const struct cs_server *sv,
                       const struct cs_roster_study *s);               /* loaded, and something of it is under way */
void cs_roster_remove(struct cs_roster *r, struct cs_roster_study *s); /* frees it */
/* Tells the fleet whether some study waits for its turn, where that has changed. */
void cs_roster_tell_awaited(struct cs_server *sv);
/* Whose turn it is to be built or loaded, with room made for it; NULL: nobody's. */
struct cs_roster_study *cs_roster_next(struct cs_server *sv);

#endif
