#include "protocol/study/lenient.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/json.h"
#include "protocol/base/repair.h"

enum { WORD_MAX_BYTES = 256, REPAIR_SLACK = 4096 };

struct span {
    const char *p;
    size_t n;
};

static bool begins(struct span s, const char *with)
{
    return s.n >= strlen(with) && strncasecmp(s.p, with, strlen(with)) == 0;
}

static struct span behind(struct span s, size_t n)
{
    return (struct span){s.p + n, s.n - n};
}

static struct span skip_blanks(struct span s)
{
    while (s.n > 0 && (isspace((unsigned char)s.p[0]) || s.p[0] == '\0' || begins(s, "\xef\xbb\xbf")))
        s = behind(s, begins(s, "\xef\xbb\xbf") ? 3 : 1);
    return s;
}

/* ---- thinking ---------------------------------------------------------------------------------------- */

static const struct {
    const char *open, *close;
} blocks[] = {
    {"<think>", "</think>"},
    {"<thinking>", "</thinking>"},
    {"<thought>", "</thought>"},
    {"<thoughts>", "</thoughts>"},
    {"<reasoning>", "</reasoning>"},
    {"<reason>", "</reason>"},
    {"<analysis>", "</analysis>"},
    {"<reflection>", "</reflection>"},
    {"<scratchpad>", "</scratchpad>"},
    {"<seed:think>", "</seed:think>"},
    {"[THINK]", "[/THINK]"},                                             /* Mistral */
    {"\xe2\x97\x81think\xe2\x96\xb7", "\xe2\x97\x81/think\xe2\x96\xb7"}, /* Kimi */
    {"<|begin_of_thought|>", "<|end_of_thought|>"},
    {"<|thinking|>", "<|/thinking|>"},
    {"<longcat_think>", "</longcat_think>"},
    {"<unused94>", "<unused95>"},                                      /* MedGemma */
    {"<|START_THINKING|>", "<|END_THINKING|>"},                        /* Cohere */
    {"<|channel|>analysis<|message|>", "<|channel|>final<|message|>"}, /* gpt-oss */
};

/* Behind the first `word`, or nothing found: false. */
static bool skip_to(struct span *s, const char *word)
{
    for (struct span at = *s; at.n >= strlen(word); at = behind(at, 1)) {
        if (begins(at, word)) {
            *s = behind(at, strlen(word));
            return true;
        }
    }
    return false;
}

/* Leading blocks of thinking. A chat template may have written the opening mark itself: then only its end is there. */
static struct span without_thinking(struct span s)
{
    const size_t n_blocks = sizeof blocks / sizeof *blocks;
    bool found = true, any = false;
    while (found) {
        found = false;
        s = skip_blanks(s);
        for (size_t i = 0; i < n_blocks && !found; i++) {
            if (!begins(s, blocks[i].open))
                continue;
            found = any = true;
            if (!skip_to(&s, blocks[i].close))
                return behind(s, s.n); /* thinking all the way */
        }
    }
    for (size_t i = 0; i < n_blocks && !any; i++)
        any = skip_to(&s, blocks[i].close);
    return skip_blanks(s);
}

/* ---- the object -------------------------------------------------------------------------------------- */

/* The JSON object or array at the start, *read bytes of it; or NULL. */
static struct cs_json *object_at(struct span s, size_t *read)
{
    struct cs_buf repaired = CS_BUF_INIT(CS_REPAIR_GROWTH * s.n + REPAIR_SLACK);
    *read = cs_repair_json(s.p, s.n, &repaired);
    struct cs_json *v = repaired.overflow ? NULL
                                          : cs_json_loadb(repaired.data, repaired.len, CS_JSON_REJECT_DUPLICATES, NULL);
    cs_buf_release(&repaired);
    return v;
}

/* A brace in prose does not count: an object begins with the name of a member, or ends at once. */
static bool may_be_object(struct span s)
{
    s = skip_blanks(behind(s, 1));
    return s.n > 0 && (s.p[0] == '"' || s.p[0] == '}');
}

/* Nor does a bracket: a list of answers has objects. */
static bool may_be_list(struct span s)
{
    s = skip_blanks(behind(s, 1));
    return s.n > 0 && s.p[0] == '{' && may_be_object(s);
}

/* Where the next brace (or bracket) stands; NULL: nowhere. */
static const char *next_opening(struct span s, bool lists)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '{' || (lists && s.p[i] == '['))
            return s.p + i;
    }
    return NULL;
}

/* A text that is one JSON string: an answer that was written into JSON twice. In an array; or NULL. */
static struct cs_json *quoted(struct span s)
{
    struct cs_buf wrapped = CS_BUF_INIT(CS_REPAIR_GROWTH * s.n + REPAIR_SLACK);
    cs_buf_char(&wrapped, '[');
    const struct span rest = skip_blanks(behind(s, cs_repair_json(s.p, s.n, &wrapped)));
    cs_buf_char(&wrapped, ']');
    struct cs_json *v = wrapped.overflow || rest.n > 0 ? NULL : cs_json_loadb(wrapped.data, wrapped.len, 0, NULL);
    cs_buf_release(&wrapped);
    return v;
}

