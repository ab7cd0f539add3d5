/* One request, from its arrival to its reply. */
#include <math.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "tools/simulator/dialect.h"
#include "tools/simulator/draw.h"
#include "tools/simulator/reply.h"

static const double delay_max_ms = 3600e3;

void cs_serve_reply_release(struct cs_sim_reply *r)
{
    cs_buf_release(&r->body);
}

/* ---- the answer ------------------------------------------------------------------------------- */

static bool find_place(struct cs_exchange *x, struct cs_truth_place *at, uint64_t **counter, struct cs_sim_tally *t)
{
    static const char prefix[] = "simulator: prompt matches";
    const char *what = NULL;
    switch (cs_truth_match(x->model->truth, cs_buf_cstr(&x->request.prompt), x->request.prompt.len, at)) {
    case CS_MATCH_OK:
        return true;
    case CS_MATCH_NO_CASE:
        what = "no case of the truth file";
        *counter = &t->no_case;
        break;
    case CS_MATCH_SEVERAL_CASES:
        what = "several cases of the truth file";
        *counter = &t->several_cases;
        break;
    case CS_MATCH_SEVERAL_LEVELS:
        what = "several levels of the truth file";
        *counter = &t->several_levels;
        break;
    }
    return cs_chat_error_set(&x->error, 400, "invalid_request_error", "messages", "simulator_no_match", "%s %s", prefix,
                             what);
}

/* What a judge says of the text before it, instead of a verdict. */
static const char *no_verdict(const struct cs_exchange *x, const struct cs_planted_case *judged, bool *refused)
{
    const struct cs_sim_model *m = x->model;
    *refused = *refused || cs_planted_judge_refuses(m->model->judge, judged, m->seed, x->digest);
    return !*refused && cs_planted_judge_rambles(m->model->judge, judged, m->seed, x->digest, x->judged_before)
               ? "I would rather not put this into the form that was asked for."
               : NULL;
}

static void write_free(struct cs_exchange *x, const struct cs_reply_source *from, struct cs_buf *text)
{
    const bool object = x->request.format == CS_CHAT_JSON_OBJECT;
    const double u = cs_sim_draw_unit(from->seed, "random", from->digest, "", NULL);
    if (!object && from->model != NULL && cs_spoken_has(from->model))
        cs_spoken_write(from->truth, from->seed, from->model, from->at, from->digest, from->trial, from->talk, text);
    else
        cs_buf_printf(text, object ? "{\"answer\":\"simulated text %08x\"}" : "This is simulated text %08x.",
                      (unsigned)(u * 0x1p32));
}

/* The answer's text, planted or by chance. False: no answer; *counter says what it was, and is counted later. */
static bool compose(struct cs_exchange *x, struct cs_buf *text, bool *refused, struct cs_sim_calls *calls,
                    uint64_t **counter, struct cs_sim_tally *t)
{
    const struct cs_sim_model *m = x->model;
    const bool judges = m->model != NULL && m->model->judge != NULL;
    struct cs_reply_source from = {.seed = m->seed,
                                   .digest = x->chance,
                                   .trial = x->digest,
                                   .talk = &x->talk,
                                   .tooling = &x->request.tooling,
                                   .truth = m->truth,
                                   .model = m->model};
    struct cs_planted_case judged;
    const char *instead = NULL;
    struct cs_error err;
    if (judges) { /* it knows the text that it judges, and no case */
        cs_planted_judge_read(&judged, m->truth, cs_buf_cstr(&x->request.prompt), x->request.prompt.len);
        from.judged = &judged;
        from.at.level = judged.texts[0].level;
    } else if (m->truth != NULL && !find_place(x, &from.at, counter, t)) {
        return false;
    }
    *refused = m->model != NULL && cs_truth_refuses(m->model, m->seed, from.at, x->chance);
    if (judges)
        instead = no_verdict(x, &judged, refused);
    else if (m->model != NULL && m->model->tools != NULL && !*refused)
        cs_tooling_draw(m->model->tools, m->truth, m->seed, from.at.level, x->digest, &x->request.tooling, calls);
    if (calls->n > 0)
        return true;
    if (*refused) {
        cs_buf_str(text, "I'm sorry, but I can't assist with that request.");
    } else if (instead != NULL) {
        cs_buf_str(text, instead);
    } else if (x->request.schema != NULL) {
        if (cs_reply_write(x->request.schema, &from, text, &err) != CS_OK) {
            *counter = &t->schema_conflicts;
            return cs_chat_error_set(&x->error, 400, "invalid_request_error", "response_format", "simulator_schema",
                                     "%s", err.msg);
        }
    } else {
        write_free(x, &from, text);
    }
    return true;
}

