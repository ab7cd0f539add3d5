/* check.h - one call per lane of a study (a prompt of its own, read as a worker would) or providers file (one word): what `clinsafe providers check` runs.
 *
 * It goes the way of all calls: the dialects' bodies (protocol/load/probe.h), the keys, http.c with its proxy and CA, the dialects'
 * readers. Lanes of one account are asked one after the other, accounts beside each other.
 *
 * A line of JSON per lane on `out`, in the order of the file:
 *   model, account, protocol, model_sent, url   what was asked, and where
 *   state        "ok", "skipped" (a simulated account without a simulator), or what is wrong (see check.c)
 *   http_status, latency_ms, model_resolved     0 and "" where there is none
 *   limits       {name: {"told": N, "declared": N}}, where either is known; 0: not
 *   said         what the provider says about an error, without the key; "" when it is about the key
 *   todo         what to do; "" when nothing is
 * Thread: main. Errors: CS_EINCOMPLETE when a lane failed.
 */
#ifndef CS_CHECK_H
#define CS_CHECK_H

#include <stdio.h>

#include "protocol/load/probe.h"

struct cs_check_opts {
    const char *path, *only; /* the file; one model, or NULL */
    struct cs_load_opts load;
    const char *simulator; /* base URL, or NULL */
};

CS_WARN_UNUSED enum cs_err cs_check_run(const struct cs_check_opts *o, FILE *out, struct cs_error *err);

#endif
