/* Times, one after the other in one process: a bare scan of a store, the snapshot of its outputs for a judge, the bare scan again.
 *
 *     snapshot_scan STORE PATH   prints: seconds of each, outputs, cases of the snapshot, its bytes, peak MiB
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "protocol/base/clock.h"
#include "protocol/table/snapshot.h"
#include "store/children/children.h"

static enum cs_err count(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                         struct cs_error *err)
{
    uint64_t *n = self;
    (void)lane, (void)position, (void)stored, (void)err;
    ++*n;
    return CS_OK;
}

static double scan(struct cs_store *store, const struct cs_generation_view *v, uint64_t *n)
{
    struct cs_error err = {0};
    const uint64_t began = cs_clock_mono_ms();
    *n = 0;
    for (uint32_t lane = 0; lane < v->plan.n_lanes; lane++) {
        if (cs_store_scan(store, v->generation.number, lane, count, n, &err) != CS_OK) {
            fprintf(stderr, "%s\n", err.msg);
            exit(1);
        }
    }
    return (double)(cs_clock_mono_ms() - began) / 1000;
}

static double snapshot(struct cs_store *store, const struct cs_generation_view *v, const char *path)
{
    static const char *const columns[] = {"text", "output.text"};
    const struct cs_take take = {
        .parent = v->spec.study->name, .seed = 1, .each = "", .pair = "", .columns = {columns, 2}, .hide_as = ""};
    const struct cs_children_opts opts = {.take = &take, .path = path, .stamp = ""};
    struct cs_error err = {0};
    const uint64_t began = cs_clock_mono_ms();
    if (cs_children_snapshot(store, v, &opts, &err) != CS_OK) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    return (double)(cs_clock_mono_ms() - began) / 1000;
}

int main(int argc, char **argv)
{
    struct cs_store *store;
    struct cs_generation g;
    struct cs_generation_view v;
    struct cs_snapshot *s;
    struct cs_error err = {0};
    struct rusage usage;
    struct stat st;
    uint64_t n;
    if (argc != 3) {
        fprintf(stderr, "usage: %s STORE PATH\n", argv[0]);
        return 64;
    }
    if (cs_store_open_reader(&store, argv[1], &err) != CS_OK || cs_store_generation_newest(store, &g, &err) != CS_OK ||
        cs_store_generation_view_open(&v, store, &g, &err) != CS_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    const double first = scan(store, &v, &n), made = snapshot(store, &v, argv[2]), again = scan(store, &v, &n);
    if (cs_snapshot_open(&s, argv[2], &err) != CS_OK || stat(argv[2], &st) != 0) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("%.2f %.2f %.2f %llu %u %lld %ld\n", first, made, again, (unsigned long long)n, cs_snapshot_n_cases(s),
           (long long)st.st_size, usage.ru_maxrss / 1024);
    cs_snapshot_close(s);
    cs_store_generation_view_close(&v);
    cs_store_close(store);
    return 0;
}
