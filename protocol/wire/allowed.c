#include "protocol/wire/allowed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/base/file.h"
#include "protocol/wire/curve.h"

enum { ALLOWED_FILE_MAX = 4 * 1024 * 1024, SESSIONS_MAX = 4096 };

static const char *const roles[CS_ALLOWED_ROLES] = {"worker", "operator", "viewer"};
static const char blanks[] = " \t\r";

const char *cs_allowed_role_name(enum cs_allowed_role role)
{
    return roles[role];
}

enum cs_err cs_allowed_role_of(const char *text, enum cs_allowed_role *out, struct cs_error *err)
{
    for (int i = 0; i < CS_ALLOWED_ROLES; i++) {
        if (strcmp(text, roles[i]) == 0) {
            *out = (enum cs_allowed_role)i;
            return CS_OK;
        }
    }
    return cs_error_set(err, CS_EINVAL, "\"%.40s\" is no role: want worker, operator or viewer", text);
}

/* ---- a line --------------------------------------------------------------------------------------- */

struct place { /* where in a file, for the sentence of what is wrong */
    const char *file;
    unsigned line;
    const char *text; /* what the line says */
};

static enum cs_err wrong(const struct place *p, const char *at, const char *what, struct cs_error *err)
{
    return cs_error_set(err, CS_EINVAL, "%s:%u:%u: %s", p->file, p->line, (unsigned)(at - p->text) + 1, what);
}

/* Control characters would forge lines of whatever shows the name. */
static bool add_to_name(struct cs_allowed_key *k, const char *word)
{
    const size_t n = strlen(k->name), room = sizeof k->name - n;
    for (const char *c = word; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    }
    int m = snprintf(k->name + n, room, "%s%s", n > 0 ? " " : "", word);
    return m >= 0 && (size_t)m < room;
}

static bool sessions_of(const char *text, uint32_t *out)
{
    char *end;
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    *out = (uint32_t)n;
    return errno == 0 && text[0] >= '1' && text[0] <= '9' && *end == '\0' && n <= SESSIONS_MAX;
}

/* One word behind the key; at: its place in the line. */
static enum cs_err take_word(struct cs_allowed_key *k, const char *word, const struct place *p, const char *at,
                             struct cs_error *err)
{
    struct cs_error why;
    if (strncmp(word, "role=", 5) == 0) {
        k->role_said = true;
        return cs_allowed_role_of(word + 5, &k->role, &why) == CS_OK ? CS_OK : wrong(p, at, why.msg, err);
    }
    if (strncmp(word, "sessions=", 9) == 0)
        return sessions_of(word + 9, &k->sessions) ? CS_OK : wrong(p, at, "sessions: want 1 to 4096", err);
    const bool named = strncmp(word, "name=", 5) == 0;
    if (!named && strchr(word, '=') != NULL)
        return wrong(p, at, "not known here: want role=, name= or sessions=", err);
    return add_to_name(k, named ? word + 5 : word) ? CS_OK : wrong(p, at, "a name is at most 127 printable bytes", err);
}

/* CS_ENOENT: blank or a comment ('#' is of Z85, but no key can start with it). Cuts the line into words. */
static enum cs_err parse(char *line, const struct place *p, struct cs_allowed_key *out, struct cs_error *err)
{
    char *at = line + strspn(line, blanks), *end = at + strcspn(at, blanks);
    *out = (struct cs_allowed_key){.sessions = CS_ALLOWED_SESSIONS, .line = p->line};
    if (*at == '\0' || *at == '#')
        return CS_ENOENT;
    if (end - at == 40)
        memcpy(out->key, at, 40);
    if (!cs_curve_is_key(out->key))
        return wrong(p, at, "not a public key (40 characters of Z85, then role=, name=, sessions=)", err);
    for (at = end + strspn(end, blanks); *at != '\0'; at = end + strspn(end, blanks)) {
        char word[512];
        end = at + strcspn(at, blanks);
        snprintf(word, sizeof word, "%.*s", (int)(end - at), at);
        enum cs_err rc = take_word(out, word, p, at, err);
        if (rc != CS_OK)
            return rc;
    }
    return CS_OK;
}

