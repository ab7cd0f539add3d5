#include "tools/verify/lineage.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/hash.h"
#include "protocol/study/parent.h"
#include "protocol/study/take.h"

struct claim { /* that an output is among the parents */
    uint64_t output_id;
    struct cs_digest digest, text;
    uint32_t arm, case_index, element;
    uint8_t side;
};

struct lineage {
    const struct cs_study *s;
    const struct cs_case_source *cases;
    cs_lineage_fault fault;
    void *self;
    struct cs_lineage *out;
    struct claim *claims;
    size_t n, cap;
    struct cs_take take;
    struct cs_arena arena;
    uint32_t text[2];       /* columns with the text of one side; CS_NONE */
    const struct claim *at; /* those that are being compared */
};

static void tell(struct lineage *x, uint32_t case_index, const char *what)
{
    struct cs_case c;
    x->out->faults++;
    if (x->cases->get(x->cases->self, case_index, &c, NULL) == CS_OK)
        x->fault(x->self, c.id, what);
}

static uint32_t arm_of(const struct cs_parent_study *p, const struct cs_parent *one)
{
    for (uint32_t i = 0; i < p->n_arms; i++) {
        const struct cs_parent_arm *a = &p->arms[i];
        if (a->model == one->model && a->question == one->question &&
            memcmp(a->levels, one->levels, p->n_factors * sizeof *a->levels) == 0)
            return i;
    }
    return CS_NONE;
}

static struct cs_digest text_digest(const char *text)
{
    uint8_t whole[32];
    struct cs_digest d;
    cs_digest_blake2b_256(text, strlen(text), whole);
    memcpy(d.b, whole, sizeof d.b);
    return d;
}

static void check_text(struct lineage *x, const struct cs_case *c, const struct cs_parent *one)
{
    const uint32_t column = x->text[one->side == CS_PARENT_SECOND];
    if (column == CS_NONE)
        return;
    const struct cs_digest shown = text_digest(c->values[column]);
    if (!cs_digest_equal(&shown, &one->text))
        tell(x, c->index, "the text that is judged is not that of the output that it is said to be");
}

static void add(struct lineage *x, const struct cs_case *c, const struct cs_parent *one)
{
    if (x->n == x->cap) {
        x->cap = x->cap > 0 ? 2 * x->cap : 1024;
        x->claims = cs_xrealloc(x->claims, x->cap, sizeof *x->claims);
    }
    const uint32_t arm = arm_of(x->s->parent, one);
    if (arm == CS_NONE)
        tell(x, c->index, "an output of a condition that was not taken is among its parents");
    x->claims[x->n++] = (struct claim){.output_id = one->output_id,
                                       .digest = one->digest,
                                       .text = one->text,
                                       .arm = arm,
                                       .case_index = c->index,
                                       .element = one->element,
                                       .side = (uint8_t)one->side};
}

static enum cs_err read_claims(struct lineage *x, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < x->s->n_cases && rc == CS_OK; i++) {
        const struct cs_parent *parents;
        struct cs_case c;
        uint32_t n = 0;
        rc = x->cases->get(x->cases->self, i, &c, err);
        if (rc != CS_OK)
            return rc;
        cs_arena_reset(&x->arena);
        if (cs_parents_read(x->s, &c, &x->arena, &parents, &n, NULL) != CS_OK) {
            tell(x, i, "it does not say which outputs it came from");
            continue;
        }
        for (uint32_t k = 0; k < n; k++) {
            add(x, &c, &parents[k]);
            check_text(x, &c, &parents[k]);
        }
    }
    return rc;
}

static int by_output(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    int c = (x->output_id > y->output_id) - (x->output_id < y->output_id);
    c = c != 0 ? c : (x->element > y->element) - (x->element < y->element);
    return c != 0 ? c : (x->case_index > y->case_index) - (x->case_index < y->case_index);
}

/* An output stands in one case (an element); only of pairs it may stand in several. */
static void check_once(struct lineage *x)
{
    const bool pair = x->take.pair[0] != '\0';
    for (size_t i = 1; i < x->n && !pair; i++) {
        const struct claim *a = &x->claims[i - 1], *b = &x->claims[i];
        if (a->output_id == b->output_id && a->element == b->element)
            tell(x, b->case_index, "an output is among the parents of two cases");
    }
}

