#include "coordinator/lanes/alike.h"

#include <ctype.h>

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/state.h"
#include "protocol/base/rng.h"

enum { QUOTED = 160, KEY_MIN = 20 };

/* ---- the rule ----------------------------------------------------------------------------------- */

static bool is_readable(const struct cs_alike *a, enum cs_outcome o)
{
    return o == CS_OUTCOME_ok || o == CS_OUTCOME_refused || o == CS_OUTCOME_content_filtered ||
           (o == CS_OUTCOME_truncated && a->has_free);
}

/* A reply came, and is no answer. */
static bool is_none(enum cs_outcome o)
{
    return o == CS_OUTCOME_unparsable || o == CS_OUTCOME_truncated;
}

void cs_alike_open(struct cs_alike *a, const struct cs_counters *counters, bool accepts_unparsable, bool has_free,
                   const char *mark)
{
    uint64_t readable = 0, unreadable = 0;

    *a = (struct cs_alike){.accepts_unparsable = accepts_unparsable, .has_free = has_free};
    for (int o = 0; o < CS_OUTCOMES; o++)
        *(is_readable(a, (enum cs_outcome)o) ? &readable : &unreadable) += counters->outcome[o];
    a->proven = readable > 0;
    if (!a->proven)
        a->n = unreadable < CS_ALIKE_MAX ? (uint32_t)unreadable : CS_ALIKE_MAX - 1;
    if (mark == NULL)
        return;
    a->allowed = mark[0] == '\0';
    snprintf(a->why, sizeof a->why, "%s", mark);
}

static uint64_t fingerprint_of(const struct cs_output *o)
{
    uint64_t h = cs_rng_mix64((uint64_t)o->outcome << 16 | o->http_status) | 1;

    if (is_none((enum cs_outcome)o->outcome))
        return h;
    for (const char *p = o->finish; *p != '\0'; p++)
        h = cs_rng_mix64(h ^ (uint8_t)*p) | 1;
    return h;
}

/* What a provider wrote, in a line that people read: no control bytes, nothing that may be a key. */
static void quote(const char *text, char *out, size_t size)
{
    size_t n = 0;

    for (const char *p = text; *p != '\0' && n + 8 < size;) {
        size_t word = 0;
        bool letter = false, digit = false;

        while (isalnum((unsigned char)p[word]) || (p[word] != '\0' && strchr("-_", p[word]) != NULL)) {
            letter |= isalpha((unsigned char)p[word]) != 0;
            digit |= isdigit((unsigned char)p[word]) != 0;
            word++;
        }
        if (word > 0 && ((word >= KEY_MIN && letter && digit) || (word > 8 && strncmp(p, "sk-", 3) == 0))) {
            n += (size_t)snprintf(out + n, size - n, "[key]");
        } else if (word > 0) {
            for (size_t i = 0; i < word && n + 8 < size; i++)
                out[n++] = p[i];
        } else {
            const unsigned char c = (unsigned char)*p;
            const bool c1 = c == 0xc2 && (unsigned char)p[1] >= 0x80 && (unsigned char)p[1] < 0xa0;

            out[n++] = c < 0x20 || c == 0x7f || c1 ? ' ' : (char)c;
            word = c1 ? 2 : 1;
        }
        p += word;
    }
    while (n > 0 && ((unsigned char)out[n - 1] & 0xc0) == 0x80 && text[0] != '\0' && n + 9 >= size)
        n--; /* no half of a character at the cut */
    out[n] = '\0';
}

static void say(struct cs_alike *a, const struct cs_output *o)
{
    char words[QUOTED], status[24] = "";

    quote(o->text != NULL ? o->text : "", words, sizeof words);
    if (o->http_status != 0 && !is_none((enum cs_outcome)o->outcome))
        snprintf(status, sizeof status, ", HTTP %u", o->http_status);
    snprintf(a->why, sizeof a->why, "%u trials in a row ended alike (%s%s): \"%s\"; resumed, it goes on all the same",
             a->n, cs_outcome_name((enum cs_outcome)o->outcome), status, words);
}

bool cs_alike_ended(struct cs_alike *a, const struct cs_output *o)
{
    const enum cs_outcome outcome = (enum cs_outcome)o->outcome;
    uint64_t fingerprint;

    if (is_readable(a, outcome)) {
        a->proven = true;
        a->n = 0;
        return false;
    }
    if (outcome == CS_OUTCOME_timeout || a->allowed || a->why[0] != '\0' ||
        (is_none(outcome) && (a->proven || a->accepts_unparsable)))
        return false;
    fingerprint = fingerprint_of(o);
    a->n = a->fingerprint == 0 || a->fingerprint == fingerprint ? a->n + 1 : 1;
    a->fingerprint = fingerprint;
    if (a->n < CS_ALIKE_MAX)
        return false;
    say(a, o);
    return true;
}

uint64_t cs_alike_room(const struct cs_alike *a, uint64_t leased)
{
    const uint64_t had = leased + a->n;

    if (a->proven || a->allowed)
        return UINT64_MAX;
    return had < CS_ALIKE_MAX ? CS_ALIKE_MAX - had : 0;
}

bool cs_alike_resume(struct cs_alike *a)
{
    if (a->why[0] == '\0')
        return false;
    a->why[0] = '\0';
    a->allowed = true;
    a->n = 0;
    return true;
}

/* ---- in the core -------------------------------------------------------------------------------- */

void cs_alike_mark(struct cs_core *core, const struct cs_lane *lane)
{
    char key[64];

    snprintf(key, sizeof key, "alike/%08u/%05u", lane->gen, lane->lane);
    cs_batch_add_meta(core->open->batch, key, lane->alike.why, (uint32_t)strlen(lane->alike.why));
}

void cs_alike_take(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o)
{
    const bool was_proven = lane->alike.proven;

    if (cs_alike_ended(&lane->alike, o)) {
        char key[64];

        lane->paused = core->announce_dirty = true;
        snprintf(key, sizeof key, "lane/%08u/%05u", lane->gen, lane->lane);
        cs_batch_add_meta(core->open->batch, key, "paused", 6);
        cs_alike_mark(core, lane);
        cs_act_own(core, "paused by itself", lane->study, lane->name, lane->alike.why);
        cs_log(CS_WARN, "lane_alike", "model=%s trials=%u outcome=%s status=%u", lane->name, lane->alike.n,
               cs_outcome_name((enum cs_outcome)o->outcome), o->http_status);
    }
    if (!was_proven && !lane->alike.allowed)
        core->regrant = true; /* the room has changed */
}
