/* persist.h - the commit thread; what is read from the store at the start.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_PERSIST_H
#define CS_COORDINATOR_PERSIST_H

#include "coordinator/server.h"

struct cs_persist_names_list {
    uint32_t n;
    char **v;
};
CS_WARN_UNUSED enum cs_err cs_persist_names(struct cs_server *sv, struct cs_persist_names_list *out,
                                            struct cs_error *err);
void cs_persist_names_release(struct cs_persist_names_list *n);
/* What an earlier term may have spent, and what it had stored last. */
struct cs_persist_past_rows {
    struct cs_risk_row *risks;
    uint64_t *fingerprints;
    uint32_t n_risks, n_fingerprints, next_fingerprint, n_presumed;
    int64_t presumed_nano_usd;
    struct cs_presumed_row *presumed; /* rows of all studies but the first */
    bool damaged;
};
CS_WARN_UNUSED enum cs_err cs_persist_past(struct cs_server *sv, struct cs_persist_past_rows *out,
                                           struct cs_error *err);
void cs_persist_past_release(struct cs_persist_past_rows *p);
/* Which studies and generations there are; then they are loaded. */
CS_WARN_UNUSED enum cs_err cs_persist_roster(struct cs_server *sv, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_persist_open(struct cs_server *sv, struct cs_error *err);
void cs_persist_collect(struct cs_server *sv); /* what the commit thread has finished */
void cs_persist_close(struct cs_server *sv);

#endif
