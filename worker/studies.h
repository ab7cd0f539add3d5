/* studies.h - the studies that a worker works on, rebuilt from specs and chunks of cases: the core's source of trials.
 *
 * A study stays as long as a lane uses it. Bounded per study: 64 MiB of cases, the prompts of 256 (lane, case) pairs;
 * 128 MiB of images for all studies together, and those of calls under way.
 * Thread: the core's. Keys are looked up when a lane is loaded (keys_env.h) and live in its endpoint only.
 */
#ifndef CS_STUDIES_H
#define CS_STUDIES_H

#include "protocol/load/permits.h"
#include "worker/core/source.h"

struct cs_studies;

/* simulator: base of the simulated provider ("http://127.0.0.1:8099"), or NULL. */
void cs_studies_open(struct cs_studies **out, const char *simulator, const struct cs_permits *permits);
void cs_studies_close(struct cs_studies *s); /* NULL is fine */
struct cs_source cs_studies_source(struct cs_studies *s);
/* Looks at the files that list servers; true: a list has changed (CS_WORKER_SERVERS). */
bool cs_studies_look(struct cs_studies *s);

#endif
