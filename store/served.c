#include "store/served.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static char plain_of(char c)
{
    return (char)((unsigned char)c < 0x20 || c == 0x7f ? ' ' : c);
}

static void plain(const char *word, char out[CS_SERVED_WORD])
{
    snprintf(out, CS_SERVED_WORD, "%s", word);
    for (char *p = out; *p != '\0'; p++)
        *p = plain_of(*p);
}

int cs_store_served_line(char out[CS_SERVED_LINE], int64_t wall_ms, const char *model, const char *fingerprint)
{
    char m[CS_SERVED_WORD], f[CS_SERVED_WORD];
    plain(model, m);
    plain(fingerprint, f);
    return snprintf(out, CS_SERVED_LINE, "%" PRId64 "\t%s\t%s\n", wall_ms, m, f);
}

/* Behind the word as a line has it, if it stands at `at`; else NULL. */
static const char *behind(const char *at, const char *word)
{
    for (size_t i = 0; i + 1 < CS_SERVED_WORD && word[i] != '\0'; i++, at++) {
        if (*at != plain_of(word[i]))
            return NULL;
    }
    return at;
}

uint32_t cs_store_served_rank(const char *lines, const char *model, const char *fingerprint)
{
    uint32_t rank = 0;
    for (const char *at = lines; at != NULL && *at != '\0';) {
        const char *words = at + strcspn(at, "\t\n"), *next = strchr(at, '\n');
        rank++;
        words = *words == '\t' ? behind(words + 1, model) : NULL;
        words = words != NULL && *words == '\t' ? behind(words + 1, fingerprint) : NULL;
        if (words != NULL && *words == '\n')
            return rank;
        at = next != NULL ? next + 1 : NULL;
    }
    return 0;
}
