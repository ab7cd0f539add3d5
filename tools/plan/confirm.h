/* confirm.h - the study that asks again about the cases that moved most: fresh draws, which had no part in choosing them.
 *
 * It is the study's own file with another name (NAME-confirm), `only:` those cases, and as many repeats as wanted; it stands beside it, so
 * that its tables are found. A study of another name takes over no answers: every draw is new.
 */
#ifndef CS_CONFIRM_H
#define CS_CONFIRM_H

#include "protocol/base/error.h"
#include "tools/report/model.h"

enum { CS_CONFIRM_MAX = 10000 }; /* repeats */

/* Writes it and says where (*path: free() it) and how many cases it has. CS_EUSAGE: no case moved; CS_EEXIST: the file is there;
 * CS_EINVAL: the study's file cannot be changed by place (its keys do not stand at the left margin). */
CS_WARN_UNUSED enum cs_err cs_confirm_write(const struct cs_report *r, const char *study_file, uint32_t repeats,
                                            char **path, uint32_t *n_cases, struct cs_error *err);

#endif
