/* A truth file: chances of words. */
#include <math.h>

#include "tools/simulator/truth_load.h"

enum cs_err cs_truth_rates_read(struct cs_truth_loader *l, const struct cs_node *n, const char *field, uint32_t n_words,
                                double *out)
{
    double sum = 0;
    uint32_t k = 0;
    enum cs_err rc = cs_node_list(n, "rates", l->err);
    if (rc == CS_OK && n->n != n_words)
        return cs_yaml_fail(n, l->err, "want %u rates, one for each answer of %s, not %u", n_words, field, n->n);
    if (rc != CS_OK)
        return rc;
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next) {
        rc = cs_node_number(c, "rate", 0, 1, &out[k], l->err);
        sum += out[k++];
    }
    if (rc == CS_OK && fabs(sum - 1) > 1e-6)
        return cs_yaml_fail(n, l->err, "the rates add up to %.9g, not to 1", sum);
    return rc;
}
