#include "store/keyspace.h"

#include <string.h>

#include "protocol/base/assert.h"

enum { COUNTERS_VERSION = 1, TAIL_MIN = 9 };

void cs_put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

void cs_put_u64(uint8_t *p, uint64_t v)
{
    cs_put_u32(p, (uint32_t)(v >> 32));
    cs_put_u32(p + 4, (uint32_t)v);
}

uint32_t cs_get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t cs_get_u64(const uint8_t *p)
{
    return (uint64_t)cs_get_u32(p) << 32 | cs_get_u32(p + 4);
}

/* ---- keys ---------------------------------------------------------------------------------------- */

struct cs_slice cs_key_slice(const struct cs_key *k)
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

void cs_key_system(struct cs_key *k, const char *name)
{
    named(k, 's', name);
}

void cs_key_meta(struct cs_key *k, const char *key)
{
    named(k, 'm', key);
}

void cs_key_output(struct cs_key *k, uint64_t output_id)
{
    cs_put_u64(k->b, output_id);
    k->n = 8;
}

void cs_key_index(struct cs_key *k, const struct cs_digest *d)
{
    k->b[0] = CS_ROW_INDEX;
    memcpy(k->b + 1, d->b, sizeof d->b);
    k->n = 1 + sizeof d->b;
}

void cs_key_generation(struct cs_key *k, enum cs_ledger_row row, uint32_t gen)
{
    k->b[0] = (uint8_t)row;
    cs_put_u32(k->b + 1, gen);
    k->n = 5;
}

void cs_key_lane(struct cs_key *k, enum cs_ledger_row row, uint32_t gen, uint32_t lane)
{
    cs_key_generation(k, row, gen);
    cs_put_u32(k->b + 5, lane);
    k->n = 9;
}

void cs_key_at(struct cs_key *k, enum cs_ledger_row row, uint32_t gen, uint32_t lane, uint64_t at)
{
    cs_key_lane(k, row, gen, lane);
    cs_put_u64(k->b + 9, at);
    k->n = 17;
}

void cs_key_after(struct cs_key *k)
{
    while (k->n > 0 && k->b[k->n - 1] == 0xff)
        k->n--;
    CS_ASSERT(k->n > 0); /* keys with a neighbour begin with a letter */
    k->b[k->n - 1]++;
}

bool cs_key_parse_at(struct cs_slice key, uint32_t *lane, uint64_t *at)
{
    const uint8_t *b = key.p;
    if (key.n != 17)
        return false;
    *lane = cs_get_u32(b + 5);
    *at = cs_get_u64(b + 9);
    return true;
}

/* ---- values -------------------------------------------------------------------------------------- */

void cs_place_encode(uint8_t out[CS_PLACE_BYTES], uint64_t output_id, uint8_t flags)
{
    cs_put_u64(out, output_id);
    out[8] = flags;
}

bool cs_place_decode(struct cs_slice value, uint64_t *output_id, uint8_t *flags)
{
    const uint8_t *b = value.p;
    if (value.n != CS_PLACE_BYTES)
        return false;
    *output_id = cs_get_u64(b);
    *flags = b[8];
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
                                         &c->carried};
    memcpy(tail, order, sizeof order);
}

void cs_counters_encode(uint8_t out[CS_COUNTERS_BYTES], const struct cs_counters *c)
{
    struct cs_counters copy = *c;
    uint64_t *tail[CS_COUNTERS_TAIL];
    tail_of(&copy, tail);
    *out++ = COUNTERS_VERSION;
    *out++ = CS_OUTCOMES;
    for (int i = 0; i < CS_OUTCOMES; i++, out += 8)
        cs_put_u64(out, copy.outcome[i]);
    for (int i = 0; i < CS_COUNTERS_TAIL; i++, out += 8)
        cs_put_u64(out, *tail[i]);
}

bool cs_counters_decode(struct cs_slice value, struct cs_counters *c)
{
    const uint8_t *b = value.p;
    uint64_t *tail[CS_COUNTERS_TAIL];
    memset(c, 0, sizeof *c);
    tail_of(c, tail);
    if (value.n < 2 || b[0] != COUNTERS_VERSION || b[1] > CS_OUTCOMES)
        return false;
    uint8_t outcomes = b[1]; /* an older program knew fewer */
    size_t figures = (value.n - 2) / 8 - outcomes;
    if (value.n % 8 != 2 || value.n < 2 + 8u * outcomes || figures < TAIL_MIN || figures > CS_COUNTERS_TAIL)
        return false;
    b += 2;
    for (int i = 0; i < outcomes; i++, b += 8)
        c->outcome[i] = cs_get_u64(b);
    for (size_t i = 0; i < figures; i++, b += 8)
        *tail[i] = cs_get_u64(b);
    return true;
}
