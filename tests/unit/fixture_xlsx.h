/* fixture_xlsx.h - small Excel workbooks, their parts written out. Needs libzip. */
#ifndef CS_FIXTURE_XLSX_H
#define CS_FIXTURE_XLSX_H

#include <stddef.h>
#include <stdio.h>
#include <zip.h>

#include "protocol/base/assert.h"

struct book_part {
    const char *name, *bytes;
    size_t n;
};

/* Writes a zip file of these parts; those without bytes are left out. */
static inline void book_write(const char *path, const struct book_part *parts, size_t n)
{
    int why = 0;
    remove(path);
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &why);
    CS_ASSERT(z != NULL);
    for (size_t i = 0; i < n; i++) {
        if (parts[i].bytes == NULL)
            continue;
        zip_source_t *s = zip_source_buffer(z, parts[i].bytes, parts[i].n, 0);
        CS_ASSERT(s != NULL && zip_file_add(z, parts[i].name, s, ZIP_FL_OVERWRITE) >= 0);
    }
    CS_ASSERT(zip_close(z) == 0);
}

#define BOOK_RELATIONS                                                                                                 \
    "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>"                             \
    "<Relationship Id='r1' Type='http://x/worksheet' Target='worksheets/sheet1.xml'/>"                                 \
    "<Relationship Id='r2' Type='http://x/worksheet' Target='/xl/worksheets/sheet2.xml'/>"                             \
    "<Relationship Id='r3' Type='http://x/sharedStrings' Target='sharedStrings.xml'/>"                                 \
    "<Relationship Id='r4' Type='http://x/styles' Target='styles.xml'/></Relationships>"
#define BOOK_ONE_SHEET "<workbook xmlns:r='r'><sheets><sheet name='Cases' sheetId='1' r:id='r1'/></sheets></workbook>"
#define BOOK_TWO_SHEETS                                                                                                \
    "<workbook xmlns:r='r'><sheets><sheet name='Cases' sheetId='1' r:id='r1'/>"                                        \
    "<sheet name='Old' sheetId='2' r:id='r2'/></sheets></workbook>"

#endif
