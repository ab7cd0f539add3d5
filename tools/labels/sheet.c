#include "tools/labels/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/json.h"
#include "protocol/base/plain.h"
#include "tools/base/csv_write.h"

enum { TEXT_MAX = 8 * 1024 * 1024 };

enum cs_sheet_kind cs_sheet_kind_of(const char *path, bool excel)
{
    const size_t n = strlen(path);
    if (n > 5 && strcmp(path + n - 5, ".html") == 0)
        return CS_SHEET_PAGE;
    return excel ? CS_SHEET_EXCEL : CS_SHEET_CSV;
}

/* ---- CSV --------------------------------------------------------------------------------------------- */

static void cell(const struct cs_sheet *s, const char *text, bool first)
{
    cs_csv_write_field_for(s->out, s->kind == CS_SHEET_EXCEL, text, first);
}

static void line_end(const struct cs_sheet *s)
{
    cs_csv_write_end_for(s->out, s->kind == CS_SHEET_EXCEL);
}

static void begin_table(const struct cs_sheet *s)
{
    if (s->kind == CS_SHEET_EXCEL)
        cs_csv_write_excel_begin(s->out);
    for (uint32_t i = 0; i < s->n_columns; i++)
        cell(s, s->columns[i], i == 0);
    cell(s, "words", false);
    for (uint32_t i = 0; i < s->n_fields; i++) {
        char *name = cs_xasprintf("rating.%s", s->fields[i]);
        cell(s, name, false);
        free(name);
    }
    line_end(s);
}

/* "triage: low | high; visit: Yes | No" */
static void put_words(const struct cs_sheet *s, const char *const *words)
{
    struct cs_buf b = CS_BUF_INIT(TEXT_MAX);
    for (uint32_t i = 0; i < s->n_fields; i++) {
        if (words[i] == NULL)
            continue;
        cs_buf_printf(&b, "%s%s: ", b.len > 0 ? "; " : "", s->fields[i]);
        if (words[i][0] == '\0')
            cs_buf_str(&b, "any text");
        for (const char *p = words[i]; *p != '\0'; p++)
            cs_buf_str(&b, *p == '\n' ? " | " : (const char[]){*p, '\0'});
    }
    cell(s, cs_buf_cstr(&b), false);
    cs_buf_release(&b);
}

static void table_row(const struct cs_sheet *s, const char *const *values, const char *const *words)
{
    for (uint32_t i = 0; i < s->n_columns; i++)
        cell(s, values[i], i == 0);
    put_words(s, words);
    for (uint32_t i = 0; i < s->n_fields; i++)
        cs_csv_write_field(s->out, words[i] != NULL ? "" : "-", false); /* no formula: import passes it over */
    line_end(s);
}

/* ---- the page ------------------------------------------------------------------------------------------- */

static const char page_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

static const char page_style[] =
    "\">\n<meta name=\"referrer\" content=\"no-referrer\"><title>Ratings</title>\n<style>\n"
    ":root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--soft:#f2f2f0;--line:#767676;--on:#0b57a4}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#eee;--paper:#181818;--soft:#262626;--line:#9a9a9a;--on:#8ec5ff}}\n"
    "body{margin:0 auto;max-width:60rem;padding:1rem;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}\n"
    "h1{font-size:1.3rem;margin:.2rem 0}section{background:var(--soft);padding:.6rem .9rem;margin:.6rem 0;border-radius:.4rem;white-space:pre-wrap;"
    "overflow-wrap:anywhere}section h2{font-size:.9rem;margin:0}fieldset{border:1px solid var(--line);border-radius:.4rem;margin:.6rem 0}\n"
    "legend{font-weight:600}label{display:inline-block;margin:.2rem 1rem .2rem 0}button,input{font:inherit;color:inherit;background:var(--paper);"
    "border:1px solid var(--line);border-radius:.3rem;padding:.35rem .8rem}input[type=radio]{width:1.1rem;height:1.1rem;vertical-align:-.15rem}\n"
    ".image{padding:0;border:0;border-radius:0;max-width:100%;overflow:auto;cursor:zoom-in}.image img{display:block;max-width:100%;max-height:75vh}.whole{cursor:zoom-out}"
    ".whole img{max-width:none;max-height:none}\n"
    "button:focus-visible,input:focus-visible{outline:3px solid var(--on)}nav{display:flex;flex-wrap:wrap;gap:.6rem;align-items:center;margin:.8rem 0}\n"
    "</style></head><body>\n<h1 id=\"title\"></h1><p id=\"help\"></p>\n"
    "<nav><label>Your name <input id=\"rater\" autocomplete=\"name\"></label><button id=\"save\">Save ratings</button><span id=\"state\" role=\"status\"></span></nav>\n"
    "<main id=\"item\" tabindex=\"-1\"></main>\n"
    "<nav><button id=\"back\">Back</button><button id=\"next\">Next</button><button id=\"open\">Next unrated</button></nav>\n"
    "<script type=\"application/json\" id=\"data\">";

