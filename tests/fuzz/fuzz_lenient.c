/* Answers read strictly and leniently: what a strict reader takes is never salvaged and reads the same either way where the lenient reader
 * takes it too; what is taken is among the question's words and in its range. */
#include <stdint.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/study/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const levels[] = {"non-urgent", "urgent", "emergent"}, *const yes_no[] = {"Yes", "No"};
static const struct cs_field fields[] = {
    {.name = "triage",
     .kind = CS_FIELD_ORDINAL,
     .categories = levels,
     .n_categories = 3,
     .truth_column = CS_NONE,
     .order_factor = CS_NONE},
    {.name = "mental",
     .kind = CS_FIELD_BOOLEAN,
     .categories = yes_no,
     .n_categories = 2,
     .insufficient = "unclear",
     .truth_column = CS_NONE,
     .order_factor = CS_NONE},
    {.name = "sure", .kind = CS_FIELD_NUMBER, .min = 0, .max = 100, .truth_column = CS_NONE, .order_factor = CS_NONE},
};
static const struct cs_question question = {.name = "q", .ask = "?", .fields = fields, .n_fields = 3};

static void check_answers(const struct cs_answer a[3])
{
    CS_ASSERT(a[0].category < 3 && strcmp(a[0].text, levels[a[0].category]) == 0);
    CS_ASSERT(a[1].insufficient || (a[1].category < 2 && strcmp(a[1].text, yes_no[1 - a[1].category]) == 0));
    CS_ASSERT(a[2].number >= 0 && a[2].number <= 100);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct cs_study s = {.questions = &question, .n_questions = 1};
    const struct cs_coords at = {.question = 0};
    const char *text = (const char *)data;
    struct cs_arena arena = {0};
    struct cs_answer strictly[3], leniently[3];
    const struct cs_answer_check strict = cs_answer_check(&s, 0, 0, false, text, n),
                                 lenient = cs_answer_check(&s, 0, 0, true, text, n);
    CS_ASSERT(!strict.salvaged);
    CS_ASSERT(strict.fault != CS_ANSWER_NONE || (lenient.fault == CS_ANSWER_NONE && !lenient.salvaged));
    const enum cs_err as_strict = cs_answer_parse(&s, &at, NULL, text, n, false, NULL, &arena, strictly, NULL, NULL);
    const enum cs_err as_lenient = cs_answer_parse(&s, &at, NULL, text, n, true, NULL, &arena, leniently, NULL, NULL);
    CS_ASSERT((as_strict == CS_OK) == (strict.fault == CS_ANSWER_NONE));
    CS_ASSERT(!lenient.salvaged || as_lenient == CS_OK);
    if (as_strict == CS_OK)
        check_answers(strictly);
    if (as_lenient == CS_OK)
        check_answers(leniently);
    for (int i = 0; as_strict == CS_OK && as_lenient == CS_OK && i < 2; i++)
        CS_ASSERT(strcmp(strictly[i].text, leniently[i].text) == 0);
    cs_arena_release(&arena);
    return 0;
}
