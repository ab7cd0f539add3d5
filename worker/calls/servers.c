#include "worker/calls/servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"

/* How much a name sounds as asked: 2 exactly, 1 nearly. */
static int likeness(const struct cs_servers *s, const char *name)
{
    if (s->model == NULL || name[0] == '\0')
        return 0;
    return strcmp(name, s->model) == 0 ? 2 : strcasestr(name, s->model) != NULL || strcasestr(s->model, name) != NULL;
}

/* Those left out that name it are asked again. */
static void adopt(struct cs_servers *s, const char *name)
{
    if (strcmp(s->serves, name) == 0)
        return;
    snprintf(s->serves, sizeof s->serves, "%s", name);
    for (uint32_t k = 0; k < s->n; k++) {
        struct cs_worker_server *v = s->all[k];
        if (v->state == CS_SERVER_OUT && v->endpoint != NULL && strcmp(v->names, s->serves) == 0)
            v->probe_ms = 0;
    }
}

/* ---- the list --------------------------------------------------------------------------------------- */

void cs_worker_servers_close(struct cs_servers *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < s->n; i++) {
        free(s->all[i]->url);
        free(s->all[i]);
    }
    free(s->all);
    free(s);
}

static struct cs_worker_server *find(const struct cs_servers *s, const char *url)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (strcmp(s->all[i]->url, url) == 0)
            return s->all[i];
    }
    return NULL;
}

static struct cs_worker_server *add(struct cs_servers *s, const char *url)
{
    struct cs_worker_server *v = cs_xcalloc(1, sizeof *v);
    if (s->n == s->cap) {
        s->cap = s->cap > 0 ? 2 * s->cap : 8;
        s->all = cs_xrealloc(s->all, s->cap, sizeof *s->all);
    }
    v->url = cs_xstrdup(url);
    v->number = s->n + 1;
    v->most = UINT32_MAX;
    s->all[s->n++] = v;
    return v;
}

/* Comes (back) as one of which nothing is known. */
static void list(struct cs_worker_server *v)
{
    if (v->listed)
        return;
    const struct cs_worker_server was = *v;
    *v = (struct cs_worker_server){.number = was.number,
                                   .url = was.url,
                                   .listed = true,
                                   .in_flight = was.in_flight,
                                   .most = was.most,
                                   .jams = was.jams,
                                   .answers = was.answers};
}

void cs_worker_servers_sync(struct cs_servers *s, const struct cs_server_list *l)
{
    if (s->version == l->version)
        return;
    s->version = l->version;
    s->model = l->model;
    s->place = l->place;
    snprintf(s->fault, sizeof s->fault, "%s", l->fault != NULL ? l->fault : "");
    s->moved = true;
    for (uint32_t i = 0; i < l->n; i++) {
        struct cs_worker_server *v = find(s, l->all[i].url);
        if (v == NULL)
            v = add(s, l->all[i].url);
        list(v);
        v->endpoint = l->all[i].endpoint;
        if (v->endpoint == NULL) {
            v->state = CS_SERVER_OUT;
            v->probe_ms = UINT64_MAX;
            snprintf(v->why, sizeof v->why, "%s", l->all[i].trouble);
        }
    }
    for (uint32_t k = 0; k < s->n; k++) {
        bool there = false;
        for (uint32_t i = 0; i < l->n && !there; i++)
            there = strcmp(l->all[i].url, s->all[k]->url) == 0;
        s->all[k]->listed = there;
    }
}

void cs_worker_servers_told(struct cs_servers *s, const struct cs_lane_server *all, uint32_t n, const char *serves)
{
    for (uint32_t k = 0; k < s->n; k++)
        s->all[k]->leveled = false;
    for (uint32_t i = 0; i < n; i++) {
        struct cs_worker_server *v = find(s, all[i].url);
        if (v == NULL)
            continue;
        v->level = all[i].calls;
        v->leveled = true;
    }
    if (serves == NULL || serves[0] == '\0' || strcmp(serves, s->told) == 0)
        return; /* no news: what was heard since stands */
    snprintf(s->told, sizeof s->told, "%s", serves);
    if (likeness(s, serves) >= likeness(s, s->serves))
        adopt(s, serves);
}

/* Of what all may have at each server a worker has the same part as of the lane: at least one call, where there is anything. */
void cs_worker_servers_part(struct cs_servers *s, uint32_t part)
{
    uint64_t total = 0;
    for (uint32_t k = 0; k < s->n; k++)
        total += s->all[k]->listed && s->all[k]->leveled ? s->all[k]->level : 0;
    for (uint32_t k = 0; k < s->n; k++) {
        struct cs_worker_server *v = s->all[k];
        if (part == UINT32_MAX)
            v->most = UINT32_MAX;
        else if (!v->leveled || total == 0)
            v->most = 1; /* it is known here, and not yet there */
        else
            v->most = (uint32_t)(((uint64_t)v->level * part + total - 1) / total);
    }
}

/* ---- which ------------------------------------------------------------------------------------------ */

