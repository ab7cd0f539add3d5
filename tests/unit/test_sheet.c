/* The page for raters: images stand in it once each, by number; more than it holds are refused before any is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/labels/sheet.h"

struct shelf {
    uint32_t reads;
};

static enum cs_err read_image(void *self, const struct cs_image *image, uint8_t **bytes, struct cs_error *err)
{
    struct shelf *s = self;
    (void)err;
    s->reads++;
    *bytes = calloc(1, image->bytes);
    memset(*bytes, image->hash[0], image->bytes);
    return CS_OK;
}

static enum cs_err page_of(struct shelf *shelf, uint32_t n, uint32_t bytes, char **text, struct cs_error *err)
{
    static const char *const columns[] = {"item", "case"}, *const fields[] = {"biopsy"};
    const struct cs_sheet_images_source from = {shelf, read_image};
    size_t len = 0;
    struct cs_sheet s = {.out = open_memstream(text, &len),
                         .kind = CS_SHEET_PAGE,
                         .title = "t",
                         .help = "h",
                         .id = "i",
                         .from = &from,
                         .columns = columns,
                         .n_columns = 2,
                         .fields = fields,
                         .n_fields = 1};
    cs_sheet_begin(&s);
    for (uint32_t i = 0; i < n; i++) {
        struct cs_image both[2] = {{.is = {CS_PICTURE_JPEG, 1, 1}, .bytes = bytes, .name = "arms/dark.jpg"}};
        both[1] = both[0];
        both[1].hash[0] = (uint8_t)(i + 1);
        both[1].is.type = CS_PICTURE_PNG;
        cs_sheet_row(&s, (const char *[]){"x", "words"}, (const char *[]){"yes\nno"}, both, 2);
    }
    const enum cs_err rc = cs_sheet_end(&s, err);
    cs_sheet_release(&s);
    fclose(s.out);
    return rc;
}

static uint32_t times(const char *text, const char *what)
{
    uint32_t n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

static void each_image_once(void **state)
{
    (void)state;
    struct shelf shelf = {0};
    struct cs_error err;
    char *text = NULL;
    assert_int_equal(page_of(&shelf, 3, 4, &text, &err), CS_OK);
    assert_int_equal(shelf.reads, 4);
    assert_int_equal(times(text, "id=\"image-"), 4);
    assert_int_equal(times(text, "id=\"image-0\">data:image/jpeg;base64,AAAAAA==</script>"), 1);
    assert_int_equal(times(text, "id=\"image-3\">data:image/png;base64,AwMDAw==</script>"), 1);
    assert_int_equal(times(text, "\"images\":[0,1]"), 1);
    assert_int_equal(times(text, "\"images\":[0,3]"), 1);
    assert_int_equal(times(text, "dark.jpg"), 0);
    free(text);
}

static void more_than_a_page_holds(void **state)
{
    (void)state;
    struct shelf shelf = {0};
    struct cs_error err;
    char *text = NULL;
    assert_int_equal(page_of(&shelf, 10, 10 * 1024 * 1024, &text, &err), CS_ETOOBIG);
    assert_non_null(strstr(err.msg, "11 images are 110 MiB, and a page holds 96"));
    assert_int_equal(shelf.reads, 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_image_once),
        cmocka_unit_test(more_than_a_page_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
