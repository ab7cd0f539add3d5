#include "protocol/study/tools.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/assert.h"
#include "protocol/base/digest.h"
#include "protocol/base/rng.h"
#include "protocol/study/answer.h"
#include "protocol/study/tool_rows.h"

/* ---- what is declared ------------------------------------------------------------------------------ */

bool cs_tools_is_used(const struct cs_study *s)
{
    return s->n_toolsets > 0;
}

const struct cs_toolset *cs_tools_of(const struct cs_study *s, const struct cs_question *q)
{
    return q->tools > 0 ? &s->toolsets[q->tools - 1] : NULL;
}

uint32_t cs_tools_calls(const struct cs_toolset *set)
{
    return set->max_calls + 1 + set->all;
}

void cs_tools_schema(const struct cs_tool *t, struct cs_buf *out)
{
    cs_schema_fields(t->arguments, t->n_arguments, out);
}

/* ---- as a cell shows them ---------------------------------------------------------------------------- */

struct laying {
    cs_tools_expand expand;
    void *self;
    struct cs_arena *arena;
};

static enum cs_err text_of(const struct laying *l, const char *template, size_t max, const char **out,
                           struct cs_error *err)
{
    struct cs_buf b = CS_BUF_INIT(max);
    enum cs_err rc = l->expand(l->self, template, &b, err);
    *out = rc == CS_OK ? cs_arena_strndup(l->arena, cs_buf_cstr(&b), b.len) : NULL;
    cs_buf_release(&b);
    return rc;
}

static enum cs_err lay_tool(const struct laying *l, const struct cs_tool *t, const struct cs_case *c,
                            struct cs_shown_tool *out, struct cs_error *err)
{
    const char **keys = cs_arena_array(l->arena, t->n_keys + 1, sizeof *keys);
    *out = (struct cs_shown_tool){.tool = t, .key_texts = keys};
    enum cs_err rc = text_of(l, t->describe, CS_BODY_MAX, &out->describe, err);
    if (rc == CS_OK && t->returns != NULL)
        rc = text_of(l, t->returns, CS_TOOL_TEXT_MAX, &out->returns, err);
    if (rc == CS_OK && out->returns != NULL && out->returns[strspn(out->returns, " \t\r\n")] == '\0')
        out->returns = t->missing;
    for (uint32_t i = 0; i < t->n_keys; i++) {
        if (t->keys[i] >= CS_TOOL_KEY_COLUMN)
            keys[i] = cs_arena_strdup(l->arena, c->values[t->keys[i] - CS_TOOL_KEY_COLUMN]);
    }
    return rc == CS_OK ? CS_OK : cs_error_wrap(err, rc, "tool \"%s\"", t->name);
}

/* One order for each case, whatever its condition: what is compared is shown alike. */
static uint64_t order_key(const struct cs_study *s, const struct cs_case *c)
{
    return cs_rng_mix64(s->seed ^ cs_rng_mix64(cs_digest_case_key(c->id)));
}

enum cs_err cs_tools_lay(const struct cs_study *s, const struct cs_toolset *set, const uint32_t *order,
                         const struct cs_case *c, cs_tools_expand expand, void *self, struct cs_arena *arena,
                         struct cs_toolbox *out, struct cs_error *err)
{
    const struct laying l = {expand, self, arena};
    enum cs_err rc = text_of(&l, set->remind, CS_TOOL_TEXT_MAX, &out->remind, err);
    out->set = set;
    if (rc == CS_OK)
        rc = text_of(&l, set->last, CS_TOOL_TEXT_MAX, &out->last, err);
    for (uint32_t i = 0; i < set->n_tools && rc == CS_OK; i++) {
        uint32_t at = i;
        if (set->shuffled)
            at = (uint32_t)cs_rng_permute(order_key(s, c), set->n_tools, i);
        else if (order != NULL)
            at = order[i];
        rc = lay_tool(&l, &set->tools[at], c, &out->tools[i], err);
    }
    return rc;
}

