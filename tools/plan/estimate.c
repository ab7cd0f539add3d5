#include "tools/plan/estimate.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "protocol/base/hash.h"

#include "protocol/base/alloc.h"
#include "protocol/study/applies.h"
#include "protocol/study/tokens.h"
#include "protocol/study/render.h"

/* ---- cases -------------------------------------------------------------------------------------- */

struct seen {
    uint8_t digest[32];
    uint32_t case_index;
    UT_hash_handle hh;
};

static struct seen *find_or_add(struct seen **set, const uint8_t digest[32], uint32_t case_index)
{
    struct seen *s;
    HASH_FIND(hh, *set, digest, 32, s);
    if (s != NULL)
        return s;
    s = cs_xcalloc(1, sizeof *s);
    memcpy(s->digest, digest, 32);
    s->case_index = case_index;
    HASH_ADD(hh, *set, digest, 32, s);
    return NULL;
}

static void free_set(struct seen **set)
{
    struct seen *s, *tmp;
    HASH_ITER (hh, *set, s, tmp) {
        HASH_DEL(*set, s);
        free(s);
    }
}

/* Counts clusters and cases that repeat the text column of an earlier one. */
static void survey_cases(const struct cs_study *study, const struct cs_loaded *l, struct cs_estimate *out)
{
    struct seen *clusters = NULL, *texts = NULL;
    const uint32_t text = study->parent == NULL ? cs_study_column(study, "text") : CS_NONE;
    for (uint32_t i = 0; i < study->n_cases; i++) {
        const struct cs_case *c = &l->all[i];
        uint8_t digest[32];
        if (i > 0 && c->cluster == l->all[i - 1].cluster)
            continue; /* outputs of one case */
        cs_digest_blake2b_256(c->cluster, strlen(c->cluster), digest);
        if (find_or_add(&clusters, digest, i) == NULL)
            out->clusters++;
        if (text == CS_NONE || c->values[text][0] == '\0')
            continue;
        cs_digest_blake2b_256(c->values[text], strlen(c->values[text]), digest);
        const struct seen *first = find_or_add(&texts, digest, i);
        if (first != NULL && out->n_same++ == 0) {
            out->same_a = first->case_index;
            out->same_b = i;
        }
    }
    free_set(&clusters);
    free_set(&texts);
}

/* ---- insertion points ----------------------------------------------------------------------------- */

static bool ends_in_abbreviation(const char *text, size_t n)
{
    static const char *const words[] = {"dr",    "mr",   "mrs",  "ms",  "st",  "vs",  "approx", "e.g", "i.e", "no",
                                        "yr",    "yrs",  "mo",   "hx",  "pt",  "c",   "p",      "q",   "hr",  "hrs",
                                        "min",   "prof", "etc",  "y.o", "a.m", "p.m", "p.o",    "i.v", "q.d", "b.i.d",
                                        "t.i.d", "resp", "temp", "wt",  "ht",  "dx",  "tx",     "rx",  "fx",  "u.s",
                                        "jr",    "sr",   "fig",  "cf",  "al",  "wks", "mos"};
    size_t start = n;
    while (start > 0 && text[start - 1] != ' ' && text[start - 1] != '\n')
        start--;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i]) == n - start && strncasecmp(text + start, words[i], n - start) == 0)
            return true;
    }
    return n - start == 1 && isalpha((unsigned char)text[start]); /* an initial */
}

/* Why a person should look at this insertion point, or NULL. */
static const char *doubt_about(const struct cs_factor *f, const char *text)
{
    const char *at = strstr(text, f->anchor);
    if (at == NULL)
        return NULL; /* rendering reports that as a fault */
    if (f->insert == CS_INSERT_AT)
        return strstr(at + strlen(f->anchor), f->anchor) != NULL
                   ? "the marker occurs more than once; the first one is used"
                   : NULL;
    if (f->anchor[0] == '.' && ends_in_abbreviation(text, (size_t)(at - text)))
        return "the first place follows an abbreviation, perhaps not the end of a sentence";
    return NULL;
}

