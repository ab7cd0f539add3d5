#include "tools/simulator/reply.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "tools/simulator/draw.h"

struct writer {
    const struct cs_j *root; /* for $ref */
    const struct cs_reply_source *from;
    struct cs_buf *out, path;
    unsigned depth;
    struct cs_error *err;
};

static enum cs_err write_value(struct writer *w, const struct cs_j *schema);

static enum cs_err refuse(struct writer *w, const char *what)
{
    return cs_error_set(w->err, CS_EINVAL, "simulator: the schema of \"%.200s\" %s", cs_buf_cstr(&w->path), what);
}

static double chance(const struct writer *w)
{
    return cs_sim_draw_unit(w->from->seed, "random", w->from->digest, cs_buf_cstr(&w->path), NULL);
}

/* ---- planted answers -------------------------------------------------------------------------- */

/* yes: the word that a JSON boolean says as true; NULL: the answer is no boolean. */
static enum cs_err write_word(struct writer *w, const struct cs_j *schema, const char *field, const char *yes,
                              const char *word)
{
    const struct cs_j *allowed = cs_json_read_get(schema, "enum");
    const char *type = cs_json_read_text(cs_json_read_get(schema, "type"));
    bool fits = allowed == NULL && type != NULL && strcmp(type, "string") == 0;
    if (allowed == NULL && type != NULL && strcmp(type, "boolean") == 0 && yes != NULL) {
        cs_buf_str(w->out, strcmp(word, yes) == 0 ? "true" : "false");
        return CS_OK;
    }
    for (size_t i = 0; i < cs_json_read_size(allowed) && !fits; i++) {
        const char *s = cs_json_read_text(cs_json_read_at(allowed, i));
        fits = s != NULL && strcmp(s, word) == 0;
    }
    if (!fits)
        return cs_error_set(w->err, CS_EINVAL,
                            "simulator: the schema of \"%.100s\" does not allow \"%.100s\", an "
                            "answer of the truth file",
                            field, word);
    cs_json_str(w->out, word, strlen(word));
    return CS_OK;
}

/* element: 0, or the number of the one that the answer is about. */
static enum cs_err write_planted(struct writer *w, const struct cs_j *schema, const struct cs_truth_answer *a,
                                 uint32_t element)
{
    const struct cs_reply_source *from = w->from;
    const char *word = element == 0 && a->label_of_element == NULL
                           ? cs_flips_answer(from->truth, from->seed, from->model, a, from->at, from->trial, from->talk)
                           : cs_truth_draw_element(from->truth, from->seed, from->model, a, from->at, element,
                                                   cs_buf_cstr(&w->path), from->digest);
    if (element == 0 && from->model->tools != NULL && from->tooling != NULL) {
        const char *followed = cs_tooling_follows(from->model->tools, a, from->seed, from->trial, from->tooling);
        word = followed != NULL ? followed : word;
    }
    if (word == NULL)
        return refuse(w, "asks about an element that the case of the truth file does not have");
    return write_word(w, schema, a->field, a->kind == CS_TRUTH_BOOLEAN ? a->words[0] : NULL, word);
}

static enum cs_err write_verdict(struct writer *w, const struct cs_j *schema, const struct cs_planted_verdict *v)
{
    const char *word = cs_planted_judge_draw(v, w->from->judged, w->from->seed, w->from->digest);
    if (word == NULL)
        return cs_error_set(w->err, CS_EINVAL, "simulator: the prompt holds no %s that say%s anything about \"%.100s\"",
                            v->pair ? "two texts" : "text", v->pair ? "" : "s", v->field);
    return write_word(w, schema, v->field, v->pair ? NULL : v->words[0], word);
}

/* ---- chance ----------------------------------------------------------------------------------- */

static double bound(const struct cs_j *schema, const char *name, double otherwise)
{
    const struct cs_j *v = cs_json_read_get(schema, name);
    return cs_json_read_is_number(v) ? v->number : otherwise;
}

