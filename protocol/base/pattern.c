#include "protocol/base/pattern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/utf8.h"

/* Thompson's construction, run as all its states at once (Pike): a step of a text looks at each instruction at most once. */
enum op { OP_CHAR, OP_SET, OP_ANY, OP_SPLIT, OP_JUMP, OP_SAVE, OP_BEGIN, OP_END, OP_MATCH };

struct step {
    enum op op;
    uint32_t x,
        y; /* CHAR: the character; SET: its first range, how many; SPLIT: tried first, second; JUMP: where to; SAVE: 0 begin, 1 end */
    bool negated; /* SET */
};

struct range {
    uint32_t low, high;
};

enum { RANGES_MAX = 1024, NESTING_MAX = 10, TIMES_MAX = 255 };

struct cs_pattern {
    struct step *steps;
    struct range *ranges;
    uint32_t n_steps, n_ranges;
    bool grouped;
};

/* ---- reading ---------------------------------------------------------------------------------------------- */

struct parser {
    struct cs_pattern *p;
    const char *text, *at, *end;
    uint32_t groups, nesting;
    enum cs_err rc;
    struct cs_error *err;
};

#define REFUSE(c, ...) ((c)->rc = (c)->rc != CS_OK ? (c)->rc : cs_error_set((c)->err, CS_EINVAL, __VA_ARGS__))

/* One character; what is not whole is a byte that no text matches. */
static uint32_t decode(const char **at, const char *end)
{
    bool whole;
    const unsigned char *s = (const unsigned char *)*at;
    const size_t n = cs_utf8_step(*at, (size_t)(end - *at), &whole);
    uint32_t c = s[0];
    *at += n;
    if (!whole)
        return 0xFFFD;
    if (n > 1) {
        c &= 0x7Fu >> n;
        for (size_t i = 1; i < n; i++)
            c = c << 6 | (s[i] & 0x3Fu);
    }
    return c;
}

static uint32_t emit(struct parser *c, enum op op, uint32_t x, uint32_t y)
{
    if (c->p->n_steps == CS_PATTERN_STEPS_MAX) {
        REFUSE(c, "the pattern is too long when its repetitions are written out (over %d steps)", CS_PATTERN_STEPS_MAX);
        return 0;
    }
    c->p->steps[c->p->n_steps] = (struct step){op, x, y, false};
    return c->p->n_steps++;
}

static void add_range(struct parser *c, uint32_t low, uint32_t high)
{
    if (c->p->n_ranges == RANGES_MAX)
        REFUSE(c, "too many characters in brackets");
    else
        c->p->ranges[c->p->n_ranges++] = (struct range){low, high};
}

/* `[:digit:]` and kin, behind its "[:". */
static void read_class(struct parser *c)
{
    static const struct {
        const char *name, *ranges; /* pairs of characters */
    } classes[] = {{"alpha:]", "AZaz"},   {"digit:]", "09"},     {"alnum:]", "09AZaz"},
                   {"upper:]", "AZ"},     {"lower:]", "az"},     {"xdigit:]", "09AFaf"},
                   {"space:]", "\t\r  "}, {"blank:]", "\t\t  "}, {"punct:]", "!/:@[`{~"}};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        const size_t n = strlen(classes[i].name);
        if ((size_t)(c->end - c->at) < n || memcmp(c->at, classes[i].name, n) != 0)
            continue;
        for (const char *r = classes[i].ranges; *r != '\0'; r += 2)
            add_range(c, (unsigned char)r[0], (unsigned char)r[1]);
        c->at += n;
        return;
    }
    REFUSE(c,
           "a class that is not known stands in brackets; known are alpha digit alnum upper lower xdigit space blank "
           "punct, as in [[:digit:]]");
}

/* Behind the "[". A "]" that comes first stands for itself. */
static void read_brackets(struct parser *c)
{
    const uint32_t first = c->p->n_ranges, at = emit(c, OP_SET, first, 0);
    const bool negated = c->at < c->end && *c->at == '^';
    c->at += negated;
    for (bool begin = true; c->rc == CS_OK; begin = false) {
        if (c->at == c->end) {
            REFUSE(c, "\"[\" without its \"]\"");
            return;
        }
        if (*c->at == ']' && !begin)
            break;
        if (c->end - c->at > 2 && c->at[0] == '[' && c->at[1] == ':') {
            c->at += 2;
            read_class(c);
            continue;
        }
        const uint32_t low = decode(&c->at, c->end);
        uint32_t high = low;
        if (c->end - c->at > 1 && c->at[0] == '-' && c->at[1] != ']') {
            c->at++;
            high = decode(&c->at, c->end);
        }
        if (high < low)
            REFUSE(c, "a range in brackets runs backwards");
        add_range(c, low, high);
    }
    if (c->rc != CS_OK)
        return;
    c->at++;
    c->p->steps[at].y = c->p->n_ranges - first;
    c->p->steps[at].negated = negated;
}

