#include "store/served.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void plain(const char *word, char out[CS_SERVED_WORD])
{
    snprintf(out, CS_SERVED_WORD, "%s", word);
    for (char *p = out; *p != '\0'; p++)
        *p = (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p;
}

int cs_store_served_line(char out[CS_SERVED_LINE], int64_t wall_ms, const char *model, const char *fingerprint)
{
    char m[CS_SERVED_WORD], f[CS_SERVED_WORD];
    plain(model, m);
    plain(fingerprint, f);
    return snprintf(out, CS_SERVED_LINE, "%" PRId64 "\t%s\t%s\n", wall_ms, m, f);
}

uint32_t cs_store_served_rank(const char *lines, const char *model, const char *fingerprint)
{
    char want[CS_SERVED_LINE];
    uint32_t rank = 0;
    const size_t n = (size_t)cs_store_served_line(want, 0, model, fingerprint) - 1;
    for (const char *at = lines; at != NULL && *at != '\0';) {
        const char *words = at + strcspn(at, "\t\n"), *next = strchr(at, '\n');
        rank++;
        if (strncmp(words, want + 1, n) == 0) /* "0" TAB ... NL */
            return rank;
        at = next != NULL ? next + 1 : NULL;
    }
    return 0;
}
