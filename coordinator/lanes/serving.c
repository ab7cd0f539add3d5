#include "coordinator/lanes/serving.h"

static struct cs_serving *find(const struct cs_lane *lane, const char *url)
{
    for (uint32_t i = 0; url != NULL && url[0] != '\0' && i < lane->n_servers; i++) {
        if (strcmp(lane->servers[i].url, url) == 0)
            return &lane->servers[i];
    }
    return NULL;
}

/* The place of one that nobody lists any more; NULL: there is none. What sessions said of that one goes with it. */
static struct cs_serving *clear_place(struct cs_core *core, struct cs_lane *lane)
{
    uint32_t k = 0;

    while (k < lane->n_servers && lane->servers[k].n_listed > 0)
        k++;
    if (k == lane->n_servers)
        return NULL;
    for (struct cs_session *s = core->sessions; s != NULL; s = s->hh.next) {
        struct cs_said_servers *said = &s->lanes[lane->slot].servers;

        if (k < said->n)
            said->all[k] = (struct cs_said_server){0};
    }
    free(lane->servers[k].url);
    return &lane->servers[k];
}

/* Its place is kept, for sessions count by it, and for what it bears; but no longer than there is room (servers on a cluster have a
 * new address with each job). */
static struct cs_serving *find_or_add(struct cs_core *core, struct cs_lane *lane, const char *url)
{
    struct cs_serving *v = find(lane, url);

    if (v != NULL || url[0] == '\0')
        return v;
    if (lane->n_servers < CS_SERVINGS_MAX) {
        lane->servers = cs_xrealloc(lane->servers, lane->n_servers + 1, sizeof *lane->servers);
        v = &lane->servers[lane->n_servers++];
    } else if ((v = clear_place(core, lane)) == NULL) {
        return NULL;
    }
    *v = (struct cs_serving){.url = cs_xstrdup(url)};
    cs_ramp_init(&v->ramp, lane->ramp.declared, lane->ramp.answered, lane->timeout_ms);
    return v;
}

void cs_serving_close(struct cs_lane *lane)
{
    for (uint32_t i = 0; i < lane->n_servers; i++)
        free(lane->servers[i].url);
    free(lane->servers);
}

/* ---- what workers say -------------------------------------------------------------------------------- */

static struct cs_said_server *said_of(struct cs_session *s, const struct cs_lane *lane, uint32_t place)
{
    struct cs_said_servers *said = &s->lanes[lane->slot].servers;

    if (place >= said->n) {
        said->all = cs_xrealloc(said->all, lane->n_servers, sizeof *said->all);
        memset(said->all + said->n, 0, (lane->n_servers - said->n) * sizeof *said->all);
        said->n = lane->n_servers;
    }
    return &said->all[place];
}

static bool note(struct cs_serving *v, struct cs_said_server *said, bool listed, bool up)
{
    const bool moved = said->listed != listed || said->up != up;

    v->n_listed += listed - said->listed;
    v->n_up += up - said->up;
    said->listed = listed;
    said->up = up;
    return moved;
}

static void hear_jam(struct cs_core *core, struct cs_serving *v, struct cs_said_server *said, uint32_t jams, bool fresh)
{
    const bool jammed = jams != said->jams && said->told && fresh;

    said->jams = jams;
    said->told = true;
    if (jammed)
        cs_ramp_jam(&v->ramp, core->now_ms);
}

bool cs_serving_said(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, const struct cs_want_lane *w,
                     bool fresh)
{
    bool moved = false, named[CS_SERVINGS_MAX] = {false};

    if (w->n_servers == 0 && s->lanes[lane->slot].servers.n == 0)
        return false;
    for (uint32_t i = 0; i < w->n_servers; i++) {
        struct cs_serving *v = find_or_add(core, lane, w->servers[i].url);

        if (v == NULL)
            continue;
        const uint32_t place = (uint32_t)(v - lane->servers);
        struct cs_said_server *said = said_of(s, lane, place);

        named[place] = true;
        moved |= note(v, said, true, w->servers[i].state == CS_SERVER_UP);
        hear_jam(core, v, said, w->servers[i].jams, fresh);
    }
    for (uint32_t k = 0; k < s->lanes[lane->slot].servers.n; k++) {
        if (!named[k])
            moved |= note(&lane->servers[k], &s->lanes[lane->slot].servers.all[k], false, false);
    }
    return moved;
}

