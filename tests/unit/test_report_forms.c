/* The tables of a report: JSON and CSV come from one list of columns, so every line has as many cells as the head has names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/fixture_report.h"
#include "tools/report/analysis/tables.h"
#include "tools/report/forms/forms.h"

static size_t cells_in(const char *line)
{
    size_t n = 1;
    bool quoted = false;
    for (; *line != '\0'; line++) {
        quoted ^= *line == '"';
        n += *line == ',' && !quoted;
    }
    return n;
}

static uint32_t check_file(const char *dir, const char *name)
{
    char path[256], *line = NULL;
    size_t room = 0, want = 0;
    uint32_t lines = 0;
    snprintf(path, sizeof path, "%s/%s.csv", dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (getline(&line, &room, f) >= 0) {
        const size_t n = cells_in(line);
        if (lines++ == 0)
            want = n;
        if (n != want)
            print_error("%s line %u: %zu cells under %zu names\n", name, lines, n, want);
        assert_int_equal(n, want);
    }
    free(line);
    fclose(f);
    assert_int_equal(remove(path), 0);
    return lines - 1;
}

static void every_line_fills_the_columns_of_its_table(void **state)
{
    static struct fixture_report f;
    char dir[] = "/tmp/clinsafe-forms-XXXXXX";
    uint32_t files = 0, rows = 0;
    (void)state;
    fixture_report(&f);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(cs_forms_csv(&f.r, dir, false, false, NULL), CS_OK);
    for (size_t i = 0; cs_tables_all[i] != NULL; i++) {
        for (const struct cs_report_table *t = cs_tables_all[i]; t->columns != NULL; t++) {
            if (t->csv == NULL || (t->is_rare && !t->is_shown(&f.r)))
                continue;
            rows += check_file(dir, t->csv);
            files++;
        }
    }
    assert_int_equal(files, 22);
    assert_true(rows > f.r.n_contrasts);
    assert_int_equal(rmdir(dir), 0);
}

static void a_table_without_rows_is_an_empty_list(void **state)
{
    static struct fixture_report f;
    char *text = NULL;
    size_t size = 0;
    (void)state;
    fixture_report(&f);
    f.r.n_floors = 0;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(cs_forms_json(&f.r, out, NULL), CS_OK);
    fclose(out);
    assert_non_null(strstr(text, "\"floors\": []"));
    assert_non_null(strstr(text, "\"reruns\""));
    free(text);

    f.r.earlier.source = ""; /* nothing was compared with */
    out = open_memstream(&text, &size);
    assert_int_equal(cs_forms_json(&f.r, out, NULL), CS_OK);
    fclose(out);
    assert_null(strstr(text, "\"earlier\""));
    assert_null(strstr(text, "\"reruns\""));
    free(text);
}

static char *text_of(const struct cs_report *r, bool json)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (json)
        assert_int_equal(cs_forms_json(r, out, NULL), CS_OK);
    else
        cs_forms_terminal(r, out);
    fclose(out);
    return text;
}

/* A verdict that the interval beside it does not bear out names the one that decided. */
static void the_interval_that_decided_stands_beside_its_verdict(void **state)
{
    static struct fixture_report f;
    (void)state;
    fixture_report(&f);
    char *json = text_of(&f.r, true), *lines = text_of(&f.r, false);
    assert_non_null(strstr(json, "\"decided_by\": null"));
    assert_null(strstr(json, "few clusters moved"));
    assert_null(strstr(lines, "decided by"));
    free(json);
    free(lines);
    for (uint32_t i = 0; i < f.r.n_contrasts; i++)
        f.contrasts[i].decided_by = (struct cs_report_decided){{true, -21.75, 22.5}, "few clusters moved: 3 of 16"};
    json = text_of(&f.r, true);
    lines = text_of(&f.r, false);
    const char *at = strstr(json, "\"decided_by\": {");
    assert_non_null(at);
    assert_non_null(strstr(at, "\"low\": -21.75,"));
    assert_non_null(strstr(at, "\"high\": 22.5,"));
    assert_non_null(strstr(at, "\"why\": \"few clusters moved: 3 of 16\""));
    assert_non_null(strstr(lines, "decided by -21.75 to 22.50 (few clusters moved: 3 of 16)"));
    free(json);
    free(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_fills_the_columns_of_its_table),
        cmocka_unit_test(a_table_without_rows_is_an_empty_list),
        cmocka_unit_test(the_interval_that_decided_stands_beside_its_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
