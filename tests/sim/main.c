/* fleet_sim: many seeds in children of this process, one seed with a trace, mutations. See sim.h. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/log.h"

enum state { WAITING, RUNNING, PASSED };
enum { SEEDS_MAX = 1000000, SEED_SECONDS_MAX = 300, MESSAGE_MAX = 4096, SHOWN_MAX = 10 };

static const char *const faults[] = {
#define X(name, text) text,
    SIM_FAULT_TABLE(X)
#undef X
};
static const struct {
    enum sim_mutation mutation;
    const char *name, *text;
} mutations[] = {
#define X(name, word, text) {SIM_MUTATE_##name, word, text},
    SIM_MUTATION_TABLE(X)
#undef X
};

static const struct {
    const char *name;
    uint32_t seeds;
} profiles[] = {
#define X(name, word, seeds) {word, seeds},
    SIM_PROFILE_TABLE(X)
#undef X
};

struct run {
    uint64_t from;
    uint32_t n;
    enum sim_profile profile;
    enum sim_mutation mutation;
    bool trace, stop_at_first;
    struct sim_result *results;     /* shared with the children */
    const struct sim_result *sound; /* only seeds that passed here, or NULL: all */
    uint32_t passed, failed;
    struct failure {
        uint64_t seed;
        char message[MESSAGE_MAX];
    } first[SHOWN_MAX];
};

static void run_from(const struct run *r, uint32_t i)
{
    for (; i < r->n; i++) {
        alarm(SEED_SECONDS_MAX);
        r->results[i].state = RUNNING;
        if (r->sound == NULL || r->sound[i].state == PASSED)
            sim_run(r->from + i, r->profile, r->mutation, r->trace, &r->results[i]);
        r->results[i].state = PASSED;
    }
    fflush(stdout);
    _exit(0);
}

/* What the child said last. */
static void read_failure(struct failure *f, uint64_t seed, FILE *said)
{
    char line[MESSAGE_MAX];

    f->seed = seed;
    snprintf(f->message, sizeof f->message, "no message\n");
    rewind(said);
    while (fgets(line, sizeof line, said) != NULL)
        memcpy(f->message, line, sizeof line);
}

/* A child runs seeds until one breaks it; the next child goes on after that one. */
static uint32_t run_child(struct run *r, uint32_t i)
{
    FILE *said = tmpfile();
    pid_t pid;
    int status;

    fflush(NULL);
    pid = said != NULL ? fork() : -1;
    if (pid < 0) {
        perror("fleet_sim");
        exit(70);
    }
    if (pid == 0) {
        dup2(fileno(said), STDERR_FILENO);
        run_from(r, i);
    }
    waitpid(pid, &status, 0);
    while (i < r->n && r->results[i].state == PASSED) {
        r->passed++;
        i++;
    }
    if (i < r->n) {
        if (r->failed < SHOWN_MAX)
            read_failure(&r->first[r->failed], r->from + i, said);
        r->failed++;
        i++;
    }
    fclose(said);
    return i;
}

static void run_all(struct run *r)
{
    size_t bytes = r->n * sizeof *r->results;

    r->results = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r->results == MAP_FAILED) {
        perror("fleet_sim");
        exit(70);
    }
    for (uint32_t i = 0; i < r->n && !(r->stop_at_first && r->failed > 0);)
        i = run_child(r, i);
}

/* ---- what came of it ------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void print_faults(const struct run *r)
{
    for (int f = 0; f < SIM_FAULTS; f++) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < r->n; i++)
            n += (r->results[i].fired >> f & 1) != 0;
        printf("  %5.1f %%  %s\n", 100.0 * n / r->n, faults[f]);
    }
}

/* What the provider would bill against the budget: our own account is checked after every event, this one is told. */
static void print_bills(const struct run *r)
{
    uint32_t seeds = 0, studies = 0, over = 0;

    for (uint32_t i = 0; i < r->n; i++) {
        const struct sim_result *x = &r->results[i];

        seeds += x->budgets > 0;
        studies += x->budgets;
        over += x->over_budget;
    }
    printf("%u studies with a hard budget, in %u seeds; bill over budget in %u\n", studies, seeds, over);
}

static void print_run(const struct run *r)
{
    uint32_t *events = calloc(r->n, sizeof *events), most = 0;
    uint64_t calls = 0, again = 0, excused = 0, trials = 0, workers = 0, cores = 0;
    double hours = 0;

    for (uint32_t i = 0; events != NULL && i < r->n; i++) {
        const struct sim_result *x = &r->results[i];

        events[i] = x->events;
        most = x->events > most ? x->events : most;
        calls += x->calls;
        trials += x->trials;
        again += x->paid_again;
        excused += x->excused;
        workers += x->worker_losses;
        cores += x->core_losses;
        hours += (double)x->virtual_ms / 3600000;
    }
    if (events != NULL) {
        qsort(events, r->n, sizeof *events, by_size);
        printf("events per seed: median %u, most %u; %.1f hours of virtual time\n", events[r->n / 2], most, hours);
    }
    printf("%llu trials, %llu calls; %llu times a worker was lost, %llu times a coordinator; %llu answers "
           "paid again, of %llu that lost workers had in their hands\n",
           (unsigned long long)trials, (unsigned long long)calls, (unsigned long long)workers,
           (unsigned long long)cores, (unsigned long long)again, (unsigned long long)excused);
    print_bills(r);
    printf("faults, by share of seeds:\n");
    print_faults(r);
    free(events);
}

