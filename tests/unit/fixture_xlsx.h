/* fixture_xlsx.h - small Excel workbooks, their parts written out. Needs libzip and zlib. */
#ifndef CS_FIXTURE_XLSX_H
#define CS_FIXTURE_XLSX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zip.h>
#include <zlib.h>

struct book_part {
    const char *name, *bytes;
    size_t n;
};

/* Writes a zip file of these parts; those without bytes are left out. False: it could not. */
static inline bool book_write(const char *path, const struct book_part *parts, size_t n)
{
    int why = 0;
    remove(path);
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &why);
    bool good = z != NULL;
    for (size_t i = 0; i < n && good; i++) {
        if (parts[i].bytes == NULL)
            continue;
        zip_source_t *s = zip_source_buffer(z, parts[i].bytes, parts[i].n, 0);
        good = s != NULL && zip_file_add(z, parts[i].name, s, ZIP_FL_OVERWRITE) >= 0;
    }
    if (z != NULL && (!good || zip_close(z) != 0)) {
        zip_discard(z);
        return false;
    }
    return good;
}

static inline void book_number(FILE *f, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(v >> (8 * i) & 0xFF), f);
}

/* What stands in the local header of a part and in the directory alike (APPNOTE 4.3.7, 4.3.12): stored, not packed. */
static inline void book_entry(FILE *f, const struct book_part *p)
{
    book_number(f, 20, 2); /* version, then no flags, no packing, no time and the first day */
    book_number(f, 0, 4);
    book_number(f, 0x00210000, 4);
    book_number(f, (uint32_t)crc32(0, (const unsigned char *)p->bytes, (unsigned)p->n), 4);
    book_number(f, (uint32_t)p->n, 4);
    book_number(f, (uint32_t)p->n, 4);
    book_number(f, (uint32_t)strlen(p->name), 2);
    book_number(f, 0, 2);
}

/* The same without packing and without libzip, which does not outlive every allocation that fails. At most 16 parts. */
static inline bool book_store(const char *path, const struct book_part *parts, size_t n)
{
    FILE *f = fopen(path, "wb");
    uint32_t at[16], count = 0;
    if (f == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].bytes == NULL)
            continue;
        at[count++] = (uint32_t)ftell(f);
        book_number(f, 0x04034b50, 4);
        book_entry(f, &parts[i]);
        fputs(parts[i].name, f);
        fwrite(parts[i].bytes, 1, parts[i].n, f);
    }
    const uint32_t directory = (uint32_t)ftell(f);
    for (size_t i = 0, k = 0; i < n; i++) {
        if (parts[i].bytes == NULL)
            continue;
        book_number(f, 0x02014b50, 4);
        book_number(f, 20, 2);
        book_entry(f, &parts[i]);
        book_number(f, 0, 4); /* no remark, first disk, no attributes */
        book_number(f, 0, 2);
        book_number(f, 0, 4);
        book_number(f, at[k++], 4);
        fputs(parts[i].name, f);
    }
    const uint32_t end = (uint32_t)ftell(f);
    book_number(f, 0x06054b50, 4);
    book_number(f, 0, 4);
    book_number(f, count, 2);
    book_number(f, count, 2);
    book_number(f, end - directory, 4);
    book_number(f, directory, 4);
    book_number(f, 0, 2);
    return fclose(f) == 0;
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
