/* parent_first.h - whether the study whose outputs another one judges has to be run before it. Thread: main. */
#ifndef CS_PARENT_FIRST_H
#define CS_PARENT_FIRST_H

#include "tools/base/command.h"

/* *wanted: it was never run here (and `child` has no snapshot of it from elsewhere, which is then all there is), some of its trials have
 * no end yet, or its file says something else by now. Where its outputs are whole and its file cannot be read any more, nothing is wanted. CS_EINVAL and others: it has to be run, and its file has a fault. */
CS_WARN_UNUSED enum cs_err cs_parent_first_wanted(const struct cs_study_args *args, const char *child,
                                                  const char *parent, bool *wanted, struct cs_error *err);

#endif
