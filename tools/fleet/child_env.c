#include "tools/fleet/child_env.h"

#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/load/keys_env.h"

/* With a `*` at its end: all that begin so. */
static const char *const everybodys[] = {
    "PATH",         "HOME",          "USER",   "LOGNAME",      "LANG",   "LC_*",    "TZ",
    "TMPDIR",       "XDG_*",         "CS_*",   "CLINSAFE_*",   "LD_*",   "GLIBC_*", "MALLOC_*",
    "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_*", "TSAN_OPTIONS", "LLVM_*", "GCOV_*",  NULL};
static const char *const redis[] = {"CLINSAFE_REDIS_*", NULL};
static const char *const callers[] = {
    "CREDENTIALS_DIRECTORY", "HTTP_PROXY",  "HTTPS_PROXY", "ALL_PROXY",     "NO_PROXY",     "http_proxy",
    "https_proxy",           "all_proxy",   "no_proxy",    "SSL_CERT_FILE", "SSL_CERT_DIR", "RES_OPTIONS",
    "LOCALDOMAIN",           "HOSTALIASES", NULL};

static bool is_name(const char *entry, size_t n, const char *name)
{
    const size_t k = strlen(name);
    return name[k - 1] == '*' ? n >= k - 1 && memcmp(entry, name, k - 1) == 0 : n == k && memcmp(entry, name, k) == 0;
}

static bool is_of(const char *entry, size_t n, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (is_name(entry, n, *names))
            return true;
    }
    return false;
}

/* Whether an account of the study has its key there; wanted: and is called. */
static bool is_key(const char *entry, size_t n, const struct cs_study *study, bool wanted)
{
    for (uint32_t i = 0; i < study->n_accounts; i++) {
        if (cs_keys_env_names(&study->accounts[i], entry, n) && (!wanted || cs_keys_env_wanted(study, i)))
            return true;
    }
    return false;
}

static bool is_for(enum cs_child child, const struct cs_study *study, const char *entry)
{
    const size_t n = strcspn(entry, "=");
    if (is_key(entry, n, study, false))
        return child == CS_CHILD_WORKER && is_key(entry, n, study, true);
    if (is_of(entry, n, redis))
        return child != CS_CHILD_HELPER;
    return is_of(entry, n, everybodys) || (child == CS_CHILD_WORKER && is_of(entry, n, callers));
}

char **cs_child_env_make(enum cs_child child, const struct cs_study *study)
{
    size_t n = 0, kept = 0;
    while (environ[n] != NULL)
        n++;
    char **list = cs_xcalloc(n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++) {
        if (is_for(child, study, environ[i]))
            list[kept++] = environ[i];
    }
    return list;
}
