#include "tools/wall/opened.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/plain.h"
#include "tools/export/show.h"

enum { WORDS_MAX = 3, WORD_LEN = 128 };

/* "88,120" and "88120" are numbers. */
static bool read_number(const char *words, uint64_t *out)
{
    *out = 0;
    for (const char *p = words; *p != '\0'; p++) {
        if (isdigit((unsigned char)*p) && *out < UINT64_MAX / 100)
            *out = *out * 10 + (uint64_t)(*p - '0');
        else if (*p != ',' || p == words)
            return false;
    }
    return words[0] != '\0';
}

static enum cs_err read_words(const char *words, char parts[WORDS_MAX][WORD_LEN], struct cs_show_opts *o,
                              struct cs_error *err)
{
    unsigned n = 0;
    char *end = NULL;
    for (const char *p = words + strspn(words, " "); *p != '\0'; p += strspn(p, " ")) {
        const size_t len = strcspn(p, " ");
        if (n == WORDS_MAX || len >= WORD_LEN)
            return cs_error_set(err, CS_EUSAGE, "write a trial's number, or CASE [LEVEL [REPEAT]]");
        snprintf(parts[n++], WORD_LEN, "%.*s", (int)len, p);
        p += len;
    }
    const unsigned long repeat = n > 2 ? strtoul(parts[2], &end, 10) : 0;
    if (n == 0 || (n > 2 && (repeat == 0 || repeat > UINT32_MAX || *end != '\0')))
        return cs_error_set(err, CS_EUSAGE, "write a trial's number, or CASE [LEVEL [REPEAT]]");
    o->case_id = parts[0];
    o->levels = n > 1 ? parts[1] : "-";
    o->repeat = (uint32_t)repeat;
    return CS_OK;
}

static enum cs_err look_up(const struct cs_wall_place *place, const struct cs_wall_wish *wish, FILE *out,
                           struct cs_error *err)
{
    char parts[WORDS_MAX][WORD_LEN] = {{0}};
    struct cs_show_opts o = {.model = wish->model, .placed_only = true};
    struct cs_reader r = {0};
    struct cs_show_done done;
    enum cs_err rc = CS_OK;
    o.at_position = read_number(wish->words, &o.position);
    if (!o.at_position)
        rc = read_words(wish->words, parts, &o, err);
    if (rc == CS_OK && place->dir == NULL && place->store == NULL)
        rc = cs_error_set(err, CS_ENOENT,
                          "the store is not known to this screen: start it with --dir or --store where the coordinator "
                          "runs, or use `clinsafe show` there");
    if (rc == CS_OK)
        rc = cs_reader_open(&r, NULL, place->dir, place->store, wish->study, err);
    if (rc == CS_OK && o.at_position && wish->gen != 0 && wish->gen != r.view.generation.number)
        rc = cs_error_set(err, CS_ENOENT, "that trial is of generation %u of the study, which has been edited since",
                          wish->gen);
    if (rc == CS_OK) {
        o.no_texts = r.view.spec.study->confidential;
        rc = cs_show(&r, &o, out, &done, err);
    }
    cs_reader_close(&r);
    return rc;
}

void cs_wall_opened_read(const struct cs_wall_place *place, const struct cs_wall_wish *wish, struct cs_buf *out)
{
    struct cs_error err = {0};
    struct cs_arena arena = {0};
    char *text = NULL;
    size_t n = 0;
    cs_buf_clear(out);
    FILE *into = open_memstream(&text, &n), *door = cs_plain_file(into);
    const enum cs_err rc = look_up(place, wish, door, &err);
    fclose(door);
    fclose(into);
    if (rc != CS_OK)
        cs_buf_printf(out, "%s of %s, %s: %s\n", wish->words, wish->model, wish->study, cs_plain_in(&arena, err.msg));
    else
        cs_buf_append(out, text, n);
    for (size_t i = 0; i < out->len; i++)
        out->data[i] = out->data[i] == '\t' ? ' ' : out->data[i]; /* which a screen would make of any width */
    if (out->overflow) {
        cs_buf_clear(out);
        out->overflow = false;
        cs_buf_str(out, "that is too long for a screen: `clinsafe show` has it\n");
    }
    cs_arena_release(&arena);
    free(text);
}
