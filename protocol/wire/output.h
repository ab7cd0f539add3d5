/* output.h - the durable result of a trial, and its packed form: the same bytes on the wire and in the store.
 *
 * Record codec version 1; fields are appended, never reordered. Text is what the model said (a refusal's text
 * included); for a failure it is an excerpt of the provider's error body.
 *
 * Strings are UTF-8 without NUL, NULL packs as "", and unpacked ones are never NULL. Text from outside goes
 * through cs_utf8_clean (base/utf8.h) first: packing aborts on a string that breaks the rule or its limit. Thread: any.
 */
#ifndef CS_OUTPUT_H
#define CS_OUTPUT_H

#include <stdbool.h>

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/error.h"
#include "protocol/base/digest.h"
#include "protocol/base/utf8.h"
#include "protocol/study/outcome.h"

/* `finish` of a failure of class internal that the coordinator made: the trial ended its workers (store/README.md). */
#define CS_FINISH_QUARANTINED "quarantined"

/* `finish` of what is left of an output whose study was deleted: an empty record of class internal, as an attempt (store/erase.h). */
#define CS_FINISH_ERASED "erased"

struct cs_output {
    uint32_t gen, lane;
    uint64_t position;
    uint64_t epoch; /* the lease it was made under; 0: none any more */
    struct cs_digest digest;
    uint8_t outcome;            /* enum cs_outcome */
    uint32_t attempts;          /* HTTP calls made for the trial by this worker */
    uint32_t ambiguous;         /* those that were sent, but no status line came back (may have been billed) */
    uint16_t http_status;       /* the last call's; 0: none */
    const char *text;           /* may be "" */
    const char *finish;         /* the provider's word why it ended */
    const char *model_resolved; /* the served model */
    const char *request_id, *fingerprint;
    /* as in the provider's usage, reasoning included in output */
    uint32_t input_tokens, cached_tokens, output_tokens, reasoning_tokens;
    int64_t started_wall_ms; /* first attempt, Unix time */
    uint32_t latency_ms;     /* last attempt, whole */
    uint32_t total_ms;       /* first attempt's start to the end, waits included */
    const char *worker;      /* name */
    /* Where the provider tells log probabilities (appended to the record only then): of the answer's tokens together, natural
     * logarithm, and how many they are; 0 tokens: not told. And, as JSON, the most probable tokens where each answer
     * begins: {"triage":{"urg":-0.12,"em":-2.31}}, the key "" for an answer that is not JSON; "": not told. */
    double logprob;
    uint32_t logprob_tokens;
    const char *alternatives;
    /* How the text was read, and what was said beside it (appended to the record only where there is something to tell). */
    bool salvaged; /* ok, by what a lenient reader takes: study/answer.h */
    const char *
        cause; /* why it is unparsable: a word of CS_ANSWER_FAULT_TABLE, or a later one; "": it is not, or nobody noted */
    const char *reasoning;  /* what the model says of its thinking */
    const char *tool_calls; /* calls of tools that are not the answer: a JSON array as the vendor writes them */
    bool reasoning_cut, tool_calls_cut; /* there was more than there is room for */
    /* The bill (appended to the record only where there is something to tell). Replies that told a usage, or may have been charged, and
     * gave nothing that could be used, before the last one: how many, how many of these told no usage, and the sum of what the others told. */
    uint32_t wasted, wasted_untold, wasted_input, wasted_cached, wasted_output;
    bool usage_short;        /* the provider's total was above the parts that it told, in some reply */
    bool cache_hit;          /* something between us and the model says that it had kept the reply */
    const char *response_id; /* the reply's own id, where it is not request_id; or "" */
    /* Of a conversation (appended to the record only then). */
    uint32_t turn; /* a reply after which it goes on: the number of its call, from 1. 0: this is the trial's output */
    uint32_t turns_done; /* the trial's output: the number of the call that it came of; 0: no conversation */
    uint8_t sent[16];    /* the request that it answers: BLAKE2b-256 of its body, the first bytes */
    const char
        *round; /* of a turn after which a trial with tools goes on (appended only then): study/tools.h; else "" */
    const char *
        server; /* which of its lane's servers answered (appended to the record only where a lane has several); or "" */
    /* Part of the input: what was written to the provider's cache (appended to the record only then); of the wasted replies together. */
    uint32_t cache_write_tokens, wasted_cache_write;
};

bool cs_output_is_round(const struct cs_output *o); /* `round` is told */
/* What stands for a turn's reply in the requests after it: its text, or its round. */
const char *cs_output_said(const struct cs_output *o);
/* Whether a conversation goes on after a reply that came to this. */
bool cs_output_goes_on(const struct cs_output *o);

bool cs_output_is_quarantine(const struct cs_output *o);
bool cs_output_is_erased(const struct cs_output *o);

/* Appends the packed output. */
void cs_output_pack(const struct cs_output *o, struct cs_buf *out);
/* CS_EPROTO: malformed, over a limit, or of another codec version. */
CS_WARN_UNUSED enum cs_err cs_output_unpack(const void *bytes, size_t n, struct cs_arena *arena, struct cs_output *out,
                                            struct cs_error *err);

#endif
