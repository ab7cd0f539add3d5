/* card.h - the score card of one model on one suite: JSON, of which the page (card_page.c) shows nothing but what is in it.
 *
 * `findings` has what follows from the answers alone, study by study, taken from `clinsafe report --json` without a change: two people
 * who run the same suite on the same simulated models get the same bytes, and `digits` is their digest. What differs from run to run (dates,
 * money, who answered) stands apart. No number is put together across studies, and nothing is ranked. Thread: main.
 */
#ifndef CS_SUITE_CARD_H
#define CS_SUITE_CARD_H

#include <stdio.h>

#include "protocol/base/json.h"
#include "tools/suite/seal.h"
#include "tools/suite/stage.h"

#define CS_CARD_DOCUMENT "suite-card/1"
#define CS_CARD_SCHEMA "clinsafe." CS_CARD_DOCUMENT
enum { CS_CARD_MAX = 16 * 1024 * 1024 };

/* What `report --json` and `bill --json` say of a study's parts, and what was asked (asked.h); NULL: it was left out. stops: which models
 * stood still when its last run ended (tools/base/stops.h); NULL: none. */
struct cs_card_study {
    struct cs_json *reports[CS_SUITE_PARTS_MAX], *bills[CS_SUITE_PARTS_MAX], *asked[CS_SUITE_PARTS_MAX],
        *stops[CS_SUITE_PARTS_MAX];
};

/* All that follows from answers; the caller's. */
struct cs_json *cs_card_findings(const struct cs_stage *t, const struct cs_card_study *studies);
/* Who was asked and judged, with which parameters, when and for how much; the caller's. */
struct cs_json *cs_card_runs(const struct cs_stage *t, const struct cs_card_study *studies);
/* When the model was called first, of all its runs; NULL: never. */
const char *cs_card_asked(const struct cs_json *runs);
/* The digest of findings; hex. */
void cs_card_digits(const struct cs_json *findings, char out[65]);

struct cs_card_head {
    const struct cs_seal *seal;
    const char *released;  /* NULL: not declared */
    double expected, most; /* USD, as said beforehand; NAN: not known */
    int64_t made_ms;       /* wall clock */
};
/* The whole card; takes findings over. */
struct cs_json *cs_card_make(const struct cs_stage *t, const struct cs_card_study *studies, struct cs_json *findings,
                             const struct cs_card_head *head);
/* As it stands in files. */
char *cs_card_text(const struct cs_json *card);
/* A part of a card on one line, as it would stand in the file; for comparing and showing. free() it. */
char *cs_card_line(const struct cs_json *part);

/* The page, self-contained, without a script. */
void cs_card_page(const struct cs_json *card, FILE *out);

#endif
