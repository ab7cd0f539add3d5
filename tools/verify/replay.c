#include "tools/verify/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "store/turn_rows.h"

struct cs_replay {
    struct cs_store *store;
    const struct cs_generation_view *view;
    struct cs_export_row *row;
    cs_replay_fault fault;
    void *self;
    uint8_t *turn; /* by output: 0, or the turn that it is */
    uint64_t last, turns, rows, requests;
    struct cs_buf body;
    struct cs_arena arena;
};

struct cs_replay *cs_replay_open(struct cs_store *s, const struct cs_generation_view *view, struct cs_export_row *row,
                                 cs_replay_fault fault, void *self)
{
    struct cs_replay *r = cs_xcalloc(1, sizeof *r);
    *r = (struct cs_replay){.store = s, .view = view, .row = row, .fault = fault, .self = self};
    r->last = cs_store_last_output(s);
    r->turn = cs_xcalloc(r->last + 1, 1);
    r->body = CS_BUF_INIT(CS_BODY_MAX);
    return r;
}

void cs_replay_close(struct cs_replay *r)
{
    if (r == NULL)
        return;
    cs_buf_release(&r->body);
    cs_arena_release(&r->arena);
    free(r->turn);
    free(r);
}

uint64_t cs_replay_turns(const struct cs_replay *r)
{
    return r->turns;
}

uint64_t cs_replay_requests(const struct cs_replay *r)
{
    return r->requests;
}

/* ---- one conversation ---------------------------------------------------------------------------------- */

static bool goes_on(const struct cs_output *o)
{
    return cs_output_goes_on(o);
}

/* With tools the replies decide which call is the last: check_requests sees it. */
static const char *check_shape(const struct cs_stored *stored, const struct cs_stored *turns, uint32_t n,
                               uint32_t calls, bool tools)
{
    const struct cs_output *o = &stored->output;
    if (o->turns_done == 0 || o->turns_done > calls)
        return "the output of a conversation does not say after how many of its calls it came";
    if (n + 1 != o->turns_done)
        return "a turn before the output is missing, or there is one too many";
    for (uint32_t i = 0; i < n; i++) {
        if (!cs_digest_equal(&turns[i].output.digest, &o->digest))
            return "a turn before the output is another conversation's";
        if (!goes_on(&turns[i].output))
            return "the conversation went on from a reply from which none can go on";
        if (cs_output_is_round(&turns[i].output) != tools)
            return "a turn before the output is of the wrong kind: with tools it is a round, else a text";
    }
    /* what stands may have been read anew: its record says what it was when it came */
    struct cs_output came = *o;
    came.outcome = stored->recorded;
    return !tools && o->turns_done < calls && goes_on(&came) ? "the conversation ended although it could go on" : NULL;
}

static bool is_told(const struct cs_output *o)
{
    static const uint8_t none[sizeof o->sent];
    return memcmp(o->sent, none, sizeof none) != 0;
}

/* Each request from the replies before it. A failure may have come of a request that was never sent. */
static enum cs_err check_requests(struct cs_replay *r, const struct cs_coords *at, const struct cs_stored *stored,
                                  const struct cs_stored *turns, uint32_t n, const char **what, struct cs_error *err)
{
    const bool tools = r->view->spec.study->questions[at->question].tools != 0;
    const char *said[CS_TURNS_MAX];
    uint8_t digest[32];
    struct cs_case c;
    uint32_t calls;
    enum cs_err rc = r->view->cases.get(r->view->cases.self, at->case_index, &c, err);
    if (rc == CS_OK)
        rc = cs_request_lay(r->row->requests, at, &c, &calls, err);
    for (uint32_t k = 0; rc == CS_OK && k <= n && *what == NULL; k++) {
        const struct cs_output *o = k < n ? &turns[k].output : &stored->output;
        if (k == n && !is_told(o) && !cs_outcome_is_answer((enum cs_outcome)o->outcome))
            break;
        rc = cs_request_turn_body(r->row->requests, k, said, &r->body, err);
        if (rc == CS_EINVAL && tools) {
            *what = "the turns before the output do not follow from each other by the rules of tools";
            return CS_OK;
        }
        if (rc != CS_OK)
            break;
        cs_digest_blake2b_256(r->body.data, r->body.len, digest);
        r->requests++;
        if (memcmp(digest, o->sent, sizeof o->sent) != 0)
            *what = "a request made from the turns before it is not the one that was sent";
        else if (tools && k == n && !cs_request_is_last(r->row->requests) && stored->recorded == CS_OUTCOME_ok)
            *what = "the conversation ended although it could go on";
        said[k] = cs_output_said(o);
    }
    return rc;
}

enum cs_err cs_replay_trial(struct cs_replay *r, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                            struct cs_error *err)
{
    const struct cs_cells *cells;
    struct cs_stored *turns;
    struct cs_error why = {0};
    struct cs_coords at;
    const char *what = NULL;
    uint32_t n;
    cs_plan_coords(&r->view->plan, lane, cs_plan_at(&r->view->plan, lane, position), &at);
    enum cs_err rc = cs_cell_cache_get(r->row->cells, lane, at.case_index, &cells, err);
    if (rc != CS_OK || cells->calls[at.cell] == 1 || cs_output_is_quarantine(&stored->output))
        return rc;
    cs_arena_reset(&r->arena);
    rc = cs_turn_rows_before(r->store, stored->output_id, &r->arena, &turns, &n, &why);
    if (rc != CS_OK) {
        r->fault(r->self, lane, position, why.msg);
        return CS_OK;
    }
    what = check_shape(stored, turns, n, cells->calls[at.cell], r->view->spec.study->questions[at.question].tools != 0);
    if (what == NULL)
        rc = check_requests(r, &at, stored, turns, n, &what, err);
    if (what != NULL)
        r->fault(r->self, lane, position, what);
    return rc;
}

/* ---- all turns ------------------------------------------------------------------------------------------- */

void cs_replay_output(struct cs_replay *r, const struct cs_stored *stored)
{
    if (stored->output_id > r->last || stored->flags != CS_OUTPUT_TURN)
        return;
    r->turn[stored->output_id] = (uint8_t)stored->output.turn;
    r->turns++;
}

static enum cs_err check_row(void *self, uint32_t turn, uint64_t output_id, struct cs_error *err)
{
    struct cs_replay *r = self;
    char what[96];
    (void)err;
    if (output_id > r->last)
        return CS_OK; /* came after we opened */
    r->rows++;
    if (r->turn[output_id] == turn)
        return CS_OK;
    snprintf(what, sizeof what, "output %" PRIu64 " stands as turn %u of a conversation, and is not that", output_id,
             turn);
    r->fault(r->self, CS_NONE, 0, what);
    return CS_OK;
}

enum cs_err cs_replay_end(struct cs_replay *r, struct cs_error *err)
{
    enum cs_err rc = cs_turn_rows_scan(r->store, check_row, r, err);
    if (rc == CS_OK && r->rows != r->turns)
        r->fault(r->self, CS_NONE, 0,
                 "turns of conversations, and the rows that say where they stand, are not equally many");
    return rc;
}
