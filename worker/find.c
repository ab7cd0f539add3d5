#include "worker/find.h"

#include <stdio.h>
#include <string.h>

#include "protocol/base/log.h"

static void say(struct cs_find *f, enum cs_log_level level, const struct cs_error *why)
{
    if (strcmp(f->said, why->msg) != 0)
        cs_log(level, "address_file", "why=\"%s\"", why->msg);
    snprintf(f->said, sizeof f->said, "%s", why->msg);
}

static enum cs_err fits(const struct cs_find *f, const struct cs_whereabouts *new, uint32_t held, struct cs_error *err)
{
    if (f->keyed && new->key[0] == '\0')
        return cs_error_set(err, CS_EDENIED, "%s: its coordinator has no key, and this worker has one", f->path);
    if (!f->keyed && new->key[0] != '\0')
        return cs_error_set(err, CS_EDENIED, "%s: its coordinator wants a key; give one with --key", f->path);
    if (f->pinned && strcmp(f->at.key, new->key) != 0)
        return cs_error_set(err, CS_EDENIED, "%s: names another coordinator than --server-key", f->path);
    if (held > 0 && f->at.fleet[0] != '\0' && strcmp(f->at.fleet, new->fleet) != 0)
        return cs_error_set(err, CS_EDENIED,
                            "%s: names the coordinator of another fleet, %s; this worker keeps what it has for %s",
                            f->path, new->fleet, f->at.fleet);
    return CS_OK;
}

bool cs_find_look(struct cs_find *f, uint32_t held)
{
    struct cs_whereabouts new;
    struct cs_error err = {0};
    enum cs_err rc;

    if (f->path == NULL)
        return false;
    rc = cs_whereabouts_read(f->path, &new, &err);
    if (rc == CS_OK)
        rc = fits(f, &new, held, &err);
    if (rc != CS_OK) {
        say(f, rc == CS_ENOENT ? CS_INFO : CS_ERROR, &err);
        return false;
    }
    f->said[0] = '\0';
    if (strcmp(f->at.coordinator, new.coordinator) == 0 && strcmp(f->at.announce, new.announce) == 0 &&
        strcmp(f->at.key, new.key) == 0)
        return false;
    f->at = new;
    cs_log(CS_INFO, "found", "coordinator=%s fleet=%s term=%u", new.coordinator, new.fleet, new.term);
    return true;
}

void cs_find_init(struct cs_find *f, const char *coordinator, const char *announce, const char *server_key, bool keyed)
{
    *f = (struct cs_find){.path = cs_whereabouts_path(coordinator), .keyed = keyed, .pinned = server_key != NULL};
    snprintf(f->at.key, sizeof f->at.key, "%s", server_key != NULL ? server_key : "");
    if (f->path == NULL) {
        snprintf(f->at.coordinator, sizeof f->at.coordinator, "%s", coordinator);
        snprintf(f->at.announce, sizeof f->at.announce, "%s", announce != NULL ? announce : "");
    }
    (void)cs_find_look(f, 0);
}
