#include "protocol/table/xml.h"

#include <expat.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"

struct cs_xml {
    XML_Parser p;
    struct cs_xml_sink sink;
    const char *path;
    unsigned depth;
    enum cs_err rc; /* the first error inside a callback */
    struct cs_error err;
};

static const char *without_prefix(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon != NULL ? colon + 1 : name;
}

const char *cs_xml_attribute(const char *const *attributes, const char *name)
{
    for (; attributes[0] != NULL; attributes += 2) {
        if (strcmp(without_prefix(attributes[0]), name) == 0)
            return attributes[1];
    }
    return NULL;
}

static void stop(struct cs_xml *x, enum cs_err rc)
{
    if (rc == CS_OK || x->rc != CS_OK)
        return;
    x->rc = rc;
    XML_StopParser(x->p, XML_FALSE);
}

static void on_open(void *self, const XML_Char *name, const XML_Char **attributes)
{
    struct cs_xml *x = self;
    if (x->rc != CS_OK)
        return;
    if (++x->depth > CS_XML_DEPTH_MAX)
        stop(x, cs_error_set(&x->err, CS_EINVAL, "%s: nested deeper than %d levels inside", x->path, CS_XML_DEPTH_MAX));
    else
        stop(x, x->sink.open(x->sink.self, without_prefix(name), (const char *const *)attributes, &x->err));
}

static void on_close(void *self, const XML_Char *name)
{
    struct cs_xml *x = self;
    x->depth--;
    if (x->rc == CS_OK)
        stop(x, x->sink.close(x->sink.self, without_prefix(name), &x->err));
}

static void on_text(void *self, const XML_Char *s, int n)
{
    struct cs_xml *x = self;
    if (x->rc == CS_OK)
        x->sink.text(x->sink.self, s, (size_t)n);
}

static void on_doctype(void *self, const XML_Char *name, const XML_Char *system, const XML_Char *public, int inner)
{
    struct cs_xml *x = self;
    (void)name;
    (void)system;
    (void)public;
    (void)inner;
    stop(x, cs_error_set(&x->err, CS_EINVAL, "%s: declares a document type inside, which no Excel writes; refused",
                         x->path));
}

struct cs_xml *cs_xml_new(const struct cs_xml_sink *sink, const char *path)
{
    struct cs_xml *x = cs_xcalloc(1, sizeof *x);
    *x = (struct cs_xml){.p = XML_ParserCreate(NULL), .sink = *sink, .path = path};
    if (x->p == NULL)
        return x; /* said by the first feed */
    XML_SetUserData(x->p, x);
    XML_SetElementHandler(x->p, on_open, on_close);
    XML_SetCharacterDataHandler(x->p, on_text);
    XML_SetStartDoctypeDeclHandler(x->p, on_doctype);
    return x;
}

static enum cs_err parse(struct cs_xml *x, const char *bytes, size_t n, bool last, struct cs_error *err)
{
    if (x->p == NULL)
        return cs_error_set(err, CS_EINTERNAL, "%s: no memory for the XML parser", x->path);
    if (XML_Parse(x->p, bytes, (int)n, last) != XML_STATUS_ERROR)
        return CS_OK;
    if (x->rc != CS_OK)
        return cs_error_set(err, x->rc, "%s", x->err.msg);
    return cs_error_set(err, CS_EINVAL, "%s: the XML inside is damaged (%s); save it again", x->path,
                        XML_ErrorString(XML_GetErrorCode(x->p)));
}

enum cs_err cs_xml_feed(void *self, const char *bytes, size_t n, struct cs_error *err)
{
    return parse(self, bytes, n, false, err);
}

enum cs_err cs_xml_end(struct cs_xml *x, struct cs_error *err)
{
    return parse(x, "", 0, true, err);
}

void cs_xml_free(struct cs_xml *x)
{
    if (x->p != NULL)
        XML_ParserFree(x->p);
    free(x);
}
