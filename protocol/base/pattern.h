/* pattern.h - extended regular expressions (POSIX ERE), matched in time that is bounded by text x pattern, whatever either holds.
 *
 * Characters of UTF-8, `.`, `[a-z]`, `[^...]`, `[[:digit:]]` and its kin (ASCII), groups, `|`, `* + ? {m,n}`, `^` and `$` (of the whole
 * text), `\` before a sign that is to stand for itself. No back-references, which is what makes others slow; no `\d`, `\b`: they are refused
 * by name. Of several matches the one that begins first counts, and of these the one that greedy reading finds.
 *
 * Ownership: a pattern lives in its arena and may be shared by threads.
 */
#ifndef CS_PATTERN_H
#define CS_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/error.h"

enum {
    CS_PATTERN_BYTES_MAX = 512,
    CS_PATTERN_STEPS_MAX = 1000, /* of the compiled pattern: `x{100}` are a hundred */
};

struct cs_pattern;

/* CS_EINVAL: err says what is wrong at which character, without the file's position. */
CS_WARN_UNUSED enum cs_err cs_pattern_compile(const char *text, struct cs_arena *arena, const struct cs_pattern **out,
                                              struct cs_error *err);
/* Whether there is a group `(...)` to take out. */
bool cs_pattern_has_group(const struct cs_pattern *p);

struct cs_pattern_match {
    bool found;
    size_t group_at,
        group_n; /* bytes of the text that the first group took; group_at SIZE_MAX: it took part in no match */
};
/* Looks for the pattern anywhere in n bytes. */
struct cs_pattern_match cs_pattern_find(const struct cs_pattern *p, const char *text, size_t n);

#endif
