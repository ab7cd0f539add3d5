/* The status that an error stands for when it comes in a good reply (facts: providers.md sections 5.2, 6.5, 8.3, 10, 11.5): its code as a
 * number or in digits, or the vendor's word. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/json.h"
#include "protocol/dialects/replies/read.h"

static const struct {
    const char *word;
    uint16_t status;
} words[] = {
    /* OpenAI and those who speak like it */
    {"rate_limit_exceeded", 429},
    {"rate_limit_error", 429},
    {"rate_limit", 429},
    {"too_many_requests", 429},
    {"slow_down", 429},
    {"overloaded", 503},
    {"server_is_overloaded", 503},
    {"service_unavailable", 503},
    {"service_unavailable_error", 503},
    {"unavailable_error", 503},
    {"server_error", 500},
    {"internal_error", 500},
    {"internal_server_error", 500},
    {"bad_gateway", 502},
    {"timeout", 504},
    {"invalid_request_error", 400},
    {"bad_request", 400},
    {"context_length_exceeded", 400},
    {"exceed_context_size_error", 400},
    {"invalid_api_key", 401},
    {"capacity_exceeded", 498},
    /* Anthropic */
    {"overloaded_error", 529},
    {"api_error", 500},
    {"timeout_error", 504},
    {"conflict_error", 409},
    {"authentication_error", 401},
    {"billing_error", 402},
    {"permission_error", 403},
    {"not_found_error", 404},
    {"request_too_large", 413},
    /* Google */
    {"RESOURCE_EXHAUSTED", 429},
    {"UNAVAILABLE", 503},
    {"INTERNAL", 500},
    {"UNKNOWN", 500},
    {"DEADLINE_EXCEEDED", 504},
    {"ABORTED", 409},
    {"INVALID_ARGUMENT", 400},
    {"FAILED_PRECONDITION", 400},
    {"OUT_OF_RANGE", 400},
    {"UNAUTHENTICATED", 401},
    {"PERMISSION_DENIED", 403},
    {"NOT_FOUND", 404},
    /* AWS */
    {"ThrottlingException", 429},
    {"ModelNotReadyException", 429},
    {"ServiceUnavailableException", 503},
    {"InternalServerException", 500},
    {"ModelTimeoutException", 408},
    {"ModelErrorException", 424},
    {"ModelStreamErrorException", 424},
    {"ValidationException", 400},
    {"ServiceQuotaExceededException", 400},
    {"AccessDeniedException", 403},
    {"ResourceNotFoundException", 404},
};

uint16_t cs_statuses_of_word(const char *word)
{
    const double n = word[0] != '\0' && strspn(word, "0123456789") == strlen(word) ? strtod(word, NULL) : 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(word, words[i].word) == 0)
            return words[i].status;
    }
    return n >= 400 && n < 600 ? (uint16_t)n : 0;
}

static uint16_t status_of(const struct cs_json *v)
{
    const double n = cs_json_number_value(v);
    if (cs_json_is_string(v))
        return cs_statuses_of_word(cs_json_string_value(v));
    return n >= 400 && n < 600 ? (uint16_t)n : 0;
}

uint16_t cs_statuses_read(const struct cs_json *error)
{
    static const char *const members[] = {"code",      "status",      "status_code", "statusCode",
                                          "http_code", "http_status", "type",        "__type"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const uint16_t status = status_of(cs_json_object_get(error, members[i]));
        if (status != 0)
            return status;
    }
    return cs_json_is_object(error) ? 0 : status_of(error);
}
