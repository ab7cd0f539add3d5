/* Linked in front of the command line: every study file needs the newest minor version of the protocol, as one with a new key would. */
#include "protocol/wire/messages.h"
#include "protocol/wire/minor.h"

struct cs_minor_need __wrap_cs_minor_needed(const struct cs_study *s);
struct cs_minor_need __wrap_cs_minor_needed(const struct cs_study *s)
{
    (void)s;
    return (struct cs_minor_need){CS_WIRE_MINOR, "a.new.key"};
}
