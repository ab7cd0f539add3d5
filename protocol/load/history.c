/* history.c - `prompt: {messages: case.LIST}` asks a talk as it is, `{history: case.LIST, user: ...}` puts it before the user's text. */
#include <string.h>

#include "protocol/dialects/dialect.h"
#include "protocol/load/loader.h"
#include "protocol/study/talk.h"

/* Every case's talk can be sent; where a provider insists on it, the sides take turns. */
static enum cs_err check_talks(struct cs_loader *l, const struct cs_node *n, const struct cs_template_set *set)
{
    struct cs_arena scratch = {0};
    struct cs_error e = {0};
    enum cs_err rc = CS_OK;
    bool strict = false;
    for (uint32_t i = 0; i < l->s->n_models; i++)
        strict |= cs_dialect_of(l->s->accounts[l->s->models[i].account].protocol)->alternates;
    for (uint32_t i = 0; i < l->s->n_cases && rc == CS_OK; i++) {
        struct cs_talk talk;
        const char *by = l->s->prompt_by_column != CS_NONE ? cs_loader_value(l, i, l->s->prompt_by_column) : set->when;
        if (strcmp(by, set->when) != 0)
            continue;
        rc = cs_talk_read(cs_loader_value(l, i, set->talk - 1), &scratch, &talk, &e);
        if (rc == CS_OK)
            rc = cs_talk_fits(&talk, set->user[0] != '\0', &e);
        if (rc == CS_OK && talk.system[0] != '\0' && set->system[0] != '\0')
            rc = cs_error_set(&e, CS_EINVAL, "it has a system message of its own; leave system out of the prompt");
        if (rc == CS_OK && strict && cs_talk_repeats(&talk) != 0)
            rc = cs_error_set(&e, CS_EINVAL,
                              "message %u follows one of the same side, which a provider of this study refuses",
                              cs_talk_repeats(&talk));
        if (rc != CS_OK)
            rc = cs_table_fail(&l->table, i, l->err, "case \"%s\", %s: %s", l->all[i].id, n->text, e.msg);
        cs_arena_reset(&scratch);
    }
    cs_arena_release(&scratch);
    return rc;
}

enum cs_err cs_load_history(struct cs_loader *l, const struct cs_node *n, struct cs_template_set *out)
{
    uint32_t column;
    enum cs_err rc = cs_load_judging_column(l, n, n->key, &column);
    if (rc != CS_OK)
        return rc;
    if (!cs_loader_is_list(l, column))
        return cs_yaml_fail(n, l->err, "%s is \"%s\", which is no list; add lists: [%s] to the cases", n->key, n->text,
                            l->columns[column]);
    out->talk = column + 1;
    return check_talks(l, n, out);
}
