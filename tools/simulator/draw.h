/* draw.h - all of the simulator's chance: a number that depends on a seed and some words, and on nothing else.
 *
 *   U(seed, w1, ..., wn)  uniform in [0, 1): BLAKE2b-256 of the seed in decimal and the words, joined by the byte
 *                         0x1f; its first 8 bytes as a big-endian number, shifted right by 11, times 2^-53
 *   Z(seed, w1, ..., wn)  standard normal: sqrt(-2 ln(1 - U(seed, words, "1"))) * cos(2 pi U(seed, words, "2"))
 *
 * Both lists end with NULL. Pure; any thread.
 */
#ifndef CS_SIM_DRAW_H
#define CS_SIM_DRAW_H

#include <stdint.h>

double cs_sim_draw_unit(uint64_t seed, ...) __attribute__((sentinel));
double cs_sim_draw_normal(uint64_t seed, ...) __attribute__((sentinel));

#endif
