#include "protocol/load/key_place.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/file.h"

enum cs_err cs_load_key_place(const struct cs_node *n, struct cs_arena *arena, const char **env, const char **file,
                              struct cs_error *err)
{
    static const char *const keys[] = {"env", "file", NULL};
    const char *name = NULL;
    if (n->kind != CS_NODE_MAP)
        return cs_yaml_fail(
            n, err, "a key is never written here; say where it is found: key: {env: NAME} or key: {file: PATH}");
    enum cs_err rc = cs_node_map(n, "key", keys, err);
    if (rc == CS_OK && n->n != 1)
        rc = cs_yaml_fail(n, err, "key names two places; keep env or file");
    if (rc != CS_OK)
        return rc;
    if (strcmp(n->first->key, "file") == 0) {
        rc = cs_node_text(n->first, "file", &name, err);
        if (rc == CS_OK) {
            char *path = cs_file_beside(n->file->path, name);
            *file = cs_arena_strdup(arena, path);
            free(path);
        }
        return rc;
    }
    rc = cs_node_text(n->first, "env", &name, err);
    if (rc == CS_OK && (name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")] != '\0' ||
                        strlen(name) > 64 || (name[0] >= '0' && name[0] <= '9')))
        rc = cs_yaml_fail(n->first, err,
                          "env is not the name of a variable; write its name, as in env: EXAMPLE_API_KEY");
    if (rc == CS_OK)
        *env = name;
    return rc;
}
