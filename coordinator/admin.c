
#include "coordinator/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/ask.h"
#include "coordinator/build.h"
#include "coordinator/checkpoint.h"
#include "coordinator/delete.h"
#include "coordinator/feed.h"
#include "coordinator/plans.h"
#include "coordinator/present.h"
#include "coordinator/publish.h"
#include "coordinator/reread.h"
#include "coordinator/rights.h"
#include "coordinator/roster.h"
#include "coordinator/hand_over.h"
#include "coordinator/verbs.h"
#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/wire/allowed.h"
#include "protocol/base/json.h"
#include "protocol/study/script.h"
#include "store/addresses.h"

/* ---- submit, chunk, start ------------------------------------------------------------------------------- */

static bool write_meta(const struct cs_ask *ask, const char *key, const void *value, uint32_t len, const char *blob)
{
    uint64_t token = cs_ask_token(ask, blob);
    struct cs_event e = {
        .kind = CS_EV_META, .note = ask->entry->row.act != NULL ? ask->note : NULL, .meta = {key, value, len, token}};

    if (token != 0)
        cs_feed_event(ask->sv, &e);
    return token != 0;
}

struct missing {        /* what the store lacks of some chunks or pieces of images */
    struct cs_buf list; /* JSON strings */
    uint32_t n;
    bool unknown; /* not of all is it known */
};

static void look_for(struct cs_server *sv, const uint8_t digest[32], struct missing *m)
{
    const enum cs_presence is = cs_present_look(sv, digest);
    char hex[65];

    m->unknown |= is == CS_PRESENT_UNKNOWN;
    if (is != CS_PRESENT_ABSENT)
        return;
    cs_digest_hex(digest, 32, hex);
    cs_buf_printf(&m->list, "%s\"%s\"", m->n++ > 0 ? "," : "", hex);
}

/* The caller releases the list. */
static struct missing missing_of(struct cs_server *sv, const struct cs_spec *spec)
{
    struct missing m = {.list = CS_BUF_INIT(CS_MESSAGE_MAX)};

    for (uint32_t i = 0; i < spec->n_chunks; i++)
        look_for(sv, spec->chunks[i].digest, &m);
    return m;
}

static void submit(const struct cs_ask *ask)
{
    struct cs_buf blob = CS_BUF_INIT(CS_MESSAGE_MAX);
    struct cs_error err = {0};
    struct cs_spec spec = {0};
    char key[CS_META_KEY_MAX], hex[65];
    enum cs_err rc = cs_spec_unpack(ask->a->blob, ask->a->blob_len, &spec, &err);

    if (rc != CS_OK) {
        cs_ask_refuse(ask, rc, err.msg);
        return;
    }
    struct missing m = missing_of(ask->sv, &spec);

    if (m.unknown) {
        cs_present_wait(ask);
    } else {
        cs_digest_hex(spec.digest, 32, hex);
        cs_buf_printf(&blob, "{\"digest\":\"%s\",\"missing\":[%s],\"minor\":%d}", hex, cs_buf_cstr(&m.list),
                      CS_WIRE_MINOR);
        cs_store_generation_spec_key(spec.digest, key);
        write_meta(ask, key, ask->a->blob, ask->a->blob_len, cs_buf_cstr(&blob));
    }
    cs_spec_release(&spec);
    cs_buf_release(&m.list);
    cs_buf_release(&blob);
}

/* Of the pieces of images whose digests are in the blob, those that the store lacks. */
static void images(const struct cs_ask *ask)
{
    struct cs_buf blob = CS_BUF_INIT(CS_MESSAGE_MAX);
    const uint8_t *digests = ask->a->blob;
    struct missing m = {.list = CS_BUF_INIT(CS_MESSAGE_MAX)};

    for (uint32_t i = 0; i + 32 <= ask->a->blob_len; i += 32)
        look_for(ask->sv, digests + i, &m);
    if (m.unknown) {
        cs_present_wait(ask);
    } else {
        cs_buf_printf(&blob, "{\"missing\":[%s]}", cs_buf_cstr(&m.list));
        cs_feed_answer(ask->sv, ask->peer, ask->seq, CS_OK, "", cs_buf_cstr(&blob));
    }
    cs_buf_release(&m.list);
    cs_buf_release(&blob);
}