static void read_escape(struct parser *c)
{
    if (c->at == c->end) {
        REFUSE(c, "the pattern ends on \"\\\"");
        return;
    }
    const char sign = *c->at;
    if (sign >= '1' && sign <= '9')
        REFUSE(c, "\"\\%c\" refers back to a group, which is not done here; write the text out", sign);
    else if ((sign >= 'a' && sign <= 'z') || (sign >= 'A' && sign <= 'Z') || sign == '0')
        REFUSE(c,
               "\"\\%c\" is not known in extended regular expressions; write [0-9] for \\d, [[:space:]] for \\s, "
               "[[:alnum:]_] for \\w",
               sign);
    else
        emit(c, OP_CHAR, decode(&c->at, c->end), 0);
}

static void read_choice(struct parser *c);

/* Behind the "(". Every group leaves a step, so that repeating an empty one comes to its end. */
static void read_group(struct parser *c)
{
    const bool first = c->groups++ == 0;
    if (++c->nesting > NESTING_MAX)
        REFUSE(c, "groups are nested over %d deep", NESTING_MAX);
    c->p->grouped = true;
    emit(c, first ? OP_SAVE : OP_JUMP, first ? 0 : c->p->n_steps + 1, 0);
    if (c->rc == CS_OK)
        read_choice(c);
    if (c->rc == CS_OK && c->at == c->end)
        REFUSE(c, "\"(\" without its \")\"");
    c->at += c->rc == CS_OK;
    if (first)
        emit(c, OP_SAVE, 1, 0);
    c->nesting--;
}

static void read_atom(struct parser *c)
{
    const char sign = *c->at;
    if (sign == '(') {
        c->at++;
        read_group(c);
    } else if (sign == '[') {
        c->at++;
        read_brackets(c);
    } else if (sign == '\\') {
        c->at++;
        read_escape(c);
    } else if (sign == '.' || sign == '^' || sign == '$') {
        c->at++;
        emit(c, sign == '.' ? OP_ANY : sign == '^' ? OP_BEGIN : OP_END, 0, 0);
    } else if (sign == '*' || sign == '+' || sign == '?' || sign == '{') {
        REFUSE(c, "\"%c\" repeats nothing; write \\%c for the sign itself", sign, sign);
    } else {
        emit(c, OP_CHAR, decode(&c->at, c->end), 0);
    }
}

struct times {
    uint32_t least, most; /* most UINT32_MAX: any number */
};

static uint32_t read_count(struct parser *c, uint32_t otherwise)
{
    uint32_t v = 0;
    const char *from = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9' && v <= TIMES_MAX)
        v = v * 10 + (uint32_t)(*c->at++ - '0');
    return c->at == from ? otherwise : v;
}

/* `* + ? {m} {m,} {m,n}`, or once. */
static bool read_times(struct parser *c, struct times *out)
{
    *out = (struct times){1, 1};
    if (c->rc != CS_OK || c->at == c->end)
        return false;
    switch (*c->at) {
    case '*':
        *out = (struct times){0, UINT32_MAX};
        break;
    case '+':
        *out = (struct times){1, UINT32_MAX};
        break;
    case '?':
        *out = (struct times){0, 1};
        break;
    case '{':
        c->at++;
        out->least = read_count(c, UINT32_MAX);
        out->most = out->least;
        if (c->at < c->end && *c->at == ',') {
            c->at++;
            out->most = read_count(c, UINT32_MAX);
        }
        if (out->least == UINT32_MAX || c->at == c->end || *c->at != '}' || out->least > TIMES_MAX ||
            (out->most != UINT32_MAX && (out->most > TIMES_MAX || out->most < out->least)))
            REFUSE(c, "write a repetition as {2}, {2,} or {2,5}, at most %d times", TIMES_MAX);
        break;
    default:
        return false;
    }
    c->at += c->rc == CS_OK;
    return true;
}

