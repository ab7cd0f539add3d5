/* xml.h - XML as events, fed in pieces. The only door to expat.
 *
 * A document type (and with it every entity of its own) is refused, and so is nesting beyond CS_XML_DEPTH_MAX. Names come without
 * their prefix. Errors: CS_EINVAL with "PATH: sentence", or what a callback returned. Thread: one owner.
 */
#ifndef CS_XML_H
#define CS_XML_H

#include <stddef.h>

#include "protocol/base/error.h"

enum { CS_XML_DEPTH_MAX = 64 };

struct cs_xml_sink {
    void *self;
    /* attributes: name, value, ..., NULL */
    enum cs_err (*open)(void *self, const char *name, const char *const *attributes, struct cs_error *err);
    enum cs_err (*close)(void *self, const char *name, struct cs_error *err);
    void (*text)(void *self, const char *s, size_t n); /* not NUL-terminated; one text may come in pieces */
};

struct cs_xml;

struct cs_xml *cs_xml_new(const struct cs_xml_sink *sink, const char *path); /* path is borrowed */
/* fn for cs_zip_read: self is the cs_xml. */
CS_WARN_UNUSED enum cs_err cs_xml_feed(void *self, const char *bytes, size_t n, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_xml_end(struct cs_xml *x, struct cs_error *err);
void cs_xml_free(struct cs_xml *x);

/* The value of an attribute, with any prefix, or NULL. */
const char *cs_xml_attribute(const char *const *attributes, const char *name);

#endif
