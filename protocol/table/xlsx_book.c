#include "protocol/table/xlsx_book.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/alloc.h"
#include "protocol/base/sizes.h"

enum { RELATIONS_MAX = 4096, FORMATS_MAX = 4096 };

struct opening { /* while the parts are read */
    struct cs_xlsx_book *b;
    struct relation {
        const char *id, *type, *target;
    } * relations;
    uint32_t n_relations;
    uint32_t *date_formats; /* numbers of the workbook's own formats that show dates */
    uint32_t n_date_formats;
    bool in_cell_styles;
    struct cs_buf text;
    bool collecting;
    uint32_t phonetic; /* depth inside readings that stand above the text */
};

enum cs_err cs_xlsx_book_read(struct cs_xlsx_book *b, const char *part, const struct cs_xml_sink *sink,
                              struct cs_error *err)
{
    struct cs_xml *x = cs_xml_new(sink, b->path);
    enum cs_err rc = cs_zip_read(b->zip, part, cs_xml_feed, x, err);
    if (rc == CS_OK)
        rc = cs_xml_end(x, err);
    cs_xml_free(x);
    return rc;
}

static enum cs_err ignore_close(void *self, const char *name, struct cs_error *err)
{
    (void)self;
    (void)name;
    (void)err;
    return CS_OK;
}

static void ignore_text(void *self, const char *s, size_t n)
{
    (void)self;
    (void)s;
    (void)n;
}

/* ---- which parts there are ----------------------------------------------------------------------- */

static enum cs_err open_relation(void *self, const char *name, const char *const *attributes, struct cs_error *err)
{
    struct opening *o = self;
    struct cs_arena *arena = o->b->arena;
    const char *id = cs_xml_attribute(attributes, "Id"), *type = cs_xml_attribute(attributes, "Type"),
               *target = cs_xml_attribute(attributes, "Target");
    if (strcmp(name, "Relationship") != 0 || id == NULL || type == NULL || target == NULL)
        return CS_OK;
    if (o->n_relations == RELATIONS_MAX)
        return cs_error_set(err, CS_EINVAL, "%s: more than %d parts inside", o->b->path, RELATIONS_MAX);
    const char *kind = strrchr(type, '/');
    o->relations[o->n_relations++] = (struct relation){
        .id = cs_arena_strdup(arena, id),
        .type = cs_arena_strdup(arena, kind != NULL ? kind + 1 : type),
        .target = target[0] == '/' ? cs_arena_strdup(arena, target + 1) : cs_arena_printf(arena, "xl/%s", target),
    };
    return CS_OK;
}

static enum cs_err open_workbook(void *self, const char *name, const char *const *attributes, struct cs_error *err)
{
    struct opening *o = self;
    struct cs_xlsx_book *b = o->b;
    const char *title = cs_xml_attribute(attributes, "name"), *id = cs_xml_attribute(attributes, "id");
    if (strcmp(name, "sheet") != 0 || title == NULL || id == NULL)
        return CS_OK;
    for (uint32_t i = 0; i < o->n_relations; i++) {
        const struct relation *r = &o->relations[i];
        if (strcmp(r->id, id) != 0 || strcmp(r->type, "worksheet") != 0)
            continue;
        if (b->n_sheets == CS_XLSX_SHEETS_MAX)
            return cs_error_set(err, CS_EINVAL, "%s: more than %d sheets", b->path, CS_XLSX_SHEETS_MAX);
        b->sheets[b->n_sheets++] = (struct cs_xlsx_sheet){cs_arena_strdup(b->arena, title), r->target};
    }
    return CS_OK;
}

static const char *part_of(const struct opening *o, const char *type)
{
    for (uint32_t i = 0; i < o->n_relations; i++) {
        if (strcmp(o->relations[i].type, type) == 0 && cs_zip_has(o->b->zip, o->relations[i].target))
            return o->relations[i].target;
    }
    return NULL;
}

/* ---- texts that cells share ------------------------------------------------------------------------ */

