#include "tools/plan/judges_near.h"

#include <string.h>

#include "protocol/base/buf.h"

enum near { FAR, SAME_FAMILY, SAME_ACCOUNT, SAME_MODEL };
static const char *const near_names[] = {"", "family", "account", "model"};

/* The first word of a model's id: letters, behind the last slash of a vendor's path. */
static size_t family_of(const char *id, const char **word)
{
    const char *slash = strrchr(id, '/');
    *word = slash != NULL ? slash + 1 : id;
    size_t n = 0;
    while (((*word)[n] | 32) >= 'a' && ((*word)[n] | 32) <= 'z')
        n++;
    return n;
}

static enum near nearness(const struct cs_study *s, uint32_t judge, uint32_t model)
{
    const struct cs_parent_study *p = s->parent;
    const struct cs_model *m = &s->models[judge];
    const char *a, *b;
    const size_t n = family_of(m->model, &a), k = family_of(p->sent[model], &b);
    if (strcmp(m->model, p->sent[model]) == 0)
        return SAME_MODEL;
    if (strcmp(s->accounts[m->account].name, p->accounts[model]) == 0)
        return SAME_ACCOUNT;
    return n >= 3 && n == k && strncmp(a, b, n) == 0 ? SAME_FAMILY : FAR;
}

static bool is_judged(const struct cs_parent_study *p, uint32_t model)
{
    for (uint32_t i = 0; i < p->n_arms; i++) {
        if (p->arms[i].model == model)
            return true;
    }
    return false;
}

struct sums {
    uint64_t planned, answered, failed, taken, unfit;
};

static struct sums sums_of(const struct cs_parent_study *p)
{
    struct sums t = {0};
    for (uint32_t i = 0; i < p->n_arms; i++) {
        t.planned += p->arms[i].planned;
        t.taken += p->arms[i].taken;
        t.unfit += p->arms[i].unfit;
        for (int k = 0; k < CS_OUTCOMES; k++) {
            if (cs_outcome_is_answer((enum cs_outcome)k))
                t.answered += p->arms[i].by_outcome[k];
            else
                t.failed += p->arms[i].by_outcome[k];
        }
    }
    return t;
}

/* The models of one kind that a judge is near, "doctor, nurse"; false: there are none. */
static bool near_models(const struct cs_study *s, uint32_t judge, enum near kind, struct cs_buf *out)
{
    cs_buf_clear(out);
    for (uint32_t m = 0; m < s->parent->n_models; m++) {
        if (is_judged(s->parent, m) && nearness(s, judge, m) == kind)
            cs_buf_printf(out, "%s%s", out->len > 0 ? ", " : "", s->parent->models[m]);
    }
    return out->len > 0;
}

/* A line for each kind, however many judges and models there are. */
static void print_near(const struct cs_study *s, FILE *out)
{
    static const char *const sentences[] = {"", "of the family of a model that it judges",
                                            "of the account of a model that it judges", "the model that it judges"};
    struct cs_buf models = CS_BUF_INIT(64 * 1024);
    for (int kind = SAME_MODEL; kind > FAR; kind--) {
        unsigned n = 0;
        for (uint32_t j = 0; j < s->n_models; j++) {
            if (!near_models(s, j, (enum near)kind, &models))
                continue;
            if (n++ == 0)
                fprintf(out,
                        "Look at this: a judge is %s, and judges favour texts of their own kind:", sentences[kind]);
            fprintf(out, "%s %s (%s)", n > 1 ? "," : "", s->models[j].name, cs_buf_cstr(&models));
        }
        if (n > 0)
            fprintf(out, ".\n");
    }
    cs_buf_release(&models);
}

void cs_judges_near_print(const struct cs_study *s, FILE *out)
{
    const struct cs_parent_study *p = s->parent;
    if (p == NULL)
        return;
    const struct sums t = sums_of(p);
    fprintf(out, "\nJudges the outputs of %s: ", p->study);
    if (p->planned)
        fprintf(out,
                "%llu planned. They are not there yet, so this is the most that there can be: each as long as it may "
                "be, and no two alike.\n",
                (unsigned long long)t.planned);
    else
        fprintf(out,
                "%llu taken of %llu planned; %llu answered, %llu failed, %llu without a text that can be judged%s.\n",
                (unsigned long long)t.taken, (unsigned long long)t.planned, (unsigned long long)t.answered,
                (unsigned long long)t.failed, (unsigned long long)t.unfit,
                p->closed ? "" : "; it is not finished (--partial)");
    print_near(s, out);
}

struct cs_json *cs_judges_near_json(const struct cs_study *s)
{
    const struct cs_parent_study *p = s->parent;
    if (p == NULL)
        return NULL;
    const struct sums t = sums_of(p);
    struct cs_json *near_all = cs_json_array();
    for (uint32_t j = 0; j < s->n_models; j++) {
        for (uint32_t m = 0; m < p->n_models; m++) {
            const enum near near = is_judged(p, m) ? nearness(s, j, m) : FAR;
            if (near != FAR)
                cs_json_array_append_new(near_all, cs_json_pack("{s:s, s:s, s:s}", "judge", s->models[j].name, "model",
                                                                p->models[m], "same", near_names[near]));
        }
    }
    return cs_json_pack("{s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:o}", "study", p->study, "finished", p->closed,
                        "planned_only", p->planned, "planned", (int64_t)t.planned, "answered", (int64_t)t.answered,
                        "failed", (int64_t)t.failed, "taken", (int64_t)t.taken, "unfit", (int64_t)t.unfit, "near",
                        near_all);
}
