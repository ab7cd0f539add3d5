/* names.h - names to numbers, and the nearest name to a misspelt one.
 *
 * Ownership: keys are borrowed and must outlive the map. Thread: one owner.
 */
#ifndef CS_NAMES_H
#define CS_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct cs_names { /* a zeroed struct is an empty map */
    struct cs_name {
        const char *key; /* NULL: free */
        uint32_t value;
    } * slots;
    uint32_t n, cap;
};

/* The number of a name, or UINT32_MAX. */
uint32_t cs_names_get(const struct cs_names *m, const char *key);
/* Adds a name and returns UINT32_MAX; a name already there stays as it is and its number is returned. */
uint32_t cs_names_put(struct cs_names *m, const char *key, uint32_t value);
void cs_names_release(struct cs_names *m);

struct cs_hint { /* the end of a sentence about a name that is not known */
    char text[200];
};
/* `; did you mean "x"?` when one of the names is near, else `; known: a, b, c`. */
struct cs_hint cs_names_hint(const char *word, const char *const *names, size_t n);

#endif
