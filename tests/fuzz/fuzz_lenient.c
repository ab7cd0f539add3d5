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
/* The same, asked of each element of a list. */
static const struct cs_list_answer of_list = {.key = "n", .show = "text", .most = 2, .fields = fields, .n_fields = 3};
static const struct cs_field list = {
    .name = "all", .kind = CS_FIELD_LIST, .truth_column = CS_NONE, .order_factor = CS_NONE, .list = &of_list};
static const struct cs_question questions[] = {
    {.name = "q", .ask = "?", .fields = fields, .n_fields = 3},
    {.name = "l", .ask = "?", .fields = &list, .n_fields = 1},
};

static void check_answers(const struct cs_answer a[3])
{
    CS_ASSERT(a[0].category < 3 && strcmp(a[0].text, levels[a[0].category]) == 0);
    CS_ASSERT(a[1].insufficient || (a[1].category < 2 && strcmp(a[1].text, yes_no[1 - a[1].category]) == 0));
    CS_ASSERT(a[2].number >= 0 && a[2].number <= 100);
}

/* What is taken has every element once. */
static void check_list(const struct cs_study *s, const char *text, size_t n)
{
    static const char *const column = "[\"a\",{\"text\":\"b\"}]";
    const struct cs_case c = {.id = "c", .cluster = "c", .values = &column};
    const struct cs_coords at = {.question = 1};
    for (int lenient = 0; lenient < 2; lenient++) {
        struct cs_arena arena = {0};
        struct cs_answer a;
        const struct cs_answer_check check = cs_answer_check(s, 1, 2, lenient != 0, text, n);
        const enum cs_err rc = cs_answer_parse(s, &at, &c, text, n, check.salvaged, NULL, &arena, &a, NULL, NULL);
        CS_ASSERT((rc == CS_OK) == (check.fault == CS_ANSWER_NONE));
        CS_ASSERT(rc != CS_OK || a.n_elements == 2);
        for (uint32_t i = 0; rc == CS_OK && i < 2; i++)
            check_answers(a.elements + (size_t)i * 3);
        cs_arena_release(&arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct cs_study s = {.questions = questions, .n_questions = 2};
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
    check_list(&s, text, n);
    return 0;
}