static enum cs_err write_number(struct writer *w, const struct cs_j *schema, bool whole)
{
    double min = bound(schema, "minimum", 0), max = bound(schema, "maximum", fmax(100, min + 100));
    if (cs_json_read_get(schema, "minimum") == NULL && max < min)
        min = max - 100;
    if (whole) {
        min = ceil(min);
        max = floor(max);
    }
    if (!(max >= min) || fabs(min) > 1e15 || fabs(max) > 1e15)
        return refuse(w, "has bounds without a number between them");
    if (whole)
        cs_buf_printf(w->out, "%lld", (long long)(min + floor(chance(w) * (max - min + 1))));
    else
        cs_buf_printf(w->out, "%.17g", min + chance(w) * (max - min));
    return CS_OK;
}

static void write_string(struct writer *w, const struct cs_j *schema)
{
    char text[64];
    int n = snprintf(text, sizeof text, "simulated text %08x", (unsigned)(chance(w) * 0x1p32));
    const double max = bound(schema, "maxLength", sizeof text);
    if (max < n)
        n = max > 0 ? (int)max : 0;
    cs_json_str(w->out, text, (size_t)n);
}

static enum cs_err write_array(struct writer *w, const struct cs_j *schema)
{
    const struct cs_j *items = cs_json_read_get(schema, "items");
    const double least = bound(schema, "minItems", 1);
    const size_t n = least > 1 ? (size_t)fmin(least, 1000) : 1, parent = w->path.len;
    enum cs_err rc = CS_OK;
    cs_buf_char(w->out, '[');
    for (size_t i = 0; i < n && rc == CS_OK && cs_json_read_is(items, CS_J_MAP); i++) {
        if (i > 0)
            cs_buf_char(w->out, ',');
        cs_buf_printf(&w->path, parent > 0 ? ".%zu" : "%zu", i);
        rc = write_value(w, items);
        w->path.len = parent;
        w->path.data[parent] = '\0';
    }
    cs_buf_char(w->out, ']');
    return rc;
}

/* The number in a path such as "grades.2", whose object holds what is answered about element 2; 0: it is another path. */
static uint32_t element_of(const char *path)
{
    const char *dot = strchr(path, '.');
    char *end = NULL;
    if (dot == NULL || dot[1] < '1' || dot[1] > '9')
        return 0;
    const unsigned long n = strtoul(dot + 1, &end, 10);
    return *end == '\0' && n <= UINT32_MAX ? (uint32_t)n : 0;
}

/* What the truth has for a property of the object at hand, or NULL: chance. */
static const struct cs_truth_answer *planted(const struct writer *w, const char *key, uint32_t *element)
{
    const bool root = w->path.len == 0;
    *element = root ? 0 : element_of(cs_buf_cstr(&w->path));
    return w->from->model != NULL && (root || *element > 0) ? cs_truth_answer(w->from->model, key) : NULL;
}

static enum cs_err write_object(struct writer *w, const struct cs_j *schema)
{
    const struct cs_j *properties = cs_json_read_get(schema, "properties");
    const char *comma = "";
    const size_t parent = w->path.len;
    enum cs_err rc = CS_OK;
    cs_buf_char(w->out, '{');
    for (const struct cs_j *p = cs_json_read_first(properties); p != NULL; p = cs_json_read_next(properties, p)) {
        uint32_t element = 0;
        const struct cs_truth_answer *a = planted(w, p->key, &element);
        const struct cs_planted_verdict *v = parent == 0 && w->from->judged != NULL
                                                 ? cs_planted_judge_verdict(w->from->model->judge, p->key)
                                                 : NULL;
        cs_buf_str(w->out, comma);
        comma = ",";
        cs_json_str(w->out, p->key, strlen(p->key));
        cs_buf_char(w->out, ':');
        cs_buf_printf(&w->path, parent > 0 ? ".%s" : "%s", p->key);
        rc = v != NULL ? write_verdict(w, p, v) : a != NULL ? write_planted(w, p, a, element) : write_value(w, p);
        w->path.len = parent;
        if (w->path.data != NULL)
            w->path.data[parent] = '\0';
        if (rc != CS_OK)
            return rc;
    }
    cs_buf_char(w->out, '}');
    return rc;
}

