#include "protocol/table/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "protocol/base/assert.h"
#include "protocol/base/file.h"

/* An open list or map. */
struct frame {
    struct cs_node *node;
    struct cs_node **tail;
    const char *key; /* key of the entry whose value comes next, or NULL */
    uint32_t key_line, key_column;
};

struct builder {
    struct cs_yaml *doc;
    struct cs_arena *arena;
    struct cs_error *err;
    struct frame stack[CS_YAML_DEPTH_MAX];
    uint32_t depth, nodes;
    size_t long_quote; /* the line, from 1, where the last scalar began, if it is quoted and goes over lines; else 0 */
};

static enum cs_err fail_at(const char *path, size_t line, size_t column, struct cs_error *err, const char *fmt,
                           va_list ap) CS_PRINTF(5, 0);
static enum cs_err fail_at(const char *path, size_t line, size_t column, struct cs_error *err, const char *fmt,
                           va_list ap)
{
    char sentence[sizeof err->msg];
    vsnprintf(sentence, sizeof sentence, fmt, ap);
    return cs_error_set(err, CS_EINVAL, "%s:%zu:%zu: %s", path, line, column, sentence);
}

/* An error at a mark of libyaml, which counts from 0. */
static enum cs_err fail_mark(const struct builder *b, const yaml_mark_t *m, const char *fmt, ...) CS_PRINTF(3, 4);
static enum cs_err fail_mark(const struct builder *b, const yaml_mark_t *m, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    enum cs_err rc = fail_at(b->doc->path, m->line + 1, m->column + 1, b->err, fmt, ap);
    va_end(ap);
    return rc;
}

/* Line and column, from 1, of a byte of the source. */
static void position_of(const char *source, const char *at, size_t *line, size_t *column)
{
    *line = 1;
    *column = 1;
    for (const char *p = source; p < at; p++) {
        if (*p == '\n') {
            (*line)++;
            *column = 1;
        } else if (((unsigned char)*p & 0xC0) != 0x80) {
            (*column)++;
        }
    }
}

static enum cs_err fail_syntax(const struct builder *b, const yaml_parser_t *p)
{
    const char *problem = p->problem != NULL ? p->problem : "unknown";
    const char *source = b->doc->source;
    if (p->error == YAML_MEMORY_ERROR)
        return cs_error_set(b->err, CS_EINTERNAL, "%s: out of memory", b->doc->path);
    if (p->error == YAML_READER_ERROR) {
        size_t line, column, at = p->problem_offset;
        position_of(source, source + (at < strlen(source) ? at : strlen(source)), &line, &column);
        return cs_error_set(b->err, CS_EINVAL, "%s:%zu:%zu: not readable as text (%s); save the file as UTF-8",
                            b->doc->path, line, column, problem);
    }
    if (strstr(problem, "unexpected end of stream") != NULL && p->context != NULL &&
        strstr(p->context, "quoted") != NULL)
        return fail_mark(b, &p->context_mark, "a quote that is opened here is not closed");
    if (b->long_quote > 0)
        return fail_mark(
            b, &p->problem_mark,
            "the text before this goes over several lines; is the quote that opens it on line %zu not closed there?",
            b->long_quote);
    if (strstr(problem, "mapping values are not allowed") != NULL)
        return fail_mark(b, &p->problem_mark,
                         "a colon and a blank inside a text without quotes; put the text in quotes");
    if (strstr(problem, "cannot start any token") != NULL)
        return fail_mark(b, &p->problem_mark,
                         "this character cannot stand here; indent with spaces, not tabs, and put texts with "
                         "special characters in quotes");
    return fail_mark(b, &p->problem_mark, "not valid YAML (%s); check indentation, quotes and brackets here", problem);
}

/* Hangs a new node into the open list or map (or makes it the root). */
static enum cs_err add_node(struct builder *b, enum cs_node_kind kind, const yaml_mark_t *mark, struct cs_node **out)
{
    if (++b->nodes > CS_YAML_NODES_MAX)
        return fail_mark(b, mark, "more than %d values in one file; keep tables in CSV files", CS_YAML_NODES_MAX);
    struct cs_node *n = cs_arena_alloc(b->arena, sizeof *n);
    n->kind = kind;
    n->file = b->doc;
    n->line = (uint32_t)mark->line + 1;
    n->column = (uint32_t)mark->column + 1;
    *out = n;
    if (b->depth == 0) {
        CS_ASSERT(b->doc->root == NULL);
        b->doc->root = n;
        return CS_OK;
    }
    struct frame *f = &b->stack[b->depth - 1];
    n->key = f->key;
    n->key_line = f->key_line;
    n->key_column = f->key_column;
    f->key = NULL;
    *f->tail = n;
    f->tail = &n->next;
    f->node->n++;
    return CS_OK;
}