static bool is_callable(const struct cs_worker_server *v, uint64_t now)
{
    if (!v->listed || v->endpoint == NULL || now < v->quiet_ms || v->in_flight >= v->most)
        return false;
    return v->state == CS_SERVER_UP || (v->in_flight == 0 && now >= v->probe_ms);
}

static uint64_t tie(const struct cs_worker_server *v, uint64_t block)
{
    return cs_rng_mix_text(cs_rng_mix64(block), v->url);
}

/* Has less to do, for what it bears; among equals each block has its own order. */
static bool is_less(const struct cs_worker_server *a, const struct cs_worker_server *b, uint64_t block)
{
    const bool bound = a->most != UINT32_MAX && b->most != UINT32_MAX;
    const uint64_t x = (uint64_t)a->in_flight * (bound ? b->most : 1),
                   y = (uint64_t)b->in_flight * (bound ? a->most : 1);
    return x != y ? x < y : tie(a, block) < tie(b, block);
}

struct cs_worker_server *cs_worker_servers_pick(struct cs_servers *s, uint64_t block, uint32_t avoid, uint64_t now)
{
    struct cs_worker_server *least = NULL, *shunned = NULL, **home = &s->homes[block % CS_SERVERS_HOMES].server;
    if (s->homes[block % CS_SERVERS_HOMES].block != block)
        *home = NULL;
    s->homes[block % CS_SERVERS_HOMES].block = block;
    for (uint32_t k = 0; k < s->n; k++) {
        struct cs_worker_server *v = s->all[k];
        if (!is_callable(v, now))
            continue;
        if (v->state != CS_SERVER_UP && v->number != avoid)
            return v; /* its probe is due, and comes back to nobody's loss */
        if (v->number == avoid)
            shunned = v;
        else if (least == NULL || is_less(v, least, block))
            least = v;
    }
    if (least == NULL)
        return shunned;
    if (*home != NULL && (*home)->number != avoid && (*home)->state == CS_SERVER_UP && is_callable(*home, now) &&
        ((*home)->most != UINT32_MAX || (*home)->in_flight < 2 * (least->in_flight + 1)))
        return *home;
    if (*home == NULL || (*home)->state != CS_SERVER_UP || !(*home)->listed)
        *home = least; /* else it comes back when there is room */
    return least;
}

uint64_t cs_worker_servers_next_ms(const struct cs_servers *s, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t k = 0; k < s->n; k++) {
        const struct cs_worker_server *v = s->all[k];
        uint64_t at = v->quiet_ms;
        if (!v->listed || v->endpoint == NULL)
            continue;
        if (v->state != CS_SERVER_UP && v->probe_ms > at)
            at = v->probe_ms;
        if (at > now && at < next)
            next = at;
    }
    return next;
}

uint32_t cs_worker_servers_listed(const struct cs_servers *s)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < s->n; k++)
        n += s->all[k]->listed;
    return n;
}

uint32_t cs_worker_servers_up(const struct cs_servers *s)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < s->n; k++)
        n += s->all[k]->listed && s->all[k]->state == CS_SERVER_UP;
    return n;
}

void cs_worker_servers_stranded(const struct cs_servers *s, char *out, size_t size)
{
    uint32_t n = 0;
    const struct cs_worker_server *worst = NULL;
    out[0] = '\0';
    for (uint32_t k = 0; k < s->n; k++) {
        if (!s->all[k]->listed)
            continue;
        n++;
        if (s->all[k]->state != CS_SERVER_OUT)
            return;
        worst = worst == NULL ? s->all[k] : worst;
    }
    if (n == 0 && s->fault[0] != '\0')
        snprintf(out, size, "the list of servers cannot be used: %s; it is read again every two seconds", s->fault);
    else if (n == 0)
        snprintf(out, size, "no server is listed in %s; it is read again every two seconds",
                 s->place != NULL ? s->place : "base_url");
    else
        snprintf(out, size, "%s %u server%s can be used: %s", n > 1 ? "none of" : "not even", n, n > 1 ? "s" : "",
                 worst->why);
}

/* ---- how calls end ---------------------------------------------------------------------------------- */

/* Between half and all of a limit that doubles. */
static void plan_probe(struct cs_worker_server *v, uint64_t now, struct cs_rng *rng)
{
    uint64_t most = v->probes < 8 ? (uint64_t)CS_SERVERS_PROBE_MS << v->probes : CS_SERVERS_PROBE_MAX_MS;
    most = most < CS_SERVERS_PROBE_MAX_MS ? most : CS_SERVERS_PROBE_MAX_MS;
    v->probes++;
    v->probe_ms = now + most / 2 + cs_rng_below(rng, most / 2 + 1);
}

static void set_state(struct cs_servers *s, struct cs_worker_server *v, enum cs_server_state state, const char *why)
{
    s->moved |= v->state != state;
    v->state = state;
    snprintf(v->why, sizeof v->why, "%s", why);
}