static enum cs_err write_type(struct writer *w, const struct cs_j *schema, const char *type)
{
    if (strcmp(type, "object") == 0)
        return write_object(w, schema);
    if (strcmp(type, "array") == 0)
        return write_array(w, schema);
    if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
        return write_number(w, schema, type[0] == 'i');
    if (strcmp(type, "boolean") == 0)
        cs_buf_str(w->out, chance(w) < 0.5 ? "true" : "false");
    else if (strcmp(type, "null") == 0)
        cs_buf_str(w->out, "null");
    else if (strcmp(type, "string") == 0)
        write_string(w, schema);
    else
        return refuse(w, "has a type that is not one of JSON's");
    return CS_OK;
}

/* "#/$defs/name": a path through the root's objects. */
static const struct cs_j *look_up(const struct writer *w, const char *ref)
{
    const struct cs_j *at = w->root;
    if (strncmp(ref, "#", 1) != 0)
        return NULL;
    char *copy = cs_xstrdup(ref + 1), *rest = copy, *part;
    while ((part = strsep(&rest, "/")) != NULL && at != NULL) {
        if (part[0] != '\0')
            at = cs_json_read_get(at, part);
    }
    free(copy);
    return at;
}

static const struct cs_j *one_of(const struct writer *w, const struct cs_j *list)
{
    return cs_json_read_at(list, (size_t)(chance(w) * (double)cs_json_read_size(list)));
}

static enum cs_err write_some(struct writer *w, const struct cs_j *schema)
{
    const struct cs_j *v;
    const char *type = cs_json_read_text(cs_json_read_get(schema, "type"));
    if ((v = cs_json_read_get(schema, "$ref")) != NULL) {
        const struct cs_j *target = cs_json_read_is(v, CS_J_TEXT) ? look_up(w, cs_json_read_text(v)) : NULL;
        return cs_json_read_is(target, CS_J_MAP) ? write_value(w, target) : refuse(w, "has a $ref that leads nowhere");
    }
    if ((v = cs_json_read_get(schema, "const")) != NULL) {
        cs_buf_append(w->out, v->raw, v->raw_len);
        return CS_OK;
    }
    if (cs_json_read_size(v = cs_json_read_get(schema, "enum")) > 0) {
        const struct cs_j *word = one_of(w, v);
        cs_buf_append(w->out, word->raw, word->raw_len);
        return CS_OK;
    }
    if (cs_json_read_size(v = cs_json_read_get(schema, "anyOf")) > 0 ||
        cs_json_read_size(v = cs_json_read_get(schema, "oneOf")) > 0)
        return write_value(w, one_of(w, v));
    if (cs_json_read_size(v = cs_json_read_get(schema, "type")) > 0)
        type = cs_json_read_text(one_of(w, v));
    if (type == NULL)
        return refuse(w, "has no type");
    return write_type(w, schema, type);
}

/* A schema may contain itself: the depth is bounded, not trusted. */
static enum cs_err write_value(struct writer *w, const struct cs_j *schema)
{
    if (w->depth == CS_REPLY_DEPTH_MAX)
        return refuse(w, "is nested too deeply");
    if (w->out->overflow)
        return refuse(w, "asks for a larger answer than the simulator gives");
    w->depth++;
    const enum cs_err rc = write_some(w, schema);
    w->depth--;
    return rc;
}

enum cs_err cs_reply_write(const struct cs_j *schema, const struct cs_reply_source *from, struct cs_buf *out,
                           struct cs_error *err)
{
    struct writer w = {.root = schema, .from = from, .out = out, .path = CS_BUF_INIT(2 * 1024 * 1024), .err = err};
    enum cs_err rc = write_value(&w, schema);
    if (rc == CS_OK && out->overflow)
        rc = refuse(&w, "asks for a larger answer than the simulator gives");
    cs_buf_release(&w.path);
    return rc;
}
