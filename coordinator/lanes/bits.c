
#include "coordinator/lanes/bits.h"

#include <endian.h>
#include <string.h>

bool cs_bits_has(const struct cs_bits *s, unsigned i)
{
    return (s->w[i / 64] >> (i % 64) & 1) != 0;
}

void cs_bits_add(struct cs_bits *s, unsigned i)
{
    s->w[i / 64] |= (uint64_t)1 << (i % 64);
}

bool cs_bits_none(const struct cs_bits *s)
{
    return (s->w[0] | s->w[1] | s->w[2] | s->w[3]) == 0;
}

unsigned cs_bits_count(const struct cs_bits *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < 4; i++)
        n += (unsigned)__builtin_popcountll(s->w[i]);
    return n;
}

struct cs_bits cs_bits_and(const struct cs_bits *a, const struct cs_bits *b)
{
    struct cs_bits r;

    for (unsigned i = 0; i < 4; i++)
        r.w[i] = a->w[i] & b->w[i];
    return r;
}

struct cs_bits cs_bits_or(const struct cs_bits *a, const struct cs_bits *b)
{
    struct cs_bits r;

    for (unsigned i = 0; i < 4; i++)
        r.w[i] = a->w[i] | b->w[i];
    return r;
}

struct cs_bits cs_bits_without(const struct cs_bits *a, const struct cs_bits *b)
{
    struct cs_bits r;

    for (unsigned i = 0; i < 4; i++)
        r.w[i] = a->w[i] & ~b->w[i];
    return r;
}

struct cs_bits cs_bits_range(uint64_t from, uint64_t to)
{
    struct cs_bits r = {{0}};

    for (unsigned i = 0; i < 4; i++) {
        uint64_t low = from > 64 * i ? from - 64 * i : 0, high = to > 64 * i ? to - 64 * i : 0;

        if (low >= 64 || high <= low)
            continue;
        r.w[i] = UINT64_MAX << low;
        if (high < 64)
            r.w[i] &= ((uint64_t)1 << high) - 1;
    }
    return r;
}

struct cs_bits cs_bits_lowest(const struct cs_bits *s, unsigned k)
{
    struct cs_bits r = {{0}};

    for (unsigned i = 0; i < 4; i++) {
        uint64_t rest = s->w[i];

        for (; rest != 0 && k > 0; k--) {
            r.w[i] |= rest & -rest;
            rest &= rest - 1;
        }
    }
    return r;
}

struct cs_bits cs_bits_from_wire(const uint8_t bytes[CS_BITMAP_BYTES])
{
    struct cs_bits s;

    memcpy(s.w, bytes, sizeof s.w);
    for (unsigned i = 0; i < 4; i++)
        s.w[i] = le64toh(s.w[i]);
    return s;
}

void cs_bits_to_wire(const struct cs_bits *s, uint8_t bytes[CS_BITMAP_BYTES])
{
    struct cs_bits t;

    for (unsigned i = 0; i < 4; i++)
        t.w[i] = htole64(s->w[i]);
    memcpy(bytes, t.w, sizeof t.w);
}
