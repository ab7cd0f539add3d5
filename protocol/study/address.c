#include "protocol/study/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/alloc.h"

static const char separators[] = " \t\r\n,";

static bool ends_with(const char *s, size_t n, const char *tail)
{
    const size_t k = strlen(tail);
    return n >= k && memcmp(s + n - k, tail, k) == 0;
}

static size_t without_slashes(const char *s, size_t n)
{
    while (n > 0 && s[n - 1] == '/')
        n--;
    return n;
}

/* In place: https://API.example.com:443/v1/ becomes https://api.example.com/v1. */
static void normalize(char *url)
{
    char *host = strstr(url, "://");
    size_t n = without_slashes(url, strlen(url));
    url[n] = '\0';
    host = host != NULL && host + 3 <= url + n ? host + 3 : url;
    const size_t host_len = strcspn(host, "/");
    for (char *p = url; p < host + host_len; p++)
        *p = (char)tolower((unsigned char)*p);
    const char *port = strncmp(url, "https://", 8) == 0 ? ":443" : strncmp(url, "http://", 7) == 0 ? ":80" : NULL;
    if (port != NULL && ends_with(host, host_len, port))
        memmove(host + host_len - strlen(port), host + host_len, strlen(host + host_len) + 1);
}

/* Behind the scheme: where the host ends, and where its port begins (at its end: none). NULL: no http URL with a host. */
static const char *host_in(const char *url, size_t *len, const char **port)
{
    const char *host = strncmp(url, "https://", 8) == 0 ? url + 8 : strncmp(url, "http://", 7) == 0 ? url + 7 : "";
    *len = strcspn(host, "/?#");
    const char *close = host[0] == '[' ? memchr(host, ']', *len) : host;
    *port = close != NULL ? memchr(close, ':', *len - (size_t)(close - host)) : NULL;
    if (*port == NULL)
        *port = host + *len;
    return *port == host || close == NULL || memchr(host, '@', *len) != NULL ? NULL : host;
}

bool cs_address_host(const char *url, char out[CS_ADDRESS_HOST_MAX])
{
    size_t len;
    const char *port, *host = host_in(url, &len, &port);
    const char *usual = strncmp(url, "https:", 6) == 0 ? ":443" : ":80";
    if (host == NULL || len >= CS_ADDRESS_HOST_MAX)
        return false;
    if (host + len - port == (ptrdiff_t)strlen(usual) && memcmp(port, usual, strlen(usual)) == 0)
        len = (size_t)(port - host);
    for (size_t i = 0; i < len; i++)
        out[i] = (char)tolower((unsigned char)host[i]);
    out[len] = '\0';
    return true;
}

bool cs_address_is_local(const char *url)
{
    char text[64];
    size_t len;
    const char *port, *host = host_in(url, &len, &port);
    struct in_addr v4;
    if (host == NULL || (size_t)(port - host) >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", (int)(port - host), host);
    return strcasecmp(text, "localhost") == 0 || strcmp(text, "[::1]") == 0 ||
           (inet_pton(AF_INET, text, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool cs_address_has_servers(const struct cs_account *a)
{
    const char *url = a->base_url != NULL ? a->base_url : "";
    return !a->simulated && (cs_address_file(url) != NULL || url[strcspn(url, separators)] != '\0');
}

const char *cs_address_file(const char *base_url)
{
    return strncmp(base_url, "file:", 5) == 0 ? base_url + 5 : NULL;
}

const char *cs_address_next(const char **at, size_t *n)
{
    const char *url = *at + strspn(*at, separators);
    *n = strcspn(url, separators);
    *at = url + *n;
    return *n > 0 ? url : NULL;
}

bool cs_address_is_ascii(const char *url, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (url[i] <= ' ' || url[i] > '~')
            return false;
    }
    return true;
}

bool cs_address_is_sound(const char *base_url)
{
    const char *url;
    size_t n, servers = 0;
    if (cs_address_file(base_url) != NULL)
        return true;
    for (const char *at = base_url; (url = cs_address_next(&at, &n)) != NULL; servers++) {
        if (n > CS_ADDRESS_URL_MAX || !cs_address_is_ascii(url, n))
            return false;
    }
    return servers <= CS_ADDRESS_SERVERS_MAX;
}

bool cs_address_is_same(const char *a, const char *b)
{
    const char *x, *y;
    size_t n, m;
    if (strcmp(a, b) == 0)
        return true;
    if (cs_address_file(a) != NULL || cs_address_file(b) != NULL || strstr(a, "://") == NULL ||
        strstr(b, "://") == NULL)
        return false; /* one of them is no list of addresses */
    for (const char *left = a; (x = cs_address_next(&left, &n)) != NULL;) {
        for (const char *right = b; (y = cs_address_next(&right, &m)) != NULL;) {
            if (n == m && memcmp(x, y, n) == 0)
                return true;
        }
    }
    return false;
}

void cs_address_of_account(const struct cs_account *a, struct cs_buf *out)
{
    char *text = cs_xstrdup(a->base_url != NULL ? a->base_url : "");
    char **urls = cs_xcalloc(strlen(text) / 2 + 1, sizeof *urls);
    const char *at = text, *url;
    size_t n = 0, len;
    if (a->simulated) {
        cs_buf_str(out, "the simulated provider");
    } else if (cs_address_file(text) != NULL) {
        cs_buf_str(out, text);
    } else {
        while ((url = cs_address_next(&at, &len)) != NULL) {
            char *one = text + (url - text);
            at += *at != '\0';
            one[len] = '\0';
            normalize(one);
            urls[n++] = one;
        }
        qsort(urls, n, sizeof *urls, by_text);
        for (size_t i = 0; i < n; i++) {
            if (i == 0 || strcmp(urls[i], urls[i - 1]) != 0)
                cs_buf_printf(out, "%s%s", i > 0 ? " " : "", urls[i]);
        }
    }
    free(urls);
    free(text);
}
