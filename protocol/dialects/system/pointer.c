#include "protocol/dialects/system/pointer.h"

#include <stdint.h>
#include <string.h>

enum { NAME_MAX_BYTES = 256, INDEX_DIGITS = 9 };

/* The next name of a pointer, its escapes undone; what stands behind it. */
static const char *take_name(const char *pointer, char name[NAME_MAX_BYTES])
{
    size_t n = 0;
    for (pointer++; *pointer != '\0' && *pointer != '/'; pointer++) {
        char c = *pointer;
        if (c == '~') {
            pointer++;
            c = *pointer == '1' ? '/' : '~';
        }
        if (n + 1 < NAME_MAX_BYTES)
            name[n++] = c;
    }
    name[n] = '\0';
    return pointer;
}

static bool is_star(const char *at)
{
    return at[0] == '/' && at[1] == '*' && (at[2] == '/' || at[2] == '\0');
}

enum cs_err cs_pointer_check(const char *pointer, struct cs_error *err)
{
    unsigned stars = 0;
    size_t n = 0;
    if (pointer[0] != '\0' && pointer[0] != '/')
        return cs_error_set(err, CS_EINVAL, "a pointer begins with /, as in /answer/text");
    for (const char *s = pointer; *s != '\0'; s++) {
        stars += is_star(s);
        n = *s == '/' ? 0 : n + 1;
        if (*s == '~' && s[1] != '0' && s[1] != '1')
            return cs_error_set(err, CS_EINVAL, "~ is written ~0 in a pointer, and / in a name ~1");
        if (n + 1 >= NAME_MAX_BYTES)
            return cs_error_set(err, CS_EINVAL, "a name in a pointer has at most %d bytes", NAME_MAX_BYTES - 2);
    }
    return stars <= 1 ? CS_OK : cs_error_set(err, CS_EINVAL, "a pointer has at most one *");
}

bool cs_pointer_is_many(const char *pointer)
{
    while (*pointer != '\0' && !is_star(pointer))
        pointer++;
    return *pointer != '\0';
}

/* An index: digits without a zero before them. */
static const struct cs_json *element(const struct cs_json *list, const char *name)
{
    size_t n = strspn(name, "0123456789"), i = 0;
    if (n == 0 || name[n] != '\0' || n > INDEX_DIGITS || (n > 1 && name[0] == '0'))
        return NULL;
    for (size_t k = 0; k < n; k++)
        i = i * 10 + (size_t)(name[k] - '0');
    return cs_json_array_get(list, i);
}

/* Follows a pointer to its end, or to its `*`. */
static const struct cs_json *walk(const char **pointer, const struct cs_json *v)
{
    while (v != NULL && **pointer != '\0' && !is_star(*pointer)) {
        char name[NAME_MAX_BYTES];
        *pointer = take_name(*pointer, name);
        v = cs_json_typeof(v) == CS_JSON_ARRAY ? element(v, name) : cs_json_object_get(v, name);
    }
    return v;
}

static bool give(const char *rest, const struct cs_json *of, cs_pointer_fn found, void *self)
{
    const struct cs_json *v = walk(&rest, of);
    if (v != NULL)
        found(self, of, v);
    return v != NULL;
}

bool cs_pointer_each(const char *pointer, const struct cs_json *root, cs_pointer_fn found, void *self)
{
    struct cs_json *list = (struct cs_json *)(uintptr_t)walk(&pointer, root); /* only read */
    struct cs_json *v;
    const char *key;
    bool any = false;
    size_t i;
    if (list == NULL)
        return false;
    if (*pointer == '\0')
        return give(pointer, list, found, self);
    if (!cs_json_is_object(list) && cs_json_typeof(list) != CS_JSON_ARRAY)
        return false;
    const char *rest = pointer + 2;
    cs_json_array_foreach(list, i, v) any |= give(rest, v, found, self);
    cs_json_object_foreach(list, key, v)
    {
        (void)key;
        any |= give(rest, v, found, self);
    }
    return any || cs_json_array_size(list) + cs_json_object_size(list) == 0;
}

static void keep_first(void *self, const struct cs_json *of, const struct cs_json *found)
{
    const struct cs_json **first = self;
    (void)of;
    if (*first == NULL)
        *first = found;
}

const struct cs_json *cs_pointer_get(const char *pointer, const struct cs_json *root)
{
    const struct cs_json *first = NULL;
    (void)cs_pointer_each(pointer, root, keep_first, &first);
    return first;
}
