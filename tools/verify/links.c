#include "tools/verify/links.h"

#include <stdio.h>
#include <string.h>

#include "protocol/study/study.h"

struct links {
    struct cs_finder *finder;
    const uint8_t *ledger;
    cs_links_fault fault;
    void *self;
    uint32_t lane;
    uint64_t n; /* superseded ones */
    /* the chain at hand: */
    bool open;
    uint64_t position, last; /* output */
    struct cs_digest digest;
};

static void tell(const struct links *l, uint64_t position, const char *what)
{
    l->fault(l->self, l->lane, position, what);
}

/* No answer has come to the end of the chain. */
static void end_waiting(struct links *l)
{
    if (!l->open)
        return;
    const unsigned state = l->ledger[l->position / 4] >> 2 * (l->position % 4) & 3;
    if (state != CS_TRIAL_PLANNED && state != CS_TRIAL_CANCELLED)
        tell(l, l->position, "its answer was asked again, and it has neither a later one nor is it planned");
    l->open = false;
}

static enum cs_err is_marked(struct links *l, const struct cs_stored *stored, bool *marked, struct cs_error *err)
{
    const struct cs_indexed *found;
    uint32_t n;
    enum cs_err rc = cs_index_finder_get(l->finder, &stored->output.digest, 0, &found, &n, err);
    *marked = false;
    for (uint32_t i = 0; rc == CS_OK && i < n; i++)
        *marked |= found[i].output_id == stored->output_id && (found[i].flags & CS_OUTPUT_SUPERSEDED) != 0;
    return rc;
}

static void check_order(const struct links *l, uint64_t position, const struct cs_stored *stored)
{
    if (stored->output_id == l->last)
        tell(l, position, "one answer was asked again twice, or stands although it was asked again");
    else if (stored->output_id < l->last)
        tell(l, position, "its answers are not linked in the order in which they came");
    if (!cs_digest_equal(&stored->output.digest, &l->digest))
        tell(l, position, "an answer that was asked again, and a later one, belong to different requests");
}

static enum cs_err on_superseded(struct links *l, uint64_t position, const struct cs_stored *stored,
                                 struct cs_error *err)
{
    const enum cs_outcome o = (enum cs_outcome)stored->output.outcome;
    bool marked;
    if (l->open && l->position == position)
        check_order(l, position, stored);
    else
        end_waiting(l);
    if (o != CS_OUTCOME_timeout && o != CS_OUTCOME_unparsable && stored->reading.number == 0)
        tell(l, position, "an answer was asked again that is neither a timeout nor unparsable");
    l->open = true;
    l->position = position;
    l->last = stored->output_id;
    l->digest = stored->output.digest;
    l->n++;
    enum cs_err rc = is_marked(l, stored, &marked, err);
    if (rc == CS_OK && !marked)
        tell(l, position, "the index does not know that its answer was asked again");
    return rc;
}

static enum cs_err on_output(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    struct links *l = self;
    bool marked = false;
    (void)lane;
    if (stored->flags & CS_OUTPUT_SUPERSEDED)
        return on_superseded(l, position, stored, err);
    if (!l->open || l->position != position) {
        end_waiting(l);
        return CS_OK;
    }
    check_order(l, position, stored);
    l->open = false;
    enum cs_err rc = is_marked(l, stored, &marked, err);
    if (rc == CS_OK && marked)
        tell(l, position, "the answer that stands was asked again, says the index");
    return rc;
}

/* By this generation; and by any up to it. */
static enum cs_err count_acts(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t *own, bool *any,
                              struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    *own = 0;
    *any = false;
    for (uint32_t g = gen; g > 0 && rc == CS_OK; g--) {
        for (uint32_t i = 0; i < CS_MODELS_MAX && rc == CS_OK; i++) {
            struct cs_counters c;
            rc = cs_store_rows_counters(s, g, i, &c, err); /* zeroes where there are none */
            rc = rc == CS_ENOENT ? CS_OK : rc;
            *any = *any || c.superseded > 0;
            if (g == gen && i == lane)
                *own = c.superseded;
        }
    }
    return rc;
}

enum cs_err cs_links_check(struct cs_store *s, uint32_t gen, uint32_t lane, const uint8_t *ledger, cs_links_fault fault,
                           void *self, uint64_t *superseded, struct cs_error *err)
{
    struct links l = {.ledger = ledger, .fault = fault, .self = self, .lane = lane};
    uint64_t own;
    bool any;
    enum cs_err rc = count_acts(s, gen, lane, &own, &any, err);
    *superseded = 0;
    if (rc != CS_OK || !any)
        return rc;
    l.finder = cs_index_finder_open(s);
    rc = cs_store_scan_all(s, gen, lane, on_output, &l, err);
    cs_index_finder_close(l.finder);
    if (rc != CS_OK)
        return rc;
    end_waiting(&l);
    if (gen == 1 ? own != l.n : own > l.n) /* an edit takes links over from earlier generations */
        tell(&l, 0, "the lane's counters and its answers that were asked again disagree");
    *superseded = l.n;
    return CS_OK;
}
