/* findable.h - which verdicts so many clusters can come to at all, by the rules of cluster.h and finding.h, before or after they were asked.
 *
 * `equivalent` is asked of the one case that everybody has in mind: answers on both sides are alike in every cluster. Then n clusters leave the
 * interval of agreement, 1 - level^(1/n) of the range to either side, and no margin below that can be kept. With a few clusters that move it is
 * wider; only where more than CS_CLUSTER_FEW_MOVED move, or all do, and each by little, can it be narrower. `different` and `beyond` are asked
 * of the clearest case: all clusters shift by all that there is. Pure; any thread.
 */
#ifndef CS_FINDABLE_H
#define CS_FINDABLE_H

#include <stdbool.h>
#include <stddef.h>

enum { CS_FINDABLE_CLUSTERS_MIN = 5, CS_FINDABLE_CLUSTERS_TRIED = 100000 };

struct cs_findable_design {
    size_t clusters;
    double margin, range; /* in one unit; range: the largest |difference| there is, above the margin */
    double alpha;         /* of the family */
    size_t
        tests; /* of the family that no other decides sooner than this one: their step of Holm is the one that counts */
    bool pairs; /* each cluster gives one pair of yes/no answers */
};

struct cs_findable {
    bool known; /* false: less than two clusters, or no margin below the range */
    bool equivalent, different, beyond;
    double smallest_margin; /* that clusters which agree throughout can keep, same unit */
    size_t clusters_needed; /* that could keep the margin so; 0: none that were tried */
};

struct cs_findable cs_findable_of(const struct cs_findable_design *d);

#endif