static void add_doubt(struct cs_estimate *out, uint32_t factor, uint32_t case_index, const char *why)
{
    for (uint32_t i = 0; i < out->n_doubts; i++) {
        if (out->doubts[i].factor == factor && out->doubts[i].why == why) {
            out->doubts[i].cases++;
            return;
        }
    }
    if (out->n_doubts < CS_ESTIMATE_NOTES)
        out->doubts[out->n_doubts++] = (struct cs_estimate_doubt){factor, case_index, 1, why};
}

static void survey_insertions(const struct cs_study *study, const struct cs_loaded *l, struct cs_estimate *out)
{
    for (uint32_t f = 0; f < study->n_factors; f++) {
        const struct cs_factor *factor = &study->factors[f];
        if (factor->insert == CS_INSERT_NONE)
            continue;
        for (uint32_t i = 0; i < study->n_cases; i++) {
            const char *why = doubt_about(factor, l->all[i].values[factor->into_column]);
            if (why != NULL)
                add_doubt(out, f, i, why);
        }
    }
}

/* ---- prompts ---------------------------------------------------------------------------------------- */

struct sums {
    uint64_t frame[CS_QUESTIONS_MAX]; /* per lane: bytes of a request around its messages, + 1; 0: not known yet */
    uint64_t tokens, bytes;           /* per lane: in messages that were looked at, and how long they are in the body */
    uint64_t images, images_most;     /* per lane: what the images of all calls count, as a rule and at most */
    uint64_t calls, replies;          /* per lane: calls, and replies that stand in the histories of calls */
    struct cs_prompt prompt;
    double *chars[CS_FACTORS_MAX];
    uint64_t *prompts[CS_FACTORS_MAX];
};

static void add_alike(struct cs_estimate *out, uint32_t factor, uint32_t a, uint32_t b, uint32_t lane)
{
    for (uint32_t i = 0; i < out->n_alike; i++) {
        struct cs_estimate_alike *p = &out->alike[i];
        if (p->factor == factor && p->a == a && p->b == b) {
            p->lanes += p->lane != lane; /* lanes are surveyed one after the other */
            p->lane = lane;
            return;
        }
    }
    if (out->n_alike < CS_ESTIMATE_NOTES)
        out->alike[out->n_alike++] = (struct cs_estimate_alike){factor, a, b, 1, lane};
}

/* The one factor in which two cells with equal requests differ, or CS_NONE when it is none or several. */
static uint32_t only_difference(const struct cs_study *s, const struct cs_coords *a, const struct cs_coords *b)
{
    uint32_t found = CS_NONE, n = 0;
    for (uint32_t f = 0; f < s->n_factors; f++) {
        if (a->arms[f].level != b->arms[f].level) {
            found = f;
            n++;
        }
    }
    return n == 1 && a->question == b->question ? found : CS_NONE;
}

static void note_alike(const struct cs_plan *plan, const struct cs_cells *cells, const struct cs_case *c,
                       struct cs_estimate *out)
{
    struct seen *bodies = NULL; /* body -> its first cell */
    for (uint32_t i = 0; i < cells->n; i++) {
        struct cs_coords a, b;
        cs_plan_cell(plan, cells->lane, cells->case_index, i, &b);
        if (!cs_applies_cell(plan->study, &b, c))
            continue;
        const struct seen *first = find_or_add(&bodies, cells->body_digest[i], i);
        if (first == NULL)
            continue;
        cs_plan_cell(plan, cells->lane, cells->case_index, first->case_index, &a);
        uint32_t f = only_difference(plan->study, &a, &b);
        if (f != CS_NONE)
            add_alike(out, f, a.arms[f].level, b.arms[f].level, cells->lane);
    }
    free_set(&bodies);
}

/* Trials of a cell: the repeats of its rectangle. */
static uint64_t trials_of(const struct cs_plan *plan, const struct cs_coords *c)
{
    return plan->study->rects[c->rect].repeats;
}

