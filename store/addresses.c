#include "store/addresses.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/study/address.h"
#include "protocol/wire/codec.h"

enum { NAME_MAX_BYTES = 64 * 1024, PLACES_MAX = 1 << 20 };

struct place { /* the lane's number in a generation */
    uint32_t gen, lane;
};
struct row {
    const char *study, *model, *account, *address;
    uint32_t n;
    struct place *places;
};

static void visit(struct cs_codec *c, struct row *r)
{
    cs_codec_begin(c, 5);
    cs_codec_str(c, &r->study, NAME_MAX_BYTES);
    cs_codec_str(c, &r->model, NAME_MAX_BYTES);
    cs_codec_str(c, &r->account, NAME_MAX_BYTES);
    cs_codec_str(c, &r->address, CS_TEXT_MAX);
    cs_codec_array(c, &r->n, PLACES_MAX);
    if (!cs_codec_packing(c))
        r->places = cs_codec_alloc(c, r->n, sizeof *r->places);
    for (uint32_t i = 0; i < r->n && cs_codec_ok(c); i++) {
        cs_codec_begin(c, 2);
        cs_codec_u32(c, &r->places[i].gen);
        cs_codec_u32(c, &r->places[i].lane);
        cs_codec_end(c);
    }
    cs_codec_end(c);
    cs_codec_end(c);
}

static enum cs_err unpack(const void *value, uint32_t n, struct cs_arena *arena, struct row *out, struct cs_error *err)
{
    struct cs_codec *c;
    enum cs_err rc = cs_codec_unpacker(value, n, arena, &c, err);
    if (rc == CS_OK) {
        visit(c, out);
        rc = cs_codec_close(c, err);
    }
    return rc;
}

static void row_key(uint64_t lane, char out[CS_META_KEY_MAX])
{
    snprintf(out, CS_META_KEY_MAX, "address/%016llx", (unsigned long long)lane);
}

/* What is to be written, or else what is on disk. CS_ENOENT: neither. */
static enum cs_err read_row(struct cs_store *s, const struct cs_batch *b, const char *key, struct cs_arena *arena,
                            struct row *out, struct cs_error *err)
{
    void *value = NULL;
    uint32_t n = 0;
    enum cs_err rc = CS_ENOENT;
    *out = (struct row){0};
    for (uint32_t i = b != NULL ? b->n_metas : 0; value == NULL && i-- > 0;) {
        if (strcmp(b->metas[i].key, key) == 0 && b->metas[i].value != NULL) {
            n = b->metas[i].len;
            value = memcpy(cs_xmalloc(n + 1u), b->metas[i].value, n);
            rc = CS_OK;
        }
    }
    if (value == NULL)
        rc = cs_store_rows_meta(s, key, &value, &n, err);
    if (rc == CS_OK)
        rc = unpack(value, n, arena, out, err);
    free(value);
    return rc;
}

enum cs_err cs_addresses_add(struct cs_store *s, struct cs_batch *b, uint32_t gen, const struct cs_study *study,
                             struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; rc == CS_OK && i < study->n_models; i++) {
        const struct cs_model *m = &study->models[i];
        const struct cs_account *a = &study->accounts[m->account];
        struct cs_buf address = CS_BUF_INIT(CS_TEXT_MAX), packed = CS_BUF_INIT(16 * 1024 * 1024);
        struct cs_arena arena = {0};
        struct row r;
        char key[CS_META_KEY_MAX];
        row_key(cs_digest_lane_key(study->name, m->name, a->name), key);
        cs_address_of_account(a, &address);
        rc = read_row(s, b, key, &arena, &r, err);
        if (rc == CS_ENOENT)
            rc = CS_OK;
        const bool there = rc == CS_OK && r.n > 0 && r.places[r.n - 1].gen == gen && r.places[r.n - 1].lane == i;
        if (rc == CS_OK && !there) { /* it is when a pass goes on after a restart */
            struct place *places = cs_arena_array(&arena, r.n + 1u, sizeof *places);
            if (r.n > 0)
                memcpy(places, r.places, r.n * sizeof *places);
            places[r.n] = (struct place){gen, i};
            r = (struct row){study->name, m->name, a->name, cs_buf_cstr(&address), r.n + 1, places};
            struct cs_codec *c = cs_codec_packer(&packed);
            visit(c, &r);
            rc = cs_codec_close(c, err);
        }
        if (rc == CS_OK && !there)
            cs_batch_add_meta(b, key, packed.data, (uint32_t)packed.len);
        cs_arena_release(&arena);
        cs_buf_release(&address);
        cs_buf_release(&packed);
    }
    return rc;
}

/* Whether the lane has an answer in one of its generations: where it has none, nothing could be mixed up. */
static enum cs_err has_answers(struct cs_store *s, const struct row *r, bool *out, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    *out = false;
    for (uint32_t i = 0; rc == CS_OK && i < r->n && !*out; i++) {
        struct cs_counters c;
        rc = cs_store_rows_counters(s, r->places[i].gen, r->places[i].lane, &c, err);
        for (int o = 0; rc == CS_OK && o < CS_OUTCOMES; o++)
            *out |= cs_outcome_is_answer((enum cs_outcome)o) && c.outcome[o] > 0;
        *out |= rc == CS_OK && c.superseded > 0;
        rc = rc == CS_ENOENT ? CS_OK : rc;
    }
    return rc;
}

