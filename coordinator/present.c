#include "coordinator/present.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/hash.h"
#include "protocol/wire/messages.h"
#include "store/image_rows.h"

enum { WAITING_MAX = 64 };

struct known {
    uint8_t digest[32];
    enum cs_presence is;
    struct known *next; /* of those that are looked for */
    UT_hash_handle hh;
};

struct waiting { /* a request, as it came */
    struct cs_peer peer;
    char user_id[41];
    struct cs_buf bytes;
    struct waiting *next;
};

/* All images of a spec, again and again until a round meets none that is unknown. */
struct gallery {
    struct cs_spec spec;
    struct cs_image_rows_walk *walk; /* NULL: between two rounds */
    bool unknown;                    /* this round met one */
    bool open, over;
    enum cs_err rc; /* when it is over */
    struct cs_error err;
};

struct cs_present {
    struct known *all, *wanted, *last_wanted;
    struct waiting *waiting;
    uint32_t n_waiting;
    struct gallery gallery;
};

static struct cs_present *of(struct cs_server *sv)
{
    if (sv->present == NULL)
        sv->present = cs_xcalloc(1, sizeof *sv->present);
    return sv->present;
}

/* ---- single ones ------------------------------------------------------------------------------------------ */

static struct known *find(struct cs_present *p, const uint8_t digest[32])
{
    struct known *k;

    HASH_FIND(hh, p->all, digest, 32, k);
    return k;
}

static struct known *add(struct cs_present *p, const uint8_t digest[32], enum cs_presence is)
{
    struct known *k = cs_xcalloc(1, sizeof *k);

    memcpy(k->digest, digest, sizeof k->digest);
    k->is = is;
    HASH_ADD(hh, p->all, digest, sizeof k->digest, k);
    return k;
}

enum cs_presence cs_present_look(struct cs_server *sv, const uint8_t digest[32])
{
    struct cs_present *p = of(sv);
    struct known *k = find(p, digest);

    if (k != NULL)
        return k->is;
    k = add(p, digest, CS_PRESENT_UNKNOWN);
    if (p->wanted == NULL)
        p->wanted = k;
    else
        p->last_wanted->next = k;
    p->last_wanted = k;
    return CS_PRESENT_UNKNOWN;
}

void cs_present_note(struct cs_server *sv, const uint8_t digest[32])
{
    struct cs_present *p = of(sv);
    struct known *k = find(p, digest);

    if (k != NULL)
        k->is = CS_PRESENT_THERE;
    else
        add(p, digest, CS_PRESENT_THERE);
}

static void look_for_next(struct cs_server *sv)
{
    struct cs_present *p = sv->present;
    struct known *k = p->wanted;

    p->wanted = k->next;
    k->next = NULL;
    if (k->is == CS_PRESENT_UNKNOWN) /* it may have come meanwhile */
        k->is = cs_image_rows_has(sv->store, k->digest) ? CS_PRESENT_THERE : CS_PRESENT_ABSENT;
}

/* Those that are there, the store bounds; whoever asks for others shall not fill our memory. */
static void forget_absent(struct cs_present *p)
{
    struct known *k, *next;

    HASH_ITER (hh, p->all, k, next) {
        if (k->is != CS_PRESENT_ABSENT)
            continue;
        HASH_DEL(p->all, k);
        free(k);
    }
}

/* ---- a study's images ---------------------------------------------------------------------------------------- */

static void close_gallery(struct gallery *g)
{
    cs_image_rows_walk_close(g->walk);
    cs_spec_release(&g->spec);
    *g = (struct gallery){0};
}

enum cs_err cs_present_images(struct cs_server *sv, struct cs_spec *spec, struct cs_error *err)
{
    struct gallery *g = &of(sv)->gallery;

    if (!cs_image_is_used(spec->study))
        return CS_OK;
    const bool same = g->open && memcmp(g->spec.digest, spec->digest, sizeof spec->digest) == 0;
    if (same && g->over && g->rc == CS_OK)
        return CS_OK;
    if (same && g->over) { /* next time it may have come */
        *err = g->err;
        const enum cs_err rc = g->rc;
        close_gallery(g);
        return rc;
    }
    if (!g->open || g->over) { /* else another one's turn is first */
        close_gallery(g);
        g->spec = *spec;
        g->open = true;
        *spec = (struct cs_spec){0};
    }
    return CS_EAGAIN;
}

static enum cs_err see(void *self, const struct cs_image *image, struct cs_error *err)
{
    struct cs_server *sv = self;

