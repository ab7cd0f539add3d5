/* How an exchange goes wrong on demand: errors in the place of an answer, and answers that are none. What befalls the connection itself
 * (reset, hang, truncated, drip) is the server's to do. */
#include <string.h>

#include "tools/simulator/dialect.h"
#include "tools/simulator/exchange.h"

enum { FAULT_WAIT_MS = 100 /* a 429 without a reason: one request at 600 a minute */ };

/* In OpenAI's words; a dialect has its own for those that it knows. */
static const struct {
    enum cs_fault fault;
    unsigned status;
    const char *type, *code, *message;
} errors[] = {
    {CS_FAULT_QUOTA, 429, "insufficient_quota", "insufficient_quota",
     "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
     "read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."},
    {CS_FAULT_SERVER_ERROR, 500, "server_error", NULL,
     "The server had an error while processing your request. Sorry about that!"},
    {CS_FAULT_UNAVAILABLE, 503, "service_unavailable_error", "server_is_overloaded",
     "The server is currently overloaded with other requests. Sorry about that! You can retry your request."},
    {CS_FAULT_OVERLOADED, 529, "overloaded_error", NULL, "Overloaded"},
    {CS_FAULT_INVALID, 400, "invalid_request_error", "unsupported_value", "A value of this request is not supported."},
    {CS_FAULT_FILTERED, 400, "invalid_request_error", "content_filter",
     "The response was filtered due to the prompt triggering the content management policy."},
    {CS_FAULT_UNAUTHORIZED, 401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: ***."},
    {CS_FAULT_NO_MONEY, 402, "billing_error", NULL, "Insufficient credits."},
    {CS_FAULT_FORBIDDEN, 403, "permission_error", NULL, "Country, region, or territory not supported"},
    {CS_FAULT_NO_MODEL, 404, "invalid_request_error", "model_not_found", "The model does not exist."},
    {CS_FAULT_THEIR_TIMEOUT, 408, "timeout_error", NULL, "Request timed out."},
    {CS_FAULT_CONFLICT, 409, "conflict_error", NULL, "Conflict."},
    {CS_FAULT_TOO_LARGE, 413, "request_too_large", NULL, "Request exceeds the maximum size"},
    {CS_FAULT_UNPROCESSABLE, 422, "invalid_request_error", NULL, "Input should be a valid number"},
    {CS_FAULT_MODEL_FAILED, 424, "generation", NULL, "Request failed during generation"},
    {CS_FAULT_NO_CAPACITY, 498, "capacity_exceeded", NULL, "Flex tier capacity exceeded."},
    {CS_FAULT_CLIENT_LEFT, 499, "request_cancelled", NULL, "Request was cancelled by the client."},
    {CS_FAULT_BAD_GATEWAY, 502, "server_error", NULL, "Bad gateway"},
    {CS_FAULT_GATEWAY_TIMEOUT, 504, "server_error", NULL, "Gateway time-out"},
    {CS_FAULT_CLOUDFLARE, 524, "server_error", NULL, "A timeout occurred"},
    {CS_FAULT_ERROR_IN_200, 502, "server_error", NULL, "Provider returned error"},
};

bool cs_misbehave_survive(struct cs_exchange *x)
{
    const struct cs_limit_refusal limit = {CS_DIM_REQUESTS, 600, 600, 1, FAULT_WAIT_MS, false};
    enum cs_fault fault = cs_faults_draw(&x->always, x->model->seed, x->chance, NULL);
    if (fault == CS_FAULT_NONE)
        fault = cs_faults_draw(&x->faults, x->model->seed, x->chance, x->attempt);
    x->reply->fault = fault;
    x->reply->drip_ms = x->drip_ms;
    if (fault == CS_FAULT_RATE_LIMITED)
        return cs_arrival_fail_limit(x, &limit);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (errors[i].fault == fault)
            return cs_chat_error_set(&x->error, errors[i].status, errors[i].type, NULL, errors[i].code, "%s",
                                     errors[i].message);
    }
    return fault != CS_FAULT_RESET && fault != CS_FAULT_HANG;
}

/* Renames what tells, in each dialect, that an answer is complete. */
static void hide_end(struct cs_buf *body)
{
    static const char *const markers[] = {"\"finish_reason\"", "\"stop_reason\"", "\"finishReason\"", "\"stopReason\"",
                                          "\"status\""};
    for (size_t i = 0; i < sizeof markers / sizeof *markers; i++) {
        for (char *at = body->data;
             (at = memmem(at, body->len - (size_t)(at - body->data), markers[i], strlen(markers[i]))) != NULL;)
            at[1] = '_';
    }
}

bool cs_misbehave_spoil(struct cs_exchange *x)
{
    struct cs_buf *body = &x->reply->body;
    if (x->reply->fault == CS_FAULT_MALFORMED) { /* half of it, and a proxy's last words */
        body->len /= 2;
        cs_buf_str(body, "<html>\n");
    } else if (x->reply->fault == CS_FAULT_NO_END) {
        hide_end(body);
    } else {
        return x->reply->fault != CS_FAULT_TRUNCATED;
    }
    return false;
}

/* Dialects write the statuses that their vendor's documents have; these may come from what stands before any vendor. */
void cs_misbehave_spoil_error(struct cs_exchange *x)
{
    const enum cs_fault fault = x->reply->fault;
    if (fault < CS_FAULT_INVALID || fault == CS_FAULT_NONE)
        return;
    x->reply->status = cs_fault_status(fault);
    if (fault == CS_FAULT_BAD_GATEWAY || fault == CS_FAULT_GATEWAY_TIMEOUT || fault == CS_FAULT_CLOUDFLARE) {
        cs_buf_clear(&x->reply->body);
        cs_buf_printf(&x->reply->body, "<html><head><title>%s</title></head></html>\n", cs_buf_cstr(&x->error.message));
    }
}
