#include "tools/simulator/tooling.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/base/json.h"
#include "tools/simulator/draw.h"
#include "tools/simulator/reply.h"

/* ---- what a request holds -------------------------------------------------------------------------- */

void cs_tooling_offer(struct cs_sim_tooling *t, const char *name, const struct cs_j *schema)
{
    if (t->n_tools < CS_SIM_TOOLS_MAX && name != NULL)
        t->tools[t->n_tools++] = (struct cs_sim_offered){name, schema};
}

void cs_tooling_reply(struct cs_sim_tooling *t)
{
    t->rounds++;
    t->called_last = t->asked_again = false;
}

bool cs_tooling_call(struct cs_sim_tooling *t, const char *id, const char *name, const char **fault)
{
    *fault = "a call of a tool has no name, or there are too many";
    if (name == NULL || t->n_made == CS_SIM_CALLS_MAX)
        return false;
    t->made[t->n_made++] = (struct cs_sim_made){id != NULL ? id : "", name, NULL, t->rounds};
    t->called_last = true;
    return true;
}

bool cs_tooling_result(struct cs_sim_tooling *t, const char *id, const char *result, const char **fault)
{
    *fault = "a result is of no call that stands before it";
    for (uint32_t i = 0; i < t->n_made; i++) {
        struct cs_sim_made *m = &t->made[i];
        if (m->result != NULL || m->round != t->rounds || (id != NULL && strcmp(m->id, id) != 0))
            continue;
        m->result = result != NULL ? result : "";
        return true;
    }
    return false;
}

void cs_tooling_user(struct cs_sim_tooling *t)
{
    t->asked_again = t->rounds > 0 && !t->called_last;
}

bool cs_tooling_whole(const struct cs_sim_tooling *t)
{
    for (uint32_t i = 0; i < t->n_made; i++) {
        if (t->made[i].result == NULL)
            return false;
    }
    return true;
}

/* ---- which tools, in which order ------------------------------------------------------------------- */

static const char thoughtful[] = "tcall_";

struct drawing {
    const struct cs_planted_tools *p;
    uint64_t seed;
    uint32_t level;
    const char *digest;
    const struct cs_sim_tooling *t;
    struct cs_sim_calls *out;
};

static double unit(const struct drawing *d, const char *what)
{
    return cs_sim_draw_unit(d->seed, what, d->digest, NULL);
}

/* Which of those offered is called first: a trusted one, else what stands first. */
static uint32_t first_of(const struct drawing *d)
{
    const double u = unit(d, "first"), *chances = d->p->first + (size_t)d->level * d->p->n_names;
    double sum = 0;
    for (uint32_t i = 0; i < d->p->n_names; i++) {
        sum += chances[i];
        for (uint32_t k = 0; u < sum && k < d->t->n_tools; k++) {
            if (strcmp(d->t->tools[k].name, d->p->names[i]) == 0)
                return k;
        }
    }
    return 0;
}

/* The i-th of its good calls: the first, then the others as offered, round and round. */
static uint32_t tool_at(const struct drawing *d, uint32_t i)
{
    const uint32_t first = first_of(d), at = i % d->t->n_tools;
    return at == 0 ? first : at <= first ? at - 1 : at;
}

/* ---- arguments --------------------------------------------------------------------------------------- */

/* round: how often the tool was called before. */
static char *arguments_of(const struct drawing *d, uint32_t tool, uint32_t round)
{
    const struct cs_sim_offered *o = &d->t->tools[tool];
    const struct cs_j *properties = cs_json_read_get(o->schema, "properties");
    struct cs_buf out = CS_BUF_INIT(64 * 1024);
    cs_buf_char(&out, '{');
    for (const struct cs_j *p = cs_json_read_first(properties); p != NULL; p = cs_json_read_next(properties, p)) {
        const struct cs_j *words = cs_json_read_get(p, "enum");
        const char *type = cs_json_read_text(cs_json_read_get(p, "type"));
        const size_t n = cs_json_read_size(words);
        const double u = cs_sim_draw_unit(d->seed, "argument", d->digest, o->name, NULL);
        if (out.len > 1)
            cs_buf_char(&out, ',');
        cs_json_str(&out, p->key, strlen(p->key));
        cs_buf_char(&out, ':');
        if (n > 0) {
            const struct cs_j *word = cs_json_read_at(words, ((size_t)(u * (double)n) + round) % n);
            cs_buf_append(&out, word->raw, word->raw_len);
        } else if (type != NULL && strcmp(type, "number") == 0) {
            cs_buf_printf(&out, "%u", round);
        } else {
            cs_buf_printf(&out, "\"simulated text %u\"", round + 1);
        }
    }
    cs_buf_char(&out, '}');
    return cs_buf_take(&out);
}

