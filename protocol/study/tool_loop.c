/* The loop of tools.h: what is said to each reply. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/study/answer.h"
#include "protocol/study/tool_rows.h"
#include "protocol/study/tools.h"

static const struct {
    const char *name, *text;
} cames[CS_CALL_CAMES] = {
#define X(name, text) [CS_CALL_##name] = {#name, text},
    CS_CALL_TABLE(X)
#undef X
};

const char *cs_tool_loop_came_name(enum cs_call_came c)
{
    CS_ASSERT(c < CS_CALL_CAMES);
    return cames[c].name;
}

/* ---- rounds ------------------------------------------------------------------------------------------ */

enum { WRITING = CS_JSON_COMPACT | CS_JSON_REAL_PRECISION(17) }; /* 17: numbers come back as they were */

static const char *text_in(const struct cs_json *o, const char *key, struct cs_arena *arena)
{
    const char *text = cs_json_string_value(cs_json_object_get(o, key));
    return cs_arena_strdup(arena, text != NULL ? text : "");
}

enum cs_err cs_tool_loop_read(const char *text, struct cs_arena *arena, struct cs_tool_round *out, struct cs_error *err)
{
    struct cs_json *root = cs_json_loads(text, CS_JSON_ALLOW_NUL, NULL), *call;
    const struct cs_json *calls = cs_json_object_get(root, "calls"), *blocks = cs_json_object_get(root, "blocks");
    size_t i;
    *out = (struct cs_tool_round){0};
    if (!cs_json_is_array(calls) || !cs_json_is_array(blocks)) {
        cs_json_decref(root);
        return cs_error_set(err, CS_EINVAL, "a reply that may call tools is not kept as a round of them");
    }
    out->said = text_in(root, "said", arena);
    out->calls = cs_arena_array(arena, cs_json_array_size(calls) + 1, sizeof *out->calls);
    cs_json_array_foreach((struct cs_json *)(uintptr_t)calls, i, call)
    {
        out->calls[out->n_calls++] = (struct cs_tool_call){text_in(call, "id", arena), text_in(call, "name", arena),
                                                           text_in(call, "arguments", arena)};
    }
    char *own = cs_json_dumps(blocks, WRITING);
    out->blocks = cs_arena_strdup(arena, own);
    free(own);
    out->cut = cs_json_is_true(cs_json_object_get(root, "cut"));
    cs_json_decref(root);
    return CS_OK;
}

char *cs_tool_loop_write(const char *said, struct cs_json *calls, struct cs_json *blocks, bool cut)
{
    struct cs_json *root = cs_json_object();
    cs_json_object_set_new(root, "said", cs_json_string(said));
    cs_json_object_set_new(root, "calls", calls);
    cs_json_object_set_new(root, "blocks", blocks);
    if (cut)
        cs_json_object_set_new(root, "cut", cs_json_true());
    char *text = cs_json_dumps(root, WRITING);
    cs_json_decref(root);
    return text;
}

bool cs_tool_loop_goes_on(const struct cs_tool_round *r, uint32_t max_calls)
{
    if (r->n_calls > max_calls + CS_TOOL_SPARE)
        return false;
    return r->n_calls > 0 || r->said[strspn(r->said, " \t\r\n")] != '\0';
}

/* ---- one call ---------------------------------------------------------------------------------------- */

/* An argument as a text: a word, or a number as JSON writes it. NULL: it is of another kind. */
static const char *argument_text(const struct cs_json *args, const struct cs_field *f, struct cs_arena *arena)
{
    const struct cs_json *v = cs_json_object_get(args, f->name);
    if (f->kind == CS_FIELD_NUMBER) {
        if (!cs_json_is_number(v) || cs_json_number_value(v) < f->min || cs_json_number_value(v) > f->max)
            return NULL;
        return cs_arena_printf(arena, "%.15g", cs_json_number_value(v));
    }
    const char *word = cs_json_string_value(v);
    if (word == NULL || f->kind == CS_FIELD_TEXT)
        return word != NULL ? cs_arena_strdup(arena, word) : NULL;
    for (uint32_t i = 0; i < f->n_categories; i++) {
        if (strcmp(f->categories[i], word) == 0)
            return f->categories[i];
    }
    return f->insufficient != NULL && strcmp(f->insufficient, word) == 0 ? f->insufficient : NULL;
}

/* All arguments that are declared, and no others. A tool without any may be called with nothing at all. */
static bool read_arguments(const struct cs_tool *t, const char *text, struct cs_arena *arena, const char **out)
{
    const bool nothing = t->n_arguments == 0 && text[strspn(text, " \t\r\n")] == '\0';
    struct cs_json *args = nothing ? cs_json_object() : cs_json_loads(text, CS_JSON_ALLOW_NUL, NULL);
    bool fits = cs_json_is_object(args) && cs_json_object_size(args) == t->n_arguments;
    for (uint32_t i = 0; i < t->n_arguments && fits; i++) {
        out[i] = argument_text(args, &t->arguments[i], arena);
        fits = out[i] != NULL;
    }
    cs_json_decref(args);
    return fits;
}

