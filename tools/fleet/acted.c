#include "tools/fleet/acted.h"

#include "protocol/base/clock.h"
#include "protocol/base/document.h"

void cs_acted_print(const char *command, const char *study, const char *model, struct cs_json *more)
{
    struct cs_json *root = cs_document_begin("act/1", cs_clock_wall_ms());
    cs_document_add(root, cs_json_pack("{s:s, s:s?, s:s?}", "command", command, "study", study, "model", model));
    if (more != NULL)
        cs_document_add(root, more);
    (void)!cs_document_print(root, stdout);
}
