/* Foreign studies and chunks of cases: whatever is accepted is used, and must not lead out of any array. */
#include <stdint.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/study/answer.h"
#include "protocol/study/list.h"
#include "protocol/wire/chunk.h"
#include "protocol/base/digest.h"
#include "protocol/dialects/request.h"
#include "protocol/wire/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void use_cell(struct cs_requests *r, const struct cs_study *s, uint32_t lane, uint32_t cell,
                     const struct cs_case *c)
{
    static const char reply[] =
        "{\"triage\":\"mid\",\"choice\":\"B\",\"a\":1,\"g\":{\"1\":{\"A\":\"x\",\"B\":\"\",\"C\":1},\"2\":{\"A\":\"y\",\"B\":\"\",\"C\":2}}}";
    struct cs_buf body = CS_BUF_INIT(CS_BODY_MAX);
    struct cs_coords at;
    struct cs_arena arena = {0};
    struct cs_answer answers[CS_FIELDS_MAX];
    struct cs_derived_value derived[CS_FIELDS_MAX];
    cs_plan_cell(cs_requests_plan(r), lane, c->index, cell, &at);
    if (cs_request_body(r, &at, c, &body, NULL) == CS_OK)
        (void)!cs_answer_parse(s, &at, c, reply, sizeof reply - 1, (cell & 1) != 0,
                               "{\"triage\":{\"m\":-0.1,\"~\":-3},\"choice\":{\"B\":-0.5}}", &arena, answers, derived,
                               NULL);
    cs_arena_release(&arena);
    cs_buf_release(&body);
}

/* The first, the last and two other cells of each lane, about a case of made-up texts. */
static void use_study(const struct cs_study *s)
{
    struct cs_plan plan;
    struct cs_requests *r;
    const char **values = cs_xcalloc(s->n_columns, sizeof *values);
    for (uint32_t i = 0; i < s->n_columns; i++)
        values[i] = i % 3 == 0 ? "urban" : i % 3 == 1 ? "A patient. Has {{slot}} pain." : "r1";
    for (uint32_t q = 0; q < s->n_questions; q++) {
        const struct cs_field *list = cs_list_of(&s->questions[q]);
        if (list != NULL)
            values[list->list->column] = "[\"a\",{\"text\":\"b\",\"label\":\"x\"}]";
    }
    struct cs_case c = {s->n_cases - 1, "id", "cluster", values};
    cs_plan_init(&plan, s);
    if (cs_requests_open(&r, &plan, NULL) == CS_OK) {
        for (uint32_t lane = 0; lane < plan.n_lanes; lane++) {
            const struct cs_plan_lane *l = &plan.lanes[lane];
            for (uint32_t k = 0; k < 4 && l->n_cells > 0; k++)
                use_cell(r, s, lane, (uint32_t)((uint64_t)(l->n_cells - 1) * k / 3), &c);
            struct cs_coords at;
            for (uint64_t k = 0; k < 4 && l->n_trials > 0; k++) {
                uint64_t index = cs_plan_at(&plan, lane, (l->n_trials - 1) / 3 * k);
                cs_plan_coords(&plan, lane, index, &at);
                if (cs_plan_index(&plan, &at) != index)
                    abort();
            }
        }
        cs_requests_close(r);
    }
    cs_plan_release(&plan);
    free(values);
}

static void try_chunk(const uint8_t *data, uint32_t n)
{
    struct cs_study s = {.n_columns = 10, .n_cases = 4};
    struct cs_chunk_ref ref = {.n_cases = 4};
    struct cs_arena arena = {0};
    struct cs_case *cases;
    cs_digest_blake2b_256(data, n, ref.digest);
    (void)!cs_chunk_unpack(&s, &ref, data, n, &arena, &cases, NULL);
    cs_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct cs_spec spec;
    if (n > CS_SPEC_MAX)
        return 0;
    if (cs_spec_unpack(data, (uint32_t)n, &spec, NULL) == CS_OK) {
        use_study(spec.study);
        cs_spec_release(&spec);
    }
    try_chunk(data, (uint32_t)n);
    return 0;
}
