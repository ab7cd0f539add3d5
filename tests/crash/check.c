/* check - what workers were told is on disk is there, unchanged, and the ledger agrees.
 *
 *   check reader|writer STORE ACKS SCRATCH
 *
 * ACKS is a folder of *.acks files, one digest in hex a line, that grow. Each line on standard input is one look: `round` reads the
 * new acknowledgements, then opens the store (beside a running coordinator as a reader; or for writing, which is recovery as a
 * coordinator does it) and compares every output with what was there before; `full` also compares places, pages and counters.
 * Answers `ok acked=.. outputs=..` or `FAULT why`. Remembers 8 bytes of every output ever seen.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "protocol/base/alloc.h"
#include "protocol/base/file.h"
#include "protocol/base/hash.h"
#include "protocol/base/log.h"
#include "store/generation.h"
#include "store/record.h"
#include "store/store_internal.h"

enum { ACK_LINE = 33, TRIES = 20, LANES_MAX = 64, OUTPUTS_MAX = 1 << 28 };

struct known { /* a request */
    struct cs_digest digest;
    uint64_t id, canonical; /* its newest output, and its answer; 0: none */
    bool acked;
    UT_hash_handle hh;
};

struct ack_file {
    char *path;
    long at;
};

struct check {
    bool writer;
    const char *dir, *acks, *scratch;
    struct known *known, **waiting; /* waiting: acknowledged since the last look */
    struct ack_file *files;
    uint8_t (*sums)[8]; /* every output's, by id */
    uint64_t n_sums, cap_sums, commit_seq, acked, duplicates, failures;
    uint32_t n_files, n_waiting, cap_waiting, again;
    struct cs_arena arena;
};

static struct known *know(struct check *c, const struct cs_digest *d)
{
    struct known *k;
    HASH_FIND(hh, c->known, d, sizeof *d, k);
    if (k == NULL) {
        k = cs_xcalloc(1, sizeof *k);
        k->digest = *d;
        HASH_ADD(hh, c->known, digest, sizeof k->digest, k);
    }
    return k;
}

/* ---- acknowledgements ------------------------------------------------------------------------------------ */

static struct ack_file *file_named(struct check *c, const char *name)
{
    char *path = cs_xasprintf("%s/%s", c->acks, name);
    for (uint32_t i = 0; i < c->n_files; i++) {
        if (strcmp(c->files[i].path, path) == 0) {
            free(path);
            return &c->files[i];
        }
    }
    c->files = cs_xrealloc(c->files, c->n_files + 1, sizeof *c->files);
    c->files[c->n_files] = (struct ack_file){path, 0};
    return &c->files[c->n_files++];
}

static void note_ack(struct check *c, const char *hex)
{
    struct cs_digest d;
    if (!cs_digest_unhex(hex, d.b, sizeof d.b))
        return;
    struct known *k = know(c, &d);
    if (k->acked)
        return;
    k->acked = true;
    c->acked++;
    if (c->n_waiting == c->cap_waiting) {
        c->cap_waiting = c->cap_waiting != 0 ? 2 * c->cap_waiting : 1024;
        c->waiting = cs_xrealloc(c->waiting, c->cap_waiting, sizeof(struct known *));
    }
    c->waiting[c->n_waiting++] = k;
}

static void read_acks_of(struct check *c, struct ack_file *f)
{
    char line[ACK_LINE + 1];
    FILE *in = fopen(f->path, "re");
    if (in == NULL || fseek(in, f->at, SEEK_SET) != 0)
        goto out;
    while (fread(line, 1, ACK_LINE, in) == ACK_LINE && line[ACK_LINE - 1] == '\n') {
        line[ACK_LINE - 1] = '\0';
        note_ack(c, line);
        f->at += ACK_LINE;
    }
out:
    if (in != NULL)
        fclose(in);
}

static void read_acks(struct check *c)
{
    DIR *d = opendir(c->acks);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (strstr(e->d_name, ".acks") != NULL)
            read_acks_of(c, file_named(c, e->d_name));
    }
    if (d != NULL)
        closedir(d);
}

/* ---- outputs ----------------------------------------------------------------------------------------------- */

static enum cs_err meet(struct check *c, const struct cs_record *r, struct cs_error *err)
{
    struct cs_output o;
    unsigned long long id = r->output_id;
    cs_arena_reset(&c->arena);
    enum cs_err rc = cs_output_unpack(r->bytes, r->len, &c->arena, &o, err);
    if (rc != CS_OK)
        return rc;
    struct known *k = know(c, &o.digest);
    c->duplicates += (r->flags & CS_OUTPUT_DUPLICATE) != 0;
    c->failures += (r->flags & CS_OUTPUT_FAILURE) != 0;
    if (r->flags & CS_OUTPUT_CANONICAL) {
        if (k->canonical != 0)
            return cs_error_set(err, CS_ECORRUPT, "output %llu is a second answer to the request of output %llu", id,
                                (unsigned long long)k->canonical);
        k->canonical = id;
    }
    k->id = id;
    return CS_OK;
}

