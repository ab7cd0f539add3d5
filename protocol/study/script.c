#include "protocol/study/script.h"

#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/digest.h"
#include "protocol/study/render.h"

/* ---- what is written ---------------------------------------------------------------------------- */

bool cs_script_is_used(const struct cs_study *s)
{
    for (uint32_t i = 0; i < s->n_prompts; i++) {
        if (s->prompts[i].turns != NULL)
            return true;
    }
    return cs_tools_is_used(s);
}

const char *cs_script_text(const struct cs_template_set *set, uint32_t i)
{
    if (set->turns == NULL)
        return i == 0 ? set->user : NULL;
    return i < set->n_turns ? set->turns[i].text : NULL;
}

uint32_t cs_script_turns(const struct cs_template_set *set)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < set->n_turns; i++) {
        if (set->turns[i].each != 0)
            return CS_TURNS_MAX;
        n += !set->turns[i].by_model;
    }
    return set->turns == NULL ? 1 : n;
}

bool cs_script_answers_at(const struct cs_question *q, uint32_t number)
{
    for (uint32_t i = 0; i < q->n_answer_at; i++) {
        if (q->answer_at[i] == number)
            return true;
    }
    return false;
}

/* ---- laying out ---------------------------------------------------------------------------------- */

struct laying {
    cs_script_expand expand;
    void *self;
    struct cs_arena *arena;
    struct cs_script_turn *turns;
    uint32_t n, number;
    struct cs_said *said; /* since the last call: room for all that can come */
    uint32_t n_said;
    const char *open; /* a turn of the user that nothing follows yet, or NULL */
    bool left_out;    /* the last turn of the user */
};

static bool is_blank(const char *s)
{
    return s[strspn(s, " \t\r\n")] == '\0';
}

/* The open turn is a call: nothing was given to it. */
static void close_turn(struct laying *l)
{
    if (l->open == NULL)
        return;
    struct cs_said *given = cs_arena_array(l->arena, l->n_said + 1, sizeof *given);
    if (l->n_said > 0)
        memcpy(given, l->said, l->n_said * sizeof *given);
    l->turns[l->n++] = (struct cs_script_turn){
        .number = l->number, .given = given, .n_given = l->n_said, .user = l->open};
    l->n_said = 0;
    l->open = NULL;
}

static enum cs_err text_of(const struct laying *l, const struct cs_template_turn *t, const struct cs_json *element,
                           const char **out, struct cs_error *err)
{
    struct cs_buf b = CS_BUF_INIT(CS_BODY_MAX);
    enum cs_err rc = l->expand(l->self, t->text, element, &b, err);
    *out = rc == CS_OK ? cs_arena_strndup(l->arena, cs_buf_cstr(&b), b.len) : NULL;
    cs_buf_release(&b);
    return rc;
}

static enum cs_err take_user(struct laying *l, const struct cs_template_turn *t, const struct cs_json *element,
                             struct cs_error *err)
{
    const char *text;
    close_turn(l);
    if (l->number == CS_TURNS_MAX)
        return cs_error_set(err, CS_ETOOBIG, "more than %d turns", CS_TURNS_MAX);
    enum cs_err rc = text_of(l, t, element, &text, err);
    if (rc != CS_OK)
        return rc;
    l->number++;
    l->left_out = is_blank(text);
    l->open = l->left_out ? NULL : text;
    return CS_OK;
}

/* A reply that is given to the turn before. */
static enum cs_err take_given(struct laying *l, const struct cs_template_turn *t, struct cs_error *err)
{
    const char *text;
    enum cs_err rc = l->left_out ? CS_OK : text_of(l, t, NULL, &text, err);
    if (rc != CS_OK || l->left_out)
        return rc;
    if (is_blank(text))
        return cs_error_set(err, CS_EINVAL, "the assistant's text behind turn %u is empty", l->number);
    CS_ASSERT(l->open != NULL); /* a given reply stands behind a turn of the user (study_check.h) */
    l->said[l->n_said++] = (struct cs_said){false, l->open};
    l->said[l->n_said++] = (struct cs_said){true, text};
    l->open = NULL;
    return CS_OK;
}

static enum cs_err take_each(struct laying *l, const struct cs_template_turn *t, const char *list_text,
                             struct cs_error *err)
{
    struct cs_json *list = cs_json_loads(list_text, 0, NULL), *element;
    enum cs_err rc = CS_OK;
    size_t i;
    if (!cs_json_is_array(list))
        rc = cs_error_set(err, CS_EINVAL, "no list of texts");
    cs_json_array_foreach(list, i, element)
    {
        rc = take_user(l, t, element, err);
        if (rc != CS_OK)
            break;
    }
    cs_json_decref(list);
    return rc;
}

