#include "protocol/dialects/system/mask.h"

#include <string.h>

/* Every part that counts holds one of the pieces of half its size that the key is cut into: those are looked for, which is quick. */
enum { PIECE = CS_MASK_PART_MIN / 2 };

/* Around an echo of key[at .. at+n) at s: as far as key and text go on alike; hidden if that is enough. Returns behind it. */
static size_t hide_around(char *text, size_t len, size_t found, const char *key, size_t key_len, size_t at, size_t n,
                          size_t enough)
{
    size_t before = 0, after = n;
    while (before < at && before < found && key[at - before - 1] == text[found - before - 1])
        before++;
    while (at + after < key_len && found + after < len && key[at + after] == text[found + after])
        after++;
    if (before + after >= enough)
        memset(text + found - before, '*', before + after);
    return found + after;
}

const char *cs_mask_text(const char *text, const char *key, struct cs_arena *arena)
{
    const size_t key_len = key != NULL ? strlen(key) : 0, len = strlen(text);
    const size_t enough = key_len < CS_MASK_PART_MIN ? key_len : CS_MASK_PART_MIN;
    const size_t piece = key_len < CS_MASK_PART_MIN ? key_len : PIECE;
    char *masked = NULL;
    if (key_len < CS_MASK_KEY_MIN || len < enough)
        return text;
    for (size_t at = 0; at + piece <= key_len; at += piece) {
        const char *in = masked != NULL ? masked : text, *found = in;
        while ((found = memmem(found, len - (size_t)(found - in), key + at, piece)) != NULL) {
            const size_t place = (size_t)(found - in);
            if (masked == NULL)
                in = masked = cs_arena_strndup(arena, text, len);
            found = in + hide_around(masked, len, place, key, key_len, at, piece, enough);
        }
    }
    return masked != NULL ? masked : text;
}

void cs_mask_reading(struct cs_reading *r, const char *key, struct cs_arena *arena)
{
    const char **const texts[] = {&r->text,         &r->finish,    &r->model,      &r->request_id, &r->fingerprint,
                                  &r->alternatives, &r->reasoning, &r->tool_calls, &r->response_id};
    for (size_t i = 0; key != NULL && i < sizeof texts / sizeof *texts; i++)
        *texts[i] = cs_mask_text(*texts[i], key, arena);
}
