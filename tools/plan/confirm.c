#include "tools/plan/confirm.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/file.h"
#include "protocol/base/json.h"
#include "protocol/table/node.h"

enum { ID_MAX = 64 * 1024 };

/* `only: ["a", "b"]`: each case once, in the order in which they moved; how many. */
static uint32_t put_only(const struct cs_report *r, struct cs_buf *out)
{
    uint32_t n = 0;
    cs_buf_str(out, "only: [");
    for (uint32_t i = 0; i < r->n_moved; i++) {
        bool again = false;
        for (uint32_t k = 0; k < i; k++)
            again |= strcmp(r->moved[k].case_id, r->moved[i].case_id) == 0;
        if (again)
            continue;
        if (n++ > 0)
            cs_buf_str(out, ", ");
        cs_json_str(out, r->moved[i].case_id, strlen(r->moved[i].case_id));
    }
    cs_buf_char(out, ']');
    return n;
}

/* Where a line begins (lines from 1), or the end of the text. */
static const char *line_at(const char *text, uint32_t line)
{
    for (; line > 1 && *text != '\0'; line--) {
        const char *end = strchr(text, '\n');
        text = end != NULL ? end + 1 : text + strlen(text);
    }
    return text;
}

/* Where a place of a file stands in its text. Columns count characters. */
static const char *place_of(const char *text, uint32_t line, uint32_t column)
{
    const char *s = line_at(text, line);
    for (uint32_t c = 1; c < column && *s != '\0'; c++) {
        s++;
        while (((unsigned char)*s & 0xC0) == 0x80)
            s++;
    }
    return s;
}

struct copy {
    const struct cs_yaml *file;
    const char *only;
    uint32_t repeats;
    struct cs_buf out;
    const char *at; /* copied up to here */
};

static void copy_to(struct copy *c, const char *to)
{
    cs_buf_append(&c->out, c->at, (size_t)(to - c->at));
    c->at = to;
}

/* The cases get the key `only`, as the first of theirs. */
static void put_cases(struct copy *c, const struct cs_node *cases)
{
    const char *open = place_of(c->file->source, cases->line, cases->column);
    if (*open == '{') {
        copy_to(c, open + 1);
        cs_buf_printf(&c->out, "%s, ", c->only);
        return;
    }
    copy_to(c, line_at(c->file->source, cases->first->key_line));
    cs_buf_printf(&c->out, "%*s%s\n", (int)cases->first->key_column - 1, "", c->only);
}

/* One line in place of the one that a key stands on. */
static void put_line(struct copy *c, const struct cs_node *n)
{
    copy_to(c, line_at(c->file->source, n->key_line));
    if (strcmp(n->key, "study") == 0)
        cs_buf_printf(&c->out, "study: %s-confirm\nrepeats: %u\n", n->text, c->repeats);
    c->at = line_at(c->file->source, n->key_line + 1);
}

static enum cs_err put_keys(struct copy *c, struct cs_error *err)
{
    for (const struct cs_node *n = c->file->root->first; n != NULL; n = n->next) {
        if (n->key_column != 1)
            return cs_yaml_fail_key(
                n, err, "the keys of this file do not begin at the left; write a follow-up by hand, with %.*s%s", 2000,
                c->only, strlen(c->only) > 2000 ? "..." : "");
        if (strcmp(n->key, "study") == 0 || strcmp(n->key, "repeats") == 0) {
            put_line(c, n);
        } else if (strcmp(n->key, "cases") == 0) {
            if (cs_node_get(n, "only") != NULL)
                return cs_yaml_fail_key(cs_node_get(n, "only"), err,
                                        "this study asks about some cases only already; change that by hand");
            put_cases(c, n);
        }
    }
    copy_to(c, c->at + strlen(c->at));
    return CS_OK;
}

static char *path_of(const char *study_file)
{
    const char *dot = strrchr(study_file, '.'), *slash = strrchr(study_file, '/');
    const bool ends = dot != NULL && (slash == NULL || dot > slash);
    return cs_xasprintf("%.*s-confirm%s", ends ? (int)(dot - study_file) : (int)strlen(study_file), study_file,
                        ends ? dot : ".yaml");
}

enum cs_err cs_confirm_write(const struct cs_report *r, const char *study_file, uint32_t repeats, char **path,
                             uint32_t *n_cases, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_buf only = CS_BUF_INIT(ID_MAX);
    struct copy c = {.repeats = repeats, .out = CS_BUF_INIT(2 * CS_YAML_BYTES_MAX)};
    enum cs_err rc = CS_OK;
    *path = path_of(study_file);
    if (r->n_moved == 0)
        rc = cs_error_set(err, CS_EUSAGE, "--confirm: no case is shown as one that moved. %s", r->moved_note);
    else if (access(*path, F_OK) == 0)
        rc = cs_error_set(err, CS_EEXIST, "%s is there already; rename it, or run it as it is", *path);
    if (rc == CS_OK)
        rc = cs_yaml_load(study_file, &arena, &c.file, err);
    if (rc == CS_OK) {
        *n_cases = put_only(r, &only);
        c.only = cs_buf_cstr(&only);
        c.at = c.file->source;
        cs_buf_printf(
            &c.out,
            "# The cases that moved most, asked again: %u fresh draws of each prompt%s. The first answers had a part\n"
            "# in choosing these cases; those of this study have none.\n",
            repeats, cs_node_get(c.file->root, "blocks") != NULL ? " (blocks keep their own repeats)" : "");
        rc = put_keys(&c, err);
    }
    if (rc == CS_OK)
        rc = cs_file_write(*path, c.out.data, c.out.len, 0644, err);
    cs_buf_release(&only);
    cs_buf_release(&c.out);
    cs_arena_release(&arena);
    return rc;
}
