#include "worker/lists.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/hash.h"
#include "protocol/base/log.h"
#include "protocol/load/servers.h"
#include "protocol/study/address.h"

static const struct cs_made_endpoint *made(struct cs_list *l, const char *url, struct cs_error *why)
{
    struct cs_made_endpoint *e;
    for (e = l->made; e != NULL; e = e->next) {
        if (strcmp(e->server, url) == 0)
            return e;
    }
    if (cs_endpoint_make_server(++*l->serial, &l->means, l->account, url, l->pub.model, &e, why) != CS_OK)
        return NULL;
    LL_PREPEND(l->made, e);
    return e;
}

static bool is_same(const struct cs_list *l, const struct cs_servers_list *urls)
{
    bool same = l->pub.version > 0 && l->pub.n == urls->n;
    for (uint32_t i = 0; same && i < urls->n; i++)
        same = strcmp(l->pub.all[i].url, urls->urls[i]) == 0;
    return same;
}

static bool take(struct cs_list *l, const struct cs_servers_list *urls)
{
    if (is_same(l, urls))
        return false;
    struct cs_server_entry *all = cs_arena_array(&l->arena, urls->n + 1, sizeof *all);
    for (uint32_t i = 0; i < urls->n; i++) {
        struct cs_error why = {0};
        const struct cs_made_endpoint *e = made(l, urls->urls[i], &why);
        all[i].url = cs_arena_strdup(&l->arena, urls->urls[i]);
        all[i].endpoint = e != NULL ? &e->pub : NULL;
        all[i].trouble = e != NULL ? "" : cs_arena_strdup(&l->arena, why.msg);
    }
    l->pub.all = all;
    l->pub.n = urls->n;
    l->pub.version++;
    return true;
}

/* The list before stays. A lane that has none is told anew why. A file that is not there lists none. */
static bool refuse(struct cs_list *l, const struct cs_error *err)
{
    const bool told = strcmp(l->said, err->msg) == 0, missing = err->code == CS_ENOENT && l->pub.n == 0;
    if (!told) {
        cs_log(CS_WARN, "servers_file", "account=%s why=\"%s\" servers=%u", l->account->name, err->msg, l->pub.n);
        free(l->said);
        l->said = cs_xstrdup(err->msg);
    }
    l->pub.fault = missing ? NULL : l->said;
    if (told || l->pub.n > 0)
        return false;
    l->pub.version++;
    return true;
}

/* It can be used again: what is wrong with it next is news. */
static bool accept(struct cs_list *l, const struct cs_servers_list *urls)
{
    const bool was_refused = l->pub.fault != NULL;
    l->pub.fault = NULL;
    l->said[0] = '\0';
    if (take(l, urls))
        return true;
    l->pub.version += was_refused && l->pub.n == 0;
    return was_refused && l->pub.n == 0;
}

bool cs_list_look(struct cs_list *l)
{
    struct cs_arena arena = {0};
    struct cs_servers_list urls;
    struct cs_error err = {0};
    bool changed = false;
    if (l->pub.place == NULL)
        return false;
    if (cs_load_servers_file(l->pub.place, l->account->insecure_network, &arena, &urls, &err) != CS_OK)
        changed = refuse(l, &err);
    else
        changed = accept(l, &urls);
    cs_arena_release(&arena);
    return changed;
}

struct cs_list *cs_list_open(const struct cs_account *a, const char *model, const struct cs_endpoint_means *means,
                             uint64_t *serial)
{
    struct cs_list *l = cs_xcalloc(1, sizeof *l);
    l->account = a;
    l->means = *means;
    l->serial = serial;
    l->said = cs_xstrdup("");
    l->pub.model = cs_arena_strdup(&l->arena, model);
    l->pub.place = cs_address_file(a->base_url);
    if (l->pub.place != NULL) {
        if (!cs_list_look(l))
            take(l, &(struct cs_servers_list){0});
        return l;
    }
    struct cs_servers_list urls;
    struct cs_error err;
    CS_ASSERT(cs_load_servers_of(a, &l->arena, &urls, &err) == CS_OK);
    take(l, &urls);
    return l;
}

void cs_list_close(struct cs_list *l)
{
    for (struct cs_made_endpoint *e = l->made, *next; e != NULL; e = next) {
        next = e->next;
        cs_endpoint_free(e);
    }
    cs_arena_release(&l->arena);
    free(l->said);
    free(l);
}
