#include "store/keyspace.h"

#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/study/answer.h"

enum { COUNTERS_VERSION = 1, TAIL_MIN = 9, TAIL_FIRST = 13 };

void cs_keyspace_put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

void cs_keyspace_put_u64(uint8_t *p, uint64_t v)
{
    cs_keyspace_put_u32(p, (uint32_t)(v >> 32));
    cs_keyspace_put_u32(p + 4, (uint32_t)v);
}

uint32_t cs_keyspace_get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t cs_keyspace_get_u64(const uint8_t *p)
{
    return (uint64_t)cs_keyspace_get_u32(p) << 32 | cs_keyspace_get_u32(p + 4);
}

/* ---- keys ---------------------------------------------------------------------------------------- */

struct cs_slice cs_keyspace_slice(const struct cs_key *k)
{
    return (struct cs_slice){k->b, k->n};
}

static void named(struct cs_key *k, uint8_t type, const char *name)
{
    size_t n = strlen(name);
    CS_ASSERT(n <= CS_KEY_NAME_MAX);
    k->b[0] = type;
    memcpy(k->b + 1, name, n);
    k->n = (uint32_t)(1 + n);
}

void cs_keyspace_system(struct cs_key *k, const char *name)
{
    named(k, 's', name);
}

void cs_keyspace_meta(struct cs_key *k, const char *key)
{
    named(k, 'm', key);
}

void cs_keyspace_output(struct cs_key *k, uint64_t output_id)
{
    cs_keyspace_put_u64(k->b, output_id);
    k->n = 8;
}

static void of_digest(struct cs_key *k, enum cs_ledger_row row, const struct cs_digest *d)
{
    k->b[0] = (uint8_t)row;
    memcpy(k->b + 1, d->b, sizeof d->b);
    k->n = 1 + sizeof d->b;
}

void cs_keyspace_digest(struct cs_key *k, const struct cs_digest *d)
{
    of_digest(k, CS_ROW_DIGEST, d);
}

void cs_keyspace_index_lanes(struct cs_key *k, const struct cs_digest *d)
{
    of_digest(k, CS_ROW_INDEX, d);
}

void cs_keyspace_index_lane(struct cs_key *k, const struct cs_digest *d, uint64_t lane)
{
    cs_keyspace_index_lanes(k, d);
    cs_keyspace_put_u64(k->b + k->n, lane);
    k->n += 8;
}

void cs_keyspace_index(struct cs_key *k, const struct cs_digest *d, uint64_t lane, uint64_t output_id)
{
    cs_keyspace_index_lane(k, d, lane);
    cs_keyspace_put_u64(k->b + k->n, output_id);
    k->n += 8;
}

void cs_keyspace_turns(struct cs_key *k, const struct cs_digest *d, const struct cs_owner *owner, uint32_t draw)
{
    of_digest(k, CS_ROW_TURN, d);
    cs_keyspace_put_u64(k->b + k->n, owner->lane);
    cs_keyspace_put_u64(k->b + k->n + 8, owner->bought_for);
    cs_keyspace_put_u32(k->b + k->n + 16, draw);
    k->n += 20;
}

void cs_keyspace_turn(struct cs_key *k, const struct cs_digest *d, const struct cs_owner *owner, uint32_t draw,
                      uint32_t turn)
{
    cs_keyspace_turns(k, d, owner, draw);
    cs_keyspace_put_u32(k->b + k->n, turn);
    k->n += 4;
}

void cs_keyspace_history(struct cs_key *k, uint64_t output_id)
{
    cs_keyspace_row(k, CS_ROW_HISTORY);
    cs_keyspace_put_u64(k->b + k->n, output_id);
    k->n += 8;
}

void cs_keyspace_row(struct cs_key *k, enum cs_ledger_row row)
{
    k->b[0] = (uint8_t)row;
    k->n = 1;
}

void cs_keyspace_generation(struct cs_key *k, enum cs_ledger_row row, uint32_t gen)
{
    k->b[0] = (uint8_t)row;
    cs_keyspace_put_u32(k->b + 1, gen);
    k->n = 5;
}

