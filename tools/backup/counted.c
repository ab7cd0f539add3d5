#include "tools/backup/counted.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "store/generation.h"

struct page {
    uint32_t lane;
    uint64_t page;
    uint8_t bits[CS_PAGE_BYTES];
};
struct generations {
    struct cs_generation *v;
    uint32_t n;
    struct cs_error *err;
};
/* One generation's ledger, and the rows that must agree with it. */
struct ledger {
    struct page *pages; /* by lane and number */
    uint32_t n, cap;
    uint64_t said[4]; /* trials by state */
    uint64_t done, failed;
};

static enum cs_err take_generation(void *self, const char *key, const void *value, uint32_t len)
{
    struct generations *g = self;
    (void)key;
    g->v = cs_xrealloc(g->v, g->n + 1, sizeof *g->v);
    return cs_store_generation_unpack(value, len, &g->v[g->n++], g->err);
}

static enum cs_err take_page(void *self, uint32_t lane, uint64_t page, const uint8_t bits[CS_PAGE_BYTES])
{
    struct ledger *l = self;
    if (l->n == l->cap) {
        l->cap = 2 * l->cap + 256;
        l->pages = cs_xrealloc(l->pages, l->cap, sizeof *l->pages);
    }
    struct page *p = &l->pages[l->n++];
    *p = (struct page){.lane = lane, .page = page};
    memcpy(p->bits, bits, sizeof p->bits);
    for (unsigned i = 0; i < CS_PAGE_TRIALS; i++)
        l->said[bits[i / 4] >> 2 * (i % 4) & 3]++;
    return CS_OK;
}

static int by_place(const void *key, const void *page)
{
    const struct page *k = key, *p = page;
    if (k->lane != p->lane)
        return k->lane < p->lane ? -1 : 1;
    return (k->page > p->page) - (k->page < p->page);
}

static enum cs_err take_place(void *self, uint32_t lane, uint64_t position, const struct cs_place *place)
{
    struct ledger *l = self;
    const struct page key = {.lane = lane, .page = position / CS_PAGE_TRIALS};
    const struct page *p = l->n > 0 ? bsearch(&key, l->pages, l->n, sizeof *l->pages, by_place) : NULL;
    const unsigned i = (unsigned)(position % CS_PAGE_TRIALS), state = p != NULL ? p->bits[i / 4] >> 2 * (i % 4) & 3 : 0;
    l->done += state == CS_TRIAL_DONE && (place->flags & CS_OUTPUT_CANONICAL) != 0;
    l->failed += state == CS_TRIAL_FAILED && (place->flags & CS_OUTPUT_FAILURE) != 0;
    return CS_OK;
}

static enum cs_err add_cost(struct cs_store *s, uint32_t gen, uint32_t n_lanes, int64_t *sum, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t lane = 0; lane < n_lanes && rc == CS_OK; lane++) {
        struct cs_counters c = {0};
        rc = cs_store_rows_counters(s, gen, lane, &c, err);
        rc = rc == CS_ENOENT ? CS_OK : rc;
        *sum += c.cost_nano_usd - c.voided_nano_usd;
    }
    return rc;
}

/* The study's row in the manifest: that of its newest generation, with what all of them cost. */
static enum cs_err note_study(struct cs_store *s, const struct cs_generation *g, const struct ledger *l,
                              struct cs_arena *arena, struct cs_manifest *out, struct cs_error *err)
{
    struct cs_generation_view view = {0};
    enum cs_err rc = cs_store_generation_view_open(&view, s, g, err);
    const char *name = rc == CS_OK ? cs_arena_strdup(arena, view.spec.study->name) : "";
    uint32_t i = 0;
    while (i < out->n_studies && strcmp(out->studies[i].name, name) != 0)
        i++;
    struct cs_manifest_study *study = &out->studies[i];
    if (rc == CS_OK && i == out->n_studies)
        *study = (struct cs_manifest_study){.name = name}, out->n_studies++;
    if (rc == CS_OK)
        rc = add_cost(s, g->number, view.plan.n_lanes, &study->spent_nano_usd, err);
    if (rc == CS_OK && g->built && g->number > study->generation) {
        study->generation = g->number;
        study->done = l->done;
        study->failed = l->failed;
    }
    cs_store_generation_view_close(&view);
    return rc;
}

