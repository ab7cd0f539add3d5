#include "protocol/study/tokens.h"

#include <stdbool.h>

/* Thousandths of a token. */
enum {
    WORD = 1000,
    LETTERS_FREE = 4, /* letters of a word that cost nothing more; each further one: */
    LETTER = 100,
    NUMBER = 150,
    DIGIT = 600,
    SIGN = 800,
    BREAK = 900,     /* line breaks in a row */
    TWO_BYTES = 900, /* a character of two bytes; of more: */
    WIDE = 1200
};

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_break(unsigned char c)
{
    return c == '\n';
}

static size_t run(const char *text, size_t n, bool (*is)(unsigned char))
{
    size_t i = 0;
    while (i < n && is((unsigned char)text[i]))
        i++;
    return i;
}

/* The length of the next piece; *cost: what it is in thousandths of a token. */
static size_t next(const char *text, size_t n, uint64_t *cost)
{
    const unsigned char c = (unsigned char)*text;
    size_t len;
    if ((len = run(text, n, is_letter)) > 0) {
        *cost = WORD + (len > LETTERS_FREE ? LETTER * (len - LETTERS_FREE) : 0);
    } else if ((len = run(text, n, is_digit)) > 0) {
        *cost = NUMBER + DIGIT * len;
    } else if ((len = run(text, n, is_break)) > 0) {
        *cost = BREAK;
    } else if (c >= 0xc0) { /* the bytes that follow it cost nothing of their own */
        len = 1;
        *cost = c < 0xe0 ? TWO_BYTES : WIDE;
    } else {
        len = 1;
        *cost = c > ' ' && c < 0x7f ? SIGN : 0; /* a blank belongs to what follows */
    }
    return len;
}

uint64_t cs_tokens_estimate(const char *text, size_t n)
{
    uint64_t sum = 0, cost;
    for (size_t i = 0; i < n; sum += cost)
        i += next(text + i, n - i, &cost);
    return (sum + 999) / 1000;
}
