/* Log probabilities of an answer's tokens (facts: providers.md sections 2.2, 3, 8.1): their sum, and what else the model might
 * have said where each answer begins. An analyst wants the second: the whole text's probability is mostly that of its form. */
#include "protocol/dialects/logprobs.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/json.h"
#include "protocol/dialects/replies/read.h"

#define ROUNDING 1e-3 /* above 0 by no more than a server's arithmetic can be off */

enum { FIELDS_MAX = 16, TOPS_MAX = 5, NAME_MAX_BYTES = 64, TOKEN_MAX_BYTES = 32 };

struct place { /* where an answer begins in the text of all tokens */
    char name[NAME_MAX_BYTES + 1];
    size_t at;
};

/* ---- where answers begin --------------------------------------------------------------------------- */

/* Behind the closing quote of the string that opens at s. */
static const char *string_end(const char *s)
{
    for (s++; *s != '\0' && *s != '"'; s++) {
        if (*s == '\\' && s[1] != '\0')
            s++;
    }
    return *s == '"' ? s + 1 : s;
}

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, " \t\r\n");
}

/* The members of the object at the start of `text`, which may be cut. A value that is a string begins behind its quote. */
static uint32_t places_in_object(const char *text, const char *origin, struct place places[FIELDS_MAX])
{
    uint32_t n = 0;
    int depth = 0;
    for (const char *s = text; *s != '\0';) {
        if (*s != '"') {
            depth += *s == '{' || *s == '[' ? 1 : *s == '}' || *s == ']' ? -1 : 0;
            s++;
            if (depth == 0)
                break;
            continue;
        }
        const char *name = s + 1;
        s = string_end(s);
        const char *colon = skip_blanks(s);
        if (depth != 1 || *colon != ':' || s <= name + 1 || n == FIELDS_MAX)
            continue;
        const size_t len = (size_t)(s - 1 - name) < NAME_MAX_BYTES ? (size_t)(s - 1 - name) : NAME_MAX_BYTES;
        s = skip_blanks(colon + 1);
        memcpy(places[n].name, name, len);
        places[n].name[len] = '\0';
        places[n++].at = (size_t)(s - origin) + (*s == '"');
        if (*s == '"')
            s = string_end(s);
    }
    return n;
}

static uint32_t find_places(const char *text, struct place places[FIELDS_MAX])
{
    const char *object = strchr(text, '{');
    uint32_t n = object != NULL ? places_in_object(object, text, places) : 0;
    if (n > 0)
        return n;
    places[0] = (struct place){.name = "", .at = 0};
    return 1;
}

/* ---- what else might have been said ----------------------------------------------------------------- */

static struct cs_json *alternatives_of(const struct cs_json *tops, const char *value, struct cs_arena *arena)
{
    struct cs_json *all = cs_json_object();
    const struct cs_json *top;
    size_t i;
    cs_json_array_foreach(tops, i, top)
    {
        const char *token = cs_read_text(cs_json_object_get(top, "token"), TOKEN_MAX_BYTES, arena);
        const struct cs_json *v = cs_json_object_get(top, value);
        if (i < TOPS_MAX && cs_json_is_number(v) && cs_json_number_value(v) <= ROUNDING &&
            cs_json_is_string(cs_json_object_get(top, "token")))
            cs_json_object_set_new(all, token, cs_json_real(round(cs_json_number_value(v) * 1e4) / 1e4));
    }
    return all;
}

/* As many as there is room for: those of the first fields. */
static const char *write_alternatives(struct cs_json *all, struct cs_arena *arena)
{
    while (cs_json_object_size(all) > 0) {
        char *text = cs_json_dumps(all, CS_JSON_COMPACT | CS_JSON_REAL_PRECISION(8));
        const size_t n = text != NULL ? strlen(text) : 0;
        const char *kept = n > 0 && n <= CS_OUTPUT_ALTERNATIVES_MAX ? cs_arena_strndup(arena, text, n) : NULL;
        free(text);
        if (kept != NULL)
            return kept;
        const char *key, *last = "";
        struct cs_json *value;
        cs_json_object_foreach(all, key, value) last = key;
        cs_json_object_del(all, last);
    }
    return "";
}

void cs_dialect_logprobs_read(const struct cs_json *chosen, const char *value, const struct cs_json *tops,
                              struct cs_arena *arena, struct cs_reading *out)
{
    const size_t n = cs_json_array_size(chosen);
    struct place places[FIELDS_MAX];
    struct cs_buf text = CS_BUF_INIT(CS_OUTPUT_TEXT_MAX);
    if (n == 0)
        return;
    size_t *ends = cs_arena_array(arena, n, sizeof *ends); /* where each token ends in the text */
    double sum = 0;
    bool impossible = false;
    for (size_t i = 0; i < n; i++) {
        const struct cs_json *token = cs_json_array_get(chosen, i), *v = cs_json_object_get(token, value);
        const char *s = cs_json_string_value(cs_json_object_get(token, "token"));
        cs_buf_str(&text, s != NULL ? s : "");
        ends[i] = text.len;
        sum += cs_json_is_number(v) ? cs_json_number_value(v) : NAN;
        impossible |= cs_read_is(v, "NaN") || (cs_json_is_number(v) && cs_json_number_value(v) > ROUNDING);
    }
    if (impossible && out->says == CS_SAYS_ANSWER) {
        out->says = CS_SAYS_ERROR;
        out->text = "the reply is faulty: a log probability in it is above 0, or no number";
        cs_buf_release(&text);
        return;
    }
    if (isfinite(sum)) {
        out->logprob = sum < 0 ? sum : 0;
        out->logprob_tokens = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    }
    struct cs_json *all = cs_json_object();
    const uint32_t n_places = find_places(cs_buf_cstr(&text), places);
    for (uint32_t p = 0, i = 0; p < n_places; p++) {
        while (i < n && ends[i] <= places[p].at)
            i++;
        const struct cs_json *at = tops != NULL ? cs_json_object_get(cs_json_array_get(tops, i), "candidates")
                                                : cs_json_object_get(cs_json_array_get(chosen, i), "top_logprobs");
        struct cs_json *some = alternatives_of(at, value, arena);
        if (cs_json_object_size(some) > 0)
            cs_json_object_set(all, places[p].name, some);
        cs_json_decref(some);
    }
    out->alternatives = write_alternatives(all, arena);
    cs_json_decref(all);
    cs_buf_release(&text);
}
