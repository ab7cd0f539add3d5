#include "protocol/wire/reach.h"

void cs_reach_note(struct cs_reach *r, enum cs_reach_event e)
{
    switch (e) {
    case CS_REACH_FAILED:
        r->failed++;
        break;
    case CS_REACH_CONNECTED:
        r->connected = true;
        break;
    case CS_REACH_BROKEN:
        r->broken++;
        r->ready = false;
        break;
    case CS_REACH_DENIED:
        r->denied = true;
        r->ready = false;
        break;
    case CS_REACH_READY:
        *r = (struct cs_reach){.connected = true, .ready = true};
        break;
    }
}

enum cs_err cs_reach_say(const struct cs_reach *r, const char *endpoint, bool with_keys, struct cs_error *err)
{
    if (r->ready)
        return CS_OK;
    if (r->denied)
        return cs_error_set(err, CS_EDENIED,
                            "%s: the coordinator refuses this key: its allow-list lacks it (SIGHUP makes it read the "
                            "list again)",
                            endpoint);
    if (!r->connected)
        return cs_error_set(err, CS_ETIMEDOUT, "%s: %s; is the coordinator running there, and is this its address?",
                            endpoint, r->failed > 0 ? "nobody listens there" : "no answer from there");
    if (!with_keys)
        return cs_error_set(err, CS_EDENIED,
                            "%s: whoever listens there wants keys, and none were given: give --key and --server-key",
                            endpoint);
    return cs_error_set(err, CS_EDENIED,
                        "%s: whoever listens there does not have this server key: --server-key must be the .pub file "
                        "of this coordinator (or the coordinator was started without keys)",
                        endpoint);
}
