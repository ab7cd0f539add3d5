/* yaml.h - a YAML file as a tree of nodes that know where they stand. The only door to libyaml.
 *
 * Every scalar is a text: "Yes", "No", "None", "null", "true" are words, and readers decide what a number is. Refused,
 * with a position: anchors and aliases, tags, keys that are not texts, duplicate keys, a second document, and what is
 * over the limits below.
 *
 * Ownership: the tree, its texts and a copy of the source live in the caller's arena. Thread: any. Recursion: none.
 */
#ifndef CS_YAML_H
#define CS_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/error.h"

enum {
    CS_YAML_BYTES_MAX = 4 * 1024 * 1024,
    CS_YAML_TEXT_MAX = 256 * 1024, /* one text, as everywhere in a study */
    CS_YAML_DEPTH_MAX = 32,
    CS_YAML_KEYS_MAX = 1024,
    CS_YAML_NODES_MAX = 1 << 20,
};

enum cs_node_kind { CS_NODE_TEXT, CS_NODE_LIST, CS_NODE_MAP };

struct cs_node {
    enum cs_node_kind kind;
    bool plain;            /* text without quotes */
    uint32_t line, column; /* from 1; column in characters */
    const char *text;      /* CS_NODE_TEXT: UTF-8 without NUL bytes; else NULL */
    const char *key;       /* entry of a map: its key; else NULL */
    uint32_t key_line, key_column;
    struct cs_node *first, *next; /* children in file order; sibling */
    uint32_t n;                   /* children */
    const struct cs_yaml *file;
};

struct cs_yaml {
    const char *path;   /* as it stands in messages */
    const char *source; /* NUL-terminated */
    struct cs_node *root;
};

/* Reads and parses the file. CS_ENOENT, CS_EIO: no such file, unreadable; CS_EINVAL: "FILE:LINE:COLUMN: ...". */
CS_WARN_UNUSED enum cs_err cs_yaml_load(const char *path, struct cs_arena *arena, const struct cs_yaml **out,
                                        struct cs_error *err);
/* The same from memory (n bytes); path is for messages. */
CS_WARN_UNUSED enum cs_err cs_yaml_parse(const char *path, const char *text, size_t n, struct cs_arena *arena,
                                         const struct cs_yaml **out, struct cs_error *err);

/* Sets CS_EINVAL and "FILE:LINE:COLUMN: sentence", at the value or at its key; returns CS_EINVAL. */
enum cs_err cs_yaml_fail(const struct cs_node *n, struct cs_error *err, const char *fmt, ...) CS_PRINTF(3, 4);
enum cs_err cs_yaml_fail_key(const struct cs_node *n, struct cs_error *err, const char *fmt, ...) CS_PRINTF(3, 4);
/* As cs_yaml_fail, at the place in the source where `part` of the node's text first stands. */
enum cs_err cs_yaml_fail_at(const struct cs_node *n, const char *part, struct cs_error *err, const char *fmt, ...)
    CS_PRINTF(4, 5);

/* A key without a value that is the rest of a number with a decimal comma, as YAML reads `{a: 0,7}`: true, and "0.7" in out. */
bool cs_yaml_comma(const struct cs_node *n, char out[32]);

#endif
