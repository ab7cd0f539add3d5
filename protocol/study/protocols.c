#include "protocol/study/protocols.h"

#include "protocol/base/assert.h"

const char *cs_protocol_name(enum cs_protocol p)
{
    static const char *const names[CS_PROTOCOLS] = {
#define X(number, file, name) [CS_PROTOCOL_##number] = name,
        CS_PROTOCOL_TABLE(X)
#undef X
    };
    CS_ASSERT(p < CS_PROTOCOLS);
    return names[p];
}