/* ---- the list ------------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    const struct cs_allowed_key *x = a, *y = b;
    const int order = memcmp(x->key, y->key, 40);
    return order != 0 ? order : x->line < y->line ? -1 : x->line > y->line;
}

/* Equal keys stand side by side. One that says the same twice does no harm; the second goes. */
static enum cs_err drop_twins(struct cs_allowed *l, const char *file, struct cs_error *err)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        const struct cs_allowed_key *k = &l->keys[i], *before = kept > 0 ? &l->keys[kept - 1] : NULL;
        if (before == NULL || strcmp(before->key, k->key) != 0)
            l->keys[kept++] = *k;
        else if (before->role != k->role || before->sessions != k->sessions)
            return cs_error_set(err, CS_EINVAL,
                                "%s:%u:1: this key stands on line %u already and says something else there", file,
                                k->line, before->line);
    }
    l->n = kept;
    return CS_OK;
}

enum cs_err cs_allowed_load(const char *file, struct cs_allowed *out, struct cs_error *err)
{
    char *text = NULL;
    uint32_t room = 0;
    *out = (struct cs_allowed){0};
    enum cs_err rc = cs_file_read(file, ALLOWED_FILE_MAX, &text, NULL, err);
    if (rc != CS_OK)
        return rc;
    struct place p = {.file = file};
    for (char *line = text, *next; rc == CS_OK && line != NULL; line = next) {
        struct cs_allowed_key k;
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        p.line++;
        p.text = line;
        rc = parse(line, &p, &k, err);
        if (rc == CS_OK && out->n == room) {
            room = room == 0 ? 16 : 2 * room;
            out->keys = cs_xrealloc(out->keys, room, sizeof *out->keys);
        }
        if (rc == CS_OK)
            out->keys[out->n++] = k;
        rc = rc == CS_ENOENT ? CS_OK : rc;
    }
    free(text);
    if (rc == CS_OK && out->n > 1) {
        qsort(out->keys, out->n, sizeof *out->keys, by_key);
        rc = drop_twins(out, file, err);
    }
    if (rc != CS_OK)
        cs_allowed_release(out);
    return rc;
}

void cs_allowed_release(struct cs_allowed *l)
{
    free(l->keys);
    *l = (struct cs_allowed){0};
}

const struct cs_allowed_key *cs_allowed_find(const struct cs_allowed *l, const char *key)
{
    if (strlen(key) != 40)
        return NULL;
    for (uint32_t low = 0, high = l->n; low < high;) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = memcmp(key, l->keys[middle].key, 40);
        if (order == 0)
            return &l->keys[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* ---- revoking ------------------------------------------------------------------------------------- */

static enum cs_err find_who(const struct cs_allowed *l, const char *file, const char *who, struct cs_allowed_key *out,
                            struct cs_error *err)
{
    const struct cs_allowed_key *found = cs_allowed_find(l, who);
    for (uint32_t i = 0; found == NULL && i < l->n; i++) {
        if (strcmp(l->keys[i].name, who) != 0)
            continue;
        for (uint32_t k = i + 1; k < l->n; k++) {
            if (strcmp(l->keys[k].name, who) == 0)
                return cs_error_set(err, CS_EINVAL, "%s: two keys are named %s (lines %u and %u): say which by its key",
                                    file, who, l->keys[i].line, l->keys[k].line);
        }
        found = &l->keys[i];
    }
    if (found == NULL)
        return cs_error_set(err, CS_ENOENT, "%s: no key \"%.64s\", and none of that name", file, who);
    *out = *found;
    return CS_OK;
}

enum cs_err cs_allowed_revoke(const char *file, const char *who, struct cs_allowed_key *out, struct cs_error *err)
{
    struct cs_allowed l;
    struct cs_buf b = CS_BUF_INIT(2 * ALLOWED_FILE_MAX);
    char *text = NULL, ts[32];
    enum cs_err rc = cs_allowed_load(file, &l, err);
    if (rc == CS_OK)
        rc = find_who(&l, file, who, out, err);
    cs_allowed_release(&l);
    if (rc == CS_OK)
        rc = cs_file_read(file, ALLOWED_FILE_MAX, &text, NULL, err);
    cs_clock_format_utc(cs_clock_wall_ms(), ts);
    for (const char *line = text; rc == CS_OK && *line != '\0';) {
        const size_t n = strcspn(line, "\n"), skip = strspn(line, blanks);
        if (strncmp(line + skip, out->key, 40) == 0)
            cs_buf_printf(&b, "# revoked %s: ", ts);
        cs_buf_append(&b, line, n);
        cs_buf_char(&b, '\n');
        line += n + (line[n] == '\n');
    }
    if (rc == CS_OK)
        rc = cs_file_write(file, b.data, b.len, 0600, err);
    cs_buf_release(&b);
    free(text);
    return rc;
}
