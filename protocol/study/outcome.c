#include "protocol/study/outcome.h"

#include "protocol/base/assert.h"

const char *cs_outcome_name(enum cs_outcome o)
{
    static const char *const names[CS_OUTCOMES] = {
#define X(name, number, answer) [number] = #name,
        CS_OUTCOME_TABLE(X)
#undef X
    };
    CS_ASSERT(o < CS_OUTCOMES);
    return names[o];
}

bool cs_outcome_is_answer(enum cs_outcome o)
{
    static const bool answers[CS_OUTCOMES] = {
#define X(name, number, answer) [number] = answer,
        CS_OUTCOME_TABLE(X)
#undef X
    };
    CS_ASSERT(o < CS_OUTCOMES);
    return answers[o];
}
