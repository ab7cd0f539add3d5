/* request.h - cells of a case: canonical bodies, their digests and twins. Used alike by the worker (to send), the
 * coordinator (to compare before commit) and plan/verify.
 *
 * The canonical body is the exact JSON sent: compact, keys in the order of the dialect (its file), strings escaped as little as
 * can be (json.h).
 * openai-chat: {"model":M,"messages":[{"role":"system","content":S},{"role":"user","content":U}],PARAMETERS...,
 *   "max_completion_tokens":N,"response_format":{"type":"json_schema","json_schema":{"name":Q,"strict":true,"schema":{...}}}}
 * (no system message when it is empty; parameters.h says how a level's are merged over the model's; no max_completion_tokens
 * without a cap, no response_format for a question without fields; the account says how the cap's field is called).
 * Thread: one at a time for each struct cs_requests; the plan and its study are borrowed.
 */
#ifndef CS_REQUEST_H
#define CS_REQUEST_H

#include "protocol/base/buf.h"
#include "protocol/base/digest.h"
#include "protocol/dialects/images.h"
#include "protocol/study/plan.h"

/* What is the same for all cases of a study: schemas and parameter texts, made once. */
struct cs_requests;
CS_WARN_UNUSED enum cs_err cs_requests_open(struct cs_requests **out, const struct cs_plan *plan, struct cs_error *err);
void cs_requests_close(struct cs_requests *r);
/* Faults in parameters before the first prompt finds them: each model alone, and each level with each model that it meets.
 * cs_requests_open calls it. CS_EINVAL: err names them. */
CS_WARN_UNUSED enum cs_err cs_requests_check(const struct cs_study *s, struct cs_error *err);
const struct cs_plan *cs_requests_plan(const struct cs_requests *r);

/* The canonical body of one cell. */
CS_WARN_UNUSED enum cs_err cs_request_body(struct cs_requests *r, const struct cs_coords *at, const struct cs_case *c,
                                           struct cs_buf *body, struct cs_error *err);

/* The calls of one cell: 1, or as many as its conversation has (script.h). Call k's body, once the replies to those before are known (their texts;
 * k = 0: cs_request_body's own). The number of the turn, and whether its reply is read as the question's answer. After cs_request_lay, and until the
 * next call of another function, they speak of the cell that was laid. */
CS_WARN_UNUSED enum cs_err cs_request_lay(struct cs_requests *r, const struct cs_coords *at, const struct cs_case *c,
                                          uint32_t *calls, struct cs_error *err);
struct cs_request_turn {
    uint32_t number; /* as written, from 1 */
    bool answers;    /* else any reply will do: no schema is asked for. With tools it hangs on the replies */
    size_t bytes;    /* of its body, but for the replies before it; with tools: at most */
};
CS_WARN_UNUSED enum cs_err cs_request_turn(struct cs_requests *r, uint32_t k, struct cs_request_turn *out,
                                           struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_request_turn_body(struct cs_requests *r, uint32_t k, const char *const *replies,
                                                struct cs_buf *body, struct cs_error *err);
/* Whether the body made last is that of the trial's last call: with tools (study/tools.h) the replies decide. CS_EINVAL of the body: with tools, replies
 * that are no rounds, or none that follow from each other. */
bool cs_request_is_last(const struct cs_requests *r);
/* Adds to the body of call k, made last, the mark that makes the provider keep it for the trial's next call (dialect.h: keep), where the account has that
 * (prompt_cache) and a call with the same settings goes before or after: a cache holds for one form of the answer. Like the price the mark
 * is no part of the canonical body: nothing else is asked by it. */
void cs_request_keep(const struct cs_requests *r, uint32_t k, struct cs_buf *body);
bool cs_request_marks(const struct cs_account *account); /* whether the account has that */
/* What stands for the body in the trial's digest (script.h): of one call, its body's own digest. */
CS_WARN_UNUSED enum cs_err cs_request_digest(struct cs_requests *r, const struct cs_buf *first_body, uint8_t out[32],
                                             struct cs_error *err);

/* The images of the cell that was laid, and what they count in each of its calls; false: nobody knows (images.h), zeros. */
const struct cs_image *cs_request_images(const struct cs_requests *r, uint32_t *n);
bool cs_request_image_tokens(const struct cs_requests *r, struct cs_images_count *out);

/* The cap that goes with it, thinking included; 0: none is sent. */
CS_WARN_UNUSED enum cs_err cs_request_max_output_tokens(struct cs_requests *r, const struct cs_coords *at,
                                                        uint32_t *out, struct cs_error *err);

/* The largest cap in a lane; 0: one of its cells has none. A level may set another one than the model's. */
CS_WARN_UNUSED enum cs_err cs_requests_lane_cap(struct cs_requests *r, uint32_t lane, uint32_t *out,
                                                struct cs_error *err);

/* All cells of one case in one lane. */
enum { CS_CELLS_BYTES_MAX = 256 * 1024 * 1024 }; /* all bodies of one case in one lane together */
struct cs_cells {
    uint32_t lane, case_index, n;
    uint64_t case_key;          /* cs_digest_case_key of its id */
    uint8_t (*body_digest)[32]; /* of a conversation: cs_request_digest */
    uint32_t *twin;
    char **body; /* n texts, or NULL when with_bodies was false; of a conversation its first call's */
    uint32_t *body_len;
    uint8_t *calls;                 /* of each cell, at least 1 */
    uint64_t *all_bytes;            /* of the bodies of all its calls, but for the replies in them */
    uint32_t *elements;             /* of the list that the cell's question grades; 0: none */
    struct cs_images_count *images; /* what its images count in one call; NULL: the study has none */
};
/* Passes on CS_EAGAIN from the case source. CS_ETOOBIG: a body, or all bodies together, are over their limits. Free with
 * cs_cells_free. */
CS_WARN_UNUSED enum cs_err cs_cells_make(struct cs_requests *r, uint32_t lane, uint32_t case_index,
                                         const struct cs_case_source *cases, bool with_bodies, struct cs_cells **out,
                                         struct cs_error *err);
void cs_cells_free(struct cs_cells *c);
void cs_cells_trial_digest(const struct cs_cells *c, const struct cs_study *s, uint32_t cell, uint32_t repeat,
                           struct cs_digest *out);

/* A bounded least-recently-used set of cells. Not thread-safe. */
struct cs_cell_cache;
struct cs_cell_cache *cs_cell_cache_open(struct cs_requests *r, struct cs_case_source cases, uint32_t entries_max,
                                         bool with_bodies);
void cs_cell_cache_close(struct cs_cell_cache *cache);
/* *out is valid until the next call on the cache. */
CS_WARN_UNUSED enum cs_err cs_cell_cache_get(struct cs_cell_cache *cache, uint32_t lane, uint32_t case_index,
                                             const struct cs_cells **out, struct cs_error *err);

/* Tokens of a text, estimated (facts: about 4 bytes a token for English): for plans and prices only. */
uint64_t cs_request_estimate_tokens(size_t bytes);

#endif