/* Bytes of a request that are not its messages: the same for all of a question, but for what a level sets and for escapes. */
static enum cs_err find_frame(const struct cs_plan *plan, const struct cs_coords *at, const struct cs_case *c,
                              uint64_t body, struct sums *sums, struct cs_error *err)
{
    if (sums->frame[at->question] != 0)
        return CS_OK;
    enum cs_err rc = cs_render(plan->study, at, c, &sums->prompt, err);
    const uint64_t messages = cs_render_bytes(&sums->prompt);
    sums->frame[at->question] = 1 + (body > messages ? body - messages : 0);
    return rc;
}

/* Tokens of the messages of a case's first cell: those of a case differ by little. */
static enum cs_err count_tokens(const struct cs_plan *plan, const struct cs_coords *at, const struct cs_case *c,
                                uint64_t bytes, struct sums *sums, struct cs_error *err)
{
    enum { MESSAGE = 3, REQUEST = 2 }; /* what stands around each message, and once: OpenAI's, others are near */
    enum cs_err rc = cs_render(plan->study, at, c, &sums->prompt, err);
    const struct cs_buf *system = &sums->prompt.system, *user = &sums->prompt.user;
    sums->tokens += cs_tokens_estimate(cs_buf_cstr(system), system->len) + (system->len > 0 ? MESSAGE : 0);
    sums->tokens += cs_tokens_estimate(cs_buf_cstr(user), user->len) + MESSAGE + REQUEST;
    for (uint32_t i = 0; i < sums->prompt.n_before; i++)
        sums->tokens += cs_tokens_estimate(sums->prompt.before[i].text, strlen(sums->prompt.before[i].text)) + MESSAGE;
    sums->bytes += bytes;
    return rc;
}

/* What the calls of a conversation after its first one send, but for replies: frames and messages. */
static enum cs_err add_turns(const struct cs_plan *plan, const struct cs_coords *at, const struct cs_case *c,
                             uint64_t later, struct sums *sums, uint64_t bytes[2], struct cs_error *err)
{
    uint64_t messages = 0;
    enum cs_err rc = cs_render(plan->study, at, c, &sums->prompt, err);
    const uint32_t calls = rc == CS_OK ? cs_script_calls(&sums->prompt) : 0;
    for (uint32_t k = 1; k < calls; k++)
        messages += cs_script_bytes(&sums->prompt, k);
    bytes[0] += (later > messages ? later - messages : 0) * trials_of(plan, at);
    bytes[1] += messages * trials_of(plan, at);
    sums->replies += (uint64_t)calls * (calls - 1) / 2 * trials_of(plan, at);
    return rc;
}

static enum cs_err survey_case(const struct cs_plan *plan, struct cs_requests *requests, const struct cs_loaded *l,
                               uint32_t lane, uint32_t case_index, struct sums *sums, uint64_t bytes[2],
                               struct cs_estimate *out, struct cs_error *err)
{
    struct cs_cells *cells = NULL;
    bool first = true;
    enum cs_err rc = cs_cells_make(requests, lane, case_index, &l->cases, true, &cells, err);
    if (rc != CS_OK)
        return rc;
    for (uint32_t i = 0; i < cells->n && rc == CS_OK; i++) {
        struct cs_coords at;
        cs_plan_cell(plan, lane, case_index, i, &at);
        if (!cs_applies_cell(plan->study, &at, &l->all[case_index]))
            continue;
        rc = find_frame(plan, &at, &l->all[case_index], cells->body_len[i], sums, err);
        const uint64_t frame = sums->frame[at.question] - 1, body = cells->body_len[i];
        const uint64_t messages = body > frame ? body - frame : 0;
        bytes[0] += (body - messages) * trials_of(plan, &at);
        bytes[1] += messages * trials_of(plan, &at);
        sums->calls += cells->calls[i] * trials_of(plan, &at);
        if (cells->images != NULL) {
            sums->images += (uint64_t)cells->images[i].usual * cells->calls[i] * trials_of(plan, &at);
            sums->images_most += (uint64_t)cells->images[i].most * cells->calls[i] * trials_of(plan, &at);
        }
        if (cells->calls[i] > 1 && rc == CS_OK)
            rc = add_turns(plan, &at, &l->all[case_index], cells->all_bytes[i] - body, sums, bytes, err);
        if (first && rc == CS_OK)
            rc = count_tokens(plan, &at, &l->all[case_index], messages, sums, err);
        first = false;
        for (uint32_t f = 0; f < plan->study->n_factors; f++) {
            sums->chars[f][at.arms[f].level] += cells->body_len[i];
            sums->prompts[f][at.arms[f].level]++;
        }
    }
    note_alike(plan, cells, &l->all[case_index], out);
    cs_cells_free(cells);
    return rc;
}