static void chunk(const struct cs_ask *ask)
{
    uint8_t named[32], found[32];
    char key[CS_META_KEY_MAX];

    if (ask->a->n_args != 1 || !cs_digest_unhex(ask->a->args[0], named, sizeof named)) {
        cs_ask_refuse(ask, CS_EUSAGE, "chunk: wants a digest of 64 hexadecimal digits");
        return;
    }
    cs_digest_blake2b_256(ask->a->blob, ask->a->blob_len, found);
    if (ask->a->blob_len > CS_CHUNK_MAX || memcmp(named, found, sizeof named) != 0) {
        cs_ask_refuse(ask, CS_EINVAL, "chunk: the bytes do not have this digest, or are over 1 MiB");
        return;
    }
    cs_store_generation_chunk_key(named, key);
    if (write_meta(ask, key, ask->a->blob, ask->a->blob_len, NULL))
        cs_present_note(ask->sv, named);
}

/* Under a budget every lane needs a cap and a price (decision 15). In a conversation replies are read again by the calls that follow. */
static enum cs_err check_budget(const struct cs_study *s, struct cs_error *err)
{
    const bool talks = cs_script_is_used(s);
    struct cs_requests *requests = NULL;
    struct cs_plan plan;
    enum cs_err rc;

    if (s->budget_nano_usd < 0)
        return CS_OK;
    cs_plan_init(&plan, s);
    rc = cs_requests_open(&requests, &plan, err);
    for (uint32_t i = 0; rc == CS_OK && i < s->n_models; i++) {
        const struct cs_model *m = &s->models[i];
        uint32_t cap;

        rc = cs_requests_lane_cap(requests, i, &cap, err);
        if (rc == CS_OK && cap == 0 && (m->price.output != 0 || (m->price.input != 0 && talks)))
            rc = cs_error_set(err, CS_EINVAL,
                              "%s: under budget_usd every model needs max_output_tokens, and no level may omit it",
                              m->name);
        else if (rc == CS_OK && (m->price.input < 0 || m->price.output < 0))
            rc = cs_error_set(err, CS_EINVAL, "%s: under budget_usd every model needs its prices in providers.yaml",
                              m->name);
        else if (rc == CS_OK && m->price.input != 0 && cs_image_is_used(s) && !cs_images_counted(s, m))
            rc = cs_error_set(err, CS_EINVAL,
                              "%s: what an image counts there nobody has said, and budget_usd is to hold; write "
                              "images: {tokens: N}, the most, for this model in providers.yaml",
                              m->name);
    }
    cs_requests_close(requests);
    cs_plan_release(&plan);
    return rc;
}

static enum cs_err read_spec(struct cs_server *sv, const uint8_t digest[32], struct cs_spec *out, struct cs_error *err)
{
    char key[CS_META_KEY_MAX];
    void *bytes = NULL;
    uint32_t n = 0;
    enum cs_err rc;

    cs_store_generation_spec_key(digest, key);
    rc = cs_store_rows_meta(sv->store, key, &bytes, &n, err);
    if (rc == CS_OK)
        rc = cs_spec_unpack(bytes, n, out, err);
    free(bytes);
    return rc == CS_ENOENT ? cs_error_set(err, rc, "start: this study was not submitted") : rc;
}

struct start { /* what `start` says */
    uint8_t digest[32];
    bool others, alone, reread, stop_old;
    uint32_t weight; /* 0: nothing is said */
    const char *priority, *after;
    enum cs_priority rank;
};

static bool read_weight(const char *text, uint32_t *out)
{
    char *end;
    const unsigned long n = strtoul(text, &end, 10);

    *out = (uint32_t)n;
    return *end == '\0' && text[0] >= '0' && text[0] <= '9' && n >= 1 && n <= CS_ROSTER_WEIGHT_MAX;
}

static enum cs_err read_start(const struct cs_admin *a, struct start *out, struct cs_error *err)
{
    bool good = a->n_args >= 1 && cs_digest_unhex(a->args[0], out->digest, sizeof out->digest);

    for (uint32_t i = 1; good && i < a->n_args; i++) {
        const char *arg = a->args[i];

        if (strcmp(arg, "adopt-from-other") == 0)
            out->others = true;
        else if (strcmp(arg, "alone") == 0)
            out->alone = true;
        else if (strcmp(arg, "reread") == 0)
            out->reread = true;
        else if (strcmp(arg, "stop-old") == 0)
            out->stop_old = true;
        else if (strncmp(arg, "weight=", 7) == 0)
            good = read_weight(arg + 7, &out->weight);
        else if (strncmp(arg, "priority=", 9) == 0)
            good = cs_roster_priority(out->priority = arg + 9, &out->rank);
        else if (strncmp(arg, "after=", 6) == 0)
            out->after = arg + 6;
        else
            good = false;
    }
    return good ? CS_OK
                : cs_error_set(
                      err, CS_EUSAGE,
                      "start: wants a digest of 64 hexadecimal digits [adopt-from-other] [alone] [reread] [stop-old] "
                      "[weight=1..%d] [priority=low|normal|high] [after=STUDY]",
                      CS_ROSTER_WEIGHT_MAX);
}

