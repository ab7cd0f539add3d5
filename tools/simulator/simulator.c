#include "tools/simulator/simulator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/rng.h"
#include "protocol/base/digest.h"
#include "tools/simulator/state.h"

static struct cs_sim_model *add_model(struct cs_simulator *s, const char *id, const struct cs_truth *truth,
                                      const struct cs_truth_model *model, uint64_t seed)
{
    struct cs_sim_model *m = cs_xcalloc(1, sizeof *m);
    uint8_t hash[32];
    m->id = cs_xstrdup(id);
    m->truth = truth;
    m->model = model;
    m->seed = seed;
    cs_digest_blake2b_256(id, strlen(id), hash);
    memcpy(m->fingerprint, "fp_", 3);
    cs_digest_hex(hash, 5, m->fingerprint + 3);
    s->models = cs_xrealloc(s->models, s->n_models + 1, sizeof(struct cs_sim_model *));
    s->models[s->n_models++] = m;
    return m;
}

static struct cs_sim_model *find_model(const struct cs_simulator *s, const char *id)
{
    for (uint32_t i = 0; i < s->n_models; i++) {
        if (strcmp(s->models[i]->id, id) == 0)
            return s->models[i];
    }
    return NULL;
}

struct cs_sim_model *cs_simulator_model_of(struct cs_simulator *s, const char *id)
{
    struct cs_sim_model *m = find_model(s, id);
    if (m == NULL && s->n_truths == 0 && s->n_models < CS_SIM_MODELS_MAX)
        m = add_model(s, id, NULL, NULL, s->seed);
    return m;
}

void cs_simulator_forget_buckets(struct cs_simulator *s)
{
    for (uint32_t i = 0; i < s->n_models; i++)
        s->models[i]->n_keys = 0;
}

void cs_simulator_settings_set_keys(struct cs_sim_settings *s, const char *const *keys, unsigned n)
{
    char **copy = cs_xcalloc(n != 0 ? n : 1, sizeof *copy);
    for (unsigned i = 0; i < n; i++)
        copy[i] = cs_xstrdup(keys[i]);
    for (unsigned i = 0; i < s->n_keys; i++)
        free(s->keys[i]);
    free(s->keys);
    s->keys = copy;
    s->n_keys = n;
}

static enum cs_err load_truth(struct cs_simulator *s, const char *path, const struct cs_simulator_opts *opts,
                              struct cs_error *err)
{
    struct cs_truth *t;
    enum cs_err rc = cs_truth_load(path, &t, err);
    if (rc != CS_OK)
        return rc;
    s->truths[s->n_truths++] = t;
    for (uint32_t i = 0; i < t->n_models; i++) {
        if (find_model(s, t->models[i].id) != NULL)
            return cs_error_set(err, CS_EINVAL, "%s: the model \"%s\" stands in another truth file too", path,
                                t->models[i].id);
        add_model(s, t->models[i].id, t, &t->models[i], opts->has_seed ? opts->seed : t->seed);
    }
    return CS_OK;
}

static bool named_before(const struct cs_simulator_opts *opts, unsigned i)
{
    for (unsigned k = 0; k < i; k++) {
        if (strcmp(opts->truth_files[k], opts->truth_files[i]) == 0)
            return true;
    }
    return false;
}

static enum cs_err open_log(struct cs_simulator *s, const char *path, struct cs_error *err)
{
    s->log = fopen(path, "ae"); /* goes on where an earlier simulator was killed */
    if (s->log == NULL)
        return cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
    setvbuf(s->log, NULL, _IOLBF, 4096);
    if (fseek(s->log, 0, SEEK_END) == 0 && ftell(s->log) == 0)
        fputs("t_us\tkey\tmodel\tdigest\tattempt\tcharge\tstatus\tfault\n", s->log);
    return CS_OK;
}

enum cs_err cs_simulator_open(struct cs_simulator **out, const struct cs_simulator_opts *opts, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    struct cs_simulator *s = cs_xcalloc(1, sizeof *s);

    CS_ASSERT(out != NULL);
    pthread_mutex_init(&s->lock, NULL);
    s->seed = opts->has_seed ? opts->seed : 1;
    s->ids = cs_rng_mix64((uint64_t)cs_clock_wall_ms() ^ (uint64_t)getpid() << 48);
    s->settings.quota = opts->quota;
    s->settings.concurrent = opts->concurrent;
    s->settings.cache = opts->cache;
    s->settings.faults = opts->faults;
    s->settings.always = opts->always;
    s->settings.has_latency = opts->has_latency;
    s->settings.latency = opts->latency;
    s->settings.drip_ms = opts->drip_ms;
    cs_simulator_settings_set_keys(&s->settings, opts->keys, opts->n_keys);
    s->truths = cs_xcalloc(opts->n_truth_files + 1, sizeof(struct cs_truth *));
    for (unsigned i = 0; i < opts->n_truth_files && rc == CS_OK; i++) {
        if (!named_before(opts, i))
            rc = load_truth(s, opts->truth_files[i], opts, err);
    }
    if (rc == CS_OK && opts->log_path != NULL)
        rc = open_log(s, opts->log_path, err);
    if (rc != CS_OK) {
        cs_simulator_close(s);
        s = NULL;
    }
    *out = s;
    return rc;
}

void cs_simulator_close(struct cs_simulator *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < s->n_models; i++) {
        free(s->models[i]->id);
        free(s->models[i]->keys);
        free(s->models[i]);
    }
    free(s->models);
    for (unsigned i = 0; i < s->n_truths; i++)
        cs_truth_free(s->truths[i]);
    free(s->truths);
    for (unsigned i = 0; i < s->settings.n_keys; i++)
        free(s->settings.keys[i]);
    free(s->settings.keys);
    cs_idmap_release(&s->tally.digests);
    cs_idmap_release(&s->tally.bodies);
    cs_idmap_release(&s->tally.judged);
    if (s->log != NULL)
        fclose(s->log);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void cs_simulator_enter(struct cs_simulator *s)
{
    pthread_mutex_lock(&s->lock);
    if (++s->tally.in_flight > s->tally.peak_in_flight)
        s->tally.peak_in_flight = s->tally.in_flight;
    pthread_mutex_unlock(&s->lock);
}

void cs_simulator_leave(struct cs_simulator *s, bool served)
{
    pthread_mutex_lock(&s->lock);
    CS_ASSERT(s->tally.in_flight > 0);
    s->tally.in_flight--;
    s->tally.serving -= served;
    pthread_mutex_unlock(&s->lock);
}