void cs_keyspace_lane(struct cs_key *k, enum cs_ledger_row row, uint32_t gen, uint32_t lane)
{
    cs_keyspace_generation(k, row, gen);
    cs_keyspace_put_u32(k->b + 5, lane);
    k->n = 9;
}

void cs_keyspace_at(struct cs_key *k, enum cs_ledger_row row, uint32_t gen, uint32_t lane, uint64_t at)
{
    cs_keyspace_lane(k, row, gen, lane);
    cs_keyspace_put_u64(k->b + 9, at);
    k->n = 17;
}

void cs_keyspace_after(struct cs_key *k)
{
    while (k->n > 0 && k->b[k->n - 1] == 0xff)
        k->n--;
    CS_ASSERT(k->n > 0); /* keys with a neighbour begin with a letter */
    k->b[k->n - 1]++;
}

bool cs_keyspace_parse_index(struct cs_slice key, struct cs_digest *d, struct cs_indexed *out)
{
    const uint8_t *b = key.p;
    if (key.n != 1 + sizeof d->b + 16)
        return false;
    memcpy(d->b, b + 1, sizeof d->b);
    out->owner.lane = cs_keyspace_get_u64(b + 1 + sizeof d->b);
    out->output_id = cs_keyspace_get_u64(b + 9 + sizeof d->b);
    return true;
}

bool cs_keyspace_parse_at(struct cs_slice key, uint32_t *lane, uint64_t *at)
{
    const uint8_t *b = key.p;
    if (key.n != 17)
        return false;
    *lane = cs_keyspace_get_u32(b + 5);
    *at = cs_keyspace_get_u64(b + 9);
    return true;
}

/* ---- values -------------------------------------------------------------------------------------- */

/* Behind the flags stands nothing, or all of: reading's number and outcome, how many earlier ones, these; then how it reads. */
uint32_t cs_keyspace_place_encode(uint8_t out[CS_PLACE_MAX], const struct cs_place *p)
{
    uint8_t *at = out + CS_PLACE_BYTES;
    CS_ASSERT(p->n_earlier <= CS_EARLIER_MAX);
    cs_keyspace_put_u64(out, p->output_id);
    out[8] = p->flags;
    if (p->n_earlier == 0 && p->reading.number == 0)
        return CS_PLACE_BYTES;
    cs_keyspace_put_u32(at, p->reading.number);
    at[4] = p->reading.outcome;
    at[5] = (uint8_t)p->n_earlier;
    at += 6;
    for (uint32_t i = 0; i < p->n_earlier; i++, at += 8)
        cs_keyspace_put_u64(at, p->earlier[i]);
    if (p->reading.number != 0 && (p->reading.salvaged || p->reading.fault != 0)) {
        *at++ = p->reading.salvaged;
        *at++ = p->reading.fault;
    }
    return (uint32_t)(at - out);
}

bool cs_keyspace_place_decode(struct cs_slice value, struct cs_place *out)
{
    const uint8_t *b = value.p;
    *out = (struct cs_place){0};
    if (value.n < CS_PLACE_BYTES)
        return false;
    out->output_id = cs_keyspace_get_u64(b);
    out->flags = b[8];
    if (value.n == CS_PLACE_BYTES)
        return true;
    if (value.n < CS_PLACE_BYTES + 6)
        return false;
    const size_t end = CS_PLACE_BYTES + 6 + 8u * b[14];
    out->reading.number = cs_keyspace_get_u32(b + 9);
    out->reading.outcome = out->reading.number != 0 ? b[13] : 0;
    if (value.n < end ||
        (out->reading.number != 0 && (b[13] >= CS_OUTCOMES || !cs_outcome_is_answer((enum cs_outcome)b[13]))))
        return false;
    if (out->reading.number != 0 && value.n >= end + 2) {
        out->reading.salvaged = b[end] != 0;
        out->reading.fault = b[end + 1] < CS_ANSWER_FAULTS ? b[end + 1] : CS_ANSWER_NONE;
    }
    out->n_earlier = b[14] < CS_EARLIER_MAX ? b[14] : CS_EARLIER_MAX;
    for (uint32_t i = 0; i < out->n_earlier; i++)
        out->earlier[i] = cs_keyspace_get_u64(b + 15 + 8 * i);
    return true;
}

