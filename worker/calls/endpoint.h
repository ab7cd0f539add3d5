/* endpoint.h - where the calls of a lane go, made from its account: URL, header lines, key.
 *
 * The key is looked up here (keys_env.h) and lives in the header line only, which is wiped when the endpoint is freed.
 * A simulated account goes to the simulator and is sent no key; plain http is for it and for this host. Thread: any.
 */
#ifndef CS_ENDPOINT_H
#define CS_ENDPOINT_H

#include <stdbool.h>

#include "protocol/dialects/dialect.h"
#include "protocol/dialects/system/service.h"
#include "protocol/load/permits.h"

/* Where the calls of a lane go. Strings live as long as the lane is worked on. */
struct cs_endpoint {
    uint64_t serial; /* never used twice in a process: tells endpoints apart */
    const char *url;
    const char *auth;           /* a whole header line, "Authorization: Bearer KEY", or NULL */
    const char *secret;         /* the key in it, or NULL */
    const char *const *headers; /* further whole lines */
    uint32_t n_headers;
    const char *const *limit_rules; /* for cs_limit_headers_read */
    uint32_t n_limit_rules;
    const char *ca_file, *proxy;      /* or NULL */
    const struct cs_account *account; /* with a service: where its secrets are found; else NULL */
    const struct cs_service *service; /* protocol http: what is sent there, and how it is read; else NULL */
    const char *certificate;          /* file with our own certificate and its key, or NULL */
    bool plain_http;                  /* http:// may be used: loopback, or a simulator that is sent no key */
    char key[9]; /* the fingerprint of the key, for people and for other workers; "no-key" without one */
};

struct cs_made_endpoint { /* with the strings of its own */
    struct cs_endpoint pub;
    char *url, *auth, *secret, *server; /* server: one of several, as its list has it, or NULL */
    struct cs_service *service;
    const char *headers[CS_HEADERS_MAX + 1]; /* the account's and the dialect's */
    struct cs_made_endpoint *next;           /* for its owner's list */
};

struct cs_endpoint_means {            /* what this worker has */
    const char *simulator;            /* base URL without a slash at its end, or NULL */
    const struct cs_permits *permits; /* NULL: whatever a study names */
};

/* serial: unique in the process. Errors are sentences for the
 * operator: no key, not permitted, no simulator, a URL that is neither https nor on this host. */
CS_WARN_UNUSED enum cs_err cs_endpoint_make(uint64_t serial, const struct cs_endpoint_means *means,
                                            const struct cs_account *a, const char *model,
                                            struct cs_made_endpoint **out, struct cs_error *err);
/* The same to one of the account's servers. */
CS_WARN_UNUSED enum cs_err cs_endpoint_make_server(uint64_t serial, const struct cs_endpoint_means *means,
                                                   const struct cs_account *a, const char *server, const char *model,
                                                   struct cs_made_endpoint **out, struct cs_error *err);
void cs_endpoint_free(struct cs_made_endpoint *e); /* NULL is fine */

#endif