struct cs_json *cs_lenient_root(const char *text, size_t n, bool lists, enum cs_answer_fault *fault)
{
    struct span s = without_thinking((struct span){text, n});
    struct cs_json *inner = begins(s, "\"") ? quoted(s) : NULL, *found = NULL;
    const struct cs_json *string = cs_json_array_get(inner, 0);
    uint32_t objects = 0;
    if (cs_json_is_string(string))
        s = (struct span){cs_json_string_value(string), cs_json_string_length(string)};
    *fault = s.n == 0 ? CS_ANSWER_EMPTY : CS_ANSWER_NO_OBJECT;
    while (s.n > 0) {
        const char *brace = next_opening(s, lists);
        size_t read = 0;
        if (brace == NULL)
            break;
        s = behind(s, (size_t)(brace - s.p));
        if (s.p[0] == '[' ? may_be_list(s)
                          : may_be_object(s)) { /* also one that is damaged: what it would say is not known */
            struct cs_json *v = object_at(s, &read);
            if (++objects == 1)
                found = v;
            else
                cs_json_decref(v);
        }
        if (objects > 1)
            break;
        s = behind(s, read > 0 ? read : 1);
    }
    cs_json_decref(inner);
    if (objects > 1) {
        cs_json_decref(found);
        *fault = CS_ANSWER_SEVERAL;
        return NULL;
    }
    return found;
}

struct cs_json *cs_lenient_member(struct cs_json *object, const char *name)
{
    struct cs_json *exact = cs_json_object_get(object, name), *v, *found = NULL;
    const char *key;
    int n = 0;
    if (exact != NULL)
        return exact;
    cs_json_object_foreach(object, key, v)
    {
        if (strcasecmp(key, name) == 0) {
            found = v;
            n++;
        }
    }
    return n == 1 ? found : NULL;
}

/* ---- values ------------------------------------------------------------------------------------------ */

/* Bytes of a dash or a blank that is written in more than one (U+2010 to U+2015, U+2212; U+00A0, U+202F), 0: it is none. */
static size_t other_mark(const char *s, char *as)
{
    const unsigned char *p = (const unsigned char *)s;
    *as = '-';
    if (p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0x90 && p[2] <= 0x95)
        return 3;
    if (p[0] == 0xe2 && p[1] == 0x88 && p[2] == 0x92)
        return 3;
    if (p[0] == 0xc2 && p[1] == 0xa0)
        return 2;
    return p[0] == 0xe2 && p[1] == 0x80 && p[2] == 0xaf ? 3 : 0;
}

/* A word as it is compared: small letters, one kind of dash for all dashes, blanks and underscores, nothing around it. False: too long. */
static bool fold(const char *s, char out[WORD_MAX_BYTES])
{
    size_t n = 0;
    while (*s != '\0' && n < WORD_MAX_BYTES - 1) {
        char as;
        const size_t mark = other_mark(s, &as);
        const unsigned char c = (unsigned char)*s;
        out[n++] = mark > 0 || c == ' ' || c == '_' || c == '\t' || c == '\n' || c == '\r' ? '-' : (char)tolower(c);
        s += mark > 0 ? mark : 1;
    }
    if (*s != '\0')
        return false;
    while (n > 0 && strchr("-.,;:!\"'`*)", out[n - 1]) != NULL)
        n--;
    out[n] = '\0';
    const size_t before = strspn(out, "-\"'`*(");
    memmove(out, out + before, n - before + 1);
    return true;
}

/* The only one of the field's words that the text can mean, or NULL. */
static const char *word_of(const struct cs_field *f, const char *said)
{
    char folded[WORD_MAX_BYTES], own[WORD_MAX_BYTES];
    const char *found = NULL;
    int n = 0;
    if (!fold(said, folded) || folded[0] == '\0')
        return NULL;
    for (uint32_t i = 0; i <= f->n_categories; i++) {
        static const char *const letters[] = {"A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M",
                                              "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z"};
        const char *word = i == f->n_categories          ? f->insufficient
                           : f->kind == CS_FIELD_OPTIONS ? (i < CS_OPTIONS_MAX ? letters[i] : NULL)
                                                         : f->categories[i];
        if (word != NULL && fold(word, own) && strcmp(own, folded) == 0) {
            found = word;
            n++;
        }
    }
    return n == 1 ? found : NULL;
}

static struct cs_json *number_of(const char *said)
{
    char *end;
    const char *digits;
    while (isspace((unsigned char)*said))
        said++;
    digits = said + (*said == '-' || *said == '+');
    if (!isdigit((unsigned char)*digits) || digits[strspn(digits, "0123456789.")] == 'x')
        return NULL;
    const double v = strtod(said, &end);
    while (isspace((unsigned char)*end))
        end++;
    if (*end != '\0')
        return NULL;
    const bool whole = strcspn(digits, ".eE") == strlen(digits) && v > -1e15 && v < 1e15;
    return whole ? cs_json_integer((int64_t)v) : cs_json_real(v);
}

struct cs_json *cs_lenient_value(const struct cs_field *f, struct cs_json *value)
{
    const char *said = cs_json_string_value(value), *word = NULL;
    char digits[32];
    if (f->kind == CS_FIELD_NUMBER || f->kind == CS_FIELD_TEXT) {
        struct cs_json *number = f->kind == CS_FIELD_NUMBER && said != NULL ? number_of(said) : NULL;
        return number != NULL ? number : cs_json_incref(value);
    }
    if (cs_json_is_integer(value)) {
        snprintf(digits, sizeof digits, "%lld", (long long)cs_json_integer_value(value));
        said = digits;
    } else if (cs_json_is_boolean(value)) {
        said = cs_json_is_true(value) ? "true" : "false";
    }
    if (said != NULL)
        word = word_of(f, said);
    if (word == NULL && f->kind == CS_FIELD_BOOLEAN && said != NULL) {
        if (strcasecmp(said, "true") == 0)
            word = f->categories[0];
        else if (strcasecmp(said, "false") == 0)
            word = f->categories[1];
    }
    return word != NULL ? cs_json_string(word) : cs_json_incref(value);
}
