/* analysed.h - inside this folder only: what the analysis of a study of judges may name. Its answers are its own; its factors, models and strata
 * are those of the study that is judged, `question` where several of its questions were taken, and own factors that have several levels. */
#ifndef CS_LOAD_ANALYSED_H
#define CS_LOAD_ANALYSED_H

#include "protocol/load/loader.h"

/* The loader's study with these in place of its own, in the loader's arena; its own where it judges nothing. CS_EINVAL: a name means two. */
CS_WARN_UNUSED enum cs_err cs_load_analysed(const struct cs_loader *l, struct cs_study *out);

#endif