/* What is said of the study's place among others; the rows ride with the next group. */
static void settle_place(struct cs_server *sv, struct cs_roster_study *s, const struct start *what)
{
    struct cs_event weight = {.kind = CS_EV_WEIGHT, .study = {.key = s->key}};
    char key[CS_META_KEY_MAX], text[64];

    if (what->weight != 0 || what->priority != NULL) {
        struct cs_event e = {.kind = CS_EV_META, .meta = {.key = key, .value = text}};

        s->weight = what->weight != 0 ? what->weight : s->weight;
        s->priority = what->priority != NULL ? what->rank : s->priority;
        snprintf(key, sizeof key, "operator/%016llx/weight", (unsigned long long)s->key);
        e.meta.len = (uint32_t)snprintf(text, sizeof text, "%u %s", s->weight, cs_roster_priority_name(s->priority));
        cs_feed_event(sv, &e);
        weight.study.weight = cs_roster_weight(s);
        cs_feed_event(sv, &weight);
    }
    if (what->after != NULL) {
        struct cs_event e = {.kind = CS_EV_META,
                             .meta = {.key = key, .value = what->after, .len = (uint32_t)strlen(what->after)}};

        free(s->after);
        s->after = cs_xstrdup(what->after);
        snprintf(key, sizeof key, "operator/%016llx/after", (unsigned long long)s->key);
        cs_feed_event(sv, &e);
    }
}

/* A study that goes on as it was, but in another place. */
static void note_place(const struct cs_ask *ask, const struct cs_roster_study *s, const struct start *what)
{
    char detail[300];

    if (what->weight == 0 && what->priority == NULL && what->after == NULL)
        return;
    snprintf(detail, sizeof detail, "weight=%u priority=%s%s%.200s", s->weight, cs_roster_priority_name(s->priority),
             what->after != NULL ? " after " : "", what->after != NULL ? what->after : "");
    ask->entry->row.study = s->name;
    ask->entry->row.detail = detail;
    cs_diary_write(ask->entry, 0);
}

static enum cs_err check_place(struct cs_server *sv, const char *name, const struct start *what, struct cs_error *err)
{
    /* A name that was changed in a file would buy everything anew. */
    if (what->alone && sv->roster.n > 0 && cs_roster_named(&sv->roster, name) == NULL)
        return cs_error_set(err, CS_EINVAL, "this store belongs to the study \"%s\", not to \"%s\"; use another one",
                            sv->roster.items[0]->name, name);
    if (what->after == NULL)
        return CS_OK;
    if (strcmp(what->after, name) == 0)
        return cs_error_set(err, CS_EINVAL, "a study cannot come after itself");
    if (cs_roster_named(&sv->roster, what->after) == NULL)
        return cs_error_set(err, CS_ENOENT, "there is no study \"%s\" to come after; `clinsafe list` shows all",
                            what->after);
    return CS_OK;
}

/* Answered after the commit. */
static void make_generation(const struct cs_ask *ask, const struct start *what, const struct cs_spec *spec)
{
    struct cs_server *sv = ask->sv;
    struct cs_roster_study *s = cs_roster_named(&sv->roster, spec->study->name);
    struct cs_generation g = {.number = sv->roster.n_generations + 1,
                              .created_wall_ms = cs_clock_wall_ms(),
                              .study = cs_digest_study_key(spec->study->name),
                              .others = what->others};

    g.reading = what->reread ? g.number : s != NULL ? s->newest.reading : 0;
    struct cs_buf packed = CS_BUF_INIT(1024);
    char key[CS_META_KEY_MAX], blob[64], detail[32];

    memcpy(g.spec_digest, what->digest, sizeof g.spec_digest);
    snprintf(blob, sizeof blob, "{\"gen\":%u,\"new\":true}", g.number);
    snprintf(detail, sizeof detail, "generation %u", g.number);
    ask->entry->row.study = spec->study->name;
    ask->entry->row.detail = detail;
    ask->entry->row.act = what->reread ? "reread" : ask->entry->row.act;
    cs_store_generation_key(g.number, key);
    cs_store_generation_pack(&g, &packed);
    if (write_meta(ask, key, packed.data, (uint32_t)packed.len, blob)) {
        cs_log(CS_INFO, "study_started", "gen=%u digest=%s", g.number, ask->a->args[0]);
        if (s == NULL)
            s = cs_roster_add(&sv->roster, spec->study->name);
        cs_roster_note(&sv->roster, g.number, s->key);
        s->next = g;
        if (s->newest.number == 0) {
            free(s->title);
            s->title = cs_xstrdup(spec->study->title);
        }
        s->n_lanes = spec->study->n_models;
        settle_place(sv, s, what);
        if (what->stop_old || what->reread) /* what is read anew must stand still */
            cs_build_stop_old(sv, s);
        sv->roster.look_ms = 0;
        cs_roster_tell_awaited(sv); /* before whoever submits it is answered */
    }
    cs_buf_release(&packed);
}

