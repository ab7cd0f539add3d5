/* fixture_files.h - a folder of its own for a test, and files in it. Include after cmocka.h. */
#ifndef CS_FIXTURE_FILES_H
#define CS_FIXTURE_FILES_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct folder {
    char path[256];
};

static inline void folder_open(struct folder *f)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(f->path, sizeof f->path, "%s/clinsafe-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->path));
}

/* The path of a file in it; valid until the next but three. */
static inline const char *folder_file(const struct folder *f, const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", f->path, name);
    return path;
}

static inline const char *folder_put_bytes(const struct folder *f, const char *name, const void *bytes, size_t n)
{
    const char *path = folder_file(f, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
    return path;
}

static inline const char *folder_put(const struct folder *f, const char *name, const char *text)
{
    return folder_put_bytes(f, name, text, strlen(text));
}

/* Removes the files and the folder (which has no folders in it). */
static inline void folder_close(struct folder *f)
{
    DIR *d = opendir(f->path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.')
            unlink(folder_file(f, e->d_name));
    }
    closedir(d);
    assert_int_equal(rmdir(f->path), 0);
}

#endif