/* ---- how much it can be -------------------------------------------------------------------------------- */

static size_t max_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t longest_result(const struct cs_shown_tool *t)
{
    const size_t fixed = cs_tool_rows_written(t->returns != NULL ? t->returns : t->tool->missing);
    return t->returns != NULL ? fixed : max_of(fixed, cs_tool_rows_longest(t->tool, t->key_texts));
}

size_t cs_tools_longest(const struct cs_toolbox *box)
{
    size_t most = 0;
    for (uint32_t i = 0; i < box->set->n_tools; i++)
        most = max_of(most, longest_result(&box->tools[i]));
    return most;
}

static int descending(const void *x, const void *y)
{
    const size_t a = *(const size_t *)x, b = *(const size_t *)y;
    return (a < b) - (a > b);
}

enum { UNANSWERED = 80 }; /* bytes said in place of a result, at most */

/* All that max_calls calls can be answered with: a tool without arguments is answered once. */
static size_t answered_bytes(const struct cs_toolbox *box)
{
    size_t once[CS_TOOLS_MAX], often = UNANSWERED, bytes = 0;
    uint32_t n = 0, left = box->set->max_calls;
    for (uint32_t i = 0; i < box->set->n_tools; i++) {
        const size_t longest = longest_result(&box->tools[i]);
        if (box->tools[i].tool->n_arguments == 0)
            once[n++] = longest;
        else
            often = max_of(often, longest);
    }
    qsort(once, n, sizeof *once, descending);
    for (uint32_t i = 0; i < n && left > 0 && once[i] > often; i++, left--)
        bytes += once[i];
    return bytes + left * often;
}

size_t cs_tools_bytes(const struct cs_toolbox *box, size_t wrap)
{
    const size_t calls = box->set->max_calls, others = calls + CS_TOOL_SPARE; /* a last reply may make so many */
    return answered_bytes(box) + calls * wrap + others * (UNANSWERED + wrap) + cs_tool_rows_written(box->last) +
           2 * wrap + (box->set->all ? cs_tool_rows_written(box->remind) : 0);
}

/* ---- identity --------------------------------------------------------------------------------------------- */

static void put_tool(struct cs_buf *b, const struct cs_shown_tool *shown)
{
    const struct cs_tool *t = shown->tool;
    uint8_t rows[32];
    cs_buf_counted(b, t->name);
    cs_buf_char(b, shown->returns != NULL ? 0 : 1);
    if (shown->returns != NULL) {
        cs_buf_counted(b, shown->returns);
        return;
    }
    cs_buf_counted(b, t->missing);
    cs_buf_u32(b, t->n_keys);
    for (uint32_t i = 0; i < t->n_keys; i++) {
        cs_buf_char(b, shown->key_texts[i] != NULL ? 1 : 0);
        if (shown->key_texts[i] != NULL)
            cs_buf_counted(b, shown->key_texts[i]);
        else
            cs_buf_u32(b, t->keys[i]);
    }
    cs_tool_rows_digest(t, shown->key_texts, rows);
    cs_buf_append(b, rows, sizeof rows);
}

void cs_tools_digest(const struct cs_toolbox *box, const uint8_t first_body[32], const char *last_tail, uint8_t out[32])
{
    static const char name[] = "clinsafe-tools-1";
    struct cs_buf b = CS_BUF_INIT(SIZE_MAX);
    cs_buf_append(&b, name, sizeof name);
    cs_buf_u32(&b, box->set->max_calls);
    cs_buf_char(&b, box->set->all);
    cs_buf_append(&b, first_body, 32);
    cs_buf_counted(&b, last_tail);
    cs_buf_counted(&b, box->remind);
    cs_buf_counted(&b, box->last);
    cs_buf_u32(&b, box->set->n_tools);
    for (uint32_t i = 0; i < box->set->n_tools; i++)
        put_tool(&b, &box->tools[i]);
    cs_digest_blake2b_256(b.data, b.len, out);
    cs_buf_release(&b);
}
