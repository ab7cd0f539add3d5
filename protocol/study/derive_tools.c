/* Rules over the calls of tools. What was not answered (a malformed call, one too many) looked nothing up, and does not count. */
#include <string.h>

#include "protocol/study/derive.h"

static bool is_named(const struct cs_derive_rule *r, const char *tool)
{
    for (uint32_t i = 0; i < r->n_terms; i++) {
        if (r->terms[i].literal[0] == '\0' || strcmp(r->terms[i].literal, tool) == 0)
            return true;
    }
    return false;
}

uint32_t cs_derive_tools_count(const struct cs_derive_facts *f, const struct cs_derive_rule *r, const char **first)
{
    uint32_t n = 0;
    *first = CS_TOOLS_NONE;
    for (uint32_t i = 0; i < f->loop->n; i++) {
        const struct cs_tool_step *step = &f->loop->steps[i];
        for (uint32_t k = 0; k < step->round.n_calls; k++) {
            const struct cs_called *c = &step->calls[k];
            if (c->came != CS_CALL_answered || !is_named(r, c->tool->name))
                continue;
            if (n++ == 0)
                *first = c->tool->name;
        }
    }
    return n;
}
