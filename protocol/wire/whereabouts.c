#include "protocol/wire/whereabouts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/base/file.h"
#include "protocol/base/json.h"

enum { FILE_MAX = 4096 };

const char *cs_whereabouts_path(const char *coordinator)
{
    return strncmp(coordinator, "file:", 5) == 0 ? coordinator + 5 : NULL;
}

enum cs_err cs_whereabouts_write(const char *path, const struct cs_whereabouts *a, struct cs_error *err)
{
    struct cs_json *o = cs_json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "coordinator", a->coordinator, "announce",
                                     a->announce, "admin", a->admin, "key", a->key, "fleet", a->fleet, "term",
                                     (long long)a->term);
    char *text = cs_json_dumps(o, CS_JSON_INDENT(1));
    enum cs_err rc = cs_file_write(path, text, strlen(text), 0600, err);

    free(text);
    cs_json_decref(o);
    return rc;
}

static bool take(const struct cs_json *o, const char *key, char *out, size_t size)
{
    const char *text = cs_json_string_value(cs_json_object_get(o, key));

    return text != NULL && (size_t)snprintf(out, size, "%s", text) < size;
}

static enum cs_err parse(const char *path, const char *text, struct cs_whereabouts *out, struct cs_error *err)
{
    struct cs_json *o = cs_json_loads(text, 0, NULL);
    const struct cs_json *term = cs_json_object_get(o, "term");
    const bool good = take(o, "coordinator", out->coordinator, sizeof out->coordinator) &&
                      take(o, "announce", out->announce, sizeof out->announce) &&
                      take(o, "admin", out->admin, sizeof out->admin) && take(o, "key", out->key, sizeof out->key) &&
                      take(o, "fleet", out->fleet, sizeof out->fleet) && cs_json_is_integer(term) &&
                      out->coordinator[0] != '\0';

    out->term = good ? (uint32_t)cs_json_integer_value(term) : 0;
    cs_json_decref(o);
    return good ? CS_OK
                : cs_error_set(err, CS_EINVAL, "%s: no address file; a coordinator writes one with --address-file",
                               path);
}

enum cs_err cs_whereabouts_read(const char *path, struct cs_whereabouts *out, struct cs_error *err)
{
    struct stat st;
    char *text;
    enum cs_err rc = cs_file_read(path, FILE_MAX, &text, NULL, err);

    *out = (struct cs_whereabouts){0};
    if (rc != CS_OK)
        return rc;
    if (stat(path, &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        rc = cs_error_set(err, CS_EDENIED, "%s: others may write it, and so lead this process elsewhere; chmod go-w",
                          path);
    else
        rc = parse(path, text, out, err);
    free(text);
    return rc;
}

void cs_whereabouts_advertise(const char *endpoint, const char *host, char out[CS_WHEREABOUTS_TEXT_MAX])
{
    static const char *const wild[] = {"tcp://0.0.0.0:", "tcp://*:", "tcp://[::]:"};

    snprintf(out, CS_WHEREABOUTS_TEXT_MAX, "%s", endpoint);
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++)
        if (strncmp(endpoint, wild[i], strlen(wild[i])) == 0)
            snprintf(out, CS_WHEREABOUTS_TEXT_MAX, "tcp://%s:%s", host, endpoint + strlen(wild[i]));
}