void cs_serving_left(struct cs_session *s, struct cs_lane *lane)
{
    struct cs_said_servers *said = &s->lanes[lane->slot].servers;

    for (uint32_t k = 0; k < said->n; k++)
        note(&lane->servers[k], &said->all[k], false, false);
    free(said->all);
    *said = (struct cs_said_servers){0};
}

/* ---- the lane as a whole ------------------------------------------------------------------------------ */

static bool is_split(const struct cs_lane *lane)
{
    return lane->n_servers > 0 && !lane->ramp.declared;
}

uint32_t cs_serving_most(const struct cs_lane *lane, uint64_t now)
{
    uint64_t most = 0;
    uint32_t listed = 0;

    if (!is_split(lane))
        return cs_ramp_most(&lane->ramp, now);
    for (uint32_t i = 0; i < lane->n_servers; i++) {
        listed += lane->servers[i].n_listed > 0;
        most += lane->servers[i].n_up > 0 ? cs_ramp_most(&lane->servers[i].ramp, now) : 0;
    }
    if (listed == 0)
        return CS_RAMP_START; /* nobody has told of any just now */
    return most == 0 ? 1 : most < CS_RAMP_UNBOUND ? (uint32_t)most : CS_RAMP_UNBOUND - 1; /* 1: somebody has to probe */
}

void cs_serving_could(struct cs_lane *lane, uint32_t calls)
{
    cs_ramp_could(&lane->ramp, calls);
    for (uint32_t i = 0; i < lane->n_servers; i++)
        cs_ramp_could(&lane->servers[i].ramp, calls);
}

void cs_serving_ended(struct cs_core *core, struct cs_lane *lane, const char *server, const struct cs_ramp_answer *a)
{
    struct cs_serving *v = is_split(lane) ? find(lane, server) : NULL;

    cs_ramp_ended(v != NULL ? &v->ramp : &lane->ramp, a, core->now_ms, &core->rng);
}

bool cs_serving_overloaded(const struct cs_lane *lane, const char *server, uint64_t now)
{
    const struct cs_serving *v = is_split(lane) ? find(lane, server) : NULL;

    return cs_ramp_overloaded(v != NULL ? &v->ramp : &lane->ramp, now);
}

void cs_serving_note(struct cs_lane *lane, uint64_t now)
{
    char why[sizeof lane->slow];

    cs_ramp_note(&lane->ramp, now, lane->slow, sizeof lane->slow);
    for (uint32_t i = 0; i < lane->n_servers && lane->slow[0] == '\0'; i++) {
        cs_ramp_note(&lane->servers[i].ramp, now, why, sizeof why);
        if (why[0] != '\0' && lane->servers[i].n_listed > 0)
            snprintf(lane->slow, sizeof lane->slow, "%.80s: %.150s", lane->servers[i].url, why);
    }
}

void cs_serving_tell(struct cs_core *core, const struct cs_lane *lane, struct cs_lane_info *info)
{
    if (lane->n_servers == 0)
        return;
    info->servers = cs_arena_array(&core->arena, lane->n_servers, sizeof *info->servers);
    for (uint32_t i = 0; i < lane->n_servers && info->n_servers < CS_SERVERS_MAX; i++) {
        const struct cs_serving *v = &lane->servers[i];

        if (v->n_listed > 0)
            info->servers[info->n_servers++] = (struct cs_lane_server){
                .url = v->url, .calls = v->n_up > 0 ? cs_ramp_most(&v->ramp, core->now_ms) : 1};
    }
    info->serves = cs_coordinator_served_newest(&lane->served, &core->arena);
}
