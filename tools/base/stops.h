/* stops.h - which models stood still when a run ended, and why: DIR/stopped.json, for whoever looks when nobody runs any more.
 *
 * {"STUDY": [{"model", "state", "reason"}]}, as `status` had it last; no file where all went on to their end. Thread: main.
 */
#ifndef CS_STOPS_H
#define CS_STOPS_H

#include "protocol/base/json.h"
#include "store/redis/progress.h"
#include "tools/base/study_dir.h"

/* At the end of a run, which holds the directory's lock. What cannot be written is left out: the run itself has said it. */
void cs_stops_note(const struct cs_study_dir *d, const struct cs_progress *p);
/* The list of a study file's last run; the caller's. NULL: none stood. */
struct cs_json *cs_stops_read(const char *study_path);

#endif
