#include "store/reread.h"

#include <string.h>

#include "protocol/study/answer.h"

static bool depends_on_its_text(const struct cs_output *o)
{
    const enum cs_answer_fault cause = cs_answer_fault_of(o->cause != NULL ? o->cause : "");
    return o->outcome == CS_OUTCOME_ok ||
           (o->outcome == CS_OUTCOME_unparsable && cause != CS_ANSWER_NO_TOOL && cause != CS_ANSWER_ENDED);
}

struct cs_rereading cs_store_reread_output(const struct cs_study *s, uint32_t lane, uint32_t question,
                                           uint32_t elements, const struct cs_output *o, uint32_t number)
{
    struct cs_rereading r = {.outcome = o->outcome};
    if (!depends_on_its_text(o))
        return r;
    const struct cs_answer_check now = cs_answer_check(s, question, elements, cs_answer_lenient(s, question, lane),
                                                       o->text, strlen(o->text));
    const bool ok = now.fault == CS_ANSWER_NONE;
    r.outcome = ok ? CS_OUTCOME_ok : CS_OUTCOME_unparsable;
    if (r.outcome == o->outcome && (!ok || now.salvaged == o->salvaged))
        return r;
    r.number = number;
    r.salvaged = now.salvaged;
    r.fault = (uint8_t)now.fault;
    return r;
}

void cs_store_reread_apply(const struct cs_rereading *r, struct cs_stored *stored)
{
    if (r->number == 0)
        return;
    stored->reading = *r;
    stored->output.outcome = r->outcome;
    stored->output.salvaged = r->salvaged;
    stored->output.cause = cs_answer_fault_name((enum cs_answer_fault)r->fault);
}