/* A short structured answer: about eight tokens a field, and the braces; free text is longer. */
static uint64_t short_answer_tokens(const struct cs_study *s)
{
    uint64_t most = 0;
    for (uint32_t q = 0; q < s->n_questions; q++) {
        uint64_t n = 4;
        for (uint32_t f = 0; f < s->questions[q].n_fields; f++)
            n += s->questions[q].fields[f].kind == CS_FIELD_TEXT ? 24 : 8;
        most = n > most ? n : most;
    }
    return most;
}

static double largest(double a, double b)
{
    return a > b ? a : b;
}

static double minutes_at(const struct cs_limits *l, double calls, double input, double tokens)
{
    double minutes = 0;
    if (l->requests_per_minute > 0)
        minutes = largest(minutes, calls / (double)l->requests_per_minute);
    if (l->tokens_per_minute > 0)
        minutes = largest(minutes, tokens / (double)l->tokens_per_minute);
    if (l->input_tokens_per_minute > 0)
        minutes = largest(minutes, input / (double)l->input_tokens_per_minute);
    if (l->requests_per_day > 0)
        minutes = largest(minutes, calls / (double)l->requests_per_day * 1440);
    return minutes;
}

static bool draws_from(const struct cs_model *m, uint32_t account, uint32_t pool)
{
    for (uint32_t i = 0; m->account == account && i < m->n_pools; i++) {
        if (m->pools[i] == pool)
            return true;
    }
    return false;
}

/* What lanes share takes as long as all of them together need. */
static void add_shared_limits(const struct cs_plan *plan, struct cs_estimate *out)
{
    const struct cs_study *s = plan->study;
    for (uint32_t lane = 0; lane < plan->n_lanes; lane++) {
        const struct cs_model *m = &s->models[lane];
        for (uint32_t i = 0; i < m->n_pools; i++) {
            double calls = 0, input = 0, output = 0;
            for (uint32_t k = 0; k < plan->n_lanes; k++) {
                if (!draws_from(&s->models[k], m->account, m->pools[i]))
                    continue;
                calls += (double)out->lanes[k].calls;
                input += (double)out->lanes[k].input_tokens;
                output += (double)out->lanes[k].output_low;
            }
            const struct cs_limits *l = &s->accounts[m->account].pools[m->pools[i]].limits;
            struct cs_estimate_lane *to = &out->lanes[lane];
            to->minutes_min = largest(to->minutes_min, minutes_at(l, calls, input, input + output));
        }
    }
}

static void price_lane(const struct cs_plan *plan, uint32_t lane, uint32_t cap, struct cs_estimate_lane *out)
{
    const struct cs_model *m = &plan->study->models[lane];
    const double in = (double)out->input_tokens;
    out->output_low = short_answer_tokens(plan->study) * out->calls;
    out->output_high = (uint64_t)cap * out->calls;
    if (out->output_high != 0 && out->output_low > out->output_high)
        out->output_low = out->output_high;
    const uint64_t most = out->output_high > 0 ? out->output_high : out->output_low; /* without a cap: at least that */
    out->usd_low = out->usd_high = -1;
    if (m->price.input >= 0 && m->price.output >= 0) {
        int64_t low, high;
        const uint64_t calls = plan->lanes[lane].n_planned;
        const struct cs_price_tokens least = {.input = out->input_tokens, .output = out->output_low};
        (void)cs_price_of(&m->price, &least, &low);
        (void)cs_price_most(&m->price, calls, out->input_high, most, &high);
        out->usd_low = (double)cs_price_add(low, cs_price_requests(&m->price, calls)) / 1e9;
        out->usd_high = (double)high / 1e9;
    }
    out->minutes_min = minutes_at(&m->limits, (double)out->calls, in, in + (double)out->output_low);
}