static const char page_tail[] =
    "<script>\n'use strict'\n"
    "var D = JSON.parse(document.getElementById('data').textContent), at = 0, said = {}\n"
    "function el(id) { return document.getElementById(id) }\n"
    "function make(tag, text, into) { var e = document.createElement(tag); e.textContent = text; into.appendChild(e); return e }\n"
    "try { var kept = JSON.parse(localStorage.getItem(D.id)); if (kept) { said = kept.said || {}; el('rater').value = kept.rater || '' } } catch (e) {}\n"
    "function keep() { try { localStorage.setItem(D.id, JSON.stringify({said: said, rater: el('rater').value})) } catch (e) {} }\n"
    "function asked(item) { return D.fields.filter(function (f, i) { return item.words[i] !== null }) }\n"
    "function done(item) { return asked(item).every(function (f) { return (said[item.values[0]] || {})[f] }) }\n"
    "function state(more) { var n = D.items.filter(done).length; el('state').textContent = 'Item ' + (at + 1) + ' of ' + D.items.length + ', ' + n + ' rated' + (more || '') }\n"
    "function say(id, field, word) { (said[id] = said[id] || {})[field] = word; keep(); state() }\n"
    "function field(item, f, words, into) {\n"
    "  var set = document.createElement('fieldset'), id = item.values[0], now = (said[id] || {})[f] || ''\n"
    "  make('legend', f, set)\n"
    "  if (!words.length) { var t = document.createElement('input'); t.setAttribute('aria-label', f); t.value = now; t.size = 40\n"
    "    t.addEventListener('input', function () { say(id, f, t.value) }); set.appendChild(t) }\n"
    "  words.forEach(function (w) { var l = document.createElement('label'), r = document.createElement('input'); r.type = 'radio'; r.name = f; r.value = w\n"
    "    r.checked = w === now; r.addEventListener('change', function () { say(id, f, w) }); l.appendChild(r); l.appendChild(document.createTextNode(' ' + w)); set.appendChild(l) })\n"
    "  into.appendChild(set)\n}\n"
    "function picture(number, place, into) {\n"
    "  var i = document.createElement('img'), b = make('button', '', into); b.className = 'image'; b.title = 'as large as it is, or as wide as the page'\n"
    "  i.alt = 'image ' + place; i.src = el('image-' + number).textContent; b.appendChild(i)\n"
    "  b.addEventListener('click', function () { b.classList.toggle('whole') })\n}\n"
    "function show(n, focus) {\n"
    "  at = Math.max(0, Math.min(D.items.length - 1, n)); var m = el('item'), item = D.items[at]; m.textContent = ''\n"
    "  ;(item.images || []).forEach(function (number, i) { var s = document.createElement('section'); make('h2', 'image ' + (i + 1), s); picture(number, i + 1, s); m.appendChild(s) })\n"
    "  D.columns.forEach(function (c, i) { if (!i || !item.values[i]) return; var s = document.createElement('section'); make('h2', c, s); make('div', item.values[i], s); m.appendChild(s) })\n"
    "  D.fields.forEach(function (f, i) { if (item.words[i] !== null) field(item, f, item.words[i], m) })\n"
    "  el('back').disabled = at === 0; el('next').disabled = at === D.items.length - 1; state(); if (focus) { m.focus(); scrollTo(0, 0) }\n}\n"
    "function quote(s) { return /[\",\\r\\n]|^ | $/.test(s) ? '\"' + s.replace(/\"/g, '\"\"') + '\"' : s }\n"
    "function table() {\n"
    "  var rows = [['item', 'rater'].concat(D.fields.map(function (f) { return 'rating.' + f }))], who = el('rater').value.trim()\n"
    "  D.items.forEach(function (i) { var s = said[i.values[0]] || {}; rows.push([i.values[0], who].concat(D.fields.map(function (f) { return s[f] || '' }))) })\n"
    "  return rows.map(function (r) { return r.map(quote).join(',') + '\\r\\n' }).join('')\n}\n"
    "el('title').textContent = D.title; el('help').textContent = D.help; document.title = D.title\n"
    "el('rater').addEventListener('input', keep)\n"
    "el('back').addEventListener('click', function () { show(at - 1, true) }); el('next').addEventListener('click', function () { show(at + 1, true) })\n"
    "el('open').addEventListener('click', function () { for (var k = 1; k <= D.items.length; k++) { var n = (at + k) % D.items.length; if (!done(D.items[n])) return show(n, true) } state('; all are rated') })\n"
    "el('save').addEventListener('click', function () {\n"
    "  var who = el('rater').value.trim(); if (!who) { el('rater').focus(); return state('; first write your name') }\n"
    "  var a = document.createElement('a'); a.href = URL.createObjectURL(new Blob([table()], {type: 'text/csv'})); a.download = 'ratings-' + who.replace(/[^A-Za-z0-9_-]+/g, '-') + '.csv'; a.click(); state('; saved')\n})\n"
    "show(0, false)\n</script></body></html>\n";

