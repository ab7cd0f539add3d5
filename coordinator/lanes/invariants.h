/* invariants.h - what must hold after every event (DESIGN section 8).
 *
 * Pure. Thread: the I/O loop's, or a test's.
 */
#ifndef CS_COORDINATOR_INVARIANTS_H
#define CS_COORDINATOR_INVARIANTS_H

struct cs_core;

/* Recounts everything and aborts on a broken invariant. For tests: takes time in proportion to the plan. */
void cs_invariants_check(const struct cs_core *core);

#endif
