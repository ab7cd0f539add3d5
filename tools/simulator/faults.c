#include "tools/simulator/faults.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "tools/simulator/draw.h"

static const struct {
    const char *name;
    unsigned status;
} kinds[CS_FAULT_COUNT] = {
#define X(id, name_, status_) [id] = {name_, status_},
    CS_FAULT_TABLE(X)
#undef X
};

const char *cs_fault_name(enum cs_fault f)
{
    return f < CS_FAULT_COUNT ? kinds[f].name : "-";
}

unsigned cs_fault_status(enum cs_fault f)
{
    return f < CS_FAULT_COUNT ? kinds[f].status : 200;
}

enum cs_err cs_faults_set(struct cs_faults *f, const char *name, double share, struct cs_error *err)
{
    unsigned i = 0;
    while (i < CS_FAULT_COUNT && strcmp(kinds[i].name, name) != 0)
        i++;
    if (i == CS_FAULT_COUNT) {
        struct cs_buf known = CS_BUF_INIT(1024);
        cs_faults_list(&known);
        cs_error_set(err, CS_EINVAL, "no fault is called \"%s\"; known:%s", name, cs_buf_cstr(&known));
        cs_buf_release(&known);
        return CS_EINVAL;
    }
    if (!(share >= 0 && share <= 1))
        return cs_error_set(err, CS_EINVAL, "fault %s: the share must be between 0 and 1", name);
    f->share[i] = share;
    return CS_OK;
}

void cs_faults_list(struct cs_buf *out)
{
    for (unsigned i = 0; i < CS_FAULT_COUNT; i++)
        cs_buf_printf(out, " %s", kinds[i].name);
}

enum cs_err cs_faults_check(const struct cs_faults *f, struct cs_error *err)
{
    double sum = 0;
    for (unsigned i = 0; i < CS_FAULT_COUNT; i++)
        sum += f->share[i];
    if (sum > 1 + 1e-9)
        return cs_error_set(err, CS_EINVAL, "the shares of the faults add up to %g, more than 1", sum);
    return CS_OK;
}

enum cs_err cs_faults_parse(struct cs_faults *f, const char *spec, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    char *copy = cs_xstrdup(spec), *rest = copy;
    *f = (struct cs_faults){{0}};
    for (char *part; rc == CS_OK && (part = strsep(&rest, ",")) != NULL;) {
        char *equals = strchr(part, '='), *end = NULL;
        if (part[0] == '\0')
            continue;
        const double share = equals != NULL ? strtod(equals + 1, &end) : 0;
        if (equals == NULL || end == equals + 1 || *end != '\0') {
            rc = cs_error_set(err, CS_EINVAL, "\"%s\": want KIND=SHARE, for example rate_limited=0.05", part);
            break;
        }
        *equals = '\0';
        rc = cs_faults_set(f, part, share, err);
    }
    free(copy);
    return rc == CS_OK ? cs_faults_check(f, err) : rc;
}

enum cs_fault cs_faults_draw(const struct cs_faults *f, uint64_t seed, const char *digest, const char *attempt)
{
    double sum = 0, total = 0;
    for (unsigned i = 0; i < CS_FAULT_COUNT; i++)
        total += f->share[i];
    if (total <= 0)
        return CS_FAULT_NONE;
    const double u = attempt != NULL ? cs_sim_draw_unit(seed, "fault", digest, attempt, NULL)
                                     : cs_sim_draw_unit(seed, "always", digest, NULL);
    for (unsigned i = 0; i < CS_FAULT_COUNT; i++) {
        sum += f->share[i];
        if (u < sum)
            return (enum cs_fault)i;
    }
    return CS_FAULT_NONE;
}