/* What the whole lane takes, from the sampled cases. */
static uint64_t of_all(double tokens, const struct cs_study *s, const struct cs_estimate *e)
{
    return (uint64_t)(tokens * (double)s->n_cases / (double)(e->sampled != 0 ? e->sampled : 1) + 0.5);
}

/* Calls of the lane, and what the replies in their histories add to its input. */
static void count_calls(const struct cs_plan *plan, uint32_t lane, uint32_t cap, const struct sums *sums,
                        struct cs_estimate *out)
{
    const struct cs_study *s = plan->study;
    const uint64_t least = short_answer_tokens(s), most = cap > least ? cap : least;
    struct cs_estimate_lane *to = &out->lanes[lane];
    to->calls = sums->replies > 0 ? of_all((double)sums->calls, s, out) : plan->lanes[lane].n_planned;
    to->input_tokens += of_all((double)sums->replies * (double)(cap > 0 && cap < least ? cap : least), s, out);
    to->input_high += of_all((double)sums->replies * (double)most, s, out);
}

enum cs_err cs_estimate_make(const struct cs_plan *plan, struct cs_requests *requests, const struct cs_loaded *l,
                             struct cs_estimate *out, struct cs_error *err)
{
    const struct cs_study *s = plan->study;
    struct sums sums = {.prompt = CS_PROMPT_INIT};
    enum cs_err rc = CS_OK;
    *out = (struct cs_estimate){0};
    out->lanes = cs_arena_array(&out->arena, plan->n_lanes, sizeof *out->lanes);
    for (uint32_t f = 0; f < s->n_factors; f++) {
        sums.chars[f] = out->level_chars[f] = cs_arena_array(&out->arena, s->factors[f].n_levels, sizeof(double));
        sums.prompts[f] = cs_arena_array(&out->arena, s->factors[f].n_levels, sizeof(uint64_t));
    }
    survey_cases(s, l, out);
    survey_insertions(s, l, out);
    out->sampled = s->n_cases < CS_ESTIMATE_CASES ? s->n_cases : CS_ESTIMATE_CASES;
    for (uint32_t lane = 0; lane < plan->n_lanes && rc == CS_OK; lane++) {
        uint64_t bytes[2] = {0, 0};
        uint32_t cap = 0;
        memset(sums.frame, 0, sizeof sums.frame);
        sums.tokens = sums.bytes = sums.calls = sums.replies = sums.images = sums.images_most = 0;
        for (uint32_t i = 0; i < out->sampled && rc == CS_OK; i++)
            rc = survey_case(plan, requests, l, lane, (uint32_t)((uint64_t)i * s->n_cases / out->sampled), &sums, bytes,
                             out, err);
        const double per_byte = sums.bytes > 0 ? (double)sums.tokens / (double)sums.bytes : 0;
        out->lanes[lane].input_tokens = of_all((double)bytes[1] * per_byte, s, out);
        out->lanes[lane].input_high = out->lanes[lane].input_tokens +
                                      of_all((double)cs_request_estimate_tokens(bytes[0]), s, out);
        out->lanes[lane].input_tokens += of_all((double)sums.images, s, out);
        out->lanes[lane].input_high += of_all((double)sums.images_most, s, out);
        if (rc == CS_OK)
            rc = cs_requests_lane_cap(requests, lane, &cap, err);
        count_calls(plan, lane, cap, &sums, out);
        price_lane(plan, lane, cap, &out->lanes[lane]);
    }
    add_shared_limits(plan, out);
    for (uint32_t f = 0; f < s->n_factors; f++) {
        for (uint32_t v = 0; v < s->factors[f].n_levels; v++)
            out->level_chars[f][v] = sums.prompts[f][v] != 0 ? sums.chars[f][v] / (double)sums.prompts[f][v] : -1;
    }
    cs_render_release(&sums.prompt);
    return rc;
}

void cs_estimate_release(struct cs_estimate *s)
{
    cs_arena_release(&s->arena);
}
