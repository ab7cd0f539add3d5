
#include "coordinator/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/again.h"
#include "coordinator/build.h"
#include "coordinator/feed.h"
#include "coordinator/plans.h"
#include "coordinator/publish.h"
#include "coordinator/reread.h"
#include "coordinator/rights.h"
#include "coordinator/roster.h"
#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/base/json.h"
#include "store/addresses.h"

/* ---- requests that wait for a commit ---------------------------------------------------------------- */

struct ask { /* one request */
    struct cs_server *sv;
    const struct cs_peer *peer;
    uint64_t seq;
    const struct cs_admin *a;
};

/* The token under which it is answered; 0: too many wait, and it is refused. */
static uint64_t wait_for_commit(const struct ask *ask, const char *blob)
{
    uint64_t token = ++ask->sv->tokens;
    struct cs_waiting *w = &ask->sv->waiting[token % CS_TOKENS_MAX];

    if (w->token != 0) {
        cs_feed_answer(ask->sv, ask->peer, ask->seq, CS_EAGAIN, "too many requests wait for the disk; ask again", NULL);
        return 0;
    }
    *w = (struct cs_waiting){token, *ask->peer, ask->seq, blob != NULL ? cs_xstrdup(blob) : NULL};
    return token;
}

static void refuse(const struct ask *ask, enum cs_err code, const char *text)
{
    cs_feed_answer(ask->sv, ask->peer, ask->seq, code, text, NULL);
}

static bool write_meta(const struct ask *ask, const char *key, const void *value, uint32_t len, const char *blob)
{
    uint64_t token = wait_for_commit(ask, blob);
    struct cs_event e = {.kind = CS_EV_META, .meta = {key, value, len, token}};

    if (token != 0)
        cs_feed_event(ask->sv, &e);
    return token != 0;
}

/* ---- submit, chunk, start ------------------------------------------------------------------------------- */

static bool has_meta(struct cs_server *sv, const char *key)
{
    void *value = NULL;
    uint32_t n;
    bool has = cs_store_rows_meta(sv->store, key, &value, &n, NULL) == CS_OK;

    free(value);
    return has;
}

/* The chunks of a spec that the store lacks, as JSON strings. */
static uint32_t list_missing(struct cs_server *sv, const struct cs_spec *spec, struct cs_buf *out)
{
    uint32_t missing = 0;

    for (uint32_t i = 0; i < spec->n_chunks; i++) {
        char key[CS_META_KEY_MAX], hex[65];

        cs_store_generation_chunk_key(spec->chunks[i].digest, key);
        if (has_meta(sv, key))
            continue;
        cs_digest_hex(spec->chunks[i].digest, 32, hex);
        cs_buf_printf(out, "%s\"%s\"", missing++ > 0 ? "," : "", hex);
    }
    return missing;
}

static void submit(const struct ask *ask)
{
    struct cs_buf blob = CS_BUF_INIT(CS_MESSAGE_MAX);
    struct cs_error err = {0};
    struct cs_spec spec = {0};
    char key[CS_META_KEY_MAX], hex[65];
    enum cs_err rc = cs_spec_unpack(ask->a->blob, ask->a->blob_len, &spec, &err);

    if (rc != CS_OK) {
        refuse(ask, rc, err.msg);
        return;
    }
    cs_digest_hex(spec.digest, 32, hex);
    cs_buf_printf(&blob, "{\"digest\":\"%s\",\"missing\":[", hex);
    list_missing(ask->sv, &spec, &blob);
    cs_buf_printf(&blob, "],\"minor\":%d}", CS_WIRE_MINOR);
    cs_store_generation_spec_key(spec.digest, key);
    write_meta(ask, key, ask->a->blob, ask->a->blob_len, cs_buf_cstr(&blob));
    cs_spec_release(&spec);
    cs_buf_release(&blob);
}

static void chunk(const struct ask *ask)
{
    uint8_t named[32], found[32];
    char key[CS_META_KEY_MAX];

    if (ask->a->n_args != 1 || !cs_digest_unhex(ask->a->args[0], named, sizeof named)) {
        refuse(ask, CS_EUSAGE, "chunk: wants a digest of 64 hexadecimal digits");
        return;
    }
    cs_digest_blake2b_256(ask->a->blob, ask->a->blob_len, found);
    if (ask->a->blob_len > CS_CHUNK_MAX || memcmp(named, found, sizeof named) != 0) {
        refuse(ask, CS_EINVAL, "chunk: the bytes do not have this digest, or are over 1 MiB");
        return;
    }
    cs_store_generation_chunk_key(named, key);
    write_meta(ask, key, ask->a->blob, ask->a->blob_len, NULL);
}

