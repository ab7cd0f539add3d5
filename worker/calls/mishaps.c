#include "worker/calls/mishaps.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "protocol/base/plain.h"

enum { ID_LEN = 8 };                      /* a word so long with a digit in it is an id */
enum { SAID_MAX = 4 * CS_COMPLAINT_MAX }; /* ids go before the end is cut off: it is the same behind longer ones */

static const char *below_words(enum cs_below below)
{
    static const char *const words[] = {
        [CS_BELOW_NONE] = "no connection to the provider",
        [CS_BELOW_NAME] = "the provider's name is not found",
        [CS_BELOW_CONNECT] = "no connection to the provider",
        [CS_BELOW_TLS] = "no TLS connection to the provider",
        [CS_BELOW_PROXY] = "the proxy cannot be reached, or refuses",
        [CS_BELOW_TIME] = "no connection to the provider in time",
        [CS_BELOW_FILES] = "this process may open no further connection",
        [CS_BELOW_OTHER] = "the call could not be made",
    };
    return words[below];
}

/* Without a status line, or with a body that is not whole: in our words. NULL: the provider said something. */
static const char *transfer_words(const struct cs_http_reply *r)
{
    switch (r->transfer) {
    case CS_TRANSFER_UNSENT:
        return below_words(r->below);
    case CS_TRANSFER_LOST:
        return "the connection was lost before an answer came";
    case CS_TRANSFER_CUT:
        return "the reply broke off";
    case CS_TRANSFER_TOO_LONG:
        return "the reply is too long";
    case CS_TRANSFER_CROWDED:
        return "ended by us: replies filled this worker's memory";
    case CS_TRANSFER_TIMEOUT:
        return "no answer within the study's time limit";
    case CS_TRANSFER_WHOLE:
    case CS_TRANSFERS:
        break;
    }
    return NULL;
}

void cs_mishaps_word(const struct cs_http_reply *reply, const struct cs_reading *reading, bool quote,
                     char out[CS_COMPLAINT_MAX])
{
    const char *ours = transfer_words(reply);
    const uint16_t status = reading->status != 0 ? reading->status : reply->status;
    char said[SAID_MAX];
    if (ours != NULL) {
        snprintf(out, CS_COMPLAINT_MAX, "%s", ours);
        return;
    }
    snprintf(said, sizeof said, "%s", quote ? reading->text : "");
    cs_mishaps_even(said);
    int n = snprintf(out, CS_COMPLAINT_MAX, "%u%s", status, said[0] != '\0' ? " " : "");
    cs_plain_text(out + n, CS_COMPLAINT_MAX - (size_t)n, said);
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.' || c == ',';
}

/* "978ms", "1m30s": a number too, which no two calls share. */
static bool is_time(const char *word, size_t n)
{
    size_t k = 0;
    while (k < n && (isdigit((unsigned char)word[k]) || strchr(".hms", word[k]) != NULL))
        k++;
    return k == n && isdigit((unsigned char)word[0]);
}

void cs_mishaps_even(char *text)
{
    char *to = text;
    const char *p = text;
    while (*p != '\0') {
        size_t n = 0, digits = 0, letters = 0;
        for (; is_word(p[n]); n++) {
            digits += isdigit((unsigned char)p[n]) != 0;
            letters += isalpha((unsigned char)p[n]) != 0;
        }
        size_t tail = n; /* marks at the end are no part of a number */
        while (tail > 0 && !isalnum((unsigned char)p[tail - 1]))
            tail--;
        const bool time = is_time(p, tail);
        if (digits == 0 || (letters > 0 && tail < ID_LEN && !time)) {
            n = n > 0 ? n : 1;
            memmove(to, p, n);
            to += n;
            p += n;
            continue;
        }
        const char *word = letters == 0 || time || tail < 2 ? "N" : "ID"; /* never longer than what it stands for */
        memcpy(to, word, strlen(word));
        to += strlen(word);
        p += tail;
    }
    *to = '\0';
}

/* The row of this sentence within [from, to): its own, or one that was told, the longest ago; `to`: all are in use. */
static uint32_t row_of(const struct cs_mishaps *s, uint32_t from, uint32_t to, const char *sentence,
                       const struct cs_mishaps_where *at)
{
    uint32_t told = to;
    for (uint32_t i = from; i < to; i++) {
        const struct cs_complaint *c = &s->all[i];
        if (c->gen == at->gen && c->lane == at->lane && strcmp(s->text[i], sentence) == 0)
            return i;
        if (c->count == 0 && (told == to || c->last_wall_ms < s->all[told].last_wall_ms))
            told = i;
    }
    return told;
}

void cs_mishaps_note(struct cs_mishaps *s, const char *sentence, const struct cs_mishaps_where *at)
{
    uint32_t i = row_of(s, 0, CS_MISHAPS_MAX, sentence, at);
    if (i == CS_MISHAPS_MAX) {
        sentence = CS_COMPLAINT_OTHER;
        i = row_of(s, CS_MISHAPS_MAX, CS_MISHAPS_ROWS, sentence, at);
    }
    if (i == CS_MISHAPS_ROWS)
        return; /* more lanes than that between two reports: the counters of outcomes have them still */
    struct cs_complaint *c = &s->all[i];
    if (c->count == 0) { /* what was told before is Redis's to remember, count and first together */
        snprintf(s->text[i], sizeof s->text[i], "%s", sentence);
        *c = (struct cs_complaint){
            .gen = at->gen, .lane = at->lane, .position = at->position, .first_wall_ms = at->wall_ms};
    }
    c->count++;
    c->last_wall_ms = at->wall_ms;
}

uint32_t cs_mishaps_take(struct cs_mishaps *s, struct cs_complaint *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < CS_MISHAPS_ROWS; i++) {
        if (s->all[i].count == 0)
            continue;
        out[n] = s->all[i];
        out[n++].sentence = s->text[i];
        s->all[i].count = 0;
    }
    return n;
}