static bool wants_key(const struct builder *b)
{
    return b->depth > 0 && b->stack[b->depth - 1].node->kind == CS_NODE_MAP && b->stack[b->depth - 1].key == NULL;
}

static enum cs_err take_key(struct builder *b, const char *key, const yaml_mark_t *mark)
{
    struct frame *f = &b->stack[b->depth - 1];
    for (const struct cs_node *n = f->node->first; n != NULL; n = n->next) {
        if (strcmp(n->key, key) == 0)
            return fail_mark(b, mark, "key \"%s\" stands here twice; the first is on line %u", key, n->key_line);
    }
    if (f->node->n == CS_YAML_KEYS_MAX)
        return fail_mark(b, mark, "more than %d keys in one map", CS_YAML_KEYS_MAX);
    f->key = key;
    f->key_line = (uint32_t)mark->line + 1;
    f->key_column = (uint32_t)mark->column + 1;
    return CS_OK;
}

static enum cs_err take_scalar(struct builder *b, const yaml_event_t *ev)
{
    const char *value = (const char *)ev->data.scalar.value;
    size_t n = ev->data.scalar.length;
    bool quoted = ev->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE ||
                  ev->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE;
    b->long_quote = quoted && ev->end_mark.line > ev->start_mark.line ? ev->start_mark.line + 1 : 0;
    if (strlen(value) != n)
        return fail_mark(b, &ev->start_mark, "a text with a zero byte (\\0); remove it");
    if (n > CS_YAML_TEXT_MAX)
        return fail_mark(b, &ev->start_mark, "a text longer than %d bytes; shorten it", CS_YAML_TEXT_MAX);
    const char *text = cs_arena_strndup(b->arena, value, n);
    if (wants_key(b))
        return take_key(b, text, &ev->start_mark);
    struct cs_node *node;
    enum cs_err rc = add_node(b, CS_NODE_TEXT, &ev->start_mark, &node);
    if (rc != CS_OK)
        return rc;
    node->text = text;
    node->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return CS_OK;
}

static enum cs_err open_collection(struct builder *b, const yaml_event_t *ev, enum cs_node_kind kind)
{
    if (wants_key(b))
        return fail_mark(b, &ev->start_mark, "a key must be a text; put a text that starts with { or [ in quotes");
    if (b->depth == CS_YAML_DEPTH_MAX)
        return fail_mark(b, &ev->start_mark, "nested deeper than %d levels", CS_YAML_DEPTH_MAX);
    struct cs_node *node;
    enum cs_err rc = add_node(b, kind, &ev->start_mark, &node);
    if (rc != CS_OK)
        return rc;
    b->stack[b->depth++] = (struct frame){.node = node, .tail = &node->first};
    return CS_OK;
}

static enum cs_err refuse_decoration(const struct builder *b, const yaml_event_t *ev, const yaml_char_t *anchor,
                                     const yaml_char_t *tag)
{
    if (anchor != NULL)
        return fail_mark(b, &ev->start_mark,
                         "anchors (&name) and aliases (*name) are not supported; write the value out");
    if (tag != NULL)
        return fail_mark(b, &ev->start_mark, "tags (!name) are not supported; quote a text that starts with !");
    return CS_OK;
}

