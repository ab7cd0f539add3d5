#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/file.h"
#include "protocol/base/log.h"
#include "store/record.h"
#include "store/store_internal.h"
#include "store/upgrade.h"

enum { FLEET_DIGITS = 16 };

/* ---- opening ------------------------------------------------------------------------------------- */

/* What is known of the store: format, fleet, term, last commit. *fresh: nothing was ever written. */
static enum cs_err read_identity(struct cs_store *s, bool *fresh, struct cs_error *err)
{
    uint8_t format[4], term[4] = {0};
    uint64_t seq = 0;
    enum cs_err rc = cs_store_rows_get_system(s, NULL, "format", format, sizeof format, err);
    *fresh = rc == CS_ENOENT;
    if (rc == CS_ENOENT)
        return CS_OK;
    s->format = cs_keyspace_get_u32(format);
    if (rc == CS_OK && (s->format < 1 || s->format > CS_STORE_FORMAT))
        rc = cs_error_set(err, CS_EINVAL, "%s: has format %u, this program knows %d", s->dir, s->format,
                          CS_STORE_FORMAT);
    if (rc == CS_OK)
        rc = cs_store_rows_get_system(s, NULL, "fleet", s->fleet, FLEET_DIGITS, err);
    if (rc == CS_OK)
        rc = cs_store_rows_get_system(s, NULL, "term", term, sizeof term, err);
    if (rc == CS_OK)
        rc = cs_store_rows_last_commit(s, NULL, &seq, &s->next_output_id, err);
    if (rc == CS_ENOENT)
        rc = cs_error_set(err, CS_ECORRUPT, "%s: its fleet or term is missing", s->dir);
    s->term = cs_keyspace_get_u32(term);
    atomic_store(&s->commit_seq, seq);
    return rc;
}

static enum cs_err refuse_rollback(struct cs_store *s, uint64_t recovered, bool accepted, struct cs_error *err)
{
    unsigned long long acked = s->acked.seq, have = recovered;
    if (have >= acked)
        return CS_OK;
    if (!accepted)
        return cs_error_set(err, CS_ECORRUPT,
                            "%s: commits up to %llu were acknowledged, but only %llu are there: data is lost "
                            "or its disk is not mounted. Restore it, or go on without with --accept-rollback",
                            s->dir, acked, have);
    cs_log(CS_WARN, "rollback_accepted", "dir=\"%s\" acknowledged=%llu recovered=%llu", s->dir, acked, have);
    return CS_OK;
}

/* The new term, and at the first opening the rest of the identity, synced. */
static enum cs_err begin_term(struct cs_store *s, bool fresh, uint32_t above, struct cs_error *err)
{
    uint8_t number[4];
    if (fresh) {
        uint8_t random[FLEET_DIGITS / 2];
        CS_ASSERT(getrandom(random, sizeof random, 0) == (ssize_t)sizeof random);
        cs_digest_hex(random, sizeof random, s->fleet);
        s->format = CS_STORE_FORMAT;
        cs_keyspace_put_u32(number, s->format);
        cs_store_rows_put_system(s, "format", number, sizeof number);
        cs_store_rows_put_system(s, "fleet", s->fleet, FLEET_DIGITS);
        s->next_output_id = 1;
    }
    s->term = s->term > above ? s->term : above;
    CS_ASSERT(s->term < UINT32_MAX);
    cs_keyspace_put_u32(number, ++s->term);
    cs_store_rows_put_system(s, "term", number, sizeof number);
    return cs_store_rows_commit(s, s->next_output_id, err);
}

static bool has_database(const char *dir)
{
    char *current = cs_xasprintf("%s/CURRENT", dir);
    bool found = access(current, F_OK) == 0;
    free(current);
    return found;
}

