/* denials.h - 401, 403, 404 on a lane: is it the key and the model, or only what was asked? Pure (decision 14).
 *
 * A key that this worker was answered under within CS_DENIALS_FRESH_MS is not wrong: the trial is tried again CS_DENIALS_TRIES times, and
 * then fails alone; but not while CS_DENIALS_STOP different prompts in a row were denied: the node may have turned bad, and time will tell. Without such an answer CS_DENIALS_STOP different prompts in a row stop the lane on this worker. A firewall's page
 * says that it is about the request, which may be true of one and cannot be of all: CS_DENIALS_BLOCKED of them.
 *
 * Thread: one. Units: milliseconds.
 */
#ifndef CS_DENIALS_H
#define CS_DENIALS_H

#include <stdbool.h>
#include <stdint.h>

enum { CS_DENIALS_STOP = 3, CS_DENIALS_BLOCKED = 16, CS_DENIALS_TRIES = 3, CS_DENIALS_FRESH_MS = 60 * 1000 };

struct cs_denials {
    bool was_answered;
    uint64_t answered_ms;
    uint64_t since_ms; /* the first of the row: */
    uint32_t n;        /* different prompts that were denied since the last answer, */
    uint64_t prompts[CS_DENIALS_BLOCKED];
};

enum cs_denied {
    CS_DENIED_AGAIN, /* try it once more, after others */
    CS_DENIED_ALONE, /* it fails, and it alone */
    CS_DENIED_STOP,  /* the lane stops on this worker */
};

/* A call was answered. One that was under way already when the row of denials began does not end it. */
void cs_denials_answered(struct cs_denials *d, uint64_t sent_ms, uint64_t now_ms);
bool cs_denials_is_fresh(const struct cs_denials *d, uint64_t now_ms); /* it was answered lately */
/* A call was denied. prompt: stands for what was asked; blocked: by a page that speaks of the request; times: how often this
 * trial has been denied while others might be answered, this one counted. */
enum cs_denied cs_denials_add(struct cs_denials *d, uint64_t prompt, bool blocked, uint32_t times, uint64_t now_ms);

#endif
