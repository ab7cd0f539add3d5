#include "protocol/study/outcome.h"

#include <string.h>

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

bool cs_outcome_goes_on(enum cs_outcome o, const char *text)
{
    const bool said = o == CS_OUTCOME_ok || o == CS_OUTCOME_refused || o == CS_OUTCOME_truncated ||
                      o == CS_OUTCOME_unparsable;
    return said && text[strspn(text, " \t\r\n")] != '\0';
}
