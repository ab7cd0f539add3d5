#include "tools/base/wrote.h"

#include <string.h>

#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "protocol/base/utf8.h"

struct cs_json *cs_wrote_begin(const char *command)
{
    struct cs_json *w = cs_document_begin("written/1", cs_clock_wall_ms());
    cs_document_add(w, cs_json_pack("{s:s, s:[]}", "command", command, "files"));
    return w;
}

void cs_wrote_file(struct cs_json *w, const char *path, int64_t rows)
{
    struct cs_arena arena = {0};
    const size_t n = strlen(path);
    if (w != NULL) /* a name may be any bytes */
        cs_json_array_append_new(cs_json_object_get(w, "files"),
                                 cs_json_pack("{s:s, s:o}", "file", cs_utf8_clean(&arena, path, n, 3 * n), "rows",
                                              rows >= 0 ? cs_json_integer(rows) : cs_json_null()));
    cs_arena_release(&arena);
}

void cs_wrote_print(struct cs_json *w, struct cs_json *more)
{
    if (more != NULL)
        cs_document_add(w, more);
    (void)!cs_document_print(w, stdout);
}
