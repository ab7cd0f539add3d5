#include "coordinator/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/again.h"
#include "coordinator/core/core.h"
#include "coordinator/delete.h"
#include "coordinator/feed.h"
#include "coordinator/plans.h"
#include "coordinator/pick.h"
#include "coordinator/rights.h"
#include "coordinator/roster.h"
#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"

/* ---- pause, resume, cancel, drain -------------------------------------------------------------------------- */

static void control(const struct cs_ask *ask, enum cs_control verb)
{
    const struct cs_roster_study *s = cs_ask_study(ask, 1);
    uint64_t token;

    if (s == NULL || !cs_ask_runs(ask, s))
        return;
    token = cs_ask_token(ask, NULL);
    if (token != 0) {
        const struct cs_event e = {.kind = CS_EV_CONTROL,
                                   .note = ask->note,
                                   .control = {.verb = verb,
                                               .model = cs_ask_word(ask, 0),
                                               .token = token,
                                               .study = s->key,
                                               .reason = ask->a->reason,
                                               .wall_ms = cs_clock_wall_ms()}};

        ask->entry->row.subject = cs_ask_word(ask, 0);
        cs_feed_event(ask->sv, &e);
    }
}

void cs_verbs_pause(const struct cs_ask *ask)
{
    control(ask, CS_CONTROL_PAUSE);
}

void cs_verbs_resume(const struct cs_ask *ask)
{
    control(ask, CS_CONTROL_RESUME);
}

void cs_verbs_cancel(const struct cs_ask *ask)
{
    control(ask, CS_CONTROL_CANCEL);
}

static void drain(const struct cs_ask *ask, const char *worker)
{
    const uint64_t token = cs_ask_token(ask, NULL);
    const struct cs_event e = {.kind = CS_EV_CONTROL,
                               .note = ask->note,
                               .control = {.verb = CS_CONTROL_DRAIN, .token = token, .worker = worker}};

    ask->entry->row.subject = worker;
    if (token != 0)
        cs_feed_event(ask->sv, &e);
}

void cs_verbs_drain(const struct cs_ask *ask)
{
    drain(ask, NULL);
}

/* A verb of its own: an older coordinator would drain the fleet. */
void cs_verbs_drain_worker(const struct cs_ask *ask)
{
    if (cs_ask_word(ask, 0) == NULL)
        cs_ask_refuse(ask, CS_EUSAGE, "drain-worker: wants the name of a worker");
    else
        drain(ask, cs_ask_word(ask, 0));
}

/* A name is wanted, even where there is one study only. */
void cs_verbs_delete(const struct cs_ask *ask)
{
    struct cs_roster_study *s = cs_ask_word(ask, 0) != NULL ? cs_ask_study(ask, 0) : NULL;
    struct cs_error err = {0};
    enum cs_err rc;

    if (cs_ask_word(ask, 0) == NULL)
        cs_ask_refuse(ask, CS_EUSAGE, "delete: wants the name of a study");
    if (s == NULL)
        return;
    rc = cs_delete_start(ask, s, &err);
    if (rc != CS_OK)
        cs_ask_refuse(ask, rc, err.msg);
}

/* ---- retry ------------------------------------------------------------------------------------------------- */

/* All failed trials, of a model or of all: the ledger knows which. */
static void retry_all(const struct cs_ask *ask, const struct cs_roster_study *s, const char *model)
{
    const uint64_t token = cs_ask_token(ask, NULL);
    struct cs_events_row *row = &ask->entry->row;
    const struct cs_event e = {
        .kind = CS_EV_CONTROL,
        .note = ask->note,
        .control = {.verb = CS_CONTROL_RETRY, .model = model, .token = token, .study = s->key, .trials = &row->trials}};

    if (token == 0)
        return;
    row->subject = model;
    cs_feed_event(ask->sv, &e);
    cs_ask_blob(ask, token, cs_xasprintf("{\"trials\":%lld}", (long long)(row->trials > 0 ? row->trials : 0)));
}

