#include "protocol/load/servers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/file.h"
#include "protocol/study/address.h"
#include "protocol/table/node.h"

/* ---- one address ------------------------------------------------------------------------------------ */

enum fault { NONE, NO_URL, NOT_HERE, NO_HOST, HAS_USER, TOO_LONG, NOT_ASCII };

static enum fault fault_of(const char *url, bool insecure)
{
    const bool https = strncmp(url, "https://", 8) == 0, http = strncmp(url, "http://", 7) == 0;
    const char *host = url + (https ? 8 : 7);
    if (!https && !http)
        return NO_URL;
    if (http && !insecure && !cs_address_is_local(url))
        return NOT_HERE;
    if (host[0] == '\0' || host[0] == '/' || strpbrk(host, " \t\r\n?#\\\",") != NULL)
        return NO_HOST;
    if (strchr(host, '@') != NULL)
        return HAS_USER;
    return strlen(url) > CS_ADDRESS_URL_MAX ? TOO_LONG : !cs_address_is_ascii(url, strlen(url)) ? NOT_ASCII : NONE;
}

static const char *without_slashes(struct cs_arena *arena, const char *url)
{
    size_t n = strlen(url);
    while (n > 0 && url[n - 1] == '/')
        n--;
    return cs_arena_strndup(arena, url, n);
}

static enum cs_err refuse_url(const struct cs_node *n, const char *url, enum fault fault, struct cs_error *err)
{
    switch (fault) {
    case NO_URL:
    case NOT_HERE:
        return cs_yaml_fail(n, err,
                            "base_url is \"%.100s\"; write https://..., or http:// for a server on this machine%s", url,
                            fault == NOT_HERE ? " (for another one, whoever is in between reads prompts and key: "
                                                "insecure_network: yes)"
                                              : "");
    case HAS_USER:
        return cs_yaml_fail(n, err,
                            "base_url holds a user or key before @; say where the key is found with key: {env: NAME}");
    case TOO_LONG:
        return cs_yaml_fail(n, err, "base_url is longer than %d bytes; write a shorter name of the host",
                            CS_ADDRESS_URL_MAX);
    case NOT_ASCII:
        return cs_yaml_fail(n, err,
                            "base_url has a byte that no address may have; write the host as a name server knows it "
                            "(xn--...), and other letters of a path as %%C3%%A4");
    case NO_HOST:
    case NONE:
        break;
    }
    return cs_yaml_fail(n, err, "base_url is \"%.100s\"; write host and path only, as in https://api.example.com/v1",
                        url);
}

/* ---- the file --------------------------------------------------------------------------------------- */

static bool is_known(const struct cs_servers_list *l, const char *url)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (strcmp(l->urls[i], url) == 0)
            return true;
    }
    return false;
}

static enum cs_err take_line(const char *path, unsigned line, char *text, bool insecure, struct cs_arena *arena,
                             struct cs_servers_list *out, struct cs_error *err)
{
    static const char *const rights[] = {
        [NO_URL] = "this is no address; one a line, as in http://127.0.0.1:8001/v1",
        [NOT_HERE] = "http:// to another machine: whoever is in between reads prompts and key; write https://, or "
                     "insecure_network: yes in the account",
        [NO_HOST] = "host and path only, one address a line, as in http://127.0.0.1:8001/v1",
        [HAS_USER] = "there is a user or key before @; say where the key is found with key: {env: NAME} in the account",
        [TOO_LONG] = "this is longer than any address may be (240 bytes)",
        [NOT_ASCII] = "there is a byte that no address may have; write the host as a name server knows it (xn--...), "
                      "and other letters of a path as %C3%A4"};
    text[strcspn(text, "#")] = '\0';
    char *url = text + strspn(text, " \t\r"), *end = url + strlen(url);
    while (end > url && isspace((unsigned char)end[-1]))
        *--end = '\0';
    if (*url == '\0')
        return CS_OK;
    const enum fault fault = fault_of(url, insecure);
    if (fault != NONE)
        return cs_error_set(err, CS_EINVAL, "%s:%u:%d: %s", path, line, (int)(url - text) + 1, rights[fault]);
    const char *kept = without_slashes(arena, url);
    if (is_known(out, kept))
        return CS_OK;
    if (out->n == CS_ADDRESS_SERVERS_MAX)
        return cs_error_set(err, CS_EINVAL, "%s:%u:1: more than %d servers; one list has no more", path, line,
                            CS_ADDRESS_SERVERS_MAX);
    out->urls[out->n++] = kept;
    return CS_OK;
}

