#include "protocol/wire/minor.h"

#include "protocol/study/applies.h"
#include "protocol/study/list.h"
#include "protocol/study/script.h"
#include "protocol/study/template.h"

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

static bool has_harmonic(const struct cs_study *s)
{
    for (uint32_t i = 0; i < s->n_questions; i++) {
        for (uint32_t k = 0; k < s->questions[i].n_derived; k++) {
            const struct cs_derive_rule *r = s->questions[i].derived[k].rule;
            if (r != NULL && r->op == CS_DERIVE_HARMONIC)
                return true;
        }
    }
    return false;
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

/* One row a key that came after 1.0. A key that changes nothing of what is asked, answered or counted needs none. */
static const struct cs_minor_row keys[] = {
    {1, "reading", has_reading}, /* an older worker reads strictly */
    {2, "prompt: messages or history", has_talk},
    {3, "requires", cs_applies_is_used}, /* an older coordinator would ask what is left out */
    {4, "judge", has_judge},             /* an older coordinator would draw nothing again */
    {4, "{{output.NAME}} or {{fenced X}}", cs_template_study_judges}, /* an older worker does not know them */
    {4, "prompt: turns", cs_script_is_used},
    {4, "cases: from_study", has_parent},
    {4, "scores", has_scores},
    {4, "answer: list", has_list},
    {4, "derive: harmonic", has_harmonic}, /* an older program refuses a rule that it does not know */
    {4, "protocol: http", has_service},
    {4, "price: request", has_request_price}, /* an older coordinator would not count it */
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