static enum cs_err count_generation(struct cs_store *s, const struct cs_generation *g, struct cs_arena *arena,
                                    struct cs_manifest *out, struct cs_error *err)
{
    struct ledger l = {0};
    enum cs_err rc = cs_store_scan_pages(s, g->number, take_page, &l, err);
    if (rc == CS_OK)
        rc = cs_store_scan_places(s, g->number, take_place, &l, err);
    if (rc == CS_OK && g->built && (l.done != l.said[CS_TRIAL_DONE] || l.failed != l.said[CS_TRIAL_FAILED]))
        rc = cs_error_set(
            err, CS_ECORRUPT,
            "generation %u: the ledger has %llu trials done and %llu failed, but outputs of %llu and %llu are "
            "there",
            g->number, (unsigned long long)l.said[CS_TRIAL_DONE], (unsigned long long)l.said[CS_TRIAL_FAILED],
            (unsigned long long)l.done, (unsigned long long)l.failed);
    if (rc == CS_OK)
        rc = note_study(s, g, &l, arena, out, err);
    free(l.pages);
    return rc;
}

struct reading {
    const struct cs_counted_opts *o;
    uint64_t first, total;
};

static enum cs_err on_output(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    enum { TELL_EVERY = 1024 };
    const struct reading *r = self;
    (void)lane, (void)position;
    if (r->o->on_output == NULL || stored->output_id % TELL_EVERY != 0 ||
        r->o->on_output(r->o->self, stored->output_id - r->first, r->total))
        return CS_OK;
    return cs_error_set(err, CS_EINTERRUPTED, "interrupted");
}

/* The term up to which the store's past was given up (coordinator/rollback.h); 0: never. */
static enum cs_err given_up(struct cs_store *s, uint32_t *term, struct cs_error *err)
{
    void *value = NULL;
    uint32_t n = 0;
    enum cs_err rc = cs_store_rows_meta(s, "accepted", &value, &n, err);
    *term = rc == CS_OK ? (uint32_t)strtoul(value, NULL, 10) : 0; /* ends with a NUL */
    free(value);
    return rc == CS_ENOENT ? CS_OK : rc;
}

static enum cs_err count(struct cs_store *s, const struct cs_counted_opts *o, struct cs_arena *arena,
                         struct cs_manifest *out, struct cs_error *err)
{
    struct generations g = {.err = err};
    struct reading r = {.o = o, .first = o->from_output};
    uint32_t since = 0;
    out->fleet = cs_arena_strdup(arena, cs_store_fleet(s));
    out->format = cs_store_format(s);
    out->term = cs_store_term(s);
    out->commit = cs_store_commit_seq(s);
    out->outputs = cs_store_last_output(s);
    enum cs_err rc = given_up(s, &since, err);
    r.first = since >= o->from_term ? 0 : r.first; /* what was read before may be of what was given up */
    r.total = out->outputs > r.first ? out->outputs - r.first : 0;
    if (rc == CS_OK)
        rc = cs_store_scan_metas(s, "gen/", take_generation, &g, err);
    out->studies = cs_arena_array(arena, g.n + 1, sizeof *out->studies);
    for (uint32_t i = 0; i < g.n && rc == CS_OK; i++)
        rc = count_generation(s, &g.v[i], arena, out, err);
    if (rc == CS_OK)
        rc = cs_store_scan_outputs(s, r.first, on_output, &r, err);
    free(g.v);
    return rc;
}

enum cs_err cs_backup_counted_store(const char *store, const struct cs_counted_opts *o, struct cs_arena *arena,
                                    struct cs_manifest *out, struct cs_error *err)
{
    struct cs_store *s = NULL;
    enum cs_err rc = cs_store_open_reader(&s, store, err);
    if (rc == CS_OK)
        rc = count(s, o, arena, out, err);
    cs_store_close(s);
    return rc;
}