static enum cs_err take_event(struct builder *b, const yaml_event_t *ev)
{
    enum cs_err rc = CS_OK;
    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        rc = refuse_decoration(b, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
        return rc != CS_OK ? rc : take_scalar(b, ev);
    case YAML_SEQUENCE_START_EVENT:
        rc = refuse_decoration(b, ev, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
        return rc != CS_OK ? rc : open_collection(b, ev, CS_NODE_LIST);
    case YAML_MAPPING_START_EVENT:
        rc = refuse_decoration(b, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
        return rc != CS_OK ? rc : open_collection(b, ev, CS_NODE_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        CS_ASSERT(b->depth > 0);
        b->depth--;
        return CS_OK;
    case YAML_ALIAS_EVENT:
        return refuse_decoration(b, ev, ev->data.alias.anchor, NULL);
    case YAML_DOCUMENT_START_EVENT:
        if (b->doc->root != NULL)
            return fail_mark(b, &ev->start_mark, "a second document (---); a file holds one");
        return CS_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return CS_OK;
    }
    return CS_OK;
}

enum cs_err cs_yaml_parse(const char *path, const char *text, size_t n, struct cs_arena *arena,
                          const struct cs_yaml **out, struct cs_error *err)
{
    struct cs_yaml *doc = cs_arena_alloc(arena, sizeof *doc);
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* as Windows' editor begins a file */
        text += 3;
        n -= 3;
    }
    doc->path = cs_arena_strdup(arena, path);
    doc->source = cs_arena_strndup(arena, text, n);
    struct builder b = {.doc = doc, .arena = arena, .err = err};
    enum cs_err rc = CS_OK;
    yaml_parser_t p;
    *out = NULL;
    if (!yaml_parser_initialize(&p))
        return cs_error_set(err, CS_EINTERNAL, "%s: out of memory", path);
    yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p, (const unsigned char *)text, n);
    for (bool done = false; rc == CS_OK && !done;) {
        yaml_event_t ev;
        if (!yaml_parser_parse(&p, &ev)) {
            rc = fail_syntax(&b, &p);
            break;
        }
        done = ev.type == YAML_STREAM_END_EVENT;
        rc = take_event(&b, &ev);
        yaml_event_delete(&ev);
    }
    yaml_parser_delete(&p);
    if (rc == CS_OK && doc->root == NULL)
        rc = cs_error_set(err, CS_EINVAL, "%s:1:1: the file is empty", path);
    if (rc == CS_OK)
        *out = doc;
    return rc;
}

enum cs_err cs_yaml_load(const char *path, struct cs_arena *arena, const struct cs_yaml **out, struct cs_error *err)
{
    char *text = NULL;
    size_t n = 0;
    *out = NULL;
    enum cs_err rc = cs_file_read(path, CS_YAML_BYTES_MAX, &text, &n, err);
    if (rc == CS_OK)
        rc = cs_yaml_parse(path, text, n, arena, out, err);
    free(text);
    return rc;
}

enum cs_err cs_yaml_fail(const struct cs_node *n, struct cs_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    enum cs_err rc = fail_at(n->file->path, n->line, n->column, err, fmt, ap);
    va_end(ap);
    return rc;
}

enum cs_err cs_yaml_fail_key(const struct cs_node *n, struct cs_error *err, const char *fmt, ...)
{
    bool keyed = n->key != NULL;
    va_list ap;
    va_start(ap, fmt);
    enum cs_err rc = fail_at(n->file->path, keyed ? n->key_line : n->line, keyed ? n->key_column : n->column, err, fmt,
                             ap);
    va_end(ap);
    return rc;
}

enum cs_err cs_yaml_fail_at(const struct cs_node *n, const char *part, struct cs_error *err, const char *fmt, ...)
{
    const char *p = n->file->source;
    for (uint32_t line = 1; line < n->line && p != NULL; line++) {
        p = strchr(p, '\n');
        p = p != NULL ? p + 1 : NULL;
    }
    p = p != NULL && strlen(p) >= n->column - 1 ? strstr(p + n->column - 1, part) : NULL;
    size_t line = n->line, column = n->column;
    if (p != NULL) /* an escaped or folded text may not stand there as such: then the node's start has to do */
        position_of(n->file->source, p, &line, &column);
    va_list ap;
    va_start(ap, fmt);
    enum cs_err rc = fail_at(n->file->path, line, column, err, fmt, ap);
    va_end(ap);
    return rc;
}

bool cs_yaml_comma(const struct cs_node *n, char out[32])
{
    const char *p = n->file->source;
    if (n->key == NULL || n->kind != CS_NODE_TEXT || n->text[0] != '\0' ||
        strspn(n->key, "0123456789") != strlen(n->key))
        return false;
    for (uint32_t line = 1; line < n->key_line && p != NULL; line++) {
        p = strchr(p, '\n');
        p = p != NULL ? p + 1 : NULL;
    }
    if (p == NULL || strlen(p) < n->key_column || n->key_column < 3)
        return false;
    const char *from = p + n->key_column - 2, *comma = from;
    if (*comma != ',' || strncmp(comma + 1, n->key, strlen(n->key)) != 0)
        return false;
    while (from > p && from[-1] >= '0' && from[-1] <= '9')
        from--;
    snprintf(out, 32, "%.*s.%.12s", (int)(comma - from > 12 ? 12 : comma - from), from, n->key);
    return from < comma;
}
