/* twins.h - of pairs that are shown in both orders: which case of a judging study shows the same pair the other way round. Two equal
 * texts are one case in either order: its own twin. Thread: one. */
#ifndef CS_TWINS_H
#define CS_TWINS_H

#include "protocol/base/arena.h"
#include "protocol/study/study.h"

/* *out: a case for each case, or CS_NONE (shown in one order alone). Reads all cases; lives in the arena. */
CS_WARN_UNUSED enum cs_err cs_twins_find(const struct cs_study *s, const struct cs_case_source *cases,
                                         struct cs_arena *arena, uint32_t **out, struct cs_error *err);

#endif