/* Under a budget every lane needs a cap and a price (decision 15). */
static enum cs_err check_budget(const struct cs_study *s, struct cs_error *err)
{
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
        if (rc == CS_OK && cap == 0)
            rc = cs_error_set(err, CS_EINVAL,
                              "%s: under budget_usd every model needs max_output_tokens, and no level may omit it",
                              m->name);
        else if (rc == CS_OK && (m->price.input < 0 || m->price.output < 0))
            rc = cs_error_set(err, CS_EINVAL, "%s: under budget_usd every model needs its prices in providers.yaml",
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

/* Whether it may become a generation. */
static enum cs_err check_spec(struct cs_server *sv, const struct cs_spec *spec, bool others, struct cs_error *err)
{
    struct cs_buf missing = CS_BUF_INIT(CS_MESSAGE_MAX);
    enum cs_err rc;

    if (list_missing(sv, spec, &missing) > 0)
        rc = cs_error_set(err, CS_EINCOMPLETE, "start: chunks of this study are missing; submit it again");
    else
        rc = check_budget(spec->study, err);
    if (rc == CS_OK && !others)
        rc = cs_addresses_check(sv->store, spec->study, err);
    cs_buf_release(&missing);
    return rc;
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
static void make_generation(const struct ask *ask, const struct start *what, const struct cs_spec *spec)
{
    struct cs_server *sv = ask->sv;
    struct cs_roster_study *s = cs_roster_named(&sv->roster, spec->study->name);
    struct cs_generation g = {.number = sv->roster.n_generations + 1,
                              .created_wall_ms = cs_clock_wall_ms(),
                              .study = cs_digest_study_key(spec->study->name),
                              .others = what->others};

    g.reading = what->reread ? g.number : s != NULL ? s->newest.reading : 0;
    struct cs_buf packed = CS_BUF_INIT(1024);
    char key[CS_META_KEY_MAX], blob[64];

    memcpy(g.spec_digest, what->digest, sizeof g.spec_digest);
    snprintf(blob, sizeof blob, "{\"gen\":%u,\"new\":true}", g.number);
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
    }
    cs_buf_release(&packed);
}

static void start_spec(const struct ask *ask, const struct start *what, const struct cs_spec *spec)
{
    struct cs_server *sv = ask->sv;
    struct cs_roster_study *s = cs_roster_named(&sv->roster, spec->study->name);
    const struct cs_generation *newest = s == NULL ? NULL : s->next.number != 0 ? &s->next : &s->newest;
    struct cs_error err = {0};
    char blob[64];
    enum cs_err rc = check_place(sv, spec->study->name, what, &err);

    if (rc != CS_OK) {
        refuse(ask, rc, err.msg);
        return;
    }
    const bool same = s != NULL && memcmp(newest->spec_digest, what->digest, sizeof what->digest) == 0;
    const bool reads = s != NULL && s->next.number != 0 && s->next.reading == s->next.number;
    if (same &&
        (s->next.number != 0 ? reads || !what->reread : !what->reread && !cs_build_has_news(sv, s, what->others))) {
        settle_place(sv, s, what);
        if (what->stop_old)
            cs_build_stop_old(sv, s);
        snprintf(blob, sizeof blob, "{\"gen\":%u,\"new\":false}", newest->number);
        cs_feed_answer(sv, ask->peer, ask->seq, CS_OK, "continues", blob);
        return;
    }
    if (s != NULL && sv->again.state != CS_AGAIN_OVER && sv->again.study == s->key) {
        refuse(ask, CS_EBUSY, "start: answers are being asked again just now; try again when that is done");
        return;
    }
    if (s != NULL && s->next.number != 0) {
        refuse(
            ask, CS_EBUSY,
            "start: an earlier edit of the study is still being prepared; `clinsafe status` shows how far it is. Try again "
            "when it runs");
        return;
    }
    rc = check_spec(sv, spec, what->others, &err);
    if (rc == CS_OK && what->reread)
        rc = cs_coordinator_reread_check(sv, s, spec, &err);
    if (rc == CS_OK)
        make_generation(ask, what, spec);
    else
        refuse(ask, rc, err.msg);
}

static void start(const struct ask *ask)
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
        refuse(ask, rc, err.msg);
    cs_spec_release(&spec);
}

/* ---- which study ------------------------------------------------------------------------------------------ */

/* The one named by the argument `at`, or, where none is named, the only one. NULL: it was refused. */
static struct cs_roster_study *study_of(const struct ask *ask, uint32_t at)
{
    const char *name = ask->a->n_args > at && ask->a->args[at][0] != '\0' ? ask->a->args[at] : NULL;
    struct cs_roster *r = &ask->sv->roster;
    struct cs_buf text = CS_BUF_INIT(1024);
    struct cs_roster_study *s = name != NULL ? cs_roster_named(r, name) : r->n == 1 ? r->items[0] : NULL;