static bool escape_at(const char *s, unsigned *code)
{
    if (s[0] != '_' || s[1] != 'x')
        return false;
    for (int i = 2; i < 6; i++) {
        if (!isxdigit((unsigned char)s[i]))
            return false;
    }
    *code = (unsigned)strtoul(s + 2, NULL, 16);
    return s[6] == '_' && *code != 0 && (*code < 0xD800 || *code > 0xDFFF);
}

void cs_xlsx_book_text(struct cs_buf *out, const char *s)
{
    unsigned code = 0;
    while (*s != '\0') {
        size_t plain = 1 + strcspn(s + 1, "_");
        if (!escape_at(s, &code)) {
            cs_buf_append(out, s, plain);
            s += plain;
            continue;
        }
        if (code >= 0x800)
            cs_buf_char(out, (char)(0xE0 | code >> 12));
        if (code >= 0x80)
            cs_buf_char(out, (char)(code >= 0x800 ? 0x80 | (code >> 6 & 0x3F) : 0xC0 | code >> 6));
        cs_buf_char(out, (char)(code >= 0x80 ? 0x80 | (code & 0x3F) : code));
        s += 7;
    }
}

static enum cs_err open_string(void *self, const char *name, const char *const *attributes, struct cs_error *err)
{
    struct opening *o = self;
    (void)attributes;
    (void)err;
    if (strcmp(name, "si") == 0)
        cs_buf_clear(&o->text);
    o->phonetic += strcmp(name, "rPh") == 0;
    o->collecting = strcmp(name, "t") == 0 && o->phonetic == 0;
    return CS_OK;
}

static void string_text(void *self, const char *s, size_t n)
{
    struct opening *o = self;
    if (o->collecting)
        cs_buf_append(&o->text, s, n);
}

static enum cs_err close_string(void *self, const char *name, struct cs_error *err)
{
    struct opening *o = self;
    struct cs_xlsx_book *b = o->b;
    o->collecting = false;
    o->phonetic -= strcmp(name, "rPh") == 0;
    if (strcmp(name, "si") != 0)
        return CS_OK;
    if (o->text.overflow || b->n_strings == CS_XLSX_STRINGS_MAX)
        return cs_error_set(err, CS_EINVAL, "%s: %s", b->path,
                            o->text.overflow ? "a cell longer than 256 KiB" : "more than 4 million texts");
    if (b->n_strings == b->strings_cap) {
        b->strings_cap = b->strings_cap != 0 ? 2 * b->strings_cap : 256;
        b->strings = cs_xrealloc(b->strings, b->strings_cap, sizeof *b->strings);
    }
    struct cs_buf plain = CS_BUF_INIT(CS_TEXT_MAX + 8);
    cs_xlsx_book_text(&plain, cs_buf_cstr(&o->text));
    b->strings[b->n_strings++] = cs_arena_strdup(b->arena, cs_buf_cstr(&plain));
    cs_buf_release(&plain);
    return CS_OK;
}

/* ---- styles ------------------------------------------------------------------------------------------ */

/* Does a format of the user's own show days or hours? Letters in quotes, behind a backslash or in brackets are not part of it, but
 * brackets with an hour are: [h]:mm. */
static bool shows_date(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '\\' || *s == '_' || *s == '*') {
            s += s[1] != '\0';
        } else if (*s == '"') {
            const char *end = strchr(s + 1, '"');
            if (end == NULL)
                return false;
            s = end;
        } else if (*s == '[' && strchr("hms", tolower((unsigned char)s[1])) == NULL) {
            const char *end = strchr(s, ']');
            if (end == NULL)
                return false;
            s = end;
        } else if (strncasecmp(s, "General", 7) == 0) {
            s += 6;
        } else if (strchr("dmyhs", tolower((unsigned char)*s)) != NULL) {
            return true;
        }
    }
    return false;
}

/* The built-in formats (ECMA-376 part 1, 18.8.30), those of East Asian versions included. */
static bool is_date_format(const struct opening *o, unsigned long id)
{
    for (uint32_t i = 0; i < o->n_date_formats; i++) {
        if (o->date_formats[i] == id)
            return true;
    }
    return (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 47) || (id >= 50 && id <= 58);
}