/* What was read between from and behind, once more. */
static void again(struct parser *c, const char *from, uint32_t groups)
{
    const char *behind = c->at;
    c->at = from;
    c->groups = groups;
    read_atom(c);
    c->at = behind;
}

/* An atom and its repetitions: the copies that must be, then a loop or the ones that may be. */
static void read_piece(struct parser *c)
{
    const char *from = c->at, *behind;
    const uint32_t begin = c->p->n_steps, groups = c->groups, ranges = c->p->n_ranges;
    struct times t;
    read_atom(c);
    const char *atom_end = c->at;
    if (!read_times(c, &t) || c->rc != CS_OK)
        return;
    const uint32_t after = c->groups;
    behind = c->at;
    c->p->n_steps = begin; /* write it anew, as often as it is wanted */
    c->p->n_ranges = ranges;
    c->at = atom_end;
    for (uint32_t i = 0; i < t.least && c->rc == CS_OK; i++)
        again(c, from, groups);
    if (t.most == UINT32_MAX) {
        const uint32_t split = emit(c, OP_SPLIT, c->p->n_steps + 1, 0);
        again(c, from, groups);
        emit(c, OP_JUMP, split, 0);
        c->p->steps[split].y = c->p->n_steps;
    }
    uint32_t splits[TIMES_MAX], n = 0;
    for (uint32_t i = t.least; t.most != UINT32_MAX && i < t.most && c->rc == CS_OK; i++) {
        splits[n++] = emit(c, OP_SPLIT, c->p->n_steps + 1, 0);
        again(c, from, groups);
    }
    while (n > 0)
        c->p->steps[splits[--n]].y = c->p->n_steps;
    c->groups = after;
    c->at = behind;
    if (c->rc == CS_OK && c->at < c->end && strchr("*+?{", *c->at) != NULL)
        REFUSE(c, "two repetitions in a row; put a group around the first");
}

/* One alternative after another: `a|b|c`. The steps of an alternative move by one when another follows. */
static void read_choice(struct parser *c)
{
    uint32_t jumps[CS_PATTERN_BYTES_MAX], n = 0;
    while (c->rc == CS_OK) {
        const uint32_t split = emit(c, OP_SPLIT, c->p->n_steps + 1, 0);
        const char *from = c->at;
        while (c->rc == CS_OK && c->at < c->end && *c->at != '|' && *c->at != ')')
            read_piece(c);
        if (c->rc == CS_OK && c->at < c->end && *c->at == ')' && c->nesting == 0)
            REFUSE(c, "\")\" without its \"(\"; write \\) for the sign itself");
        const bool more = c->at < c->end && *c->at == '|';
        if (c->rc == CS_OK && c->at == from && (more || n > 0))
            REFUSE(c, "an alternative is empty; leave its \"|\" out, or use \"?\"");
        if (!more || c->rc != CS_OK) {
            c->p->steps[split].op = OP_JUMP; /* the last one */
            break;
        }
        c->at++;
        jumps[n++] = emit(c, OP_JUMP, 0, 0);
        c->p->steps[split].y = c->p->n_steps;
    }
    while (n > 0)
        c->p->steps[jumps[--n]].x = c->p->n_steps;
}

enum cs_err cs_pattern_compile(const char *text, struct cs_arena *arena, const struct cs_pattern **out,
                               struct cs_error *err)
{
    const size_t n = strlen(text);
    *out = NULL;
    if (n == 0 || n > CS_PATTERN_BYTES_MAX)
        return cs_error_set(err, CS_EINVAL, n == 0 ? "the pattern is empty" : "the pattern is over %d bytes",
                            CS_PATTERN_BYTES_MAX);
    struct cs_pattern made = {0}, *p = cs_arena_alloc(arena, sizeof *p);
    made.steps = cs_xcalloc(CS_PATTERN_STEPS_MAX, sizeof *made.steps);
    made.ranges = cs_xcalloc(RANGES_MAX, sizeof *made.ranges);
    struct parser c = {.p = &made, .text = text, .at = text, .end = text + n, .err = err};
    read_choice(&c);
    emit(&c, OP_MATCH, 0, 0);
    if (c.rc == CS_OK) {
        *p = made;
        p->steps = cs_arena_array(arena, made.n_steps, sizeof *p->steps);
        p->ranges = cs_arena_array(arena, made.n_ranges + 1, sizeof *p->ranges);
        memcpy(p->steps, made.steps, made.n_steps * sizeof *p->steps);
        memcpy(p->ranges, made.ranges, made.n_ranges * sizeof *p->ranges);
        *out = p;
    }
    free(made.steps);
    free(made.ranges);
    return c.rc;
}

