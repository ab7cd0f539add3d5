/* Why an answer ended, in the words of all vendors (facts: providers.md section 1.2): one table for all dialects, since a gateway passes on
 * the words of whom it asks. Case does not matter, nor whether words are joined by _, - or a blank. */
#include <ctype.h>
#include <string.h>

#include "protocol/base/json.h"
#include "protocol/dialects/replies/read.h"
#include "protocol/study/answer.h"

enum end { WELL, CUT_SHORT, FILTERED, REFUSED, BROKEN, FAULT };

static const struct {
    const char *word;
    enum end end;
} ends[] = {
    {"stop", WELL},
    {"end_turn", WELL},
    {"stop_sequence", WELL},
    {"tool_use", WELL},
    {"tool_calls", WELL},
    {"function_call", WELL},
    {"completed", WELL},
    {"eos", WELL},
    {"eos_token", WELL},

    {"length", CUT_SHORT},
    {"max_tokens", CUT_SHORT},
    {"max_output_tokens", CUT_SHORT},
    {"max_completion_tokens", CUT_SHORT},
    {"max_new_tokens", CUT_SHORT},
    {"max_length", CUT_SHORT},
    {"model_length", CUT_SHORT}, /* Mistral */
    {"token_limit", CUT_SHORT},
    {"context_length_exceeded", CUT_SHORT},
    {"model_context_window_exceeded", CUT_SHORT},
    {"error_limit", CUT_SHORT}, /* Cohere */
    {"incomplete", CUT_SHORT},  /* OpenAI Responses, for no reason that is known */
    {"max_messages", CUT_SHORT},
    {"steered", CUT_SHORT},

    {"content_filter", FILTERED},
    {"content_filtered", FILTERED},
    {"guardrail_intervened", FILTERED},
    {"safety", FILTERED},
    {"recitation", FILTERED},
    {"blocklist", FILTERED},
    {"prohibited_content", FILTERED},
    {"spii", FILTERED},
    {"language", FILTERED},
    {"model_armor", FILTERED},
    {"sensitive", FILTERED}, /* Zhipu */
    {"flagged", FILTERED},
    {"moderation", FILTERED},
    {"error_toxic", FILTERED}, /* Cohere */

    {"refusal", REFUSED},
    {"refused", REFUSED},

    /* What the model said is not whole, and it would say no better: asked once. */
    {"other", BROKEN},
    {"malformed_response", BROKEN},
    {"malformed_function_call", BROKEN},
    {"malformed_model_output", BROKEN},
    {"malformed_tool_use", BROKEN},
    {"unexpected_tool_call", BROKEN},
    {"too_many_tool_calls", BROKEN},
    {"no_image", BROKEN},
    {"image_other", BROKEN},

    /* The server broke off. */
    {"error", FAULT},
    {"abort", FAULT}, /* vLLM, SGLang */
    {"aborted", FAULT},
    {"cancelled", FAULT},
    {"canceled", FAULT},
    {"failed", FAULT},
    {"timeout", FAULT},
    {"network_error", FAULT},
    {"server_error", FAULT},
    {"internal_error", FAULT},
    {"insufficient_system_resource", FAULT}, /* DeepSeek */
    {"finish_reason_unspecified", FAULT},
    {"in_progress", FAULT},
    {"queued", FAULT},
    {"load", FAULT}, /* Ollama: it did nothing else */
    {"unload", FAULT},
    {"continuation", FAULT},
    {"pause_turn", FAULT}, /* Anthropic: asks to be resumed, which an experiment does not */
};

static char folded(char c)
{
    return c == '-' || c == ' ' ? '_' : (char)tolower((unsigned char)c);
}

static bool same(const char *said, const char *word)
{
    while (*word != '\0' && folded(*said) == *word)
        said++, word++;
    return *word == '\0' && *said == '\0';
}

static bool holds(const char *said, const char *word)
{
    for (; *said != '\0'; said++) {
        size_t i = 0;
        while (word[i] != '\0' && folded(said[i]) == word[i])
            i++;
        if (word[i] == '\0')
            return true;
    }
    return false;
}

/* A word that is not in the table is a new one, and means what it speaks of; of nothing known: an end like others. */
static enum end end_of(const char *said)
{
    static const struct {
        const char *part;
        enum end end;
    } parts[] = {{"safety", FILTERED},       {"recitation", FILTERED},
                 {"filter", FILTERED},       {"prohibited", FILTERED},
                 {"blocked", FILTERED},      {"guardrail", FILTERED},
                 {"policy", FILTERED},       {"toxic", FILTERED},
                 {"sensitive", FILTERED},    {"moderat", FILTERED},
                 {"token_limit", CUT_SHORT}, {"max_tokens", CUT_SHORT},
                 {"length", CUT_SHORT},      {"context_window", CUT_SHORT},
                 {"truncated", CUT_SHORT},   {"error", FAULT},
                 {"abort", FAULT},           {"cancel", FAULT},
                 {"timeout", FAULT},         {"timed_out", FAULT},
                 {"interrupt", FAULT},       {"disconnect", FAULT}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (same(said, ends[i].word))
            return ends[i].end;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (holds(said, parts[i].part))
            return parts[i].end;
    }
    return WELL;
}

void cs_ends_read(const struct cs_json *word, struct cs_arena *arena, struct cs_reading *out)
{
    static const enum cs_outcome outcomes[] = {
        [WELL] = CS_OUTCOME_ok,         [CUT_SHORT] = CS_OUTCOME_truncated, [FILTERED] = CS_OUTCOME_content_filtered,
        [REFUSED] = CS_OUTCOME_refused, [BROKEN] = CS_OUTCOME_unparsable,   [FAULT] = CS_OUTCOME_ok,
    };
    out->finish = cs_read_text(word, CS_OUTPUT_WORD_MAX, arena);
    if (out->finish[0] == '\0')
        return;
    const enum end end = end_of(out->finish);
    out->says = end == FAULT ? CS_SAYS_ERROR : CS_SAYS_ANSWER;
    out->outcome = outcomes[end];
    out->cause = end == BROKEN ? cs_answer_fault_name(CS_ANSWER_ENDED) : "";
}
