#include "tools/plan/prompt_book.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "protocol/base/hash.h"

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/study/applies.h"
#include "protocol/study/render.h"
#include "tools/base/csv_write.h"

struct entry { /* one distinct prompt of the present case */
    uint8_t digest[32];
    char *system, *user;
    struct cs_coords first;
    uint64_t trials;
    UT_hash_handle hh;
};

struct book {
    FILE *out;
    bool excel;
    uint64_t rows;
};

static void put(const struct book *b, const char *text, bool first)
{
    cs_csv_write_field_for(b->out, b->excel, text, first);
}

static void write_header(const struct cs_study *s, const struct book *b)
{
    put(b, "case_id", true);
    put(b, "cluster", false);
    for (uint32_t f = 0; f < s->n_factors; f++)
        put(b, s->factors[f].name, false);
    put(b, "question", false);
    put(b, "system", false);
    put(b, "user", false);
    put(b, "trials", false);
    cs_csv_write_end_for(b->out, b->excel);
}

static void write_entry(const struct cs_study *s, const struct cs_case *c, const struct entry *e, struct book *b)
{
    char trials[24];
    put(b, c->id, true);
    put(b, c->cluster, false);
    for (uint32_t f = 0; f < s->n_factors; f++)
        put(b, s->factors[f].levels[e->first.arms[f].level].id, false);
    put(b, s->questions[e->first.question].name, false);
    put(b, e->system, false);
    put(b, e->user, false);
    snprintf(trials, sizeof trials, "%" PRIu64, e->trials);
    put(b, trials, false);
    cs_csv_write_end_for(b->out, b->excel);
    b->rows++;
}

static void add_prompt(struct entry **set, const struct cs_coords *at, struct cs_prompt *p, uint64_t trials)
{
    const char *user = cs_render_shown(p);
    uint8_t both[64], digest[32];
    struct entry *e;
    cs_digest_blake2b_256(p->system.data, p->system.len, both);
    cs_digest_blake2b_256(user, strlen(user), both + 32);
    cs_digest_blake2b_256(both, sizeof both, digest);
    HASH_FIND(hh, *set, digest, 32, e);
    if (e == NULL) {
        e = cs_xcalloc(1, sizeof *e);
        memcpy(e->digest, digest, 32);
        e->system = cs_xstrdup(cs_buf_cstr(&p->system));
        e->user = cs_xstrdup(user);
        e->first = *at;
        HASH_ADD(hh, *set, digest, 32, e);
    }
    e->trials += trials;
}

static enum cs_err book_case(const struct cs_plan *plan, const struct cs_case *c, struct cs_prompt *p, struct book *b,
                             struct cs_error *err)
{
    struct entry *set = NULL, *e, *tmp;
    enum cs_err rc = CS_OK;
    for (uint32_t lane = 0; lane < plan->n_lanes; lane++) {
        for (uint32_t i = 0; i < plan->lanes[lane].n_cells && rc == CS_OK; i++) {
            struct cs_coords at;
            cs_plan_cell(plan, lane, c->index, i, &at);
            if (!cs_applies_cell(plan->study, &at, c))
                continue;
            rc = cs_render(plan->study, &at, c, p, err);
            if (rc == CS_OK)
                add_prompt(&set, &at, p, plan->study->rects[at.rect].repeats);
        }
    }
    HASH_ITER (hh, set, e, tmp) {
        if (rc == CS_OK)
            write_entry(plan->study, c, e, b);
        HASH_DEL(set, e);
        free(e->system);
        free(e->user);
        free(e);
    }
    return rc;
}

enum cs_err cs_prompt_book(const struct cs_plan *plan, const struct cs_loaded *l, FILE *out, bool excel, uint64_t *n,
                           struct cs_error *err)
{
    struct cs_prompt p = CS_PROMPT_INIT;
    struct book b = {.out = out, .excel = excel};
    enum cs_err rc = CS_OK;
    if (excel)
        cs_csv_write_excel_begin(out);
    write_header(plan->study, &b);
    for (uint32_t i = 0; i < plan->study->n_cases && rc == CS_OK; i++)
        rc = book_case(plan, &l->all[i], &p, &b, err);
    if (rc == CS_OK && ferror(out))
        rc = cs_error_set(err, CS_EIO, "writing the prompts failed");
    cs_render_release(&p);
    *n = b.rows;
    return rc;
}