static enum cs_err open_writer(struct cs_store *s, const struct cs_store_opts *opts, struct cs_error *err)
{
    bool fresh = false;
    uint32_t above = opts->term_above;
    enum cs_err rc = cs_file_mkdir_p(s->dir, err);
    if (rc == CS_OK)
        rc = cs_acked_open(&s->acked, s->dir, err);
    if (rc == CS_OK && !has_database(s->dir))
        rc = refuse_rollback(s, 0, opts->accept_rollback, err);
    if (rc == CS_OK)
        rc = cs_rocks_open(&s->rocks, s->dir, NULL, 0, err);
    if (rc == CS_OK)
        rc = read_identity(s, &fresh, err);
    if (rc == CS_OK)
        rc = refuse_rollback(s, atomic_load(&s->commit_seq), opts->accept_rollback, err);
    if (rc == CS_OK && opts->on_recovered != NULL && !fresh)
        rc = opts->on_recovered(opts->self, s, &above, err);
    if (rc == CS_OK && !fresh && atomic_load(&s->commit_seq) < s->acked.seq && above < s->term + CS_STORE_TERMS_SKIPPED)
        above = s->term + CS_STORE_TERMS_SKIPPED; /* accepted */
    if (rc == CS_OK)
        rc = begin_term(s, fresh, above, err);
    if (rc == CS_OK && atomic_load(&s->commit_seq) < s->acked.seq)
        cs_store_note_acked(s); /* accepted: do not refuse the next opening too */
    if (rc == CS_OK)
        rc = cs_store_upgrade(s, opts, err);
    if (rc == CS_OK)
        rc = cs_store_again_load(s, err);
    return rc;
}

/* A writer that flushes between our look at its manifest and at its logs leaves a hole; the second look closes it. */
static enum cs_err open_reader(struct cs_store *s, const struct cs_store_opts *opts, struct cs_error *err)
{
    if (!has_database(s->dir))
        return cs_error_set(err, CS_ENOENT, "%s: there is no store", s->dir);
    s->acked.seq = cs_acked_peek(s->dir); /* before the log is read: a writer may go on */
    enum cs_err rc = cs_rocks_open(&s->rocks, s->dir, opts->scratch, opts->open_files, err);
    return rc == CS_OK ? cs_store_refresh(s, err) : rc;
}

enum cs_err cs_store_open(struct cs_store **out, const struct cs_store_opts *opts, struct cs_error *err)
{
    CS_ASSERT(opts->write || opts->scratch != NULL);
    struct cs_store *s = cs_xcalloc(1, sizeof *s);
    s->dir = cs_xstrdup(opts->dir);
    s->write = opts->write;
    s->acked.fd = -1;
    enum cs_err rc = s->write ? open_writer(s, opts, err) : open_reader(s, opts, err);
    if (rc != CS_OK) {
        cs_store_close(s);
        s = NULL;
    }
    *out = s;
    return rc;
}

void cs_store_close(struct cs_store *s)
{
    if (s == NULL)
        return;
    cs_store_again_release(s);
    cs_rocks_close(s->rocks);
    cs_acked_close(&s->acked);
    free(s->dir);
    free(s);
}

enum cs_err cs_store_refresh(struct cs_store *s, struct cs_error *err)
{
    bool fresh = false;
    CS_ASSERT(!s->write);
    enum cs_err rc = cs_rocks_catch_up(s->rocks, err);
    if (rc == CS_OK)
        rc = read_identity(s, &fresh, err);
    if (rc == CS_OK && fresh && s->acked.seq > 0) /* a file that cannot be read leaves a view without anything */
        rc = cs_error_set(err, CS_ECORRUPT, "%s: damaged: commit %llu was acknowledged, and nothing is left", s->dir,
                          (unsigned long long)s->acked.seq);
    else if (rc == CS_OK && fresh)
        rc = cs_error_set(err, CS_ENOENT, "%s: nothing was ever stored", s->dir);
    return rc;
}

enum cs_err cs_store_checkpoint(struct cs_store *s, const char *dir, struct cs_error *err)
{
    CS_ASSERT(s->write);
    return cs_rocks_checkpoint(s->rocks, dir, err);
}

uint32_t cs_store_format(const struct cs_store *s)
{
    return s->format;
}

uint32_t cs_store_term(const struct cs_store *s)
{
    return s->term;
}

const char *cs_store_fleet(const struct cs_store *s)
{
    return s->fleet;
}

uint64_t cs_store_last_output(const struct cs_store *s)
{
    return s->next_output_id - 1;
}

uint64_t cs_store_commit_seq(const struct cs_store *s)
{
    return atomic_load(&s->commit_seq);
}

uint64_t cs_store_acked_seq(const struct cs_store *s)
{
    return s->acked.seq;
}

void cs_store_note_acked(struct cs_store *s)
{
    CS_ASSERT(s->write);
    cs_acked_note(&s->acked, atomic_load(&s->commit_seq));
}
