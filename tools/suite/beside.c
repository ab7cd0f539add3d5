#include "tools/suite/beside.h"

#include <string.h>

enum { NAME_WIDTH = 58, VALUE_WIDTH = 46 };

static const char *text(const struct cs_json *o, const char *key)
{
    const char *s = cs_json_string_value(cs_json_object_get(o, key));
    return s != NULL ? s : "";
}

/* ---- what a row is called, and what it says ------------------------------------------------------------- */

static void name_contrast(const struct cs_json *c, char *out, size_t size)
{
    const bool pair = strcmp(text(c, "against"), "level") == 0, some = text(c, "stratum")[0] != '\0';
    snprintf(out, size, "shift of %s, %s%s%s%s%s%s%s", text(c, "outcome"), text(c, "level"), pair ? " against " : "",
             pair ? text(c, "comparator") : "", some ? ", " : "", text(c, "stratum"), some ? " " : "",
             text(c, "stratum_value"));
}

static void name_score(const struct cs_json *s, char *out, size_t size)
{
    snprintf(out, size, "score %s%s%s", text(s, "score"), text(s, "tag")[0] != '\0' ? ", " : "", text(s, "tag"));
}

static void name_rate(const struct cs_json *r, char *out, size_t size)
{
    snprintf(out, size, "%s, %s", text(r, "outcome"), text(r, "level")[0] != '\0' ? text(r, "level") : "all");
}

/* "+4.1 (1.0 to 7.2)" */
static size_t put(const struct cs_json *row, const char *key, const char *interval, double times, const char *format,
                  char *out, size_t size)
{
    const struct cs_json *x = cs_json_object_get(row, key), *ci = cs_json_object_get(row, interval);
    const struct cs_json *low = cs_json_array_get(ci, 0), *high = cs_json_array_get(ci, 1);
    char a[40], b[40], c[40];
    if (!cs_json_is_number(x))
        return (size_t)snprintf(out, size, "not known");
    const bool is_signed = format[0] == '+';
    const int decimals = format[is_signed] - '0';
    snprintf(a, sizeof a, is_signed ? "%+.*f" : "%.*f", decimals, times * cs_json_number_value(x));
    if (!cs_json_is_number(low) || !cs_json_is_number(high))
        return (size_t)snprintf(out, size, "%s", a);
    snprintf(b, sizeof b, "%.*f", decimals, times * cs_json_number_value(low));
    snprintf(c, sizeof c, "%.*f", decimals, times * cs_json_number_value(high));
    return (size_t)snprintf(out, size, "%s (%s to %s)", a, b, c);
}

static void say_contrast(const struct cs_json *c, char *out, size_t size)
{
    const size_t n = put(c, "shift", "ci_simultaneous", 1, "+1", out, size);
    snprintf(out + n, size - n, " %s", text(c, "verdict"));
}

static void say_score(const struct cs_json *s, char *out, size_t size)
{
    put(s, "mean", "ci", 1, "3", out, size);
}

static void say_rate(const struct cs_json *r, char *out, size_t size)
{
    const char *kind = text(r, "kind");
    const bool share = strcmp(kind, "yes-no") == 0 || strcmp(kind, "category") == 0;
    const size_t n = put(r, "rate", "ci", share ? 100 : 1, share ? "1" : "2", out, size);
    snprintf(out + n, size - n, "%s", share ? " %" : "");
}

static const struct list {
    const char *key;
    const char *const *same; /* members by which a row of one card is found in the other */
    void (*name)(const struct cs_json *row, char *out, size_t size);
    void (*say)(const struct cs_json *row, char *out, size_t size);
} lists[] = {
    {"contrasts", (const char *const[]){"outcome", "factor", "level", "comparator", "stratum", "stratum_value", NULL},
     name_contrast, say_contrast},
    {"scores", (const char *const[]){"score", "tag", NULL}, name_score, say_score},
    {"rates", (const char *const[]){"outcome", "factor", "level", NULL}, name_rate, say_rate},
};