void cs_verbs_retry(const struct cs_ask *ask)
{
    const struct cs_roster_study *s = cs_ask_study(ask, 1);

    if (s != NULL && cs_ask_runs(ask, s))
        retry_all(ask, s, cs_ask_word(ask, 0));
}

/* Arguments: model, study, then class=, case=, like= in any order. A verb of its own: an older coordinator would take all that have failed.
 */
void cs_verbs_retry_some(const struct cs_ask *ask)
{
    const struct cs_roster_study *s = cs_ask_study(ask, 1);
    struct cs_pick_ask what = {.model = cs_ask_word(ask, 0)};
    struct cs_buf detail = CS_BUF_INIT(8192);
    struct cs_error err = {0};
    enum cs_err rc = CS_OK;

    if (s == NULL || !cs_ask_runs(ask, s))
        return;
    for (uint32_t i = 2; i < ask->a->n_args && rc == CS_OK; i++) {
        const char *arg = ask->a->args[i];

        if (strncmp(arg, "class=", 6) == 0)
            what.outcome = arg + 6;
        else if (strncmp(arg, "case=", 5) == 0)
            what.case_id = arg + 5;
        else if (strncmp(arg, "like=", 5) == 0)
            what.like = arg + 5;
        else
            rc = cs_error_set(&err, CS_EUSAGE, "retry-some: wants a model and a study, then class=, case= or like=");
        cs_buf_printf(&detail, "%s%.300s", i > 2 ? " " : "", arg);
    }
    ask->entry->row.subject = what.model;
    ask->entry->row.detail = cs_buf_cstr(&detail);
    if (rc == CS_OK && what.outcome == NULL && what.case_id == NULL && what.like == NULL)
        rc = cs_error_set(&err, CS_EUSAGE, "retry-some: wants class=, case= or like=");
    if (rc == CS_OK)
        rc = cs_pick_start(ask, s, &what, &err);
    if (rc != CS_OK)
        cs_ask_refuse(ask, rc, err.msg);
    cs_buf_release(&detail);
}

/* ---- ask again, void ----------------------------------------------------------------------------------------- */