static void check_arms(struct lineage *x)
{
    const struct cs_parent_study *p = x->s->parent;
    const bool pair = x->take.pair[0] != '\0', each = x->take.each[0] != '\0';
    uint64_t *taken = cs_xcalloc(p->n_arms + 1u, sizeof *taken);
    for (size_t i = 0; i < x->n; i++) {
        const bool again = i > 0 && x->claims[i].output_id == x->claims[i - 1].output_id;
        if (again)
            continue;
        x->out->outputs++;
        if (x->claims[i].arm != CS_NONE)
            taken[x->claims[i].arm]++;
    }
    for (uint32_t i = 0; i < p->n_arms; i++) {
        /* One without a counterpart is in no pair, one whose list is empty in no case. */
        if (pair || each ? taken[i] > p->arms[i].taken : taken[i] != p->arms[i].taken) {
            x->out->faults++;
            x->fault(x->self, "", "its cases have not as many outputs of a condition as it says that it has taken");
        }
    }
    free(taken);
}

/* ---- with the parent's store ------------------------------------------------------------------------------------- */

static enum cs_err compare(void *self, uint32_t i, const struct cs_stored *stored, struct cs_error *err)
{
    struct lineage *x = self;
    const struct claim *c = &x->at[i];
    const struct cs_digest text = text_digest(stored->output.text);
    (void)err;
    x->out->compared++;
    if (!cs_digest_equal(&stored->output.digest, &c->digest))
        tell(x, c->case_index, "the parent's output answers another request than it is said to");
    else if (!cs_digest_equal(&text, &c->text))
        tell(x, c->case_index, "the parent's output has another text than it is said to have");
    return CS_OK;
}

static enum cs_err check_outputs(struct lineage *x, struct cs_store *parent, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (size_t from = 0; from < x->n && rc == CS_OK;) {
        uint64_t ids[CS_STORE_MANY];
        struct claim some[CS_STORE_MANY];
        uint32_t n = 0;
        for (; from < x->n && n < CS_STORE_MANY; from++) {
            if (from == 0 || x->claims[from].output_id != x->claims[from - 1].output_id) {
                some[n] = x->claims[from];
                ids[n++] = x->claims[from].output_id;
            }
        }
        x->at = some;
        rc = cs_store_scan_output_many(parent, ids, n, compare, x, err);
        if (rc != CS_ECORRUPT)
            continue;
        x->out->faults++; /* one is not there, or cannot be read */
        x->fault(x->self, "", err->msg);
        rc = CS_OK;
    }
    return rc;
}

enum cs_err cs_lineage_check(const struct cs_generation_view *child, struct cs_store *parent, cs_lineage_fault fault,
                             void *self, struct cs_lineage *out, struct cs_error *err)
{
    const struct cs_study *s = child->spec.study;
    struct lineage x = {.s = s, .cases = &child->cases, .fault = fault, .self = self, .out = out};
    struct cs_arena arena = {0};
    *out = (struct cs_lineage){0};
    enum cs_err rc = cs_take_parse(s->parent->take, &arena, &x.take, err);
    const bool pair = rc == CS_OK && x.take.pair[0] != '\0', hidden = rc == CS_OK && x.take.hide.n > 0;
    x.text[0] = hidden ? CS_NONE : cs_study_column(s, pair ? "first.text" : "output.text");
    x.text[1] = hidden ? CS_NONE : cs_study_column(s, "second.text");
    if (rc == CS_OK)
        rc = read_claims(&x, err);
    if (rc == CS_OK) {
        qsort(x.claims, x.n, sizeof *x.claims, by_output);
        check_once(&x);
        check_arms(&x);
    }
    if (rc == CS_OK && parent != NULL)
        rc = check_outputs(&x, parent, err);
    free(x.claims);
    cs_arena_release(&x.arena);
    cs_arena_release(&arena);
    return rc;
}