/* ---- both ------------------------------------------------------------------------------------------------- */

static const struct cs_json *twin_of(const struct cs_json *rows, const struct list *l, const struct cs_json *row)
{
    struct cs_json *o;
    size_t i;
    cs_json_array_foreach(rows, i, o)
    {
        bool same = true;
        for (size_t k = 0; l->same[k] != NULL; k++)
            same = same && strcmp(text(o, l->same[k]), text(row, l->same[k])) == 0;
        if (same)
            return o;
    }
    return NULL;
}

static void say(const struct cs_json *finding, const struct list *l, const struct cs_json *row, char *out, size_t size)
{
    if (row != NULL)
        l->say(row, out, size);
    else
        snprintf(out, size, "%s", strcmp(text(finding, "state"), "not run") == 0 ? "not run" : "not there");
}

static void print_row(const struct cs_json *a, const struct cs_json *b, const struct list *l,
                      const struct cs_json *of_a, const struct cs_json *of_b, FILE *out)
{
    char what[160], name[256], left[160], right[160];
    l->name(of_a != NULL ? of_a : of_b, what, sizeof what);
    snprintf(name, sizeof name, "%s: %s", text(a, "study"), what);
    say(a, l, of_a, left, sizeof left);
    say(b, l, of_b, right, sizeof right);
    fprintf(out, "%-*s  %-*s  %s\n", NAME_WIDTH, name, VALUE_WIDTH, left, right);
}

static void print_list(const struct cs_json *a, const struct cs_json *b, const struct list *l, FILE *out)
{
    const struct cs_json *of_a = cs_json_object_get(a, l->key), *of_b = cs_json_object_get(b, l->key);
    struct cs_json *row;
    size_t i;
    cs_json_array_foreach(of_a, i, row)
    {
        print_row(a, b, l, row, twin_of(of_b, l, row), out);
    }
    cs_json_array_foreach(of_b, i, row)
    {
        if (twin_of(of_a, l, row) == NULL)
            print_row(a, b, l, NULL, row, out);
    }
}

/* A rate of yes/no answers is of all that were asked: how many gave no whole answer says what it is worth. */
static void print_whole(const struct cs_json *a, const struct cs_json *b, FILE *out)
{
    const struct cs_json *both[2] = {a, b};
    char name[256], said[2][64];
    for (int k = 0; k < 2; k++) {
        const struct cs_json *e = cs_json_object_get(both[k], "ended");
        if (e == NULL)
            snprintf(said[k], sizeof said[k], "not run");
        else
            snprintf(said[k], sizeof said[k], "%lld of %lld",
                     (long long)cs_json_integer_value(cs_json_object_get(e, "ok")),
                     (long long)cs_json_integer_value(cs_json_object_get(e, "terminal")));
    }
    snprintf(name, sizeof name, "%s: whole answers", text(a, "study"));
    if (cs_json_object_get(a, "ended") != NULL || cs_json_object_get(b, "ended") != NULL)
        fprintf(out, "%-*s  %-*s  %s\n", NAME_WIDTH, name, VALUE_WIDTH, said[0], said[1]);
}

static const char *model_of(const struct cs_json *card)
{
    return text(cs_json_object_get(card, "model"), "name");
}

void cs_beside_print(const struct cs_json *a, const struct cs_json *b, FILE *out)
{
    const struct cs_json *of_b = cs_json_object_get(b, "findings");
    struct cs_json *f;
    size_t i;
    fprintf(out, "%-*s  %-*s  %s\n", NAME_WIDTH, "", VALUE_WIDTH, model_of(a), model_of(b));
    cs_json_array_foreach(cs_json_object_get(a, "findings"), i, f)
    {
        print_whole(f, cs_json_array_get(of_b, i), out);
        for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
            print_list(f, cs_json_array_get(of_b, i), &lists[k], out);
    }
    fputs("Intervals are of each model by itself: where they overlap, nothing is said about which is larger.\n", out);
}
