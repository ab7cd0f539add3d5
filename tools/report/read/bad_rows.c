#include "tools/report/read/bad_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/base/buf.h"

/* Behind "FILE:LINE: ". */
static const char *sentence_of(const char *message, uint32_t line)
{
    char where[24];
    snprintf(where, sizeof where, ":%u: ", line);
    const char *at = strstr(message, where);
    return at != NULL ? at + strlen(where) : message;
}

void cs_bad_rows_note(struct cs_bad_rows *f, uint32_t line, const char *message)
{
    const char *sentence = sentence_of(message, line);
    const uint32_t at = cs_names_get(&f->known, sentence);
    if (at != UINT32_MAX) {
        f->of[at].rows++;
        return;
    }
    if (f->n == CS_BAD_ROWS_MAX) {
        f->others++;
        return;
    }
    f->of[f->n].sentence = cs_arena_strdup(&f->arena, sentence);
    f->of[f->n].line = line;
    f->of[f->n].rows = 1;
    cs_names_put(&f->known, f->of[f->n].sentence, f->n);
    f->n++;
}

enum cs_err cs_bad_rows_tell(const struct cs_bad_rows *f, const char *path, struct cs_error *err)
{
    enum { ROOM = sizeof err->msg - 64 };
    struct cs_buf text = CS_BUF_INIT(CS_BAD_ROWS_MAX * sizeof err->msg);
    uint32_t told = 0;
    for (; told < f->n && (told == 0 || text.len + strlen(f->of[told].sentence) + 32 < ROOM); told++) {
        if (told == 0)
            cs_buf_printf(&text, "%s:%u: %s", path, f->of[told].line, f->of[told].sentence);
        else
            cs_buf_printf(&text, "; line %u: %s", f->of[told].line, f->of[told].sentence);
        if (f->of[told].rows > 1)
            cs_buf_printf(&text, " (%" PRIu64 " rows)", f->of[told].rows);
    }
    if (f->others > 0)
        cs_buf_printf(&text, "; and over %u more of that kind", f->n - told);
    else if (told < f->n)
        cs_buf_printf(&text, "; and %u more", f->n - told);
    enum cs_err rc = cs_error_set(err, CS_EINVAL, "%s", cs_buf_cstr(&text));
    cs_buf_release(&text);
    return rc;
}

void cs_bad_rows_release(struct cs_bad_rows *f)
{
    cs_names_release(&f->known);
    cs_arena_release(&f->arena);
}