    for (uint32_t i = 0; i < image->n_pieces; i++) {
        const enum cs_presence is = cs_present_look(sv, image->pieces[i]);

        sv->present->gallery.unknown |= is == CS_PRESENT_UNKNOWN;
        if (is == CS_PRESENT_ABSENT)
            return cs_error_set(err, CS_EINCOMPLETE, "start: image %s of this study is missing; submit it again",
                                image->name);
    }
    return CS_OK;
}

/* Some of its cases. */
static void walk_on(struct cs_server *sv)
{
    struct gallery *g = &sv->present->gallery;
    bool done = false;

    if (g->walk == NULL) {
        g->walk = cs_image_rows_walk_open(sv->store, &g->spec);
        g->unknown = false;
    }
    g->rc = cs_image_rows_walk_step(g->walk, see, sv, &done, &g->err);
    if (g->rc == CS_OK && !done)
        return;
    cs_image_rows_walk_close(g->walk);
    g->walk = NULL;
    g->over = g->rc != CS_OK || !g->unknown;
}

/* ---- requests that wait --------------------------------------------------------------------------------------- */

void cs_present_wait(const struct cs_ask *ask)
{
    struct cs_present *p = of(ask->sv);
    const struct cs_message m = {.version = CS_WIRE_VERSION, .kind = CS_ADMIN, .seq = ask->seq, .admin = *ask->a};
    struct waiting **end = &p->waiting, *w;

    if (p->n_waiting == WAITING_MAX) {
        cs_ask_refuse(ask, CS_EBUSY, "too many requests wait for what the store has; try again later");
        return;
    }
    w = cs_xcalloc(1, sizeof *w);
    w->peer = *ask->peer;
    memcpy(w->user_id, ask->user_id, strlen(ask->user_id) + 1);
    w->bytes = CS_BUF_INIT(CS_MESSAGE_MAX);
    cs_message_pack(&m, &w->bytes);
    while (*end != NULL)
        end = &(*end)->next;
    *end = w;
    p->n_waiting++;
}

static void drop(struct waiting *w)
{
    cs_buf_release(&w->bytes);
    free(w);
}

static void read_again(struct cs_server *sv, const struct waiting *w, cs_present_fn read)
{
    struct cs_arena arena = {0};
    struct cs_message m;

    if (cs_message_unpack(w->bytes.data, w->bytes.len, &arena, &m, NULL) == CS_OK)
        read(sv, &w->peer, w->user_id, &m);
    cs_arena_release(&arena);
}

/* The first of them; it may come to wait for something else. */
static void read_first_again(struct cs_server *sv, cs_present_fn read)
{
    struct cs_present *p = sv->present;
    struct waiting *w = p->waiting;

    p->waiting = w->next;
    p->n_waiting--;
    read_again(sv, w, read);
    drop(w);
    if (p->waiting == NULL)
        forget_absent(p);
}

/* ---- the pass --------------------------------------------------------------------------------------------------- */

/* What is about to be erased is there until it is. */
static bool must_rest(const struct cs_server *sv)
{
    return sv->over || sv->present == NULL || sv->del.state == CS_DELETE_LAST;
}

static bool step(struct cs_server *sv, cs_present_fn read)
{
    struct cs_present *p = sv->present;

    if (p->wanted != NULL)
        look_for_next(sv);
    else if (p->gallery.open && !p->gallery.over)
        walk_on(sv);
    else if (p->waiting != NULL)
        read_first_again(sv, read);
    else
        return false;
    return true;
}

bool cs_present_turn(struct cs_server *sv, cs_present_fn read)
{
    const uint64_t end = cs_clock_mono_ms() + CS_SLICE_MS;
    bool more = true;

    if (must_rest(sv))
        return false;
    while (more && !must_rest(sv) && cs_clock_mono_ms() < end)
        more = step(sv, read);
    return more && !must_rest(sv);
}

void cs_present_forget(struct cs_server *sv)
{
    struct cs_present *p = of(sv);
    struct gallery *g = &p->gallery;
    struct known *k, *next;

    p->wanted = p->last_wanted = NULL;
    HASH_ITER (hh, p->all, k, next) {
        HASH_DEL(p->all, k);
        free(k);
    }
    cs_image_rows_walk_close(g->walk); /* from the beginning, and what was seen of it is no more */
    g->walk = NULL;
    g->over = false;
    if (p->waiting == NULL)
        close_gallery(g);
}

void cs_present_close(struct cs_server *sv)
{
    struct cs_present *p = sv->present;

    if (p == NULL)
        return;
    cs_present_forget(sv);
    close_gallery(&p->gallery);
    for (struct waiting *w = p->waiting, *next; w != NULL; w = next) {
        next = w->next;
        drop(w);
    }
    free(p);
    sv->present = NULL;
}
