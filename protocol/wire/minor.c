#include "protocol/wire/minor.h"

#include "protocol/study/address.h"
#include "protocol/study/applies.h"
#include "protocol/study/image.h"
#include "protocol/study/list.h"
#include "protocol/study/template.h"
#include "protocol/study/tools.h"

static bool has_reading(const struct cs_study *s)
{
    for (uint32_t i = 0; i < s->n_questions; i++) {
        if (s->questions[i].reads == CS_READS_LENIENT)
            return true;
    }
    for (uint32_t i = 0; i < s->n_accounts; i++) {
        if (s->accounts[i].reads == CS_READS_LENIENT)
            return true;
    }
    return false;
}

static bool has_talk(const struct cs_study *s)
{
    for (uint32_t i = 0; i < s->n_prompts; i++) {
        if (s->prompts[i].talk != 0)
            return true;
    }
    return false;
}

static bool has_turns(const struct cs_study *s)
{
    for (uint32_t i = 0; i < s->n_prompts; i++) {
        if (s->prompts[i].turns != NULL)
            return true;
    }
    return false;
}

static bool has_judge(const struct cs_study *s)
{
    return s->judge != NULL && s->judge[0] != '\0';
}

static bool has_list(const struct cs_study *s)
{
    for (uint32_t i = 0; i < s->n_questions; i++) {
        if (cs_list_of(&s->questions[i]) != NULL)
            return true;
    }
    return false;
}

static bool uses(const struct cs_derive_rule *r, enum cs_derive_op op)
{
    if (r->op == op)
        return true;
    for (uint32_t i = 0; i < r->n_parts; i++) {
        if (uses(&r->parts[i], op))
            return true;
    }
    return false;
}

static bool has_rule(const struct cs_study *s, enum cs_derive_op op)
{
    for (uint32_t i = 0; i < s->n_questions; i++) {
        for (uint32_t k = 0; k < s->questions[i].n_derived; k++) {
            const struct cs_derive_rule *r = s->questions[i].derived[k].rule;
            if (r != NULL && uses(r, op))
                return true;
        }
    }
    return false;
}

static bool has_harmonic(const struct cs_study *s)
{
    return has_rule(s, CS_DERIVE_HARMONIC);
}

static bool has_quoted(const struct cs_study *s)
{
    return has_rule(s, CS_DERIVE_QUOTED);
}

static bool has_parent(const struct cs_study *s)
{
    return s->parent != NULL;
}

static bool has_scores(const struct cs_study *s)
{
    return s->scores != NULL && s->scores[0] != '\0';
}

static bool has_service(const struct cs_study *s)
{
    for (uint32_t i = 0; i < s->n_accounts; i++) {
        if (s->accounts[i].protocol == CS_PROTOCOL_HTTP)
            return true;
    }
    return false;
}

static bool has_request_price(const struct cs_study *s)
{
    for (uint32_t i = 0; i < s->n_models; i++) {
        if (s->models[i].price.request > 0)
            return true;
    }
    return false;
}

/* Older workers tell of no writing: its own price would not be charged, nor what a budget has reserved for it. */
static bool has_write_price(const struct cs_study *s)
{
    for (uint32_t i = 0; i < s->n_models; i++) {
        const struct cs_price *p = &s->models[i].price;
        if ((s->budget_nano_usd >= 0 && p->cache_write > p->input) ||
            p->cache_write != cs_price_write_unsaid(s->accounts[s->models[i].account].protocol, p->input))
            return true;
    }
    return false;
}

static bool has_servers(const struct cs_study *s)
{
    for (uint32_t i = 0; i < s->n_accounts; i++) {
        if (cs_address_has_servers(&s->accounts[i]))
            return true;
    }
    return false;
}

/* One row a key that came after 1.0. A key that changes nothing of what is asked, answered or counted needs none. */
static const struct cs_minor_row keys[] = {
    {1, "reading", has_reading}, /* an older worker reads strictly */
    {2, "prompt: messages or history", has_talk},
    {3, "requires", cs_applies_is_used}, /* an older coordinator would ask what is left out */
    {4, "judge", has_judge},             /* an older coordinator would draw nothing again */
    {4, "{{output.NAME}} or {{fenced X}}", cs_template_study_judges}, /* an older worker does not know them */
    {4, "prompt: turns", has_turns},
    {4, "cases: from_study", has_parent},
    {4, "scores", has_scores},
    {4, "answer: list", has_list},
    {4, "derive: harmonic", has_harmonic}, /* an older program refuses a rule that it does not know */
    {4, "protocol: http", has_service},
    {4, "price: request", has_request_price},        /* an older coordinator would not count it */
    {5, "price: cache_write", has_write_price},      /* an older worker does not tell what was written */
    {5, "images", cs_image_is_used},                 /* an older worker would ask without them */
    {5, "derive: quoted_in", has_quoted},            /* an older program refuses a rule that it does not know */
    {5, "tools", cs_tools_is_used},                  /* an older worker would ask without them */
    {5, "base_url: a list of servers", has_servers}, /* an older worker would take it for one address */
    {0},
};

struct cs_minor_need cs_minor_needed_by(const struct cs_minor_row *rows, const struct cs_study *s)
{
    struct cs_minor_need need = {0, ""};
    for (; rows->is_used != NULL; rows++) {
        if (rows->minor > need.minor && rows->is_used(s))
            need = (struct cs_minor_need){rows->minor, rows->key};
    }
    return need;
}

struct cs_minor_need cs_minor_needed(const struct cs_study *s)
{
    return cs_minor_needed_by(keys, s);
}
