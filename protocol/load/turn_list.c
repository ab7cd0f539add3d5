/* turn_list.c - `prompt: {turns: [...]}`, a conversation whose user's texts are written beforehand, and the `answer_at` of its questions. */
#include <string.h>

#include "protocol/base/json.h"
#include "protocol/load/loader.h"
#include "protocol/study/script.h"

/* Every key of a turn's {{each.KEY}} is in an element of some case. */
static bool has_key(const struct cs_loader *l, uint32_t column, const char *key)
{
    bool found = false;
    for (uint32_t i = 0; i < l->s->n_cases && !found; i++) {
        struct cs_json *list = cs_json_loads(cs_loader_value(l, i, column), 0, NULL), *v;
        size_t k;
        cs_json_array_foreach(list, k, v)
        {
            found |= cs_json_is_object(v) ? cs_json_object_get(v, key) != NULL : strcmp(key, "text") == 0;
        }
        cs_json_decref(list);
    }
    return found;
}

static enum cs_err check_keys(const struct cs_loader *l, const struct cs_node *user, uint32_t column)
{
    const struct cs_study now = {
        .columns = l->columns, .n_columns = l->s->n_columns, .factors = l->s->factors, .n_factors = l->s->n_factors};
    const char *rest = user->text;
    struct cs_piece piece;
    enum cs_err rc;
    do {
        rc = cs_template_next_of_each(&now, &rest, &piece, l->err);
        if (rc != CS_OK || piece.slot != CS_SLOT_ELEMENT)
            continue;
        const char *key = cs_arena_strndup(l->arena, piece.key, piece.key_len);
        if (!has_key(l, column, key))
            rc = cs_yaml_fail_at(
                user, cs_arena_printf(l->arena, "{{each.%s}}", key), l->err,
                "{{each.%s}}, but no element of %s has a \"%s\"; elements that are texts by themselves "
                "are {{each.text}}",
                key, l->columns[column], key);
    } while (rc == CS_OK && piece.slot != CS_SLOT_END);
    return rc;
}

/* `{each: case.LIST, user: "..."}` */
static enum cs_err load_each(struct cs_loader *l, const struct cs_node *each, struct cs_template_turn *out)
{
    uint32_t column;
    enum cs_err rc = cs_loader_column(l, each, "each", &column);
    if (rc != CS_OK)
        return rc;
    if (!cs_loader_is_list(l, column))
        return cs_yaml_fail(each, l->err, "each is \"%s\", which is no list; add lists: [%s] to the cases", each->text,
                            l->columns[column]);
    if (l->nth != NULL)
        return cs_yaml_fail_key(each, l->err,
                                "the cases have an each of their own, and {{each.KEY}} is theirs; write the turns out");
    out->each = column + 1;
    return CS_OK;
}

/* {user}, {assistant} or {each, user} */
static enum cs_err load_turn(struct cs_loader *l, const struct cs_node *n, struct cs_template_turn *out)
{
    static const char *const keys[] = {"user", "assistant", "each", NULL};
    const struct cs_node *user, *given, *each;
    enum cs_err rc = cs_node_map(n, "a turn", keys, l->err);
    if (rc != CS_OK)
        return rc;
    user = cs_node_get(n, "user");
    given = cs_node_get(n, "assistant");
    each = cs_node_get(n, "each");
    out->by_model = given != NULL;
    if ((user == NULL) == (given == NULL) || (given != NULL && each != NULL))
        return cs_yaml_fail(n, l->err,
                            "a turn is {user: \"...\"}, {assistant: \"...\"} for a reply that is given, or {each: "
                            "case.LIST, user: \"...\"}; write a turn of its own for each");
    rc = cs_node_text(given != NULL ? given : user, given != NULL ? "assistant" : "user", &out->text, l->err);
    if (rc == CS_OK && each != NULL)
        rc = load_each(l, each, out);
    if (rc == CS_OK)
        rc = cs_load_placeholders(l, given != NULL ? given : user, given != NULL ? "assistant" : "user", each != NULL);
    return rc == CS_OK && each != NULL ? check_keys(l, user, out->each - 1) : rc;
}

/* Where a turn stands: behind what may be before it. */
static enum cs_err check_place(const struct cs_loader *l, const struct cs_node *n, const struct cs_template_turn *turns,
                               uint32_t i)
{
    if (!turns[i].by_model)
        return CS_OK;
    if (i == 0)
        return cs_yaml_fail(n, l->err, "the first turn is the assistant's; a conversation begins with the user");
    if (turns[i - 1].by_model || turns[i - 1].each != 0)
        return cs_yaml_fail(n, l->err, "a given reply stands behind one turn of the user, whose reply it is");
    if (n->next == NULL)
        return cs_yaml_fail(n, l->err, "the last turn is the assistant's, so that nothing is asked; end with the user");
    return CS_OK;
}

