/* tokens.h - how many tokens a text is, estimated: for plans and prices only.
 *
 * Byte-pair tokenizers first split a text into words, numbers and signs, and then cut each piece further the longer it is. This counts
 * likewise, with factors between those of a large vocabulary (OpenAI's o200k, 200,000 entries) and a small one (SmolLM2's 49,000, every
 * digit a token): on clinical English within 9 % of either (tests/conformance/tokens_referee.py). Other scripts are coarser. Pure.
 */
#ifndef CS_TOKENS_H
#define CS_TOKENS_H

#include <stddef.h>
#include <stdint.h>

uint64_t cs_tokens_estimate(const char *text, size_t n);

#endif