    if (s != NULL)
        return s;
    if (name != NULL)
        cs_buf_printf(&text, "there is no study \"%.100s\"; `clinsafe list` shows all", name);
    else if (r->n == 0)
        cs_buf_str(&text, "no study was started yet");
    else
        cs_buf_str(&text, "there are several studies here; say which, with --study:");
    for (uint32_t i = 0; name == NULL && i < r->n; i++)
        cs_buf_printf(&text, "%s %.100s", i > 0 ? "," : "", r->items[i]->name);
    refuse(ask, name == NULL && r->n > 1 ? CS_EUSAGE : CS_ENOENT, cs_buf_cstr(&text));
    cs_buf_release(&text);
    return NULL;
}

/* ---- the others ------------------------------------------------------------------------------------------ */

static const char *model_of(const struct ask *ask, uint32_t at)
{
    return ask->a->n_args > at && ask->a->args[at][0] != '\0' ? ask->a->args[at] : NULL;
}

/* While an edit is prepared beside it, what runs is told; the word holds for the edit too. */
static bool is_built(const struct ask *ask, const struct cs_roster_study *s)
{
    if (cs_build_is_beside(ask->sv, s))
        return true;
    if (s->next.number != 0)
        refuse(ask, CS_EAGAIN,
               s->newest.number != 0 || ask->sv->build.study == s
                   ? "a changed study is being worked in; say it again when it runs"
                   : "the study waits for its turn; say it again when it runs");
    else if (!s->loaded)
        refuse(ask, CS_EAGAIN, "the study is over, and has made room for others; submit it again to change something");
    return s->next.number == 0 && s->loaded;
}

static void control(const struct ask *ask, enum cs_control verb)
{
    const struct cs_roster_study *s = NULL;
    uint64_t token;

    if (verb != CS_CONTROL_DRAIN && ((s = study_of(ask, 1)) == NULL || !is_built(ask, s)))
        return;
    token = wait_for_commit(ask, NULL);
    if (token != 0) {
        struct cs_event e = {.kind = CS_EV_CONTROL, .control = {verb, model_of(ask, 0), token, s != NULL ? s->key : 0}};

        cs_feed_event(ask->sv, &e);
    }
}

/* Answered at once: how far it is, and that all of it is on disk, stands in `status`. */
static void again(const struct ask *ask)
{
    const struct cs_admin *a = ask->a;
    const struct cs_roster_study *s;
    struct cs_error err = {0};
    char blob[32];
    enum cs_err rc;

    if (a->n_args < 2 || (strcmp(a->args[1], "once") != 0 && strcmp(a->args[1], "repeat") != 0)) {
        refuse(ask, CS_EUSAGE, "again: wants outcomes, then `once` or `repeat`, then perhaps a model and a study");
        return;
    }
    s = study_of(ask, 3);
    if (s == NULL || !is_built(ask, s))
        return;
    if (s->next.number != 0) {
        refuse(ask, CS_EAGAIN, "again: an edit of the study is being prepared; say it again when that runs");
        return;
    }
    const struct cs_again_ask what = {.outcomes = a->args[0],
                                      .repeat = strcmp(a->args[1], "repeat") == 0,
                                      .model = model_of(ask, 2),
                                      .study = s->key};
    rc = cs_coordinator_again_start(ask->sv, &what, &err);
    if (rc != CS_OK) {
        refuse(ask, rc, err.msg);
        return;
    }
    snprintf(blob, sizeof blob, "{\"act\":%u}", ask->sv->again.number);
    cs_feed_answer(ask->sv, ask->peer, ask->seq, CS_OK, "begun", blob);
}

static enum cs_err list_void(void *self, const char *key, const void *value, uint32_t len)
{
    struct cs_buf *out = self;