enum cs_err cs_script_lay(const struct cs_template_set *set, const struct cs_question *q, const char *const *values,
                          cs_script_expand expand, void *self, struct cs_arena *arena,
                          const struct cs_script_turn **out, uint32_t *n, struct cs_error *err)
{
    struct laying l = {.expand = expand, .self = self, .arena = arena, .left_out = true};
    enum cs_err rc = CS_OK;
    l.turns = cs_arena_array(arena, CS_TURNS_MAX, sizeof *l.turns);
    l.said = cs_arena_array(arena, 2 * CS_TURNS_MAX, sizeof *l.said);
    for (uint32_t i = 0; i < set->n_turns && rc == CS_OK; i++) {
        const struct cs_template_turn *t = &set->turns[i];
        if (t->by_model)
            rc = take_given(&l, t, err);
        else if (t->each != 0)
            rc = take_each(&l, t, values[t->each - 1], err);
        else
            rc = take_user(&l, t, NULL, err);
    }
    close_turn(&l);
    if (rc == CS_OK && l.n == 0)
        rc = cs_error_set(err, CS_EINVAL, "every turn is empty, so that nothing is asked");
    for (uint32_t k = 0; rc == CS_OK && k < l.n; k++)
        l.turns[k].answers = k + 1 == l.n || cs_script_answers_at(q, l.turns[k].number);
    *out = l.turns;
    *n = l.n;
    return rc;
}

/* ---- a rendered prompt ----------------------------------------------------------------------------- */

uint32_t cs_script_calls(const struct cs_prompt *p)
{
    if (p->tools != NULL)
        return cs_tools_calls(p->tools->set);
    return p->turns != NULL ? p->n_turns : 1;
}

bool cs_script_answers(const struct cs_prompt *p, uint32_t k)
{
    CS_ASSERT(k < cs_script_calls(p));
    if (p->tools != NULL)
        return k + 1 == cs_script_calls(p);
    return p->turns == NULL || p->turns[k].answers;
}

uint32_t cs_script_number(const struct cs_prompt *p, uint32_t k)
{
    CS_ASSERT(k < cs_script_calls(p));
    if (p->tools != NULL)
        return k + 1;
    return p->turns != NULL ? p->turns[k].number : 1;
}

void cs_script_go(struct cs_prompt *p, uint32_t k, const char *const *replies)
{
    uint32_t n = 0;
    CS_ASSERT(k < cs_script_calls(p));
    if (p->turns == NULL)
        return;
    for (uint32_t i = 0; i <= k; i++)
        n += p->turns[i].n_given + 2;
    struct cs_said *said = cs_arena_array(&p->arena, n, sizeof *said);
    n = 0;
    for (uint32_t i = 0; i <= k; i++) {
        const struct cs_script_turn *t = &p->turns[i];
        for (uint32_t g = 0; g < t->n_given; g++)
            said[n++] = t->given[g];
        if (i == k)
            break;
        said[n++] = (struct cs_said){false, t->user};
        said[n++] = (struct cs_said){true, replies[i]};
    }
    p->before = said;
    p->n_before = n;
    cs_buf_clear(&p->user);
    cs_buf_str(&p->user, p->turns[k].user);
}

static size_t bytes_of_turn(const struct cs_script_turn *t)
{
    size_t bytes = strlen(t->user);
    for (uint32_t g = 0; g < t->n_given; g++)
        bytes += strlen(t->given[g].text);
    return bytes;
}

size_t cs_script_bytes(const struct cs_prompt *p, uint32_t k)
{
    size_t bytes = p->system.len;
    CS_ASSERT(k < cs_script_calls(p));
    if (p->turns == NULL) {
        bytes += p->user.len;
        for (uint32_t i = 0; i < p->n_before; i++)
            bytes += strlen(p->before[i].text);
        return p->tools != NULL && k > 0 ? bytes + cs_tools_bytes(p->tools, 0) : bytes;
    }
    for (uint32_t i = 0; i <= k; i++)
        bytes += bytes_of_turn(&p->turns[i]);
    return bytes;
}

void cs_script_digest(const struct cs_prompt *p, const uint8_t first_body[32], const char *const *tails,
                      uint8_t out[32])
{
    static const char name[] = "clinsafe-turns-1";
    const uint32_t n = cs_script_calls(p);
    if (n == 1) {
        memcpy(out, first_body, 32);
        return;
    }
    struct cs_buf b = CS_BUF_INIT(SIZE_MAX);
    cs_buf_append(&b, name, sizeof name);
    cs_buf_u32(&b, n);
    cs_buf_append(&b, first_body, 32);
    for (uint32_t k = 1; k < n; k++) {
        const struct cs_script_turn *t = &p->turns[k];
        cs_buf_counted(&b, tails[k]);
        cs_buf_u32(&b, t->n_given);
        for (uint32_t g = 0; g < t->n_given; g++) {
            cs_buf_char(&b, t->given[g].by_model ? 1 : 0);
            cs_buf_counted(&b, t->given[g].text);
        }
        cs_buf_counted(&b, t->user);
    }
    cs_digest_blake2b_256(b.data, b.len, out);
    cs_buf_release(&b);
}
