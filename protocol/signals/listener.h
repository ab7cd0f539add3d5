/* listener.h - a door for looking only: GET and HEAD of a few pages over HTTP/1.1, off unless it is asked for.
 *
 * Nothing can be changed through it, nothing is read from a request but its path and what lets it in:
 *   - Host must be a loopback name, the address itself or one that was named; else 421. A page of somebody else's that makes a browser
 *     resolve its own name to this machine (DNS rebinding) is answered that way.
 *   - beyond loopback a token is needed (else cs_listener_open refuses): `Authorization: Bearer TOKEN`, or `?token=TOKEN`, which is turned
 *     at once into a cookie that scripts and other sites cannot use. Compared in constant time. TLS is the work of a proxy, or of ssh -L.
 *   - /healthz and /readyz need neither: they say one word.
 * Pages are made at most once a second and kept in between, however many look.
 *
 * The one file of the coordinator and the workers that includes libmicrohttpd (the simulator has a server of its own). Thread: the loop's.
 */
#ifndef CS_LISTENER_H
#define CS_LISTENER_H

#include "protocol/base/buf.h"
#include "protocol/base/error.h"

struct uv_loop_s;

enum {
    CS_LISTENER_CONNECTIONS = 16,
    CS_LISTENER_REQUEST_MAX = 8 * 1024, /* bytes of a request's head */
    CS_LISTENER_IDLE_S = 5,
    CS_LISTENER_PAGE_MAX = 4 * 1024 * 1024,
    CS_LISTENER_HOSTS_MAX = 16,
};

struct cs_listener_page {
    unsigned status;  /* 404 unless it is set */
    const char *type; /* static: "text/plain; charset=utf-8" */
    struct cs_buf body;
};
/* Makes the page of a path ("/metrics"; without the query). */
typedef void (*cs_listener_make_fn)(void *self, const char *path, struct cs_listener_page *out);

struct cs_listener_opts {
    const char *address;      /* HOST:PORT, [HOST]:PORT (an IP address or localhost; port 0: any), or unix:/PATH */
    const char *token_file;   /* its first line, 16 bytes or more; or NULL */
    const char *const *hosts; /* further names that Host may have */
    unsigned n_hosts;
    cs_listener_make_fn make;
    void *self;
};

struct cs_listener;
/* CS_EUSAGE: the address, or one beyond loopback without a token; CS_EIO: cannot listen, or read the token. */
CS_WARN_UNUSED enum cs_err cs_listener_open(struct cs_listener **out, struct uv_loop_s *loop,
                                            const struct cs_listener_opts *opts, struct cs_error *err);
/* "http://127.0.0.1:9100", "unix:/run/clinsafe.sock": as others reach it. */
const char *cs_listener_address(const struct cs_listener *l);
void cs_listener_close(struct cs_listener *l); /* NULL is fine; its memory goes on the loop's next turns */

#endif
