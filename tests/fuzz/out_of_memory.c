/* out_of_memory - a fuzz target's parser over its corpus with memory that runs out: out_of_memory_NAME FILE...
 *
 * For each file the allocations are counted, then the n-th one fails, and from then on all of them, for every n (at most TRIES of them,
 * spread evenly). Each try is a process of its own. The parser may return an error, or the process may end as the policy of
 * protocol/base/alloc.h says: with one line that says so. What counts as a failure is anything else: a NULL that was used, a broken
 * assertion of the product, a hang. (A broken comparison of the fuzz target itself is none: one of two readings lacked memory.)
 *
 * FROM=n tries that one n alone, in this process, for a debugger.
 *
 * malloc and its kin are ours in the whole process, so that the libraries' allocations fail too. Ends on `N passed, N failed`.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

enum { TRIES = 120, SECONDS = 20, SAID = 4096 };

static atomic_long allocations;
static atomic_long first_failure; /* 0: none */

static bool fails(void)
{
    long n = atomic_fetch_add(&allocations, 1) + 1, from = atomic_load(&first_failure);
    if (from == 0 || n < from)
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    return fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails() ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return fails() ? NULL : __libc_memalign(alignment, n);
}

int posix_memalign(void **out, size_t alignment, size_t n)
{
    *out = fails() ? NULL : __libc_memalign(alignment, n);
    return *out != NULL ? 0 : ENOMEM;
}

/* One try; returns the status of its process, what it said, and how many allocations it made. */
static int attempt(const uint8_t *data, size_t n, long from, char said[SAID], long *made)
{
    int text[2], count[2], status = 0;
    if (pipe(text) != 0 || pipe(count) != 0)
        exit(1);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(text[1], 2);
        alarm(SECONDS);
        atomic_store(&allocations, 0);
        atomic_store(&first_failure, from);
        LLVMFuzzerTestOneInput(data, n);
        atomic_store(&first_failure, 0);
        long total = atomic_load(&allocations);
        _exit(write(count[1], &total, sizeof total) == (ssize_t)sizeof total ? 0 : 1);
    }
    close(text[1]);
    close(count[1]);
    size_t len = 0;
    for (ssize_t got; (got = read(text[0], said + len, SAID - 1 - len)) > 0;)
        len += (size_t)got;
    said[len] = '\0';
    *made = 0;
    if (read(count[0], made, sizeof *made) < 0)
        *made = 0;
    close(text[0]);
    close(count[0]);
    waitpid(pid, &status, 0);
    return status;
}

static bool is_fine(int status, const char *said)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status) == 0;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
           (strstr(said, "ev=out_of_memory") != NULL || strstr(said, "bad_alloc") != NULL ||
            strstr(said, "ev=assertion_failed at=tests/fuzz/") != NULL);
}

static int try_here(const uint8_t *data, size_t n, long from)
{
    atomic_store(&allocations, 0);
    atomic_store(&first_failure, from);
    LLVMFuzzerTestOneInput(data, n);
    return 0;
}

/* False: some n had a bad end. */
static bool check_file(const char *path, long *tries)
{
    static uint8_t data[1 << 20];
    char said[SAID];
    long made, ignored;
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return false;
    const size_t n = fread(data, 1, sizeof data, f);
    fclose(f);
    if (getenv("FROM") != NULL)
        exit(try_here(data, n, strtol(getenv("FROM"), NULL, 10)));
    int status = attempt(data, n, 0, said, &made);
    const long step = made > TRIES ? made / TRIES : 1;
    for (long from = 1; WIFEXITED(status) && from <= made; from += step, ++*tries) {
        int s = attempt(data, n, from, said, &ignored);
        if (is_fine(s, said))
            continue;
        fprintf(stderr, "%s: allocation %ld of %ld failed, and so did we (status %x): %.300s\n", path, from, made, s,
                said);
        return false;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0;
    long tries = 0;
    if (LLVMFuzzerInitialize != NULL)
        LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        if (check_file(argv[i], &tries))
            passed++;
        else
            failed++;
    }
    printf("%ld allocations failed, over %d inputs\n%d passed, %d failed\n", tries, argc - 1, passed, failed);
    return failed > 0;
}