/* As JSON inside of a script element: nothing there may end it, turn the reading direction or hide. Lines stay lines. */
static void put_json(FILE *out, const char *text)
{
    struct cs_buf clean = CS_BUF_INIT(TEXT_MAX), json = CS_BUF_INIT(2 * (size_t)TEXT_MAX);
    for (size_t n = strlen(text), len = 0; n > 0; text += len, n -= len) {
        uint32_t code = 0;
        char plain[16], one[8] = {0};
        const size_t hidden = cs_plain_hidden(text, n, &len, &code);
        len = hidden > 0 ? hidden : len;
        memcpy(one, text, len < sizeof one - 1 ? len : sizeof one - 1);
        cs_buf_str(&clean, hidden == 0 || code == '\n' || code == '\t' ? one : cs_plain_text(plain, sizeof plain, one));
    }
    cs_json_str(&json, cs_buf_cstr(&clean), clean.len);
    for (const char *p = cs_buf_cstr(&json); *p != '\0'; p++)
        *p == '<' ? (void)fputs("\\u003c", out) : (void)fputc(*p, out);
    cs_buf_release(&clean);
    cs_buf_release(&json);
}

static void put_list(FILE *out, const char *const *texts, uint32_t n)
{
    fputc('[', out);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            fputc(',', out);
        put_json(out, texts[i]);
    }
    fputc(']', out);
}

static void begin_page(const struct cs_sheet *s)
{
    fputs(page_head, s->out);
    fputs(s->from != NULL ? "; img-src data:" : "", s->out);
    fputs(page_style, s->out);
    fputs("{\"id\":", s->out);
    put_json(s->out, s->id);
    fputs(",\"title\":", s->out);
    put_json(s->out, s->title);
    fputs(",\"help\":", s->out);
    put_json(s->out, s->help);
    fputs(",\"columns\":", s->out);
    put_list(s->out, s->columns, s->n_columns);
    fputs(",\"fields\":", s->out);
    put_list(s->out, s->fields, s->n_fields);
    fputs(",\"items\":[", s->out);
}

static void page_words(FILE *out, const char *words)
{
    bool first = true;
    if (words == NULL) {
        fputs("null", out);
        return;
    }
    fputc('[', out);
    while (words[0] != '\0') {
        const size_t n = strcspn(words, "\n");
        char *word = cs_xasprintf("%.*s", (int)n, words);
        if (!first)
            fputc(',', out);
        put_json(out, word);
        free(word);
        first = false;
        words += n + (words[n] == '\n');
    }
    fputc(']', out);
}

static void page_images(struct cs_sheet *s, const struct cs_image *images, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        fprintf(s->out, "%s%u", i == 0 ? ",\"images\":[" : ",", cs_sheet_images_add(&s->images, &images[i]));
    fputs(n > 0 ? "]" : "", s->out);
}

static void page_item(struct cs_sheet *s, const char *const *values, const char *const *words,
                      const struct cs_image *images, uint32_t n_images)
{
    fputs(s->rows > 0 ? ",\n{\"values\":" : "\n{\"values\":", s->out);
    put_list(s->out, values, s->n_columns);
    page_images(s, images, s->from != NULL ? n_images : 0);
    fputs(",\"words\":[", s->out);
    for (uint32_t i = 0; i < s->n_fields; i++) {
        if (i > 0)
            fputc(',', s->out);
        page_words(s->out, words[i]);
    }
    fputs("]}", s->out);
}

void cs_sheet_begin(struct cs_sheet *s)
{
    if (s->kind == CS_SHEET_PAGE)
        begin_page(s);
    else
        begin_table(s);
}

void cs_sheet_row(struct cs_sheet *s, const char *const *values, const char *const *words,
                  const struct cs_image *images, uint32_t n_images)
{
    if (s->kind == CS_SHEET_PAGE)
        page_item(s, values, words, images, n_images);
    else
        table_row(s, values, words);
    s->rows++;
}

enum cs_err cs_sheet_end(struct cs_sheet *s, struct cs_error *err)
{
    if (s->kind != CS_SHEET_PAGE)
        return CS_OK;
    enum cs_err rc = cs_sheet_images_fit(&s->images, err);
    if (rc != CS_OK)
        return rc;
    fputs("]}</script>\n", s->out);
    rc = cs_sheet_images_write(&s->images, s->from, s->out, err);
    fputs(page_tail, s->out);
    return rc;
}

void cs_sheet_release(struct cs_sheet *s)
{
    cs_sheet_images_release(&s->images);
}