static void print_failures(const struct run *r)
{
    printf("first failing seed %llu:\n", (unsigned long long)r->first[0].seed);
    for (uint32_t i = 0; i < r->failed && i < SHOWN_MAX; i++)
        printf("  %llu: %s", (unsigned long long)r->first[i].seed, r->first[i].message);
}

/* Each must be found, by a seed that finds nothing without it, or the rules check nothing. */
static int mutate(const char *name, enum sim_profile profile, uint64_t from, uint32_t n)
{
    struct run sound = {.from = from, .n = n, .profile = profile};
    struct run fair = {.from = 1, .n = profiles[SIM_PROFILE_FAIR].seeds, .profile = SIM_PROFILE_FAIR};
    uint32_t caught = 0, missed = 0;

    run_all(&sound);
    run_all(&fair);
    for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++) {
        const struct run *base = mutations[i].mutation == SIM_MUTATE_ONE_WEIGHT ? &fair : &sound;
        struct run r = *base;

        if (strcmp(name, "all") != 0 && strcmp(name, mutations[i].name) != 0)
            continue;
        r.mutation = mutations[i].mutation;
        r.stop_at_first = true;
        r.sound = base->results;
        r.passed = r.failed = 0;
        run_all(&r);
        printf("%-15s %s\n", mutations[i].name, mutations[i].text);
        if (r.failed > 0)
            printf("                caught: %s", r.first[0].message);
        else
            printf("                NOT CAUGHT by %u seeds\n", r.n);
        *(r.failed > 0 ? &caught : &missed) += 1;
    }
    printf("%u passed, %u failed\n", caught, missed);
    return missed > 0 || caught == 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: fleet_sim [--seeds FROM..TO | --seed N] [--trace] [--profile ");
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        fprintf(stderr, "%s%s", i > 0 ? "|" : "", profiles[i].name);
    fprintf(stderr, "] [--mutate all");
    for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
        fprintf(stderr, "|%s", mutations[i].name);
    fprintf(stderr, "]\n");
    return 64;
}

static bool parse_seeds(const char *text, struct run *r)
{
    char *end;
    uint64_t to;

    r->from = to = strtoull(text, &end, 10);
    if (end == text)
        return false;
    if (strncmp(end, "..", 2) == 0)
        to = strtoull(end + 2, &end, 10);
    if (*end != '\0' || to < r->from || to - r->from >= SEEDS_MAX)
        return false;
    r->n = (uint32_t)(to - r->from) + 1;
    return true;
}

static bool parse_profile(const char *text, struct run *r)
{
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
        r->profile = (enum sim_profile)i;
        if (strcmp(profiles[i].name, text) == 0)
            return true;
    }
    return false;
}

/* Some seeds of each profile that has a number. */
static void run_profiles(struct run *all)
{
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
        struct run r = {.from = 1, .n = profiles[i].seeds, .profile = (enum sim_profile)i};

        if (r.n == 0)
            continue;
        run_all(&r);
        printf("%s: %u passed, %u failed\n", profiles[i].name, r.passed, r.failed);
        if (r.failed > 0)
            print_failures(&r);
        all->passed += r.passed;
        all->failed += r.failed;
    }
}

int main(int argc, char **argv)
{
    struct run r = {.from = 1, .n = 1000};
    const char *mutation = NULL;
    bool one_profile = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0)
            r.trace = true;
        else if (i + 1 < argc && (strcmp(argv[i], "--seeds") == 0 || strcmp(argv[i], "--seed") == 0)) {
            one_profile |= strcmp(argv[i], "--seed") == 0;
            if (!parse_seeds(argv[++i], &r))
                return usage();
        } else if (i + 1 < argc && strcmp(argv[i], "--profile") == 0) {
            one_profile = true;
            if (!parse_profile(argv[++i], &r))
                return usage();
        } else if (i + 1 < argc && strcmp(argv[i], "--mutate") == 0)
            mutation = argv[++i];
        else
            return usage();
    }
    setenv("CS_LOG", "error", 0);
    cs_log_init("fleet_sim");
    if (mutation != NULL)
        return mutate(mutation, r.profile, r.from, r.n);
    run_all(&r);
    print_run(&r);
    if (r.failed > 0)
        print_failures(&r);
    if (!one_profile)
        run_profiles(&r);
    printf("%u passed, %u failed\n", r.passed, r.failed);
    return r.failed > 0;
}