static enum cs_err compare(struct check *c, uint64_t id, struct cs_slice value, struct cs_error *err)
{
    struct cs_record r;
    enum cs_err rc = cs_record_read(id, value.p, value.n, &r, err);
    if (rc != CS_OK)
        return rc;
    const uint8_t *sum = (const uint8_t *)value.p + CS_RECORD_HEAD - 8;
    if (id <= c->n_sums)
        return memcmp(c->sums[id - 1], sum, 8) == 0
                   ? CS_OK
                   : cs_error_set(err, CS_ECORRUPT, "output %llu is not what it was", (unsigned long long)id);
    if (c->n_sums == c->cap_sums) {
        c->cap_sums = c->cap_sums != 0 ? 2 * c->cap_sums : 65536;
        c->sums = cs_xrealloc(c->sums, c->cap_sums, sizeof *c->sums);
    }
    memcpy(c->sums[c->n_sums++], sum, 8);
    return meet(c, &r, err);
}

/* Ids from 1 without a hole, up to what the last commit says; what was there before is there, acknowledged or not: nobody may see
 * what can still be lost. */
static enum cs_err check_outputs(struct check *c, struct cs_store *s, struct cs_error *err)
{
    struct cs_slice key, value;
    struct cs_key from, until;
    uint64_t seq, next, id = 1;
    struct cs_rocks_view *v = cs_rocks_view_open(s->rocks);
    enum cs_err rc = cs_store_rows_last_commit(s, v, &seq, &next, err);
    if (rc == CS_OK && seq < c->commit_seq)
        rc = cs_error_set(err, CS_ECORRUPT, "commit %llu was there, and now the last is %llu",
                          (unsigned long long)c->commit_seq, (unsigned long long)seq);
    if (rc == CS_OK && (next > OUTPUTS_MAX || next <= c->n_sums))
        rc = cs_error_set(err, CS_ECORRUPT, "%llu outputs were there, and now the next is %llu",
                          (unsigned long long)c->n_sums, (unsigned long long)next);
    cs_keyspace_output(&from, 1);
    cs_keyspace_output(&until, UINT64_MAX);
    struct cs_rocks_rows *rows = cs_rocks_rows_open(v, CS_CF_OUTPUTS, cs_keyspace_slice(&from),
                                                    cs_keyspace_slice(&until));
    for (; rc == CS_OK && cs_rocks_rows_next(rows, &key, &value); id++) {
        if (key.n != 8 || cs_keyspace_get_u64(key.p) != id)
            rc = cs_error_set(err, CS_ECORRUPT, "output %llu is missing", (unsigned long long)id);
        else
            rc = compare(c, id, value, err);
    }
    enum cs_err closed = cs_rocks_rows_close(rows, rc == CS_OK ? err : NULL);
    rc = rc == CS_OK ? closed : rc;
    if (rc == CS_OK && id != next)
        rc = cs_error_set(err, CS_ECORRUPT, "output %llu is missing: the last commit says %llu follows",
                          (unsigned long long)id, (unsigned long long)next);
    if (rc == CS_OK)
        c->commit_seq = seq;
    cs_rocks_view_close(v);
    return rc;
}

/* The one canonical output of a request, whoever asked: the studies of these tests have no equal requests. 0: none. */
static enum cs_err find_one(struct cs_finder *f, const struct cs_digest *d, uint64_t *id, struct cs_error *err)
{
    const struct cs_indexed *found;
    uint32_t n;
    enum cs_err rc = cs_index_finder_get(f, d, 0, &found, &n, err);
    *id = rc == CS_OK && n == 1 ? found[0].output_id : 0;
    return rc;
}

static enum cs_err check_acked(struct check *c, struct cs_store *s, struct cs_error *err)
{
    char hex[33];
    uint64_t found = 0;
    struct cs_finder *f = cs_index_finder_open(s);
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; rc == CS_OK && i < c->n_waiting; i++) {
        struct known *k = c->waiting[i];
        cs_digest_hex(k->digest.b, sizeof k->digest.b, hex);
        if (k->id == 0)
            rc = cs_error_set(err, CS_ECORRUPT, "the acknowledged output of %s is lost", hex);
        else if (k->canonical != 0)
            rc = find_one(f, &k->digest, &found, err);
        if (rc == CS_OK && k->canonical != 0 && found != k->canonical)
            rc = cs_error_set(err, CS_ECORRUPT, "the index has %llu for %s, not output %llu", (unsigned long long)found,
                              hex, (unsigned long long)k->canonical);
    }
    cs_index_finder_close(f);
    if (rc == CS_OK)
        c->n_waiting = 0;
    return rc;
}

/* ---- ledger -------------------------------------------------------------------------------------------------- */

struct tally {
    uint64_t rows[LANES_MAX], answers[LANES_MAX], duplicates;
    uint32_t n_lanes;
};

