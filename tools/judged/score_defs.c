/* `scores:` of a judging study, from its canonical JSON. */
#include "tools/judged/score_defs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/json.h"

static uint32_t ballot_of(const struct cs_votes *votes, const char *answer)
{
    for (uint32_t i = 0; i < votes->n_ballots; i++) {
        const struct cs_ballot *b = &votes->ballots[i];
        const struct cs_question *q = &votes->view->spec.study->questions[b->at.question];
        if (!b->derived && answer != NULL && strcmp(q->fields[b->field].name, answer) == 0)
            return i;
    }
    return CS_NONE;
}

static uint32_t column_of(const struct cs_study *s, const struct cs_json *v)
{
    const char *name = cs_json_string_value(v);
    if (name == NULL)
        return CS_NONE;
    return cs_study_column(s, strncmp(name, "case.", 5) == 0 ? name + 5 : name);
}

static uint32_t score_of(const struct cs_scores *s, uint32_t before, const struct cs_json *v)
{
    const char *name = cs_json_string_value(v);
    for (uint32_t i = 0; name != NULL && i < before; i++) {
        if (strcmp(s->scores[i].name, name) == 0)
            return i;
    }
    return CS_NONE;
}

/* Numbers stand as texts in canonical JSON of a study file, or as numbers. */
static double number_of(const struct cs_json *v)
{
    const char *text = cs_json_string_value(v);
    return text != NULL ? strtod(text, NULL) : cs_json_number_value(v);
}

static bool read_sum(struct cs_scores *s, const struct cs_votes *votes, struct cs_json *how, struct cs_score *out)
{
    struct cs_json *where = cs_json_object_get(how, "where"), *word = NULL;
    const char *key = NULL, *over = cs_json_string_value(cs_json_object_get(how, "over"));
    out->points = column_of(s->study, cs_json_object_get(how, "sum"));
    cs_json_object_foreach(where, key, word)
    {
        out->ballot = ballot_of(votes, key);
        break;
    }
    out->all = over != NULL && strcmp(over, "all") == 0;
    if (out->points == CS_NONE || key == NULL || out->ballot == CS_NONE)
        return false;
    const struct cs_ballot *b = &votes->ballots[out->ballot];
    for (uint32_t i = 0; i < b->n_words; i++) {
        const char *text = cs_json_string_value(word);
        if (text != NULL && strcmp(b->words[i], text) == 0) {
            out->word = i;
            return true;
        }
    }
    return false;
}

static bool read_parts(const struct cs_scores *s, const struct cs_votes *votes, const struct cs_json *list,
                       uint32_t before, struct cs_score *out)
{
    const struct cs_json *v;
    size_t i;
    cs_json_array_foreach(list, i, v)
    {
        if (out->n_parts == CS_SCORE_PARTS_MAX)
            return false;
        const uint32_t part = out->way == CS_SCORE_JURY ? ballot_of(votes, cs_json_string_value(v))
                                                        : score_of(s, before, v);
        if (part == CS_NONE)
            return false;
        out->parts[out->n_parts++] = part;
    }
    return out->n_parts > 0;
}

static bool read_way(struct cs_scores *s, const struct cs_votes *votes, struct cs_json *how, uint32_t at)
{
    struct cs_score *out = &s->scores[at];
    const struct cs_json *v;
    const char *const name = out->name;
    if (cs_json_object_get(how, "sum") != NULL)
        return read_sum(s, votes, how, out);
    if ((v = cs_json_object_get(how, "like")) != NULL) {
        const uint32_t like = score_of(s, at, v);
        if (like == CS_NONE)
            return false;
        *out = s->scores[like];
        out->name = name;
        return true;
    }
    out->way = (v = cs_json_object_get(how, "jury")) != NULL       ? CS_SCORE_JURY
               : (v = cs_json_object_get(how, "harmonic")) != NULL ? CS_SCORE_HARMONIC
                                                                   : CS_SCORE_WIN_RATE;
    return read_parts(s, votes, v != NULL ? v : cs_json_object_get(how, "win_rate"), at, out);
}

static bool read_one(struct cs_scores *s, const struct cs_votes *votes, struct cs_json *how, uint32_t at)
{
    struct cs_score *out = &s->scores[at];
    if (!read_way(s, votes, how, at))
        return false;
    const struct cs_json *clip = cs_json_object_get(cs_json_object_get(how, "mean"), "clip"),
                         *split = cs_json_object_get(how, "split"), *minus = cs_json_object_get(how, "minus");
    if (clip != NULL) {
        out->clipped = true;
        out->lo = number_of(cs_json_array_get(clip, 0));
        out->hi = number_of(cs_json_array_get(clip, 1));
    }
    if (split != NULL && (out->split = column_of(s->study, split)) == CS_NONE)
        return false;
    if (minus != NULL) {
        out->shortened = true;
        out->length = column_of(s->study, cs_json_object_get(minus, "length"));
        out->center = number_of(cs_json_object_get(minus, "center"));
        out->per = number_of(cs_json_object_get(minus, "per"));
        out->less = number_of(cs_json_object_get(minus, "points"));
        if (out->length == CS_NONE || !(out->per > 0))
            return false;
    }
    return true;
}

enum cs_err cs_score_defs_read(struct cs_scores *s, const struct cs_votes *votes, struct cs_error *err)
{
    struct cs_json *all = s->study->scores[0] != '\0' ? cs_json_loads(s->study->scores, 0, NULL) : NULL, *how;
    const char *name;
    enum cs_err rc = CS_OK;
    s->scores = cs_arena_array(&s->arena, cs_json_object_size(all) + 1, sizeof *s->scores);
    cs_json_object_foreach(all, name, how)
    {
        s->scores[s->n_scores] = (struct cs_score){.name = cs_arena_strdup(&s->arena, name), .split = CS_NONE};
        if (!read_one(s, votes, how, s->n_scores)) {
            rc = cs_error_set(err, CS_ECORRUPT, "score %s of this study cannot be read", name);
            break;
        }
        s->n_scores++;
    }
    cs_json_decref(all);
    return rc;
}