/* Answered at once: how far it is, and that all of it is on disk, stands in `status`. */
void cs_verbs_again(const struct cs_ask *ask)
{
    const struct cs_admin *a = ask->a;
    const struct cs_roster_study *s;
    struct cs_error err = {0};
    char blob[32], detail[64];
    enum cs_err rc;

    if (a->n_args < 2 || (strcmp(a->args[1], "once") != 0 && strcmp(a->args[1], "repeat") != 0)) {
        cs_ask_refuse(ask, CS_EUSAGE,
                      "again: wants outcomes, then `once` or `repeat`, then perhaps a model and a study");
        return;
    }
    s = cs_ask_study(ask, 3);
    if (s == NULL || !cs_ask_runs(ask, s))
        return;
    if (s->next.number != 0) {
        cs_ask_refuse(ask, CS_EAGAIN, "again: an edit of the study is being prepared; say it again when that runs");
        return;
    }
    const struct cs_again_ask what = {.outcomes = a->args[0],
                                      .repeat = strcmp(a->args[1], "repeat") == 0,
                                      .model = cs_ask_word(ask, 2),
                                      .study = s->key};
    rc = cs_coordinator_again_start(ask->sv, &what, &err);
    if (rc != CS_OK) {
        cs_ask_refuse(ask, rc, err.msg);
        return;
    }
    snprintf(detail, sizeof detail, "%s, %s", a->args[0], a->args[1]);
    ask->entry->row.subject = cs_ask_word(ask, 2);
    ask->entry->row.detail = detail;
    cs_diary_write(ask->entry, 0);
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
static void list_voids(const struct cs_ask *ask)
{
    struct cs_buf out = CS_BUF_INIT(CS_MESSAGE_MAX / 2);
    struct cs_error err = {0};
    enum cs_err rc;

    cs_buf_char(&out, '[');
    rc = cs_store_scan_metas(ask->sv->store, "event/void/", list_void, &out, &err);
    cs_buf_char(&out, ']');
    if (rc != CS_OK || out.overflow)
        cs_ask_refuse(ask, rc != CS_OK ? rc : CS_ETOOBIG, rc != CS_OK ? err.msg : "there are too many to list");
    else
        cs_feed_answer(ask->sv, ask->peer, ask->seq, CS_OK, "", cs_buf_cstr(&out));
    cs_buf_release(&out);
}

void cs_verbs_void(const struct cs_ask *ask)
{
    const struct cs_admin *a = ask->a;
    const bool presumed = a->n_args > 0 && strcmp(a->args[0], "presumed") == 0;
    const uint32_t reason = presumed ? 1 : 2; /* then perhaps a study */
    const struct cs_roster_study *s;
    uint64_t token;

    if (a->n_args == 0) {
        list_voids(ask);
        return;
    }
    if (a->n_args <= reason || a->n_args > reason + 2 || (!presumed && strcmp(a->args[0], "model") != 0) ||
        a->args[reason][0] == '\0') {
        cs_ask_refuse(ask, CS_EUSAGE,
                      "void: wants `presumed` and a reason, or `model`, its name and a reason; then perhaps a study");
        return;
    }
    s = cs_ask_study(ask, reason + 1);
    if (s == NULL || !cs_ask_runs(ask, s))
        return;
    token = cs_ask_token(ask, NULL);
    if (token != 0) {
        struct cs_events_row *row = &ask->entry->row;
        struct cs_event e = {.kind = CS_EV_VOID,
                             .note = ask->note,
                             .voids = {.presumed = presumed,
                                       .model = presumed ? NULL : a->args[1],
                                       .reason = a->args[reason],
                                       .study = s->key,
                                       .wall_ms = cs_clock_wall_ms(),
                                       .token = token,
                                       .nano_usd = &row->nano_usd}};

        row->subject = e.voids.model;
        row->detail = presumed ? "presumed" : "beyond what was reserved";
        row->reason = a->args[reason];
        cs_feed_event(ask->sv, &e);
        if (row->nano_usd > 0)
            cs_ask_blob(ask, token, cs_xasprintf("{\"nano_usd\":%lld}", (long long)row->nano_usd));
    }
}

/* ---- set ----------------------------------------------------------------------------------------------------- */

static bool has_model(const struct cs_study *study, const char *model)
{
    for (uint32_t i = 0; i < study->n_models; i++) {
        if (strcmp(study->models[i].name, model) == 0)
            return true;
    }
    return false;
}

/* Budget and limits are of a study whose file we know. */
static enum cs_err check_set(const struct cs_ask *ask, const struct cs_roster_study *s,
                             const struct cs_settings_word *words, uint32_t n, const char *model, struct cs_error *err)
{
    const struct cs_loaded_plan *plan = cs_plans_find(&ask->sv->plans, s->newest.number);
    const struct cs_study *study = plan != NULL ? plan->view->spec.study : NULL;

    for (uint32_t i = 0; i < n; i++) {
        const bool is_place = words[i].key == CS_SETTINGS_WEIGHT || words[i].key == CS_SETTINGS_PRIORITY;

        if (is_place && model != NULL)
            return cs_error_set(err, CS_EUSAGE, "set: weight and priority are of the whole study, not of a model");
        if (is_place)
            continue;
        if (study == NULL)
            return cs_error_set(err, CS_EAGAIN,
                                "the study does not run yet, or no more: only its weight and priority can be set");
        if (words[i].key == CS_SETTINGS_BUDGET && model != NULL)
            return cs_error_set(err, CS_EUSAGE, "set: budget_usd is of the whole study, not of a model");
        if (words[i].key == CS_SETTINGS_BUDGET && study->budget_nano_usd < 0)
            return cs_error_set(
                err, CS_EINVAL,
                "set: the study has no budget_usd, and what flies is not reserved: give it one in its file");
        if (words[i].key == CS_SETTINGS_LIMIT && model != NULL && !has_model(study, model))
            return cs_error_set(err, CS_ENOENT, "the study has no model %s", model);
    }
    return CS_OK;
}

/* To the core and the workers, at once. */
static void tell_core(const struct cs_ask *ask, const struct cs_roster_study *s, const struct cs_study *study,
                      bool place, bool budget, bool limits)
{
    struct cs_event weight = {.kind = CS_EV_WEIGHT, .study = {.key = s->key, .weight = cs_roster_weight(s)}};
    struct cs_event money = {.kind = CS_EV_BUDGET, .study = {.key = s->key}};

    if (place)
        cs_feed_event(ask->sv, &weight);
    if (budget) {
        money.study.budget_nano_usd = cs_settings_budget(&s->set, study);
        cs_feed_event(ask->sv, &money);
    }
    for (uint32_t i = 0; limits && i < study->n_models; i++) {
        const char *name = study->models[i].name;
        const struct cs_event e = {.kind = CS_EV_LIMITS, .limits = {s->key, name, cs_settings_limits(&s->set, name)}};

        cs_feed_event(ask->sv, &e);
    }
}

static void apply(struct cs_roster_study *s, const struct cs_settings_word *w, bool lifts, const char *model,
                  const struct cs_study *study)
{
    switch (w->key) {
    case CS_SETTINGS_WEIGHT:
        s->weight = lifts ? 1 : (uint32_t)w->number;
        break;
    case CS_SETTINGS_PRIORITY:
        s->priority = CS_PRIORITY_NORMAL;
        if (!lifts)
            (void)cs_roster_priority(w->text, &s->priority);
        break;
    case CS_SETTINGS_BUDGET:
        s->set.has_budget = !lifts;
        s->set.budget_nano_usd = (int64_t)w->number;
        break;
    case CS_SETTINGS_LIMIT:
        for (uint32_t i = 0; i < study->n_models; i++) {
            if (model == NULL || strcmp(model, study->models[i].name) == 0)
                cs_settings_limit(&s->set, study->models[i].name, w);
        }
        break;
    }
}

static void write_row(const struct cs_ask *ask, const struct cs_roster_study *s, const char *what, const char *value,
                      const struct cs_note *note, uint64_t token)
{
    char key[64];
    const struct cs_event e = {
        .kind = CS_EV_META,
        .note = note,
        .meta = {.key = key, .value = value[0] != '\0' ? value : NULL, .len = (uint32_t)strlen(value), .token = token}};

    snprintf(key, sizeof key, "operator/%016llx/%s", (unsigned long long)s->key, what);
    cs_feed_event(ask->sv, &e);
}

/* Each row is whole by itself; the answer waits for the last. */
static void write_rows(const struct cs_ask *ask, const struct cs_roster_study *s, uint64_t token)
{
    struct cs_buf set = CS_BUF_INIT(CS_MESSAGE_MAX / 2);
    char place[64];

    snprintf(place, sizeof place, "%u %s", s->weight, cs_roster_priority_name(s->priority));
    cs_settings_write(&s->set, &set);
    write_row(ask, s, "weight", place, NULL, 0);
    write_row(ask, s, "set", cs_buf_cstr(&set), ask->note, token);
    cs_buf_release(&set);
}

/* Arguments: study, model, `set` or `lift`, then words (settings.h). */
void cs_verbs_set(const struct cs_ask *ask)
{
    struct cs_roster_study *s = cs_ask_study(ask, 0);
    const char *model = cs_ask_word(ask, 1), *how = cs_ask_word(ask, 2);
    const bool lifts = how != NULL && strcmp(how, "lift") == 0;
    struct cs_settings_word words[CS_ADMIN_ARGS_MAX];
    struct cs_buf detail = CS_BUF_INIT(8192);
    struct cs_error err = {0};
    bool of[4] = {false};
    uint32_t n = 0;
    uint64_t token = 0;
    enum cs_err rc = CS_OK;

    if (s == NULL)
        return;
    if (how == NULL || (!lifts && strcmp(how, "set") != 0) || ask->a->n_args < 4)
        rc = cs_error_set(&err, CS_EUSAGE, "set: wants a study, a model, `set` or `lift`, and what");
    for (uint32_t i = 3; i < ask->a->n_args && rc == CS_OK; i++) {
        rc = cs_settings_parse(ask->a->args[i], lifts, &words[n++], &err);
        cs_buf_printf(&detail, "%s%.100s", i > 3 ? " " : lifts ? "lifted " : "", ask->a->args[i]);
    }
    if (rc == CS_OK)
        rc = check_set(ask, s, words, n, model, &err);
    if (rc == CS_OK)
        token = cs_ask_token(ask, NULL);
    else
        cs_ask_refuse(ask, rc, err.msg);
    if (token != 0) {
        const struct cs_loaded_plan *plan = cs_plans_find(&ask->sv->plans, s->newest.number);
        const struct cs_study *study = plan != NULL ? plan->view->spec.study : NULL;

        for (uint32_t i = 0; i < n; i++) {
            of[words[i].key] = true;
            apply(s, &words[i], lifts, model, study);
        }
        ask->entry->row.subject = model;
        ask->entry->row.detail = cs_buf_cstr(&detail);
        write_rows(ask, s, token); /* before anything is done by it */
        tell_core(ask, s, study, of[CS_SETTINGS_WEIGHT] || of[CS_SETTINGS_PRIORITY], of[CS_SETTINGS_BUDGET],
                  of[CS_SETTINGS_LIMIT]);
    }
    cs_buf_release(&detail);
}

/* ---- keys, events ---------------------------------------------------------------------------------------------- */

void cs_verbs_revoke(const struct cs_ask *ask)
{
    struct cs_error err = {0};
    char said[256];
    uint64_t token;
    enum cs_err rc;

    if (ask->a->n_args != 1) {
        cs_ask_refuse(ask, CS_EUSAGE, "revoke: wants a key or its name");
        return;
    }
    rc = cs_rights_revoke(ask->sv, ask->a->args[0], said, &err);
    if (rc != CS_OK) {
        cs_ask_refuse(ask, rc, err.msg);
        return;
    }
    ask->entry->row.subject = said;
    token = cs_ask_token(ask, said);
    cs_diary_write(ask->entry, token);
}

/* Arguments: study (empty: all), since (Unix ms; 0: the beginning). Reply: {"events":[...],"left_off":N}. */
void cs_verbs_events(const struct cs_ask *ask)
{
    enum { BYTES_MAX = 1024 * 1024 };
    struct cs_buf out = CS_BUF_INIT(2 * BYTES_MAX);
    struct cs_error err = {0};
    const char *since = cs_ask_word(ask, 1);
    const struct cs_events_query q = {.study = cs_ask_word(ask, 0),
                                      .since_wall_ms = since != NULL ? strtoll(since, NULL, 10) : 0,
                                      .bytes_max = BYTES_MAX};
    uint64_t left_off = 0;
    enum cs_err rc;

    cs_buf_str(&out, "{\"events\":");
    rc = cs_events_list(ask->sv->store, &q, &out, &left_off, &err);
    cs_buf_printf(&out, ",\"left_off\":%llu}", (unsigned long long)left_off);
    if (rc == CS_OK)
        cs_feed_answer(ask->sv, ask->peer, ask->seq, CS_OK, "", cs_buf_cstr(&out));
    else
        cs_ask_refuse(ask, rc, err.msg);
    cs_buf_release(&out);
}