static enum cs_err check_chunks(struct cs_server *sv, const struct cs_spec *spec, struct cs_error *err)
{
    struct missing m = missing_of(sv, spec);

    cs_buf_release(&m.list);
    if (m.unknown)
        return CS_EAGAIN;
    return m.n == 0 ? CS_OK
                    : cs_error_set(err, CS_EINCOMPLETE, "start: chunks of this study are missing; submit it again");
}

/* Whether it may become a generation. CS_EAGAIN: what the store has of it is being looked for (present.h). */
static enum cs_err check_spec(struct cs_server *sv, const struct cs_roster_study *s, struct cs_spec *spec,
                              const struct start *what, struct cs_error *err)
{
    enum cs_err rc = check_chunks(sv, spec, err);

    if (rc == CS_OK)
        rc = check_budget(spec->study, err);
    if (rc == CS_OK && !what->others)
        rc = cs_addresses_check(sv->store, spec->study, err);
    if (rc == CS_OK && what->reread)
        rc = cs_coordinator_reread_check(sv, s, spec, err);
    return rc == CS_OK ? cs_present_images(sv, spec, err) : rc;
}

static void start_spec(const struct cs_ask *ask, const struct start *what, struct cs_spec *spec)
{
    struct cs_server *sv = ask->sv;
    struct cs_roster_study *s = cs_roster_named(&sv->roster, spec->study->name);
    const struct cs_generation *newest = s == NULL ? NULL : s->next.number != 0 ? &s->next : &s->newest;
    struct cs_error err = {0};
    char blob[64];
    enum cs_err rc = check_place(sv, spec->study->name, what, &err);

    if (rc != CS_OK) {
        cs_ask_refuse(ask, rc, err.msg);
        return;
    }
    const bool same = s != NULL && memcmp(newest->spec_digest, what->digest, sizeof what->digest) == 0;
    const bool reads = s != NULL && s->next.number != 0 && s->next.reading == s->next.number;
    if (same &&
        (s->next.number != 0 ? reads || !what->reread : !what->reread && !cs_build_has_news(sv, s, what->others))) {
        settle_place(sv, s, what);
        if (what->stop_old)
            cs_build_stop_old(sv, s);
        note_place(ask, s, what);
        snprintf(blob, sizeof blob, "{\"gen\":%u,\"new\":false}", newest->number);
        cs_feed_answer(sv, ask->peer, ask->seq, CS_OK, "continues", blob);
        return;
    }
    if (s != NULL && sv->again.state != CS_AGAIN_OVER && sv->again.study == s->key) {
        cs_ask_refuse(ask, CS_EBUSY, "start: answers are being asked again just now; try again when that is done");
        return;
    }
    if (s == NULL && cs_delete_is_under_way(sv, spec->study->name)) {
        cs_ask_refuse(ask, CS_EBUSY,
                      "start: an earlier study of this name was deleted, and is still being erased; try again later");
        return;
    }
    if (s != NULL && s->next.number != 0) {
        cs_ask_refuse(
            ask, CS_EBUSY,
            "start: an earlier edit of the study is still being prepared; `clinsafe status` shows how far it is. Try again "
            "when it runs");
        return;
    }
    rc = check_spec(sv, s, spec, what, &err);
    if (rc == CS_OK)
        make_generation(ask, what, spec);
    else if (rc == CS_EAGAIN)
        cs_present_wait(ask);
    else
        cs_ask_refuse(ask, rc, err.msg);
}

static void start(const struct cs_ask *ask)
{
    struct cs_error err = {0};
    struct cs_spec spec = {0};
    struct start what = {.rank = CS_PRIORITY_NORMAL};
    enum cs_err rc = read_start(ask->a, &what, &err);

    if (rc == CS_OK)
        rc = read_spec(ask->sv, what.digest, &spec, &err);
    if (rc == CS_OK)
        start_spec(ask, &what, &spec);
    else
        cs_ask_refuse(ask, rc, err.msg);
    cs_spec_release(&spec);
}

/* ---- looking ---------------------------------------------------------------------------------------------- */