static const char *look_up(const struct cs_shown_tool *t, const char *const *arguments)
{
    const struct cs_tool *of = t->tool;
    const char *keys[CS_TOOL_KEYS_MAX];
    uint32_t low = 0, high = of->n_cells / (of->n_keys + 1);
    CS_ASSERT(of->n_keys <= CS_TOOL_KEYS_MAX);
    for (uint32_t k = 0; k < of->n_keys; k++)
        keys[k] = t->key_texts[k] != NULL ? t->key_texts[k] : arguments[of->keys[k]];
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const char *const *row = of->cells + (size_t)middle * (of->n_keys + 1);
        const int order = cs_tool_rows_compare(keys, row, of->n_keys);
        if (order == 0)
            return row[of->n_keys];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return of->missing;
}

struct looping {
    const struct cs_toolbox *box;
    struct cs_arena *arena;
    struct cs_tool_loop *out;
    bool used[CS_TOOLS_MAX]; /* as shown */
    struct made {            /* the calls that were answered */
        uint32_t tool;
        const char *arguments[CS_TOOL_ARGUMENTS_MAX];
    } made[CS_TOOL_CALLS_MAX];
    uint32_t n_made;
};

static bool was_made(const struct looping *l, const struct made *m)
{
    const uint32_t n = l->box->tools[m->tool].tool->n_arguments;
    for (uint32_t i = 0; i < l->n_made; i++) {
        bool same = l->made[i].tool == m->tool;
        for (uint32_t k = 0; k < n && same; k++)
            same = cs_tool_rows_compare(&l->made[i].arguments[k], &m->arguments[k], 1) == 0;
        if (same)
            return true;
    }
    return false;
}

/* cut: the reply ended in the middle of this call, or may have. */
static enum cs_call_came judge(struct looping *l, struct cs_called *c, bool cut)
{
    const struct cs_toolbox *box = l->box;
    struct made m = {0};
    while (m.tool < box->set->n_tools && strcmp(box->tools[m.tool].tool->name, c->call.name) != 0)
        m.tool++;
    c->tool = m.tool < box->set->n_tools ? box->tools[m.tool].tool : NULL;
    if (l->out->calls > box->set->max_calls)
        return CS_CALL_over;
    if (c->tool == NULL)
        return CS_CALL_unknown;
    if (!read_arguments(c->tool, c->call.arguments, l->arena, m.arguments))
        return cut ? CS_CALL_cut : CS_CALL_malformed;
    if (was_made(l, &m))
        return CS_CALL_duplicate;
    CS_ASSERT(l->n_made < CS_TOOL_CALLS_MAX);
    l->made[l->n_made++] = m;
    l->used[m.tool] = true;
    const struct cs_shown_tool *t = &box->tools[m.tool];
    c->result = t->returns != NULL ? t->returns : look_up(t, m.arguments);
    return CS_CALL_answered;
}

/* ---- the loop ---------------------------------------------------------------------------------------- */

static bool used_all(const struct looping *l)
{
    for (uint32_t i = 0; i < l->box->set->n_tools; i++) {
        if (!l->used[i])
            return false;
    }
    return true;
}

static void answer_calls(struct looping *l, struct cs_tool_step *step)
{
    step->calls = cs_arena_array(l->arena, step->round.n_calls + 1, sizeof *step->calls);
    for (uint32_t i = 0; i < step->round.n_calls; i++) {
        struct cs_called *c = &step->calls[i];
        *c = (struct cs_called){.call = step->round.calls[i]};
        l->out->calls++;
        c->came = judge(l, c, step->round.cut && i + 1 == step->round.n_calls);
        l->out->came[c->came]++;
        if (c->came != CS_CALL_answered)
            c->result = cames[c->came].text;
    }
}

enum cs_err cs_tool_loop_go(const struct cs_toolbox *box, const char *const *rounds, uint32_t n, struct cs_arena *arena,
                            struct cs_tool_loop *out, struct cs_error *err)
{
    struct looping l = {.box = box, .arena = arena, .out = out};
    memset(out, 0, sizeof *out);
    for (uint32_t i = 0; i < n; i++) {
        struct cs_tool_step *step = &out->steps[out->n];
        if (out->last || out->n + 1 >= cs_tools_calls(box->set))
            return cs_error_set(err, CS_EINVAL, "a reply stands behind the one that ended the calls of tools");
        enum cs_err rc = cs_tool_loop_read(rounds[i], arena, &step->round, err);
        if (rc == CS_OK && !cs_tool_loop_goes_on(&step->round, box->set->max_calls))
            rc = cs_error_set(err, CS_EINVAL, "a reply that cannot be gone on from was gone on from");
        if (rc != CS_OK)
            return rc;
        out->n++;
        answer_calls(&l, step);
        if (step->round.n_calls > 0) {
            out->last = out->calls >= box->set->max_calls;
        } else if (box->set->all && !out->reminded && !used_all(&l)) {
            out->reminded = true;
            step->user = box->remind;
        } else {
            out->last = true;
            step->user = box->last;
        }
    }
    return CS_OK;
}
