#include "store/conversation.h"

#include <string.h>

#include "protocol/study/answer.h"
#include "store/turn_rows.h"

/* With tools: what was asked and said hangs on the replies. */
static enum cs_err lay_tools(struct cs_prompt *prompt, const struct cs_stored *before, uint32_t n_before,
                             struct cs_conversation *out, struct cs_error *err)
{
    const char *rounds[CS_TURNS_MAX];
    struct cs_tool_loop *loop = cs_arena_alloc(&prompt->arena, sizeof *loop);
    for (uint32_t k = 0; k < n_before; k++)
        rounds[k] = cs_output_said(&before[k].output);
    if (cs_tool_loop_go(prompt->tools, rounds, n_before, &prompt->arena, loop, err) != CS_OK)
        return CS_ECORRUPT;
    out->loop = loop;
    out->calls = out->n;
    for (uint32_t k = 0; k < out->n; k++) {
        struct cs_conversation_turn *t = &out->turn[k];
        t->step = k < loop->n ? &loop->steps[k] : NULL;
        t->answers = k == n_before && loop->last;
        if (k > 0) {
            t->given = NULL;
            t->n_given = 0;
            t->user = loop->steps[k - 1].user != NULL ? loop->steps[k - 1].user : "";
        }
    }
    return CS_OK;
}

enum cs_err cs_conversation_lay(const struct cs_study *s, const struct cs_coords *at, const struct cs_case *c,
                                struct cs_prompt *prompt, const struct cs_stored *before, uint32_t n_before,
                                const struct cs_output *last, struct cs_conversation *out, struct cs_error *err)
{
    enum cs_err rc = cs_render(s, at, c, prompt, err);
    *out = (struct cs_conversation){0};
    if (rc != CS_OK)
        return rc;
    out->calls = cs_script_calls(prompt);
    if (n_before >= out->calls)
        return cs_error_set(err, CS_ECORRUPT, "case \"%s\": a conversation of %u turns has %u and an end", c->id,
                            out->calls, n_before);
    out->n = n_before + 1;
    for (uint32_t k = 0; k < out->calls; k++) {
        struct cs_conversation_turn *t = &out->turn[k];
        *t = (struct cs_conversation_turn){.number = cs_script_number(prompt, k),
                                           .answers = cs_script_answers(prompt, k),
                                           .reply = k < n_before    ? &before[k].output
                                                    : k == n_before ? last
                                                                    : NULL};
        t->given = prompt->turns != NULL ? prompt->turns[k].given : prompt->before;
        t->n_given = prompt->turns != NULL ? prompt->turns[k].n_given : prompt->n_before;
        t->user = prompt->turns != NULL ? prompt->turns[k].user : cs_buf_cstr(&prompt->user);
    }
    return prompt->tools != NULL ? lay_tools(prompt, before, n_before, out, err) : CS_OK;
}

enum cs_err cs_conversation_read(struct cs_store *store, const struct cs_study *s, const struct cs_coords *at,
                                 const struct cs_case *c, struct cs_prompt *prompt, const struct cs_stored *last,
                                 struct cs_arena *arena, struct cs_conversation *out, struct cs_error *err)
{
    struct cs_stored *before = NULL;
    uint32_t n = 0;
    enum cs_err rc = last->output.turns_done > 1 ? cs_turn_rows_before(store, last->output_id, arena, &before, &n, err)
                                                 : CS_OK;
    return rc == CS_OK ? cs_conversation_lay(s, at, c, prompt, before, n, &last->output, out, err) : rc;
}

void cs_conversation_answers(const struct cs_conversation *v, const struct cs_study *s, const struct cs_coords *at,
                             struct cs_arena *arena, struct cs_derive_turns *out)
{
    const struct cs_question *q = &s->questions[at->question];
    *out = (struct cs_derive_turns){0};
    for (uint32_t k = 0; k < v->calls; k++) {
        const struct cs_conversation_turn *t = &v->turn[k];
        if (!t->answers)
            continue;
        out->asked |= UINT64_C(1) << (t->number - 1);
        if (t->reply == NULL || t->reply->outcome != CS_OUTCOME_ok)
            continue;
        struct cs_answer *answers = cs_arena_array(arena, q->n_fields + 1, sizeof *answers);
        if (cs_answer_read(s, at, t->reply->text, strlen(t->reply->text), t->reply->salvaged, arena, answers) == CS_OK)
            out->answers[t->number] = answers;
    }
}

void cs_conversation_derive(const struct cs_conversation *v, const struct cs_derive_turns *turns,
                            const struct cs_study *s, const struct cs_coords *at, const struct cs_case *c,
                            struct cs_arena *arena, const struct cs_answer *answers, struct cs_derived_value *derived)
{
    const struct cs_output *o = v->turn[v->n - 1].reply;
    const struct cs_derive_facts facts = {.question = &s->questions[at->question],
                                          .c = c,
                                          .reply = o->text,
                                          .n_reply = strlen(o->text),
                                          .alternatives = o->alternatives,
                                          .answers = answers,
                                          .arena = arena,
                                          .turns = turns,
                                          .loop = v->loop};
    cs_derive(&facts, derived);
}

