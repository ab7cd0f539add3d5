/* phrases.h - where whole words and phrases stand in a text, whatever their case.
 *
 * Case is that of a-z, of Latin-1, Greek and Cyrillic letters; others match as they are written. A run of white space matches any other. A
 * phrase stands only where no letter or digit goes on before or behind it ("man" is not in "woman"); scripts that are written without
 * blanks (Chinese, Japanese, Thai and kin; Korean, whose particles hang on) have no such bounds and match anywhere. At a place the longest
 * phrase is found, and the next is looked for behind it.
 *
 * Time: the text's length times that of the longest phrase, at most. Ownership: phrases are copied. Thread: any, one writer.
 */
#ifndef CS_PHRASES_H
#define CS_PHRASES_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/base/error.h"

enum { CS_PHRASE_MAX = 512 /* bytes of one */, CS_PHRASES_BYTES_MAX = 256 * 1024 /* of all */ };

struct cs_phrases;

struct cs_phrases *cs_phrases_open(void);
void cs_phrases_close(struct cs_phrases *p); /* NULL is fine */
/* One that is there already gets the further bits of `mark` (not 0). CS_EINVAL: blank; CS_ETOOBIG: over a limit. */
CS_WARN_UNUSED enum cs_err cs_phrases_add(struct cs_phrases *p, const char *phrase, uint32_t mark);

struct cs_phrase_found {
    size_t at, len; /* in the text; len 0: no more */
    uint32_t mark;
};
/* The first phrase at or behind `from` of the n bytes. */
struct cs_phrase_found cs_phrases_next(const struct cs_phrases *p, const char *text, size_t n, size_t from);

/* The byte at s[at] in small letters. Capital and small letters of two bytes have two bytes each, so places stay what they are. */
uint8_t cs_phrases_fold(const uint8_t *s, size_t n, size_t at);

#endif
