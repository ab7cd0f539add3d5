#include "tools/base/csv_write.h"

#include <csv.h> /* csv_fwrite */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"

void cs_csv_write_field(FILE *out, const char *text, bool first)
{
    const size_t n = strlen(text);
    if (!first)
        fputc(',', out);
    if (strpbrk(text, ",\"\r\n") != NULL || (n > 0 && (text[0] == ' ' || text[n - 1] == ' ')))
        csv_fwrite(out, text, n);
    else
        fputs(text, out);
}

void cs_csv_write_end(FILE *out)
{
    fputc('\n', out);
}

void cs_csv_write_excel_begin(FILE *out)
{
    fputs("\xEF\xBB\xBF", out);
}

/* Bytes of the first `most` characters as Excel counts them: one outside the basic plane is two. */
static size_t bytes_of(const char *text, size_t most)
{
    size_t n = 0, units = 0;
    while (text[n] != '\0') {
        const unsigned char c = (unsigned char)text[n];
        const size_t more = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
        units += c >= 0xF0 ? 2 : 1;
        if (units > most)
            break;
        for (size_t i = 0; i < more && text[n] != '\0'; i++)
            n++;
    }
    return n;
}

void cs_csv_write_excel_field(FILE *out, const char *text, bool first)
{
    const size_t n = bytes_of(text, CS_CSV_EXCEL_CELL);
    const bool guard = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
    char *safe = cs_xasprintf("%s%.*s%s", guard ? "'" : "", (int)n, text, text[n] != '\0' ? " [cut]" : "");
    cs_csv_write_field(out, safe, first);
    free(safe);
}

void cs_csv_write_excel_number(FILE *out, const char *number, bool first)
{
    cs_csv_write_field(out, number, first);
}

void cs_csv_write_excel_end(FILE *out)
{
    fputs("\r\n", out);
}

void cs_csv_write_field_for(FILE *out, bool excel, const char *text, bool first)
{
    (excel ? cs_csv_write_excel_field : cs_csv_write_field)(out, text, first);
}

void cs_csv_write_end_for(FILE *out, bool excel)
{
    (excel ? cs_csv_write_excel_end : cs_csv_write_end)(out);
}