enum cs_err cs_load_turn_list(struct cs_loader *l, const struct cs_node *n, struct cs_template_set *out)
{
    enum cs_err rc = cs_node_list(n, "turns", l->err);
    uint32_t users = 0;
    if (rc == CS_OK && n->n == 0)
        rc = cs_yaml_fail(n, l->err, "turns is empty; write [{user: \"...\"}, {user: \"...\"}]");
    if (rc == CS_OK && n->n > 2 * CS_TURNS_MAX)
        rc = cs_yaml_fail(n, l->err, "%u turns; at most %d of the user", n->n, CS_TURNS_MAX);
    if (rc != CS_OK)
        return rc;
    struct cs_template_turn *turns = cs_arena_array(l->arena, n->n, sizeof *turns);
    out->turns = turns;
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next) {
        turns[out->n_turns] = (struct cs_template_turn){0};
        rc = load_turn(l, c, &turns[out->n_turns]);
        if (rc == CS_OK)
            rc = check_place(l, c, turns, out->n_turns);
        users += !turns[out->n_turns++].by_model;
        if (rc == CS_OK && users > CS_TURNS_MAX)
            rc = cs_yaml_fail(c, l->err, "more than %d turns of the user", CS_TURNS_MAX);
    }
    return rc;
}

/* ---- answer_at ------------------------------------------------------------------------------------- */

enum cs_err cs_load_turn_list_answer_at(struct cs_loader *l, const struct cs_node *n, struct cs_question *q)
{
    if (n == NULL)
        return CS_OK;
    enum cs_err rc = cs_node_list(n, "answer_at", l->err);
    if (rc == CS_OK && q->n_fields == 0)
        rc = cs_yaml_fail_key(n, l->err, "answer_at goes with typed answers; this question takes any reply");
    if (rc == CS_OK && (n->n == 0 || n->n > CS_TURNS_MAX))
        rc = cs_yaml_fail(n, l->err, "answer_at names %u turns; write 1 to %d, as in [1, 3]", n->n, CS_TURNS_MAX);
    if (rc != CS_OK)
        return rc;
    uint32_t *at = cs_arena_array(l->arena, n->n, sizeof *at);
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next) {
        uint64_t v = 0;
        rc = cs_node_u64(c, "answer_at", 1, CS_TURNS_MAX, &v, l->err);
        if (rc == CS_OK && q->n_answer_at > 0 && v <= at[q->n_answer_at - 1])
            rc = cs_yaml_fail(c, l->err, "answer_at goes upwards, each turn once, as in [1, 3]");
        at[q->n_answer_at++] = (uint32_t)v;
    }
    q->answer_at = at;
    return rc;
}

/* Every turn named is one of the user's, is asked, and the last is among them: its reply is the trial's output. */
static enum cs_err check_question(const struct cs_loader *l, const struct cs_node *at, const struct cs_question *q)
{
    uint32_t most = 0;
    bool open = false; /* a list may bring more turns */
    for (uint32_t i = 0; i < l->s->n_prompts; i++) {
        const struct cs_template_set *p = &l->s->prompts[i];
        const uint32_t n = cs_script_turns(p);
        most = n > most ? n : most;
        for (uint32_t k = 0; k < p->n_turns; k++)
            open |= p->turns[k].each != 0;
        for (uint32_t k = 0, number = 0; k < p->n_turns && !open; k++) {
            number += !p->turns[k].by_model;
            if (p->turns[k].by_model && cs_script_answers_at(q, number))
                return cs_yaml_fail(at, l->err, "answer_at names turn %u, whose reply is given and not asked for",
                                    number);
        }
    }
    if (!cs_script_is_used(l->s))
        return cs_yaml_fail_key(at, l->err, "answer_at goes with prompt: {turns: [...]}; here is one turn");
    if (!open && q->answer_at[q->n_answer_at - 1] > most)
        return cs_yaml_fail(at, l->err, "answer_at names turn %u; there are %u, counting those of the user",
                            q->answer_at[q->n_answer_at - 1], most);
    if (!open && !cs_script_answers_at(q, most))
        return cs_yaml_fail(at, l->err, "answer_at leaves out the last turn, %u, which always has the answer; add it",
                            most);
    return CS_OK;
}

enum cs_err cs_load_turn_list_check(const struct cs_loader *l)
{
    const struct cs_node *list = cs_node_get(l->root, "questions"), *n = list->first;
    enum cs_err rc = CS_OK;
    for (uint32_t q = 0; q < l->s->n_questions && rc == CS_OK; q++, n = n->next) {
        if (l->s->questions[q].n_answer_at > 0)
            rc = check_question(l, cs_node_get(n, "answer_at"), &l->s->questions[q]);
    }
    return rc;
}
