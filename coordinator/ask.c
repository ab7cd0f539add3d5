#include "coordinator/ask.h"

#include <stdlib.h>

#include "coordinator/build.h"
#include "coordinator/feed.h"
#include "coordinator/roster.h"
#include "protocol/base/alloc.h"

uint64_t cs_ask_token(const struct cs_ask *ask, const char *blob)
{
    uint64_t token = ++ask->sv->tokens;
    struct cs_waiting *w = &ask->sv->waiting[token % CS_TOKENS_MAX];

    if (w->token != 0) {
        cs_feed_answer(ask->sv, ask->peer, ask->seq, CS_EAGAIN, "too many requests wait for the disk; ask again", NULL);
        return 0;
    }
    *w = (struct cs_waiting){token, *ask->peer, ask->seq, blob != NULL ? cs_xstrdup(blob) : NULL};
    return token;
}

void cs_ask_blob(const struct cs_ask *ask, uint64_t token, char *blob)
{
    struct cs_waiting *w = &ask->sv->waiting[token % CS_TOKENS_MAX];

    if (w->token != token) {
        free(blob);
        return;
    }
    free(w->blob);
    w->blob = blob;
}

void cs_ask_refuse(const struct cs_ask *ask, enum cs_err code, const char *text)
{
    cs_feed_answer(ask->sv, ask->peer, ask->seq, code, text, NULL);
}

const char *cs_ask_word(const struct cs_ask *ask, uint32_t at)
{
    return ask->a->n_args > at && ask->a->args[at][0] != '\0' ? ask->a->args[at] : NULL;
}

struct cs_roster_study *cs_ask_study(const struct cs_ask *ask, uint32_t at)
{
    const char *name = cs_ask_word(ask, at);
    struct cs_roster *r = &ask->sv->roster;
    struct cs_buf text = CS_BUF_INIT(1024);
    struct cs_roster_study *s = name != NULL ? cs_roster_named(r, name) : r->n == 1 ? r->items[0] : NULL;

    if (s != NULL) {
        ask->entry->row.study = s->name;
        return s;
    }
    if (name != NULL)
        cs_buf_printf(&text, "there is no study \"%.100s\"; `clinsafe list` shows all", name);
    else if (r->n == 0)
        cs_buf_str(&text, "no study was started yet");
    else
        cs_buf_str(&text, "there are several studies here; say which, with --study:");
    for (uint32_t i = 0; name == NULL && i < r->n; i++)
        cs_buf_printf(&text, "%s %.100s", i > 0 ? "," : "", r->items[i]->name);
    cs_ask_refuse(ask, name == NULL && r->n > 1 ? CS_EUSAGE : CS_ENOENT, cs_buf_cstr(&text));
    cs_buf_release(&text);
    return NULL;
}

/* While an edit is prepared beside it, what runs is told; the word holds for the edit too. */
bool cs_ask_runs(const struct cs_ask *ask, const struct cs_roster_study *s)
{
    if (cs_build_is_beside(ask->sv, s))
        return true;
    if (s->next.number != 0)
        cs_ask_refuse(ask, CS_EAGAIN,
                      s->newest.number != 0 || ask->sv->build.study == s
                          ? "a changed study is being worked in; say it again when it runs"
                          : "the study waits for its turn; say it again when it runs");
    else if (!s->loaded)
        cs_ask_refuse(ask, CS_EAGAIN,
                      "the study is over, and has made room for others; submit it again to change something");
    return s->next.number == 0 && s->loaded;
}
