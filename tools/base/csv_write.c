#include "tools/base/csv_write.h"

#include <csv.h> /* csv_fwrite */
#include <string.h>

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