uint32_t cs_keyspace_index_encode(uint8_t out[CS_INDEX_BYTES], const struct cs_indexed *f)
{
    out[0] = f->flags;
    cs_keyspace_put_u64(out + 1, f->owner.bought_for);
    if (f->earlier == 0)
        return 9;
    cs_keyspace_put_u64(out + 9, f->earlier);
    return CS_INDEX_BYTES;
}

bool cs_keyspace_index_decode(struct cs_slice value, struct cs_indexed *out)
{
    const uint8_t *b = value.p;
    if (value.n < 9 || (value.n > 9 && value.n < CS_INDEX_BYTES))
        return false;
    out->flags = b[0];
    out->owner.bought_for = cs_keyspace_get_u64(b + 1);
    out->earlier = value.n > 9 ? cs_keyspace_get_u64(b + 9) : 0;
    return true;
}

/* The counters behind the outcomes, in the order in which they are stored. */
static void tail_of(struct cs_counters *c, uint64_t *tail[CS_COUNTERS_TAIL])
{
    uint64_t *order[CS_COUNTERS_TAIL] = {&c->adopted,
                                         &c->duplicates,
                                         &c->attempts,
                                         &c->ambiguous,
                                         &c->input_tokens,
                                         &c->cached_tokens,
                                         &c->output_tokens,
                                         &c->reasoning_tokens,
                                         (uint64_t *)&c->cost_nano_usd,
                                         (uint64_t *)&c->ambiguous_nano_usd,
                                         &c->superseded,
                                         &c->overload,
                                         &c->carried,
                                         &c->salvaged,
                                         (uint64_t *)&c->wasted_nano_usd,
                                         (uint64_t *)&c->absurd_nano_usd,
                                         (uint64_t *)&c->over_nano_usd,
                                         (uint64_t *)&c->voided_nano_usd,
                                         &c->untold,
                                         &c->over,
                                         &c->moved,
                                         &c->cached,
                                         &c->reread,
                                         &c->turns,
                                         &c->cache_write_tokens};
    memcpy(tail, order, sizeof order);
}

uint32_t cs_keyspace_counters_encode(uint8_t out[CS_COUNTERS_BYTES], const struct cs_counters *c)
{
    int figures = CS_COUNTERS_TAIL;
    struct cs_counters copy = *c;
    uint64_t *tail[CS_COUNTERS_TAIL];
    tail_of(&copy, tail);
    while (figures > TAIL_FIRST && *tail[figures - 1] == 0) /* these came later: left out where they are 0 */
        figures--;
    *out++ = COUNTERS_VERSION;
    *out++ = CS_OUTCOMES;
    for (int i = 0; i < CS_OUTCOMES; i++, out += 8)
        cs_keyspace_put_u64(out, copy.outcome[i]);
    for (int i = 0; i < figures; i++, out += 8)
        cs_keyspace_put_u64(out, *tail[i]);
    return 2 + 8 * (uint32_t)(CS_OUTCOMES + figures);
}

bool cs_keyspace_counters_decode(struct cs_slice value, struct cs_counters *c)
{
    const uint8_t *b = value.p;
    uint64_t *tail[CS_COUNTERS_TAIL];
    memset(c, 0, sizeof *c);
    tail_of(c, tail);
    if (value.n < 2 || b[0] != COUNTERS_VERSION)
        return false;
    size_t outcomes = b[1]; /* an older program knew fewer, a newer one knows more: what we do not know is skipped */
    if (value.n % 8 != 2 || value.n < 2 + 8 * (outcomes + TAIL_MIN))
        return false;
    size_t figures = (value.n - 2) / 8 - outcomes;
    b += 2;
    for (size_t i = 0; i < outcomes; i++, b += 8) {
        if (i < CS_OUTCOMES)
            c->outcome[i] = cs_keyspace_get_u64(b);
    }
    for (size_t i = 0; i < figures && i < CS_COUNTERS_TAIL; i++, b += 8)
        *tail[i] = cs_keyspace_get_u64(b);
    return true;
}
