#include "tools/suite/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/file.h"
#include "protocol/base/sign.h"

enum { DAY = 10 };

char *cs_seal_path(const struct cs_suite *s)
{
    char *name = cs_xasprintf("%s.seal", s->name), *path = cs_file_beside(s->path, name);
    free(name);
    return path;
}

/* What is signed: all of it follows from the suite, but for date and key. */
static char *text_of(const struct cs_suite *s, const char *date, const char *verifier)
{
    struct cs_buf b = CS_BUF_INIT(CS_SIGN_NOTE_MAX);
    cs_buf_printf(&b, "clinsafe suite seal 1\nsuite %s\ndigest %s\ndate %s\nkey %s\n", s->name, s->digest_hex, date,
                  verifier);
    for (uint32_t i = 0; i < s->n_studies; i++) {
        for (uint32_t p = 0; p < s->studies[i].n_parts; p++)
            cs_buf_printf(&b, "study %s %s spec %s analysis %s\n", s->studies[i].name, s->studies[i].parts[p].file,
                          s->studies[i].parts[p].spec, s->studies[i].parts[p].analysis);
    }
    return cs_buf_take(&b);
}

enum cs_err cs_seal_make(const struct cs_suite *s, const char *key_file, struct cs_error *err)
{
    struct cs_sign_key key;
    char verifier[CS_SIGN_VERIFIER_MAX], date[40];
    char *path = cs_seal_path(s);
    const time_t now = time(NULL);
    struct tm utc;
    enum cs_err rc = cs_sign_load(key_file, &key, err);
    if (rc == CS_OK && access(path, F_OK) == 0)
        rc = cs_error_set(err, CS_EEXIST, "%s is there: a seal is never made anew; another suite gets another version",
                          path);
    if (rc == CS_OK) {
        gmtime_r(&now, &utc);
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
        cs_sign_verifier(&key, verifier);
        char *text = text_of(s, date, verifier), *note = cs_sign_note(&key, text);
        rc = cs_file_write(path, note, strlen(note), 0644, err);
        free(text);
        free(note);
    }
    explicit_bzero(&key, sizeof key);
    free(path);
    return rc;
}

static void word_behind(const char *note, const char *key, char *out, size_t size)
{
    const char *at = strstr(note, key);
    snprintf(out, size, "%.*s", at != NULL ? (int)strcspn(at + strlen(key), "\n") : 0,
             at != NULL ? at + strlen(key) : "");
}

static enum cs_err check(const struct cs_suite *s, const char *path, const char *note, const char *trusted,
                         struct cs_seal *out, struct cs_error *err)
{
    char *verifier = NULL;
    size_t n = 0;
    word_behind(note, "\ndate ", out->date, sizeof out->date);
    word_behind(note, "\nkey ", out->verifier, sizeof out->verifier);
    enum cs_err rc = trusted != NULL ? cs_file_read(trusted, CS_SIGN_NOTE_MAX, &verifier, NULL, err) : CS_OK;
    if (rc == CS_OK)
        rc = cs_sign_check(note, verifier != NULL ? verifier : out->verifier, &n, err);
    if (rc == CS_EINVAL)
        rc = cs_error_wrap(err, rc, "%s", path);
    free(verifier);
    if (rc != CS_OK)
        return rc;
    char *wanted = text_of(s, out->date, out->verifier);
    if (strlen(wanted) != n || strncmp(wanted, note, n) != 0)
        rc = cs_error_set(err, CS_EINVAL,
                          "%s seals other contents than %s has now: the suite was changed after sealing", path,
                          s->path);
    free(wanted);
    out->there = rc == CS_OK;
    return rc;
}

enum cs_err cs_seal_read(const struct cs_suite *s, const char *trusted, struct cs_seal *out, struct cs_error *err)
{
    char *path = cs_seal_path(s), *note = NULL;
    struct cs_error none = {0};
    *out = (struct cs_seal){.there = false};
    enum cs_err rc = cs_file_read(path, CS_SIGN_NOTE_MAX, &note, NULL, &none);
    if (rc == CS_OK)
        rc = check(s, path, note, trusted, out, err);
    else if (rc == CS_ENOENT && trusted != NULL)
        rc = cs_error_set(err, CS_EINVAL, "there is no seal %s: nobody has signed suite %s, the key in %s neither",
                          path, s->name, trusted);
    else if (rc == CS_ENOENT)
        rc = CS_OK;
    else
        rc = cs_error_set(err, rc, "%s", none.msg);
    free(note);
    free(path);
    return rc;
}

enum cs_err cs_seal_day(const char *day, int64_t now_ms, struct cs_error *err)
{
    struct tm t = {0}, utc;
    const time_t now = (time_t)(now_ms / 1000);
    char today[40];
    const char *end = day != NULL ? strptime(day, "%Y-%m-%d", &t) : "";
    if (day == NULL)
        return CS_OK;
    if (end == NULL || end[0] != '\0' || strlen(day) != DAY)
        return cs_error_set(err, CS_EUSAGE, "released is \"%.40s\"; write the day, as in 2026-11-29", day);
    gmtime_r(&now, &utc);
    strftime(today, sizeof today, "%Y-%m-%d", &utc);
    if (strcmp(day, today) > 0)
        return cs_error_set(err, CS_EUSAGE,
                            "released is %s, which is still to come; a model that can be asked was there", day);
    return CS_OK;
}

bool cs_seal_is_confirmatory(const struct cs_seal *seal, const struct cs_seal_model *m)
{
    return seal->there && !m->simulated && m->released != NULL && strncmp(m->released, seal->date, DAY) > 0 &&
           m->asked != NULL && strncmp(m->released, m->asked, DAY) <= 0;
}

char *cs_seal_standing(const struct cs_seal *seal, const struct cs_seal_model *m)
{
    const char *released = m->released;
    if (m->simulated)
        return cs_xstrdup("exploratory: a simulated model, whose effects are planted");
    if (!seal->there)
        return cs_xstrdup("exploratory: the suite is not sealed");
    if (released == NULL)
        return cs_xasprintf("exploratory: when the model was released is not declared, and an unknown date counts as "
                            "before the sealing (%.10s)",
                            seal->date);
    if (m->asked == NULL)
        return cs_xstrdup("exploratory: the model was asked nothing");
    if (strncmp(released, m->asked, DAY) > 0)
        return cs_xasprintf("exploratory: asked (%.10s) before the day that is declared as its release (%s)", m->asked,
                            released);
    return cs_seal_is_confirmatory(seal, m)
               ? cs_xasprintf("confirmatory: released (%s, as its user declares) after sealing (%.10s)", released,
                              seal->date)
               : cs_xasprintf("exploratory: released (%s) before or on the day of sealing (%.10s)", released,
                              seal->date);
}