static enum cs_err count_page(void *self, uint32_t lane, uint64_t page, const uint8_t bits[CS_PAGE_BYTES])
{
    struct tally *t = self;
    (void)page, (void)bits;
    if (lane >= LANES_MAX)
        return CS_ECORRUPT;
    if (lane >= t->n_lanes)
        t->n_lanes = lane + 1;
    return CS_OK;
}

static enum cs_err count_row(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    struct tally *t = self;
    (void)position, (void)err;
    t->rows[lane]++;
    t->answers[lane] += (stored->flags & CS_OUTPUT_CANONICAL) != 0;
    return CS_OK;
}

/* One generation: places against pages (cs_store_scan compares them), and both against the counters. */
static enum cs_err check_generation(struct cs_store *s, uint32_t gen, uint64_t *answers, uint64_t *duplicates,
                                    struct cs_error *err)
{
    struct tally t = {.n_lanes = 0};
    enum cs_err rc = cs_store_scan_pages(s, gen, count_page, &t, err);
    for (uint32_t lane = 0; rc == CS_OK && lane < t.n_lanes; lane++) {
        struct cs_counters n;
        uint64_t counted = 0;
        rc = cs_store_scan(s, gen, lane, count_row, &t, err);
        if (rc == CS_OK)
            rc = cs_store_rows_counters(s, gen, lane, &n, err);
        if (rc == CS_ENOENT && t.rows[lane] == 0)
            rc = CS_OK;
        for (int o = 0; o < CS_OUTCOMES; o++)
            counted += cs_outcome_is_answer((enum cs_outcome)o) ? n.outcome[o] : 0;
        if (rc == CS_OK && counted != t.answers[lane])
            rc = cs_error_set(err, CS_ECORRUPT, "generation %u, lane %u counts %llu answers, %llu are there", gen, lane,
                              (unsigned long long)counted, (unsigned long long)t.answers[lane]);
        *answers += t.answers[lane];
        *duplicates += n.duplicates;
    }
    return rc;
}

/* All generations: these tests edit no study, so that each output is of one of them. */
static enum cs_err check_ledger(const struct check *c, struct cs_store *s, struct cs_error *err)
{
    struct cs_generation newest;
    uint64_t answers = 0, duplicates = 0;
    enum cs_err rc = cs_store_generation_newest(s, &newest, err);
    for (uint32_t gen = 1; rc == CS_OK && gen <= newest.number; gen++)
        rc = check_generation(s, gen, &answers, &duplicates, err);
    if (rc == CS_OK && (answers + c->duplicates + c->failures < c->n_sums || duplicates != c->duplicates))
        rc = cs_error_set(err, CS_ECORRUPT, "%llu outputs: %llu answers, %llu duplicates (%llu counted), %llu failures",
                          (unsigned long long)c->n_sums, (unsigned long long)answers, (unsigned long long)c->duplicates,
                          (unsigned long long)duplicates, (unsigned long long)c->failures);
    return rc;
}

/* ---- a look ---------------------------------------------------------------------------------------------------- */

/* A writer that compacts between a reader's looks at its manifest and its files makes the opening fail: then again. What fails
 * always, fails here. */
static enum cs_err open_store(struct check *c, struct cs_store **s, struct cs_error *err)
{
    struct cs_store_opts o = {.dir = c->dir, .write = c->writer, .scratch = c->writer ? NULL : c->scratch};
    enum cs_err rc = CS_EIO;
    for (int i = 0; i < TRIES; i++) {
        rc = cs_store_open(s, &o, err);
        if (rc == CS_OK || c->writer)
            break;
        c->again++;
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    }
    return rc;
}

static enum cs_err look(struct check *c, bool full, struct cs_error *err)
{
    struct cs_store *s = NULL;
    read_acks(c);
    enum cs_err rc = open_store(c, &s, err);
    if (rc == CS_OK)
        rc = check_outputs(c, s, err);
    if (rc == CS_OK)
        rc = check_acked(c, s, err);
    if (rc == CS_OK && full)
        rc = check_ledger(c, s, err);
    cs_store_close(s);
    return rc;
}

int main(int argc, char **argv)
{
    char line[64];
    struct check c = {0};
    cs_log_init("check");
    if (argc != 5 || (strcmp(argv[1], "reader") != 0 && strcmp(argv[1], "writer") != 0)) {
        fprintf(stderr, "usage: check reader|writer STORE ACKS SCRATCH\n");
        return 64;
    }
    c.writer = argv[1][0] == 'w';
    c.dir = argv[2];
    c.acks = argv[3];
    c.scratch = argv[4];
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct cs_error err = {0};
        if (look(&c, strcmp(line, "full\n") == 0, &err) == CS_OK)
            printf("ok acked=%llu outputs=%llu duplicates=%llu failures=%llu commits=%llu again=%u\n",
                   (unsigned long long)c.acked, (unsigned long long)c.n_sums, (unsigned long long)c.duplicates,
                   (unsigned long long)c.failures, (unsigned long long)c.commit_seq, c.again);
        else
            printf("FAULT %s\n", err.msg);
        fflush(stdout);
    }
    return 0;
}
