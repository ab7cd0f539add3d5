#include "protocol/wire/reach.h"

void cs_reach_note(struct cs_reach *r, enum cs_reach_event e)
{
    switch (e) {
    case CS_REACH_FAILED:
        r->state = CS_REACH_IS_NOBODY;
        break;
    case CS_REACH_CONNECTED: /* the next attempt of one that was refused tells no more than the one before until it ends */
        if (r->state == CS_REACH_IS_UNKNOWN || r->state == CS_REACH_IS_NOBODY)
            r->state = CS_REACH_IS_MUTE;
        break;
    case CS_REACH_UNANSWERED:
        r->state = CS_REACH_IS_MUTE;
        break;
    case CS_REACH_ENDED:
        r->state = CS_REACH_IS_REFUSED;
        break;
    case CS_REACH_DENIED:
        r->state = CS_REACH_IS_DENIED;
        break;
    case CS_REACH_READY:
        r->state = CS_REACH_IS_READY;
        break;
    case CS_REACH_LOST: /* a coordinator that ends says nothing of keys */
        if (r->state == CS_REACH_IS_READY)
            r->state = CS_REACH_IS_UNKNOWN;
        break;
    }
}

enum cs_err cs_reach_say(const struct cs_reach *r, const char *endpoint, bool with_keys, struct cs_error *err)
{
    switch (r->state) {
    case CS_REACH_IS_READY:
        break;
    case CS_REACH_IS_UNKNOWN:
    case CS_REACH_IS_NOBODY:
        return cs_error_set(err, CS_ETIMEDOUT, "%s: %s; is the coordinator running there, and is this its address?",
                            endpoint, r->state == CS_REACH_IS_NOBODY ? "nobody listens there" : "no answer from there");
    case CS_REACH_IS_MUTE:
        return cs_error_set(
            err, CS_ETIMEDOUT,
            "%s: connected, but it does not answer: the coordinator hangs or is stopped, or it is none that listens there",
            endpoint);
    case CS_REACH_IS_REFUSED:
        return cs_error_set(err, CS_EDENIED,
                            with_keys
                                ? "%s: whoever listens there does not have this server key, and hangs up: --server-key "
                                  "must be the .pub file of this coordinator (or it was started without keys, or it is "
                                  "no coordinator that listens there)"
                                : "%s: whoever listens there wants keys, and none were given: give --key and "
                                  "--server-key (or it is no coordinator that listens there, and hangs up)",
                            endpoint);
    case CS_REACH_IS_DENIED:
        return cs_error_set(err, CS_EDENIED,
                            "%s: the coordinator refuses this key: its allow-list lacks it (SIGHUP makes it read the "
                            "list again)",
                            endpoint);
    }
    return CS_OK;
}