/* Without a name: of the study that was submitted last. */
static void status(const struct cs_ask *ask)
{
    struct cs_roster_study *s = cs_ask_word(ask, 0) != NULL ? cs_ask_study(ask, 0) : cs_roster_last(&ask->sv->roster);
    struct cs_buf out = CS_BUF_INIT(CS_MESSAGE_MAX / 2);

    if (s == NULL && cs_ask_word(ask, 0) != NULL)
        return;
    cs_publish_status(ask->sv, s, &out);
    cs_feed_answer(ask->sv, ask->peer, ask->seq, CS_OK, "", cs_buf_cstr(&out));
    cs_buf_release(&out);
}

static void list(const struct cs_ask *ask)
{
    struct cs_buf out = CS_BUF_INIT(CS_MESSAGE_MAX / 2);

    cs_publish_list(ask->sv, &out);
    cs_feed_answer(ask->sv, ask->peer, ask->seq, CS_OK, "", cs_buf_cstr(&out));
    cs_buf_release(&out);
}

static void verb_ping(const struct cs_ask *a)
{
    cs_feed_answer(a->sv, a->peer, a->seq, CS_OK, "here", NULL);
}

/* act: what is written down of it; NULL: it changes nothing, or only prepares what does. */
static const struct {
    const char *verb;
    void (*run)(const struct cs_ask *ask);
    const char *act;
} verbs[] = {
    {"submit", submit, NULL},
    {"chunk", chunk, NULL},
    {"images", images, NULL},
    {"start", start, "submit"},
    {"snapshot", cs_hand_over_snapshot, NULL},
    {"snapshot-part", cs_hand_over_part, NULL},
    {"checkpoint", cs_checkpoint_ask, NULL},
    {"checkpoint-done", cs_checkpoint_done, NULL},
    {"status", status, NULL},
    {"list", list, NULL},
    {"events", cs_verbs_events, NULL},
    {"ping", verb_ping, NULL},
    {"pause", cs_verbs_pause, "pause"},
    {"resume", cs_verbs_resume, "resume"},
    {"cancel", cs_verbs_cancel, "cancel"},
    {"retry", cs_verbs_retry, "retry"},
    {"retry-some", cs_verbs_retry_some, "retry"},
    {"again", cs_verbs_again, "ask again"},
    {"void", cs_verbs_void, "void"},
    {"set", cs_verbs_set, "set"},
    {"delete", cs_verbs_delete, "delete"},
    {"drain", cs_verbs_drain, "drain"},
    {"drain-worker", cs_verbs_drain_worker, "drain"},
    {"revoke", cs_verbs_revoke, "revoke"},
};

static const struct cs_events_row nothing_said = {.trials = -1, .nano_usd = -1};

/* Who asks, and why. */
static void sign(struct cs_diary_entry *e, const char *user_id, const struct cs_admin *a, struct cs_allowed_key *k,
                 char key[9])
{
    e->row.by = "local";
    e->row.role = cs_allowed_role_name(CS_ALLOWED_OPERATOR);
    if (user_id[0] != '\0' && cs_socket_net_key(e->sv->net, user_id, k)) {
        snprintf(key, 9, "%.8s", user_id);
        e->row.by = k->name[0] != '\0' ? k->name : key;
        e->row.role = cs_allowed_role_name(k->role);
        e->row.key = key;
    }
    e->row.reason = a->reason;
}

void cs_admin_message(struct cs_server *sv, const struct cs_peer *peer, const char *user_id, const struct cs_message *m)
{
    struct cs_diary_entry entry = {sv, nothing_said};
    struct cs_note note = cs_diary_note(&entry);
    struct cs_ask ask = {sv, peer, user_id, m->seq, &m->admin, &entry, &note};
    struct cs_allowed_key who;
    struct cs_error err = {0};
    char key[9];
    enum cs_err rc;

    if (m->kind != CS_ADMIN || m->admin.verb == NULL)
        return;
    rc = cs_rights_admin(sv, user_id, m->admin.verb, &err);
    if (rc == CS_OK && strlen(m->admin.reason) > CS_EVENTS_REASON_MAX)
        rc = cs_error_set(&err, CS_EUSAGE, "the reason is longer than %d bytes", CS_EVENTS_REASON_MAX);
    if (rc != CS_OK) {
        cs_ask_refuse(&ask, rc, err.msg);
        return;
    }
    sign(&entry, user_id, &m->admin, &who, key);
    for (unsigned i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].verb, m->admin.verb) == 0) {
            entry.row.act = verbs[i].act;
            verbs[i].run(&ask);
            return;
        }
    }
    cs_ask_refuse(&ask, CS_EUSAGE, "this coordinator does not know that verb");
}