static enum cs_err open_style(void *self, const char *name, const char *const *attributes, struct cs_error *err)
{
    struct opening *o = self;
    struct cs_xlsx_book *b = o->b;
    const char *id = cs_xml_attribute(attributes, "numFmtId"), *code = cs_xml_attribute(attributes, "formatCode");
    if (strcmp(name, "cellXfs") == 0)
        o->in_cell_styles = true;
    if (strcmp(name, "numFmt") == 0 && id != NULL && code != NULL && shows_date(code) &&
        o->n_date_formats < FORMATS_MAX)
        o->date_formats[o->n_date_formats++] = (uint32_t)strtoul(id, NULL, 10);
    if (strcmp(name, "xf") != 0 || !o->in_cell_styles)
        return CS_OK;
    if (b->n_styles == CS_XLSX_STYLES_MAX)
        return cs_error_set(err, CS_EINVAL, "%s: more than %d styles", b->path, CS_XLSX_STYLES_MAX);
    b->dates[b->n_styles++] = id != NULL && is_date_format(o, strtoul(id, NULL, 10));
    return CS_OK;
}

static enum cs_err close_style(void *self, const char *name, struct cs_error *err)
{
    struct opening *o = self;
    (void)err;
    if (strcmp(name, "cellXfs") == 0)
        o->in_cell_styles = false;
    return CS_OK;
}

/* ---- all together -------------------------------------------------------------------------------------- */

static enum cs_err read_parts(struct opening *o, struct cs_error *err)
{
    struct cs_xlsx_book *b = o->b;
    const struct cs_xml_sink relations = {o, open_relation, ignore_close, ignore_text};
    const struct cs_xml_sink workbook = {o, open_workbook, ignore_close, ignore_text};
    const struct cs_xml_sink strings = {o, open_string, close_string, string_text};
    const struct cs_xml_sink styles = {o, open_style, close_style, ignore_text};
    enum cs_err rc = cs_xlsx_book_read(b, "xl/_rels/workbook.xml.rels", &relations, err);
    if (rc == CS_OK)
        rc = cs_xlsx_book_read(b, "xl/workbook.xml", &workbook, err);
    const char *part = part_of(o, "sharedStrings");
    if (rc == CS_OK && part != NULL)
        rc = cs_xlsx_book_read(b, part, &strings, err);
    part = part_of(o, "styles");
    if (rc == CS_OK && part != NULL)
        rc = cs_xlsx_book_read(b, part, &styles, err);
    if (rc == CS_OK && b->n_sheets == 0)
        rc = cs_error_set(err, CS_EINVAL, "%s: a workbook without a sheet of cells", b->path);
    return rc;
}

enum cs_err cs_xlsx_book_open(struct cs_zip *zip, const char *path, struct cs_arena *arena, struct cs_xlsx_book *out,
                              struct cs_error *err)
{
    *out = (struct cs_xlsx_book){.zip = zip, .path = path, .arena = arena};
    if (!cs_zip_has(zip, "xl/workbook.xml") || !cs_zip_has(zip, "xl/_rels/workbook.xml.rels"))
        return cs_error_set(err, CS_EINVAL, "%s: a zip file, but no Excel workbook", path);
    out->dates = cs_xcalloc(CS_XLSX_STYLES_MAX, sizeof *out->dates);
    struct opening o = {.b = out, .text = CS_BUF_INIT(CS_TEXT_MAX)};
    o.relations = cs_xcalloc(RELATIONS_MAX, sizeof *o.relations);
    o.date_formats = cs_xcalloc(FORMATS_MAX, sizeof *o.date_formats);
    enum cs_err rc = read_parts(&o, err);
    cs_buf_release(&o.text);
    free(o.relations);
    free(o.date_formats);
    if (rc != CS_OK)
        cs_xlsx_book_release(out);
    return rc;
}

void cs_xlsx_book_release(struct cs_xlsx_book *b)
{
    free(b->strings);
    free(b->dates);
    b->strings = NULL;
    b->dates = NULL;
}
