/* json_read.h - reads JSON (RFC 8259) into a flat array, several times faster than jansson: every request passes here,
 * and the simulator must never be what a benchmark measures. Tests hold it against jansson.
 *
 * Strict: UTF-8 is checked, \u0000 and lone surrogates are refused, nothing may follow the value. No recursion.
 * Ownership: texts live in the document; raw points into the bytes that were read, which must outlive it. Pure; any
 * thread.
 */
#ifndef CS_SIM_JSON_READ_H
#define CS_SIM_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CS_J_DEPTH_MAX = 64 };

enum cs_j_kind { CS_J_NULL, CS_J_FALSE, CS_J_TRUE, CS_J_INTEGER, CS_J_REAL, CS_J_TEXT, CS_J_LIST, CS_J_MAP };

struct cs_j {
    enum cs_j_kind kind;
    uint32_t span; /* values from here to the next sibling, this one included; the first child is the next value */
    uint32_t n;    /* list, map: children; text: bytes */
    uint32_t raw_len;
    const char *raw;  /* as it was written */
    const char *key;  /* member of a map: its name; else NULL */
    const char *text; /* CS_J_TEXT: unescaped, NUL-terminated; else NULL */
    double number;    /* CS_J_INTEGER, CS_J_REAL */
    int64_t integer;  /* CS_J_INTEGER */
};

struct cs_j_document {
    struct cs_j *values; /* values[0] is the root */
    size_t n, cap;
    char *texts;
};

/* At most 1 GiB. False: not JSON. Release in either case. */
bool cs_json_read(struct cs_j_document *d, const char *bytes, size_t len);
void cs_json_read_release(struct cs_j_document *d);

/* All of these take NULL for "no such value". */
const struct cs_j *cs_json_read_get(const struct cs_j *map, const char *key); /* the last of equal names */
const struct cs_j *cs_json_read_first(const struct cs_j *list_or_map);
const struct cs_j *cs_json_read_next(const struct cs_j *parent, const struct cs_j *child);
const struct cs_j *cs_json_read_at(const struct cs_j *list, size_t i);
bool cs_json_read_is(const struct cs_j *v, enum cs_j_kind kind);
bool cs_json_read_is_number(const struct cs_j *v);
const char *cs_json_read_text(const struct cs_j *v); /* NULL unless it is a text */
size_t cs_json_read_size(const struct cs_j *v);      /* children of a list or map, else 0 */

#endif
