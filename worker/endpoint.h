/* endpoint.h - where the calls of a lane go, made from its account: URL, header lines, key.
 *
 * The key is looked up here (keys_env.h) and lives in the header line only, which is wiped when the endpoint is freed.
 * A simulated account goes to the simulator and is sent no key; plain http is for it and for this host. Thread: any.
 */
#ifndef CS_ENDPOINT_H
#define CS_ENDPOINT_H

#include "worker/providers/provider.h"

struct cs_made_endpoint { /* with the strings of its own */
    struct cs_endpoint pub;
    char *url, *auth;
    const char *headers[CS_HEADERS_MAX + 1]; /* of the account and the dialect */
    struct cs_made_endpoint *next;           /* for its owner's list */
};

/* serial: unique in the process. simulator: base URL without a slash at its end, or NULL. Errors are sentences for the
 * operator: no key, no simulator, a URL that is neither https nor on this host. */
CS_WARN_UNUSED enum cs_err cs_endpoint_make(uint64_t serial, const char *simulator, const struct cs_account *a,
                                            const char *model, struct cs_made_endpoint **out, struct cs_error *err);
void cs_endpoint_free(struct cs_made_endpoint *e); /* NULL is fine */

#endif