static void add(const struct drawing *d, const char *name, char *arguments)
{
    struct cs_sim_call_made *c = &d->out->calls[d->out->n];
    char number[32], hash[33];
    snprintf(number, sizeof number, "%u/%u", d->t->rounds, d->out->n++);
    char *key = cs_xasprintf("%s/%s", d->digest, number);
    cs_tooling_signature(key, hash);
    free(key);
    snprintf(c->id, sizeof c->id, "%s%.24s", d->p->reasons ? thoughtful : "call_", hash);
    c->name = name;
    c->arguments = arguments;
}

/* ---- what is called now -------------------------------------------------------------------------------- */

static bool was_called(const struct cs_sim_tooling *t, const char *name)
{
    for (uint32_t i = 0; i < t->n_made; i++) {
        if (strcmp(t->made[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Odd calls that come before the others: the i-th, or false. */
static bool odd_call(const struct drawing *d, uint32_t i)
{
    const struct {
        const char *kind;
        double chance;
    } kinds[] = {{"malformed", d->p->malformed}, {"unknown", d->p->unknown}};
    for (size_t k = 0; k < 2; k++) {
        if (unit(d, kinds[k].kind) >= kinds[k].chance || i-- > 0)
            continue;
        if (k == 0)
            add(d, d->t->tools[first_of(d)].name, cs_xstrdup("{\"no_such_argument\":1}"));
        else
            add(d, "no_such_tool", cs_xstrdup("{}"));
        return true;
    }
    return false;
}

static uint32_t n_odd(const struct drawing *d)
{
    return (unit(d, "malformed") < d->p->malformed) + (unit(d, "unknown") < d->p->unknown);
}

/* The i-th of all its calls, or false: there is none. A repeated one comes behind the first good one. */
static bool nth_call(const struct drawing *d, uint32_t i)
{
    const double x = d->p->calls[d->level];
    const uint32_t n = (uint32_t)floor(x) + (unit(d, "calls") < x - floor(x)), odd = n_odd(d);
    const bool repeats = n > 0 && unit(d, "repeat") < d->p->repeat;
    if (i < odd)
        return odd_call(d, i);
    i -= odd;
    if (repeats && i > 0)
        i--;
    if (i >= n)
        return false;
    const uint32_t tool = tool_at(d, i);
    add(d, d->t->tools[tool].name, arguments_of(d, tool, i / d->t->n_tools));
    return true;
}

void cs_tooling_draw(const struct cs_planted_tools *p, const struct cs_truth *truth, uint64_t seed, uint32_t level,
                     const char *digest, const struct cs_sim_tooling *t, struct cs_sim_calls *out)
{
    const struct drawing d = {p, seed, level, digest, t, out};
    (void)truth;
    out->n = 0;
    out->reasons = p->reasons;
    if (!t->may_call || t->n_tools == 0)
        return;
    if (t->asked_again) {
        for (uint32_t i = 0; i < t->n_tools; i++) {
            if (!was_called(t, t->tools[i].name))
                add(&d, t->tools[i].name, arguments_of(&d, i, 0));
        }
        return;
    }
    const bool at_once = unit(&d, "parallel") < p->parallel;
    for (uint32_t i = t->n_made; i < CS_SIM_CALLS_MAX / 2 && (out->n == 0 || at_once); i++) {
        if (!nth_call(&d, i))
            break;
    }
}

void cs_tooling_release(struct cs_sim_calls *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        free(c->calls[i].arguments);
    c->n = 0;
}

/* ---- what it makes of them ------------------------------------------------------------------------------- */

const char *cs_tooling_follows(const struct cs_planted_tools *p, const struct cs_truth_answer *a, uint64_t seed,
                               const char *digest, const struct cs_sim_tooling *t)
{
    const char *word = NULL, *at = NULL;
    for (uint32_t i = 0; i < p->n_follows; i++) {
        if (strcmp(p->follows[i].field, a->field) != 0 || t->n_made == 0 || t->made[0].result == NULL ||
            cs_sim_draw_unit(seed, "follow", digest, a->field, NULL) >= p->follows[i].chance)
            continue;
        for (uint32_t k = 0; k < a->n_words; k++) {
            const char *found = strstr(t->made[0].result, a->words[k]);
            if (found != NULL && (at == NULL || found < at)) {
                at = found;
                word = a->words[k];
            }
        }
    }
    return word;
}

void cs_tooling_signature(const char *of, char out[33])
{
    uint8_t hash[32];
    char hex[65];
    cs_digest_blake2b_256(of, strlen(of), hash);
    cs_digest_hex(hash, sizeof hash, hex);
    memcpy(out, hex, 32);
    out[32] = '\0';
}

bool cs_tooling_vouched(const char *first_id, const char *thought, const char *signature)
{
    char own[33];
    if (first_id == NULL || strncmp(first_id, thoughtful, sizeof thoughtful - 1) != 0)
        return true;
    cs_tooling_signature(first_id, own);
    return signature != NULL && strcmp(signature, own) == 0 &&
           (thought == NULL || strcmp(thought, CS_TOOLING_THOUGHT) == 0);
}