void cs_worker_servers_answered(struct cs_servers *s, struct cs_worker_server *v, uint64_t sent_ms, uint64_t now)
{
    cs_denials_answered(&v->denials, sent_ms, now);
    v->row = v->quiets = 0;
    v->answers++;
    v->answered_ms = now;
    if (v->state == CS_SERVER_UP || sent_ms < v->since_ms)
        return;
    v->probes = 0;
    set_state(s, v, CS_SERVER_UP, "");
}

bool cs_worker_servers_fault(struct cs_servers *s, struct cs_worker_server *v, bool at_once, const char *why,
                             uint64_t sent_ms, uint64_t now, struct cs_rng *rng)
{
    v->row += v->row < UINT32_MAX;
    if (v->state != CS_SERVER_UP) {
        if (sent_ms > v->since_ms) /* else it was on its way before: it is not a probe */
            plan_probe(v, now, rng);
        return false;
    }
    if (!at_once && v->row < CS_SERVERS_FAULTS)
        return false;
    v->since_ms = now;
    v->probes = 0;
    plan_probe(v, now, rng);
    set_state(s, v, CS_SERVER_AWAY, why);
    return true;
}

void cs_worker_servers_out(struct cs_servers *s, struct cs_worker_server *v, const char *why, uint64_t pause_ms,
                           uint64_t now)
{
    v->since_ms = now;
    v->probe_ms = pause_ms < UINT64_MAX ? now + pause_ms : UINT64_MAX;
    v->denials = (struct cs_denials){0};
    set_state(s, v, CS_SERVER_OUT, why);
}

void cs_worker_servers_jam(struct cs_servers *s, struct cs_worker_server *v, uint64_t pause_ms, uint64_t sent_ms,
                           uint64_t now)
{
    if (now + pause_ms > v->quiet_ms)
        v->quiet_ms = now + pause_ms;
    if (sent_ms <= v->jammed_ms)
        return; /* what was sent until then belongs to the jam that is known */
    v->jammed_ms = now;
    v->quiets++;
    v->jams++;
    s->moved = true;
}

/* ---- which model ------------------------------------------------------------------------------------ */

static uint32_t sayers(const struct cs_servers *s, const char *name)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n; i++)
        n += s->all[i]->listed && strcmp(s->all[i]->names, name) == 0;
    return n;
}

/* What most say, of those that are not out and that which has just answered; the first of several. NULL: one that is up has not said
 * anything, and there is time. One that is away is not waited for. */
static const char *usual_name(const struct cs_servers *s, const struct cs_worker_server *answers, uint64_t now)
{
    uint32_t most = 0;
    const char *usual = NULL;
    for (uint32_t k = 0; k < s->n; k++) {
        const struct cs_worker_server *v = s->all[k];
        if (!v->listed || (v->state == CS_SERVER_OUT && v != answers))
            continue;
        if (v->names[0] == '\0' && v->state == CS_SERVER_UP && now < s->unsure_since + CS_SERVERS_UNSURE_MS)
            return NULL;
        const uint32_t n = v->names[0] != '\0' ? sayers(s, v->names) : 0;
        if (n > most) {
            most = n;
            usual = v->names;
        }
    }
    return usual;
}

/* Whether the vendor has put another model behind the name: no other server is up, and more than half of all say the new one. */
static bool has_moved(const struct cs_servers *s, const struct cs_worker_server *answers, const char *name)
{
    uint32_t listed = 0;
    if (!answers->listed || (likeness(s, s->serves) > 0 && likeness(s, name) == 0))
        return false;
    for (uint32_t k = 0; k < s->n; k++) {
        const struct cs_worker_server *v = s->all[k];
        listed += v->listed;
        if (v->listed && v != answers && v->state == CS_SERVER_UP && strcmp(v->names, name) != 0)
            return false;
    }
    return 2 * sayers(s, name) > listed;
}

/* Where each answer is one trial's last, what is not taken is a trial lost: one name alone is no doubt. */
static bool is_in_doubt(const struct cs_servers *s, const char *name)
{
    if (!s->metered)
        return true;
    for (uint32_t k = 0; k < s->n; k++) {
        const struct cs_worker_server *v = s->all[k];
        if (v->listed && v->names[0] != '\0' && strcmp(v->names, name) != 0)
            return true;
    }
    return false;
}

enum cs_serves cs_worker_servers_named(struct cs_servers *s, struct cs_worker_server *v, const char *model,
                                       uint64_t now)
{
    if (model[0] == '\0')
        return CS_SERVES_IT;
    snprintf(v->names, sizeof v->names, "%s", model);
    if (likeness(s, model) > likeness(s, s->serves))
        adopt(s, model);
    if (s->serves[0] == '\0') {
        s->unsure_since = s->unsure_since > 0 ? s->unsure_since : now;
        const char *usual = usual_name(s, v, now);
        if (usual == NULL)
            return is_in_doubt(s, model) ? CS_SERVES_UNSURE : CS_SERVES_IT;
        adopt(s, usual);
    }
    if (strcmp(v->names, s->serves) == 0)
        return CS_SERVES_IT;
    if (!has_moved(s, v, v->names))
        return CS_SERVES_OTHER;
    adopt(s, v->names);
    return CS_SERVES_IT;
}