bool cs_pattern_has_group(const struct cs_pattern *p)
{
    return p->grouped;
}

/* ---- matching ---------------------------------------------------------------------------------------------- */

struct thread {
    uint32_t step;
    size_t save[2];
};
struct threads {
    struct thread *list;
    uint32_t n;
};

struct run {
    const struct cs_pattern *p;
    size_t *seen; /* the place of the text, from 1, at which a step was taken last */
    size_t at, n; /* place now; bytes of the text */
    uint32_t *todo;
    struct thread *stack;
};

static bool holds(const struct cs_pattern *p, const struct step *s, uint32_t c)
{
    bool inside = false;
    for (uint32_t i = 0; i < s->y && !inside; i++)
        inside = c >= p->ranges[s->x + i].low && c <= p->ranges[s->x + i].high;
    return inside != s->negated;
}

/* Follows all that needs no character, the preferred way first. */
static void add(struct run *r, struct threads *to, struct thread first)
{
    uint32_t n = 0;
    r->stack[n++] = first;
    while (n > 0) {
        struct thread t = r->stack[--n];
        const struct step *s = &r->p->steps[t.step];
        if (r->seen[t.step] == r->at + 1)
            continue;
        r->seen[t.step] = r->at + 1;
        switch (s->op) {
        case OP_JUMP:
            t.step = s->x;
            r->stack[n++] = t;
            break;
        case OP_SPLIT:
            t.step = s->y;
            r->stack[n++] = t;
            t.step = s->x;
            r->stack[n++] = t;
            break;
        case OP_SAVE:
            t.save[s->x] = r->at;
            t.step++;
            r->stack[n++] = t;
            break;
        case OP_BEGIN:
        case OP_END:
            t.step++;
            if (r->at == (s->op == OP_BEGIN ? 0 : r->n))
                r->stack[n++] = t;
            break;
        case OP_CHAR:
        case OP_SET:
        case OP_ANY:
        case OP_MATCH:
            to->list[to->n++] = t;
            break;
        }
    }
}

static bool takes(const struct cs_pattern *p, const struct step *s, uint32_t c)
{
    return s->op == OP_ANY || (s->op == OP_CHAR && s->x == c) || (s->op == OP_SET && holds(p, s, c));
}

struct cs_pattern_match cs_pattern_find(const struct cs_pattern *p, const char *text, size_t n)
{
    struct cs_pattern_match found = {.group_at = SIZE_MAX};
    struct thread *room = cs_xcalloc(4 * (size_t)p->n_steps + 4, sizeof *room);
    struct threads now = {.list = room}, next = {.list = room + p->n_steps};
    struct run r = {.p = p, .n = n, .stack = room + 2 * (size_t)p->n_steps};
    r.seen = cs_xcalloc(p->n_steps, sizeof *r.seen);
    for (const char *at = text, *end = text + n;;) {
        r.at = (size_t)(at - text);
        if (!found.found) /* a match that begins here stands behind all that began before */
            add(&r, &now, (struct thread){0, {SIZE_MAX, SIZE_MAX}});
        const uint32_t c = at < end ? decode(&at, end) : 0;
        const bool last = r.at == n;
        r.at = (size_t)(at - text);
        for (uint32_t i = 0; i < now.n; i++) {
            struct thread t = now.list[i];
            const struct step *s = &p->steps[t.step];
            if (s->op == OP_MATCH) { /* what is behind it would have been taken later */
                const bool whole = t.save[0] != SIZE_MAX && t.save[1] != SIZE_MAX && t.save[1] >= t.save[0];
                found = (struct cs_pattern_match){true, whole ? t.save[0] : SIZE_MAX,
                                                  whole ? t.save[1] - t.save[0] : 0};
                break;
            }
            if (!last && takes(p, s, c)) {
                t.step++;
                add(&r, &next, t);
            }
        }
        struct threads empty = {.list = now.list};
        now = next;
        next = empty;
        if (last || (found.found && now.n == 0))
            break;
    }
    free(r.seen);
    free(room);
    return found;
}
