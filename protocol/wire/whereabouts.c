#include "protocol/wire/whereabouts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

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

/* What a socket can be connected to, though perhaps nobody is there: tcp://HOST:PORT or ipc://PATH. */
static bool is_endpoint(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]%";
    const char *rest = text + 6, *colon = strrchr(text, ':');

    if (strncmp(text, "ipc://", 6) == 0)
        return rest[0] != '\0' && strlen(rest) < sizeof((struct sockaddr_un *)0)->sun_path;
    if (strncmp(text, "tcp://", 6) != 0 || colon <= rest || strspn(rest, letters) != strlen(rest))
        return false;
    const size_t digits = strspn(colon + 1, "0123456789");
    const long port = digits > 0 && digits <= 5 && colon[1 + digits] == '\0' ? strtol(colon + 1, NULL, 10) : 0;
    return port > 0 && port < 65536;
}

static bool is_endpoint_or_none(const char *text)
{
    return text[0] == '\0' || is_endpoint(text);
}

static enum cs_err parse(const char *path, const char *text, struct cs_whereabouts *out, struct cs_error *err)
{
    struct cs_json *o = cs_json_loads(text, 0, NULL);
    const struct cs_json *term = cs_json_object_get(o, "term");
    const bool good = take(o, "coordinator", out->coordinator, sizeof out->coordinator) &&
                      take(o, "announce", out->announce, sizeof out->announce) &&
                      take(o, "admin", out->admin, sizeof out->admin) && take(o, "key", out->key, sizeof out->key) &&
                      take(o, "fleet", out->fleet, sizeof out->fleet) && cs_json_is_integer(term) &&
                      is_endpoint(out->coordinator) && is_endpoint_or_none(out->announce) &&
                      is_endpoint_or_none(out->admin) && (out->key[0] == '\0' || strlen(out->key) == 40);

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
