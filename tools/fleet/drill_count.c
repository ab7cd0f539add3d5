#include "tools/fleet/drill_count.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "tools/base/reader.h"

struct digests {
    struct cs_digest *v;
    size_t n, cap;
};

static void add(struct digests *d, const struct cs_digest *digest)
{
    if (d->n == d->cap) {
        d->cap = d->cap != 0 ? 2 * d->cap : 1024;
        d->v = cs_xrealloc(d->v, d->cap, sizeof *d->v);
    }
    d->v[d->n++] = *digest;
}

static int compare(const void *a, const void *b)
{
    return memcmp(((const struct cs_digest *)a)->b, ((const struct cs_digest *)b)->b, sizeof(struct cs_digest));
}

/* In order, each once; how many there were too many. */
static uint64_t settle(struct digests *d)
{
    size_t kept = 0;
    if (d->n > 0)
        qsort(d->v, d->n, sizeof *d->v, compare);
    for (size_t i = 0; i < d->n; i++) {
        if (kept == 0 || compare(&d->v[kept - 1], &d->v[i]) != 0)
            d->v[kept++] = d->v[i];
    }
    const uint64_t again = d->n - kept;
    d->n = kept;
    return again;
}

/* Calls `line` for each whole line. A file that is not there has none: nobody was told anything. */
static void each_line(const char *path, void (*line)(struct digests *to, char *text), struct digests *to)
{
    char *text = NULL;
    size_t cap = 0;
    ssize_t n;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return;
    while ((n = getline(&text, &cap, f)) > 0) {
        if (text[n - 1] != '\n')
            break; /* torn by a kill */
        text[n - 1] = '\0';
        line(to, text);
    }
    free(text);
    fclose(f);
}

static void add_hex(struct digests *to, const char *hex)
{
    struct cs_digest d;
    if (cs_digest_unhex(hex, d.b, sizeof d.b))
        add(to, &d);
}

static void ack_line(struct digests *to, char *text)
{
    add_hex(to, text);
}

/* t_us key model digest attempt charge status fault */
static void arrival_line(struct digests *to, char *text)
{
    char *field[8];
    unsigned n = 0;
    for (char *word; n < 8 && (word = strsep(&text, "\t")) != NULL;)
        field[n++] = word;
    if (n == 8 && strcmp(field[6], "200") == 0 && (field[7][0] == '\0' || strcmp(field[7], "-") == 0))
        add_hex(to, field[3]);
}

static enum cs_err stored_line(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                               struct cs_error *err)
{
    (void)lane, (void)position, (void)err;
    add(self, &stored->output.digest);
    return CS_OK;
}

static enum cs_err ignore(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                          struct cs_error *err)
{
    (void)self, (void)lane, (void)position, (void)stored, (void)err;
    return CS_OK;
}

static enum cs_err read_store(const char *path, struct digests *out, struct cs_error *err)
{
    struct cs_reader r = {0};
    enum cs_err rc = cs_reader_open(&r, NULL, NULL, path, NULL, err);
    if (rc == CS_OK)
        rc = cs_store_scan_outputs(r.store, 1, stored_line, out, err);
    for (uint32_t i = 0; rc == CS_OK && i < r.view.plan.n_lanes; i++)
        rc = cs_store_scan(r.store, r.view.generation.number, i, ignore, NULL, err);
    cs_reader_close(&r);
    return rc;
}

enum cs_err cs_drill_count(const char *ack_log, const char *arrivals, const char *store, struct cs_drill_count *out,
                           struct cs_error *err)
{
    struct digests acked = {0}, paid = {0}, stored = {0};
    *out = (struct cs_drill_count){0};
    each_line(ack_log, ack_line, &acked);
    each_line(arrivals, arrival_line, &paid);
    enum cs_err rc = read_store(store, &stored, err);
    settle(&acked);
    settle(&stored);
    out->answered = paid.n;
    out->paid_twice = settle(&paid);
    out->acknowledged = acked.n;
    for (size_t i = 0; i < acked.n; i++)
        out->lost += stored.n == 0 || bsearch(&acked.v[i], stored.v, stored.n, sizeof *stored.v, compare) == NULL;
    free(acked.v);
    free(paid.v);
    free(stored.v);
    return rc;
}
