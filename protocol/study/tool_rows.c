#include "protocol/study/tool_rows.h"

#include <string.h>
#include <strings.h>

#include "protocol/base/buf.h"
#include "protocol/base/digest.h"
#include "protocol/base/json.h"

static size_t trimmed(const char **text)
{
    static const char blanks[] = " \t\r\n";
    *text += strspn(*text, blanks);
    size_t n = strlen(*text);
    while (n > 0 && strchr(blanks, (*text)[n - 1]) != NULL)
        n--;
    return n;
}

static int compare_key(const char *a, const char *b)
{
    const size_t n = trimmed(&a), m = trimmed(&b);
    const int order = strncasecmp(a, b, n < m ? n : m);
    return order != 0 ? order : (n > m) - (n < m);
}

int cs_tool_rows_compare(const char *const *a, const char *const *b, uint32_t n)
{
    int order = 0;
    for (uint32_t i = 0; i < n && order == 0; i++)
        order = compare_key(a[i], b[i]);
    return order;
}

struct reachable {
    const struct cs_tool *tool;
    const char *const *key_texts; /* NULL: all rows */
    uint32_t n_leading;           /* keys of the case before the first argument */
    uint32_t first, end;          /* rows that have them */
};

static const char *const *row_at(const struct cs_tool *t, uint32_t row)
{
    return t->cells + (size_t)row * (t->n_keys + 1);
}

/* The first row whose leading keys are not below those of the case; or, with `above`, are above them. */
static uint32_t bound(const struct reachable *r, bool above)
{
    uint32_t low = 0, high = r->tool->n_cells / (r->tool->n_keys + 1);
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = cs_tool_rows_compare(row_at(r->tool, middle), r->key_texts, r->n_leading);
        if (order < 0 || (above && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct reachable rows_of(const struct cs_tool *t, const char *const *key_texts)
{
    struct reachable r = {.tool = t, .key_texts = key_texts, .end = t->n_cells / (t->n_keys + 1)};
    while (key_texts != NULL && r.n_leading < t->n_keys && key_texts[r.n_leading] != NULL)
        r.n_leading++;
    if (r.n_leading > 0) {
        r.first = bound(&r, false);
        r.end = bound(&r, true);
    }
    return r;
}

/* Whether the keys behind the leading ones are the case's too. */
static bool is_reachable(const struct reachable *r, uint32_t row)
{
    const char *const *keys = row_at(r->tool, row);
    for (uint32_t k = r->n_leading; r->key_texts != NULL && k < r->tool->n_keys; k++) {
        if (r->key_texts[k] != NULL && cs_tool_rows_compare(&keys[k], &r->key_texts[k], 1) != 0)
            return false;
    }
    return true;
}

/* ---- what is asked of them ----------------------------------------------------------------------------- */

size_t cs_tool_rows_written(const char *text)
{
    struct cs_buf b = CS_BUF_INIT(SIZE_MAX);
    cs_json_str(&b, text, strlen(text));
    const size_t n = b.len;
    cs_buf_release(&b);
    return n;
}

static size_t longest_of(const struct reachable *r)
{
    size_t most = 0;
    for (uint32_t i = r->first; i < r->end; i++) {
        const size_t n = is_reachable(r, i) ? cs_tool_rows_written(row_at(r->tool, i)[r->tool->n_keys]) : 0;
        most = n > most ? n : most;
    }
    return most;
}

static void digest_of(const struct reachable *r, uint8_t out[32])
{
    struct cs_buf b = CS_BUF_INIT(SIZE_MAX);
    uint32_t n = 0;
    for (uint32_t i = r->first; i < r->end; i++)
        n += is_reachable(r, i);
    cs_buf_u32(&b, n);
    for (uint32_t i = r->first; i < r->end; i++) {
        const char *const *row = row_at(r->tool, i);
        for (uint32_t k = 0; k <= r->tool->n_keys && is_reachable(r, i); k++) {
            cs_buf_u32(&b, (uint32_t)strlen(row[k]));
            cs_buf_append(&b, row[k], strlen(row[k]));
        }
    }
    cs_digest_blake2b_256(b.data, b.len, out);
    cs_buf_release(&b);
}

static bool reaches_all(const struct cs_tool *t)
{
    for (uint32_t k = 0; k < t->n_keys; k++) {
        if (t->keys[k] >= CS_TOOL_KEY_COLUMN)
            return false;
    }
    return true;
}

void cs_tool_rows_seal(struct cs_tool *t)
{
    if (t->returns != NULL || !reaches_all(t))
        return;
    const struct reachable all = rows_of(t, NULL);
    t->all_longest = longest_of(&all);
    digest_of(&all, t->all_digest);
}

size_t cs_tool_rows_longest(const struct cs_tool *t, const char *const *key_texts)
{
    const struct reachable r = rows_of(t, key_texts);
    return reaches_all(t) ? t->all_longest : longest_of(&r);
}

void cs_tool_rows_digest(const struct cs_tool *t, const char *const *key_texts, uint8_t out[32])
{
    const struct reachable r = rows_of(t, key_texts);
    if (reaches_all(t))
        memcpy(out, t->all_digest, 32);
    else
        digest_of(&r, out);
}