static uint32_t sum(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

struct cs_output cs_conversation_total(const struct cs_conversation *v)
{
    struct cs_output all = *v->turn[v->n - 1].reply;
    for (uint32_t k = 0; k + 1 < v->n; k++) {
        const struct cs_output *o = v->turn[k].reply;
        all.input_tokens = sum(all.input_tokens, o->input_tokens);
        all.cached_tokens = sum(all.cached_tokens, o->cached_tokens);
        all.cache_write_tokens = sum(all.cache_write_tokens, o->cache_write_tokens);
        all.output_tokens = sum(all.output_tokens, o->output_tokens);
        all.reasoning_tokens = sum(all.reasoning_tokens, o->reasoning_tokens);
        all.attempts = sum(all.attempts, o->attempts);
        all.ambiguous = sum(all.ambiguous, o->ambiguous);
        all.total_ms = sum(all.total_ms, o->total_ms);
        all.wasted = sum(all.wasted, o->wasted);
        all.wasted_untold = sum(all.wasted_untold, o->wasted_untold);
        all.wasted_input = sum(all.wasted_input, o->wasted_input);
        all.wasted_cached = sum(all.wasted_cached, o->wasted_cached);
        all.wasted_cache_write = sum(all.wasted_cache_write, o->wasted_cache_write);
        all.wasted_output = sum(all.wasted_output, o->wasted_output);
        all.usage_short |= o->usage_short;
        all.started_wall_ms = o->started_wall_ms != 0 && o->started_wall_ms < all.started_wall_ms ? o->started_wall_ms
                                                                                                  : all.started_wall_ms;
    }
    return all;
}

static void put_said(struct cs_buf *out, bool by_model, const char *text)
{
    if (out->len > 0)
        cs_buf_str(out, "\n\n");
    cs_buf_str(out, by_model ? "assistant: " : "user: ");
    cs_buf_str(out, text);
}

static void put_calls(struct cs_buf *out, const struct cs_tool_step *step)
{
    for (uint32_t i = 0; i < step->round.n_calls; i++) {
        const struct cs_called *c = &step->calls[i];
        cs_buf_str(out, out->len > 0 ? "\n\nassistant calls " : "assistant calls ");
        cs_buf_str(out, c->call.name);
        cs_buf_str(out, ": ");
        cs_buf_str(out, c->call.arguments);
        cs_buf_str(out, "\n\n");
        cs_buf_str(out, c->call.name);
        cs_buf_str(out, ": ");
        cs_buf_str(out, c->result);
    }
}

void cs_conversation_show(const struct cs_conversation *v, bool whole, struct cs_buf *out)
{
    for (uint32_t k = 0; k < v->n; k++) {
        const struct cs_conversation_turn *t = &v->turn[k];
        for (uint32_t g = 0; g < t->n_given; g++)
            put_said(out, t->given[g].by_model, t->given[g].text);
        if (t->user[0] != '\0')
            put_said(out, false, t->user);
        if ((whole || k + 1 < v->n) && (t->step == NULL || t->reply->text[0] != '\0'))
            put_said(out, true, t->reply->text);
        if (t->step != NULL)
            put_calls(out, t->step);
    }
}

static struct cs_json *calls_of(const struct cs_tool_step *step)
{
    struct cs_json *list = cs_json_array();
    for (uint32_t i = 0; i < step->round.n_calls; i++) {
        const struct cs_called *c = &step->calls[i];
        cs_json_array_append_new(list,
                                 cs_json_pack("{s:s,s:s,s:s,s:s}", "tool", c->call.name, "arguments", c->call.arguments,
                                              "came", cs_tool_loop_came_name(c->came), "result", c->result));
    }
    return list;
}

static struct cs_json *add_turn(struct cs_json *list, uint32_t number, const char *user, const char *reply,
                                const char *outcome)
{
    struct cs_json *o = cs_json_object();
    cs_json_object_set_new(o, "turn", cs_json_integer(number));
    cs_json_object_set_new(o, "user", cs_json_string(user));
    cs_json_object_set_new(o, "reply", cs_json_string(reply));
    cs_json_object_set_new(o, "outcome", cs_json_string(outcome));
    cs_json_array_append_new(list, o);
    return o;
}

struct cs_json *cs_conversation_json(const struct cs_conversation *v)
{
    struct cs_json *list = cs_json_array();
    for (uint32_t k = 0; k < v->n; k++) {
        const struct cs_conversation_turn *t = &v->turn[k];
        for (uint32_t g = 0; g + 1 < t->n_given; g += 2) /* a turn of the user and the reply that is given to it */
            (void)add_turn(list, t->number - (t->n_given - g) / 2, t->given[g].text, t->given[g + 1].text, "given");
        struct cs_json *turn = add_turn(list, t->number, t->user, t->reply->text,
                                        cs_outcome_name((enum cs_outcome)t->reply->outcome));
        if (t->step != NULL)
            cs_json_object_set_new(turn, "calls", calls_of(t->step));
    }
    return list;
}