enum cs_err cs_addresses_check(struct cs_store *s, const struct cs_study *study, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; rc == CS_OK && i < study->n_models; i++) {
        const struct cs_model *m = &study->models[i];
        const struct cs_account *a = &study->accounts[m->account];
        struct cs_buf address = CS_BUF_INIT(CS_TEXT_MAX);
        struct cs_arena arena = {0};
        struct row r;
        bool answered = false;
        char key[CS_META_KEY_MAX];
        row_key(cs_digest_lane_key(study->name, m->name, a->name), key);
        cs_address_of_account(a, &address);
        rc = read_row(s, NULL, key, &arena, &r, err);
        if (rc == CS_OK && !cs_address_is_same(r.address, cs_buf_cstr(&address)))
            rc = has_answers(s, &r, &answered, err);
        if (rc == CS_OK && answered)
            rc = cs_error_set(
                err, CS_EINVAL,
                "%s: its answers so far came from %s, and account %s now calls %s. That is another system: "
                "give the account or the model another name, or take the old answers over as its own with "
                "--adopt-from-other",
                m->name, r.address, a->name, cs_buf_cstr(&address));
        rc = rc == CS_ENOENT ? CS_OK : rc;
        cs_arena_release(&arena);
        cs_buf_release(&address);
    }
    return rc;
}

/* ---- lanes that the study has no more -------------------------------------------------------------- */

struct known {
    const struct cs_study *study;
    struct cs_arena arena;
    struct row *rows;
    uint32_t n;
    struct cs_error *err;
};

static enum cs_err take_row(void *self, const char *key, const void *value, uint32_t len)
{
    struct known *k = self;
    struct row r = {0};
    (void)key;
    enum cs_err rc = unpack(value, len, &k->arena, &r, k->err);
    if (rc == CS_OK && strcmp(r.study, k->study->name) == 0) {
        k->rows = cs_xrealloc(k->rows, k->n + 1, sizeof *k->rows);
        k->rows[k->n++] = r;
    }
    return rc;
}

static uint64_t key_of(const struct row *r)
{
    return cs_digest_lane_key(r->study, r->model, r->account);
}

static bool is_gone(const struct cs_study *study, const struct row *r)
{
    for (uint32_t i = 0; i < study->n_models; i++) {
        if (strcmp(study->models[i].name, r->model) == 0 &&
            strcmp(study->accounts[study->models[i].account].name, r->account) == 0)
            return false;
    }
    return true;
}

static bool is_heir(const uint64_t *heir_of, uint32_t n, uint64_t key)
{
    for (uint32_t i = 0; i < n; i++) {
        if (heir_of[i] == key)
            return true;
    }
    return false;
}

enum cs_err cs_addresses_heirs(struct cs_store *s, const struct cs_study *study, uint64_t *heir_of,
                               struct cs_error *err)
{
    struct known k = {.study = study, .err = err};
    enum cs_err rc = cs_store_scan_metas(s, "address/", take_row, &k, err);
    memset(heir_of, 0, study->n_models * sizeof *heir_of);
    /* First those that kept their model's name, then those that kept their account's. */
    for (uint32_t at = 0; rc == CS_OK && at < 2 * study->n_models; at++) {
        const uint32_t lane = at % study->n_models;
        const struct cs_model *m = &study->models[lane];
        const struct cs_account *a = &study->accounts[m->account];
        struct cs_buf address = CS_BUF_INIT(CS_TEXT_MAX);
        cs_address_of_account(a, &address);
        for (uint32_t i = 0; i < k.n && heir_of[lane] == 0; i++) {
            const struct row *r = &k.rows[i];
            const bool related = at < study->n_models ? strcmp(r->model, m->name) == 0
                                                      : strcmp(r->account, a->name) == 0;
            if (related && is_gone(study, r) && cs_address_is_same(r->address, cs_buf_cstr(&address)) &&
                !is_heir(heir_of, study->n_models, key_of(r)))
                heir_of[lane] = key_of(r);
        }
        cs_buf_release(&address);
    }
    free(k.rows);
    cs_arena_release(&k.arena);
    return rc;
}

enum cs_err cs_addresses_lanes(struct cs_store *s, const struct cs_study *study, uint64_t **keys, uint32_t *n,
                               struct cs_error *err)
{
    struct known k = {.study = study, .err = err};
    enum cs_err rc = cs_store_scan_metas(s, "address/", take_row, &k, err);
    *n = rc == CS_OK ? k.n : 0;
    *keys = cs_xcalloc(*n + 1u, sizeof **keys);
    for (uint32_t i = 0; i < *n; i++)
        (*keys)[i] = key_of(&k.rows[i]);
    free(k.rows);
    cs_arena_release(&k.arena);
    return rc;
}
