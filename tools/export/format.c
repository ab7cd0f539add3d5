#include "tools/export/format.h"

#include <string.h>

static const struct cs_export_format *const formats[] = {
#define X(name) &cs_export_##name,
    CS_EXPORT_FORMATS(X)
#undef X
};
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

const struct cs_export_format *cs_format_find(const char *name)
{
    for (size_t i = 0; i < N_FORMATS; i++) {
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    }
    return NULL;
}

const char *cs_format_names(char out[CS_FORMAT_NAMES_LEN], const char *after_first)
{
    size_t used = 0;
    for (size_t i = 0; i < N_FORMATS && used < CS_FORMAT_NAMES_LEN; i++) {
        const char *before = i == 0 ? "" : i + 1 < N_FORMATS ? ", " : " or ";
        used += (size_t)snprintf(out + used, CS_FORMAT_NAMES_LEN - used, "%s%s%s", before, formats[i]->name,
                                 i == 0 ? after_first : "");
    }
    return out;
}
