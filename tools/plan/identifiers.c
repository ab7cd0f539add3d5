#include "tools/plan/identifiers.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { TRIM_EVERY = 1 << 16 };

static bool is_word(unsigned char c)
{
    return isalnum(c) || c >= 0x80;
}

static bool begins(const char *text, uint32_t at)
{
    return at == 0 || !is_word((unsigned char)text[at - 1]);
}

/* How many bytes of s follow a pattern: 9 a digit, ? an optional blank, anything else itself. 0: not at all. */
static uint32_t follows(const char *s, const char *pattern)
{
    uint32_t n = 0;
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '?') {
            n += s[n] == ' ';
            continue;
        }
        if (*pattern == '9' ? !isdigit((unsigned char)s[n]) : s[n] != *pattern)
            return 0;
        n++;
    }
    return isdigit((unsigned char)s[n]) ? 0 : n;
}

/* A word and, within a few signs, at least so many digits; what may stand between and inside is given. */
static uint32_t labelled(const char *s, const char *word, unsigned digits, const char *between)
{
    const size_t n = strlen(word);
    if (strncasecmp(s, word, n) != 0 || is_word((unsigned char)s[n]))
        return 0;
    size_t at = n + strspn(s + n, " .:#-"), seen = 0, end = at;
    for (; isdigit((unsigned char)s[at]) || (s[at] != '\0' && strchr(between, s[at]) != NULL); at++) {
        if (isdigit((unsigned char)s[at])) {
            seen++;
            end = at + 1;
        }
    }
    return seen >= digits ? (uint32_t)end : 0;
}

static uint32_t any_labelled(const char *s, const char *const *words, unsigned digits, const char *between)
{
    for (; *words != NULL; words++) {
        const uint32_t n = labelled(s, *words, digits, between);
        if (n > 0)
            return n;
    }
    return 0;
}

static uint32_t record_number(const char *s)
{
    static const char *const words[] = {"MRN",        "medical record number", "medical record no", "record no",
                                        "patient id", "hospital no",           "NHS number",        "NHS no",
                                        NULL};
    return any_labelled(s, words, 5, "- ");
}

static uint32_t phone(const char *s)
{
    static const char *const forms[] = {"(999)?999-9999",  "999-999-9999",    "999.999.9999",
                                        "+9?999?999?9999", "+99?999?999?999", "+99?99?99?99?99?99"};
    static const char *const words[] = {"tel", "tél", "phone", "telephone", "mobile", "cell", "call", "fax", NULL};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const uint32_t n = follows(s, forms[i]);
        if (n > 0)
            return n;
    }
    return any_labelled(s, words, 7, "-. ()");
}

static uint32_t birth_date(const char *s)
{
    static const char *const words[] = {"DOB",   "D.O.B",  "date of birth", "born on", "born",
                                        "né le", "née le", "geboren am",    NULL};
    return any_labelled(s, words, 6, "/-. ");
}

static uint32_t security_number(const char *s)
{
    return follows(s, "999-99-9999");
}

static uint32_t mail_address(const char *s)
{
    static const char local[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
    const size_t n = strspn(s, local);
    if (n == 0 || s[n] != '@')
        return 0;
    const size_t m = strspn(s + n + 1, local);
    const char *dot = memchr(s + n + 1, '.', m);
    return dot != NULL && isalpha((unsigned char)dot[1]) ? (uint32_t)(n + 1 + m) : 0;
}

static uint32_t name(const char *s)
{
    static const char *const titles[] = {
        "Mr.", "Mrs.", "Ms.", "Mr", "Mrs", "Ms", "Miss", "Dr.", "Prof.", "Patient \xC2\xAB", "Name:"};
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        const size_t n = strlen(titles[i]);
        if (strncmp(s, titles[i], n) != 0)
            continue;
        const size_t at = n + (s[n] == ' ' ? 1 : 0);
        if (at == n && titles[i][n - 1] != ':')
            continue;
        size_t end = at;
        while (is_word((unsigned char)s[end]) || s[end] == '-')
            end++;
        if (isupper((unsigned char)s[at]) && end > at + 1)
            return (uint32_t)end;
    }
    return 0;
}

static const struct {
    uint32_t (*find)(const char *s);
    const char *what;
    bool blocks;
} kinds[] = {
    {record_number, "a record number", true},  {security_number, "a social security number", true},
    {birth_date, "a birth date", true},        {phone, "a phone number", true},
    {mail_address, "an e-mail address", true}, {name, "a name", false},
};

struct cs_identifier cs_identifiers_find(const char *text, uint32_t from)
{
    for (uint32_t at = from; text[at] != '\0'; at++) {
        if (!begins(text, at))
            continue;
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            const uint32_t n = kinds[k].find(text + at);
            if (n > 0)
                return (struct cs_identifier){kinds[k].what, at, n, kinds[k].blocks};
        }
    }
    return (struct cs_identifier){0};
}

/* An account that may not see them: elsewhere, and not approved. Plain http is this machine (providers.c). */
static const struct cs_account *unapproved(const struct cs_study *s)
{
    for (uint32_t i = 0; i < s->n_accounts; i++) {
        const struct cs_account *a = &s->accounts[i];
        if (!a->simulated && !a->confidential_ok && strncmp(a->base_url, "http://", 7) != 0)
            return a;
    }
    return NULL;
}

static struct cs_identifier first_that_blocks(const char *text)
{
    struct cs_identifier i = cs_identifiers_find(text, 0);
    while (i.what != NULL && !i.blocks)
        i = cs_identifiers_find(text, i.at + i.len);
    return i;
}

enum cs_err cs_identifiers_check(const struct cs_loaded *l, struct cs_error *err)
{
    const struct cs_study *s = l->study;
    const struct cs_account *account = unapproved(s);
    const struct cs_case *example = NULL;
    struct cs_identifier shown = {0};
    uint32_t cases = 0;
    for (uint32_t i = 0; i < s->n_cases && account != NULL && !s->fictional; i++) {
        struct cs_identifier found = {0};
        for (uint32_t c = 0; c < s->n_columns && found.what == NULL; c++) {
            const char *text = l->all[i].values[c];
            if (s->parent != NULL && (c == s->parent->column || (i > 0 && text == l->all[i - 1].values[c])))
                continue;                  /* never sent; or seen in the case before, of which it is another output */
            if (strchr(text, ' ') != NULL) /* a text, not a code of a table */
                found = first_that_blocks(text);
        }
        if (i % TRIM_EVERY == 0)
            cs_load_trim(l);
        if (found.what != NULL && cases++ == 0) {
            example = &l->all[i];
            shown = found;
        }
    }
    if (cases == 0)
        return CS_OK;
    return cs_error_set(
        err, CS_EDENIED,
        "case \"%s\" holds what looks like %s (in %u case%s), and account \"%s\" is not approved for confidential "
        "cases; take it out, approve the account (confidential: approved), or say cases: {identifiers: fictional}",
        example->id, shown.what, cases, cases == 1 ? "" : "s", account->name);
}
