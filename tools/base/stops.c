#include "tools/base/stops.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/file.h"
#include "protocol/base/plain.h"

enum { FILE_MAX = 4 * 1024 * 1024 };

static char *path_of(const struct cs_study_dir *d)
{
    return cs_xasprintf("%s/stopped.json", d->path);
}

/* What is there; an empty object where nothing is, or nothing that can be read. */
static struct cs_json *load(const char *path)
{
    char *text = NULL;
    size_t n = 0;
    struct cs_json *all = cs_file_read(path, FILE_MAX, &text, &n, NULL) == CS_OK ? cs_json_loadb(text, n, 0, NULL)
                                                                                 : NULL;
    free(text);
    if (cs_json_is_object(all))
        return all;
    cs_json_decref(all);
    return cs_json_object();
}

static struct cs_json *stops_of(const struct cs_progress *p)
{
    struct cs_json *list = cs_json_array();
    struct cs_arena arena = {0};
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const struct cs_progress_lane *l = &p->lanes[i];
        if (cs_progress_lane_stands(l))
            cs_json_array_append_new(list, cs_json_pack("{s:s, s:s, s:s}", "model", l->model, "state", l->state,
                                                        "reason", cs_plain_in(&arena, l->reason)));
    }
    cs_arena_release(&arena);
    return list;
}

void cs_stops_note(const struct cs_study_dir *d, const struct cs_progress *p)
{
    char *path = path_of(d);
    struct cs_json *all = load(path), *list = stops_of(p);
    if (cs_json_array_size(list) > 0)
        cs_json_object_set(all, p->study, list);
    else
        cs_json_object_del(all, p->study);
    if (cs_json_object_size(all) > 0) {
        char *text = cs_json_dumps(all, CS_JSON_INDENT(1));
        (void)!cs_file_write(path, text, strlen(text), 0600, NULL);
        free(text);
    } else {
        unlink(path);
    }
    cs_json_decref(list);
    cs_json_decref(all);
    free(path);
}

struct cs_json *cs_stops_read(const char *study_path)
{
    struct cs_study_dir d;
    cs_study_dir_init(&d, study_path, NULL);
    char *path = path_of(&d);
    struct cs_json *all = load(path), *list = NULL, *found;
    const char *study;
    cs_json_object_foreach(all, study, found)
    {
        if (list == NULL && cs_json_is_array(found)) /* a directory beside a study file is of that study */
            list = cs_json_incref(found);
    }
    cs_json_decref(all);
    free(path);
    cs_study_dir_release(&d);
    return list;
}
