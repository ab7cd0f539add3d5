/* watch.h - which of libcurl's descriptors the loop watches, and that none is taken for another.
 *
 * libcurl closes some sockets itself and says so afterwards, or not at all. In 7.88 a connection attempt that has not
 * got through (the SYN unanswered, a handshake unfinished, the slower of two addresses) is closed with close(2): without the close
 * callback, and with CURL_POLL_REMOVE only after that, when the number may already be another socket's, perhaps of another
 * multi handle. A retry that gets the same number is not even told of. libuv ends the process when it has to arm a
 * descriptor that is closed. So here
 *   - a watch belongs to one socket for life: it remembers which (its inode), and before anything is done to a descriptor on hearsay
 *     the two are compared; what is no longer that socket is forgotten without touching the number;
 *   - a socket is watched for writing from the moment it is made, and whoever had its number until then is forgotten first;
 *   - nothing is armed inside libcurl's calls: just before the loop sleeps, what has changed is compared and armed.
 * A watch stays over the calls that share a connection, since arming it for each would cost two system calls.
 *
 * Thread: the loop's. An owner is a multi handle, a user a call: opaque here.
 */
#ifndef CS_WATCH_H
#define CS_WATCH_H

struct uv_loop_s;

enum { CS_WATCH_READ = 1, CS_WATCH_WRITE = 2, CS_WATCH_ERROR = 4 };

/* Descriptors that sockets of calls leave to everything else: the coordinator, Redis, files. */
enum { CS_WATCH_SPARE = 32 };

typedef void (*cs_watch_ready_fn)(void *owner, int fd, int events);
/* The descriptor cannot be watched: the call that wants it would hear nothing. It is to end it. */
typedef void (*cs_watch_lost_fn)(void *user);

struct cs_watches;
struct cs_watches *cs_watches_open(struct uv_loop_s *loop, cs_watch_ready_fn ready, cs_watch_lost_fn lost);
/* Closes no descriptor. Memory goes on the loop's next turns: run it once more. */
void cs_watches_close(struct cs_watches *ws);

/* Makes a socket and watches it for writing. -1: there is none, errno says why; EMFILE also when only the spare ones are left. */
int cs_watches_socket(struct cs_watches *ws, void *owner, void *user, int family, int type, int protocol);
/* Closes one of them. */
int cs_watches_shut(struct cs_watches *ws, int fd);
/* What the owner wants to hear of a descriptor, which need not be of cs_watches_socket's making. 0: nothing for now; it may be closed. */
void cs_watches_want(struct cs_watches *ws, void *owner, void *user, int fd, int events);

#endif