enum cs_err cs_load_servers_file(const char *path, bool insecure, struct cs_arena *arena, struct cs_servers_list *out,
                                 struct cs_error *err)
{
    char *text = NULL;
    size_t len = 0;
    unsigned line = 1;
    enum cs_err rc = cs_file_read(path, CS_SERVERS_FILE_MAX, &text, &len, err);
    *out = (struct cs_servers_list){.urls = cs_arena_array(arena, CS_ADDRESS_SERVERS_MAX, sizeof *out->urls)};
    if (rc == CS_OK && len > 0 && strlen(text) != len)
        rc = cs_error_set(err, CS_EINVAL, "%s has a NUL byte, so it is no text; write one address a line", path);
    for (char *at = text, *next; rc == CS_OK && at != NULL; at = next, line++) {
        next = strchr(at, '\n');
        if (next != NULL)
            *next++ = '\0';
        rc = take_line(path, line, at, insecure, arena, out, err);
    }
    free(text);
    return rc;
}

enum cs_err cs_load_servers_of(const struct cs_account *a, struct cs_arena *arena, struct cs_servers_list *out,
                               struct cs_error *err)
{
    const char *at = a->base_url, *url;
    size_t n;
    if (cs_address_file(at) != NULL) {
        enum cs_err rc = cs_load_servers_file(cs_address_file(at), a->insecure_network, arena, out, err);
        return rc == CS_ENOENT ? CS_OK : rc;
    }
    *out = (struct cs_servers_list){.urls = cs_arena_array(arena, CS_ADDRESS_SERVERS_MAX, sizeof *out->urls)};
    while (out->n < CS_ADDRESS_SERVERS_MAX && (url = cs_address_next(&at, &n)) != NULL)
        out->urls[out->n++] = cs_arena_strndup(arena, url, n);
    return CS_OK;
}

/* ---- providers.yaml --------------------------------------------------------------------------------- */

/* Its folder is there, or nobody can ever put the file into it. */
static enum cs_err load_file(const struct cs_node *n, const char *name, struct cs_arena *arena, const char **out,
                             struct cs_error *err)
{
    if (name[0] == '\0')
        return cs_yaml_fail(n, err, "file: names no file; write file:servers.txt");
    char *path = cs_file_beside(n->file->path, name), *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    char *folder = slash == NULL   ? cs_xstrdup(".")
                   : slash == path ? cs_xstrdup("/")
                                   : strndup(path, (size_t)(slash - path));
    char *real = realpath(folder, NULL);
    enum cs_err rc = CS_OK;
    if (real == NULL || *base == '\0')
        rc = cs_yaml_fail(n, err, "there is no folder %s for the file of servers; paths are relative to this file",
                          folder);
    else
        *out = cs_arena_printf(arena, "file:%s/%s", strcmp(real, "/") == 0 ? "" : real, base);
    free(path);
    free(folder);
    free(real);
    return rc;
}

static enum cs_err load_one(const struct cs_node *n, struct cs_arena *arena, bool insecure, const char **out,
                            struct cs_error *err)
{
    const char *url;
    enum cs_err rc = cs_node_text(n, "base_url", &url, err);
    if (rc != CS_OK)
        return rc;
    const enum fault fault = fault_of(url, insecure);
    if (fault != NONE)
        return refuse_url(n, url, fault, err);
    *out = without_slashes(arena, url);
    return CS_OK;
}

static enum cs_err load_list(const struct cs_node *list, struct cs_arena *arena, bool insecure, const char **out,
                             struct cs_error *err)
{
    struct cs_servers_list all = {0, cs_arena_array(arena, list->n + 1, sizeof *all.urls)};
    struct cs_buf text = CS_BUF_INIT(CS_TEXT_MAX);
    enum cs_err rc = cs_node_list(list, "base_url", err);
    for (const struct cs_node *n = list->first; n != NULL && rc == CS_OK; n = n->next) {
        if (n->text != NULL && cs_address_file(n->text) != NULL)
            rc = cs_yaml_fail(n, err, "a file of servers stands alone; write base_url: %.100s", n->text);
        else
            rc = load_one(n, arena, insecure, &all.urls[all.n], err);
        if (rc == CS_OK && is_known(&all, all.urls[all.n]))
            rc = cs_yaml_fail(n, err, "\"%.100s\" stands twice in base_url; name it once", all.urls[all.n]);
        if (rc == CS_OK) {
            cs_buf_printf(&text, "%s%s", all.n > 0 ? " " : "", all.urls[all.n]);
            all.n++;
        }
    }
    if (rc == CS_OK && text.len > CS_SERVERS_BYTES_MAX)
        rc = cs_yaml_fail(
            list, err,
            "the addresses are %zu bytes together, and %d at most; write them into a file, one a line, and base_url: file:servers.txt",
            text.len, CS_SERVERS_BYTES_MAX);
    if (rc == CS_OK)
        *out = cs_arena_strdup(arena, cs_buf_cstr(&text));
    cs_buf_release(&text);
    return rc;
}

enum cs_err cs_load_servers(const struct cs_node *n, struct cs_arena *arena, bool insecure, const char **out,
                            struct cs_error *err)
{
    if (n->kind == CS_NODE_LIST)
        return load_list(n, arena, insecure, out, err);
    const char *file = n->text != NULL ? cs_address_file(n->text) : NULL;
    return file != NULL ? load_file(n, file, arena, out, err) : load_one(n, arena, insecure, out, err);
}