static void write_answer(struct cs_exchange *x, const struct cs_buf *text, bool refused,
                         const struct cs_sim_calls *calls, struct cs_chat_answer *a)
{
    char id[64];
    snprintf(id, sizeof id, "%s%016llx%.12s", x->dialect->id_prefix, (unsigned long long)x->number, x->digest);
    *a = (struct cs_chat_answer){.id = id,
                                 .model = x->request.model,
                                 .fingerprint = x->model->fingerprint,
                                 .created = x->call->wall_s,
                                 .text = cs_buf_cstr(text),
                                 .refused = refused,
                                 .tool = x->request.tool,
                                 .calls = calls->n > 0 ? calls : NULL,
                                 .logprobs = x->request.logprobs,
                                 .top_logprobs = x->request.top_logprobs,
                                 .seed = x->model->seed,
                                 .digest = x->chance,
                                 .input_tokens = cs_sim_dialect_tokens(x->request.content_bytes) +
                                                 x->request.image_tokens,
                                 .max_tokens = x->request.max_tokens};
    if (x->cache > 0 && a->input_tokens >= x->cache) /* in whole blocks, as vendors do */
        *(x->answered_before ? &a->cached_tokens : &a->cache_write_tokens) = a->input_tokens / 16 * 16;
    x->dialect->write(a, &x->reply->body);
    x->reply->status = 200;
    x->reply->delay_ms = 0;
    if (x->latency.median_ms > 0) {
        const double z = cs_sim_draw_normal(x->model->seed, "latency", x->chance, x->attempt, NULL);
        const double ms = x->latency.median_ms * exp(x->latency.sigma * z);
        x->reply->delay_ms = (uint64_t)(ms < delay_max_ms ? ms : delay_max_ms);
    }
}

/* Counts a whole answer: it is paid for, whether or not the client is still there to read it. */
static void count_answer(struct cs_simulator *s, struct cs_exchange *x, const struct cs_chat_answer *a)
{
    struct cs_sim_counts *c = &x->model->counts;
    s->tally.answered++;
    c->answered++;
    c->refused += a->refused;
    c->input_tokens += a->input_tokens;
    c->cached_tokens += a->cached_tokens;
    c->cache_write_tokens += a->cache_write_tokens;
    c->output_tokens += a->output_tokens;
    *cs_idmap_at(&s->tally.bodies, x->body) |= 1;
    cs_arrival_settle(s, x, a->output_tokens);
    if (!x->has_digest)
        return;
    uint64_t *seen = cs_idmap_at(&s->tally.digests, x->digest_id);
    if (*seen == 0) /* the counts were reset since it arrived */
        *seen = cs_arrival_body_bits(x) << 2 | 1;
    if ((*seen & 2) != 0) {
        s->tally.paid_again++;
        c->paid_again++;
    }
    *seen |= 2;
}

static void finish(struct cs_simulator *s, struct cs_exchange *x, uint64_t *counter, const struct cs_chat_answer *a)
{
    struct cs_sim_reply *r = x->reply;
    const bool failed = r->status == 0 && x->error.status != 0;
    if (failed)
        x->dialect->write_error(x);
    x->dialect->add_headers(x);
    if (failed)
        cs_misbehave_spoil_error(x);

    const bool whole = a != NULL && cs_misbehave_spoil(x);
    pthread_mutex_lock(&s->lock);
    if (counter != NULL)
        ++*counter;
    if (r->fault != CS_FAULT_NONE)
        s->tally.faults[r->fault]++;
    if (whole)
        count_answer(s, x, a);
    if (s->log != NULL)
        fprintf(s->log, "%lld\t%016llx\t%s\t%s\t%s\t%llu\t%u\t%s\n", (long long)x->call->mono_us,
                (unsigned long long)x->key_id, x->model != NULL ? x->model->id : "-", x->has_digest ? x->digest : "-",
                x->attempt, (unsigned long long)x->charge.tokens, r->status, cs_fault_name(r->fault));
    pthread_mutex_unlock(&s->lock);
}

void cs_simulator_serve(struct cs_simulator *s, const struct cs_sim_call *call, struct cs_sim_reply *reply)
{
    struct cs_exchange x = {.call = call,
                            .dialect = call->dialect != NULL ? call->dialect : &cs_sim_openai_chat,
                            .reply = reply,
                            .error = CS_CHAT_ERROR_INIT,
                            .digest = "-",
                            .attempt = "0"};
    struct cs_buf text = CS_BUF_INIT(CS_SIM_REPLY_MAX / 4);
    struct cs_chat_answer answer, *given = NULL;
    struct cs_sim_calls calls;
    uint64_t *counter = NULL;
    bool refused = false;

    calls.n = 0;
    *reply = (struct cs_sim_reply){.body = CS_BUF_INIT(CS_SIM_REPLY_MAX), .fault = CS_FAULT_NONE};
    if (!cs_arrival_arrive(s, &x))
        goto out;
    if (!cs_arrival_read(s, &x)) {
        counter = &s->tally.invalid;
        goto out;
    }
    if (cs_arrival_admit(s, &x) && cs_misbehave_survive(&x) &&
        compose(&x, &text, &refused, &calls, &counter, &s->tally)) {
        write_answer(&x, &text, refused, &calls, &answer);
        given = &answer;
    }
out:
    finish(s, &x, counter, given);
    cs_tooling_release(&calls);
    cs_buf_release(&text);
    cs_sim_openai_chat_request_release(&x.request);
    cs_chat_error_release(&x.error);
}