    (void)key;
    if (out->len > 1)
        cs_buf_char(out, ',');
    cs_buf_append(out, value, len);
    return CS_OK;
}

/* What was voided so far. */
static void list_voids(const struct ask *ask)
{
    struct cs_buf out = CS_BUF_INIT(CS_MESSAGE_MAX / 2);
    struct cs_error err = {0};
    enum cs_err rc;

    cs_buf_char(&out, '[');
    rc = cs_store_scan_metas(ask->sv->store, "event/void/", list_void, &out, &err);
    cs_buf_char(&out, ']');
    if (rc != CS_OK || out.overflow)
        refuse(ask, rc != CS_OK ? rc : CS_ETOOBIG, rc != CS_OK ? err.msg : "there are too many to list");
    else
        cs_feed_answer(ask->sv, ask->peer, ask->seq, CS_OK, "", cs_buf_cstr(&out));
    cs_buf_release(&out);
}

static void voids(const struct ask *ask)
{
    const struct cs_admin *a = ask->a;
    const bool presumed = a->n_args > 0 && strcmp(a->args[0], "presumed") == 0;
    const uint32_t reason = presumed ? 1 : 2; /* then perhaps a study */
    const struct cs_roster_study *s;
    int64_t sum = 0;
    uint64_t token;

    if (a->n_args == 0) {
        list_voids(ask);
        return;
    }
    if (a->n_args <= reason || a->n_args > reason + 2 || (!presumed && strcmp(a->args[0], "model") != 0) ||
        a->args[reason][0] == '\0') {
        refuse(ask, CS_EUSAGE,
               "void: wants `presumed` and a reason, or `model`, its name and a reason; then perhaps a study");
        return;
    }
    s = study_of(ask, reason + 1);
    if (s == NULL || !is_built(ask, s))
        return;
    token = wait_for_commit(ask, NULL);
    if (token != 0) {
        struct cs_waiting *w = &ask->sv->waiting[token % CS_TOKENS_MAX];
        struct cs_event e = {.kind = CS_EV_VOID,
                             .voids = {.presumed = presumed,
                                       .model = presumed ? NULL : a->args[1],
                                       .reason = a->args[reason],
                                       .study = s->key,
                                       .wall_ms = cs_clock_wall_ms(),
                                       .token = token,
                                       .nano_usd = &sum}};

        cs_feed_event(ask->sv, &e);
        if (w->token == token && sum > 0)
            w->blob = cs_xasprintf("{\"nano_usd\":%lld}", (long long)sum);
    }
}

/* Without a name: of the study that was submitted last. */
static void status(const struct ask *ask)
{
    struct cs_roster_study *s = model_of(ask, 0) != NULL ? study_of(ask, 0) : cs_roster_last(&ask->sv->roster);
    struct cs_buf out = CS_BUF_INIT(CS_MESSAGE_MAX / 2);

    if (s == NULL && model_of(ask, 0) != NULL)
        return;
    cs_publish_status(ask->sv, s, &out);
    cs_feed_answer(ask->sv, ask->peer, ask->seq, CS_OK, "", cs_buf_cstr(&out));
    cs_buf_release(&out);
}

static void list(const struct ask *ask)
{
    struct cs_buf out = CS_BUF_INIT(CS_MESSAGE_MAX / 2);

    cs_publish_list(ask->sv, &out);
    cs_feed_answer(ask->sv, ask->peer, ask->seq, CS_OK, "", cs_buf_cstr(&out));
    cs_buf_release(&out);
}

static void verb_pause(const struct ask *a)
{
    control(a, CS_CONTROL_PAUSE);
}
static void verb_resume(const struct ask *a)
{
    control(a, CS_CONTROL_RESUME);
}
static void verb_cancel(const struct ask *a)
{
    control(a, CS_CONTROL_CANCEL);
}
static void verb_retry(const struct ask *a)
{
    control(a, CS_CONTROL_RETRY);
}
static void verb_drain(const struct ask *a)
{
    control(a, CS_CONTROL_DRAIN);
}
static void verb_revoke(const struct ask *a)
{
    struct cs_error err = {0};
    char said[256];
    enum cs_err rc;

    if (a->a->n_args != 1) {
        refuse(a, CS_EUSAGE, "revoke: wants a key or its name");
        return;
    }
    rc = cs_rights_revoke(a->sv, a->a->args[0], said, &err);
    cs_feed_answer(a->sv, a->peer, a->seq, rc, rc == CS_OK ? "revoked" : err.msg, rc == CS_OK ? said : NULL);
}
static void verb_ping(const struct ask *a)
{
    cs_feed_answer(a->sv, a->peer, a->seq, CS_OK, "here", NULL);
}

static const struct {
    const char *verb;
    void (*run)(const struct ask *ask);
} verbs[] = {
    {"submit", submit},    {"chunk", chunk},        {"start", start},        {"status", status},
    {"pause", verb_pause}, {"resume", verb_resume}, {"cancel", verb_cancel}, {"retry", verb_retry},
    {"again", again},      {"void", voids},         {"drain", verb_drain},   {"ping", verb_ping},
    {"list", list},        {"revoke", verb_revoke},
};

void cs_admin_message(struct cs_server *sv, const struct cs_peer *peer, const char *user_id, const struct cs_message *m)
{
    struct ask ask = {sv, peer, m->seq, &m->admin};
    struct cs_error err = {0};
    enum cs_err rc;

    if (m->kind != CS_ADMIN || m->admin.verb == NULL)
        return;
    rc = cs_rights_admin(sv, user_id, m->admin.verb, &err);
    if (rc != CS_OK) {
        refuse(&ask, rc, err.msg);
        return;
    }
    for (unsigned i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].verb, m->admin.verb) == 0) {
            verbs[i].run(&ask);
            return;
        }
    }
    refuse(&ask, CS_EUSAGE, "this coordinator does not know that verb");
}
