/* shelf.h - the folder that backups stand in (manifest.h): which there are, which one is meant, which go.
 *
 * Thread: main.
 */
#ifndef CS_SHELF_H
#define CS_SHELF_H

#include "tools/backup/manifest.h"

struct cs_shelf_item {
    const char *id, *path;
    struct cs_manifest m; /* without its files unless asked for */
    const char *fault;    /* NULL, or why it cannot be used */
};
struct cs_shelf {
    char *path;
    struct cs_arena arena;
    struct cs_shelf_item *items; /* the oldest first */
    const char **broken_off;     /* paths of .part folders, the oldest first; and .gone ones */
    const char **gone;
    uint32_t n_items, n_broken_off, n_gone;
    int lock_fd; /* -1: only looked at */
};

/* CS_ENOENT: there is no such folder; for a writer it is made, and locked against others (CS_EBUSY), but not in a
 * database (CS_EUSAGE). */
CS_WARN_UNUSED enum cs_err cs_shelf_open(struct cs_shelf *s, const char *path, bool write, struct cs_error *err);
void cs_shelf_close(struct cs_shelf *s); /* a zeroed struct with lock_fd -1 is fine */
/* `latest`, an id, or the beginning of one id alone. CS_ENOENT names those that there are; CS_ECORRUPT: it cannot be used. */
CS_WARN_UNUSED enum cs_err cs_shelf_find(const struct cs_shelf *s, const char *which, const struct cs_shelf_item **out,
                                         struct cs_error *err);
/* The newest that can be used; NULL: none. */
const struct cs_shelf_item *cs_shelf_newest(const struct cs_shelf *s);
/* Of a new one: its moment, later than all others'. In the arena. */
const char *cs_shelf_new_id(struct cs_shelf *s, int64_t now_wall_ms);
/* Removes all that can be used but the newest `keep`, and what was left of earlier removals. *removed: how many. */
CS_WARN_UNUSED enum cs_err cs_shelf_prune(struct cs_shelf *s, uint64_t keep, uint32_t *removed, struct cs_error *err);

#endif
