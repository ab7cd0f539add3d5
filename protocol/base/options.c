#include "protocol/base/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/version.h"

static void print_help(const struct cs_option *table, const struct cs_command_help *help)
{
    printf("Usage: %s\n\n%s\n", help->usage, help->summary);
    printf("\nOptions:\n");
    for (const struct cs_option *o = table; o->name != NULL; o++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->arg != NULL ? " " : "", o->arg != NULL ? o->arg : "");
        printf("  %-26s %s\n", left, o->help);
    }
    printf("  %-26s %s\n", "--help", "this text");
    if (help->example != NULL)
        printf("\nExample:\n  %s\n", help->example);
}

static enum cs_err store_value(const struct cs_option *o, const char *value, struct cs_error *err)
{
    switch (o->kind) {
    case CS_OPT_FLAG:
        *(bool *)o->into = true;
        return CS_OK;
    case CS_OPT_STR:
        *(const char **)o->into = value;
        return CS_OK;
    case CS_OPT_U64: {
        char *end;
        errno = 0;
        unsigned long long v = strtoull(value, &end, 10);
        if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0)
            return cs_error_set(err, CS_EUSAGE, "--%s %s: want a whole number", o->name, value);
        *(uint64_t *)o->into = v;
        return CS_OK;
    }
    case CS_OPT_LIST: {
        struct cs_option_list *l = o->into;
        if (l->n == CS_OPT_LIST_MAX)
            return cs_error_set(err, CS_EUSAGE, "--%s: at most %d times", o->name, CS_OPT_LIST_MAX);
        l->v[l->n++] = value;
        return CS_OK;
    }
    }
    return CS_EINTERNAL;
}

static const struct cs_option *find(const struct cs_option *table, const char *name, size_t n)
{
    for (const struct cs_option *o = table; o->name != NULL; o++) {
        if (strlen(o->name) == n && strncmp(o->name, name, n) == 0)
            return o;
    }
    return NULL;
}

enum cs_err cs_options_parse(const struct cs_option *table, const struct cs_command_help *help, int argc, char **argv,
                             int *n_args, bool *helped, struct cs_error *err)
{
    *n_args = 0;
    *helped = false;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
            print_help(table, help);
            *helped = true;
            return CS_OK;
        }
        if (strcmp(a, "--version") == 0) {
            printf("%.*s %s\n", (int)strcspn(help->usage, " "), help->usage, cs_version_line);
            *helped = true;
            return CS_OK;
        }
        if (strcmp(a, "--") == 0) {
            while (++i < argc)
                argv[++*n_args] = argv[i];
            break;
        }
        if (a[0] != '-' || a[1] == '\0') {
            argv[++*n_args] = argv[i];
            continue;
        }
        const char *name = a + 2, *eq = strchr(a, '=');
        const struct cs_option *o = a[1] == '-' ? find(table, name, eq != NULL ? (size_t)(eq - name) : strlen(name))
                                                : NULL;
        if (o == NULL)
            return cs_error_set(err, CS_EUSAGE, "%s: no such option; --help lists them", a);
        if (o->kind == CS_OPT_FLAG && eq != NULL)
            return cs_error_set(err, CS_EUSAGE, "--%s takes no value", o->name);
        const char *value = eq != NULL ? eq + 1 : NULL;
        if (o->kind != CS_OPT_FLAG && value == NULL) {
            if (i + 1 >= argc)
                return cs_error_set(err, CS_EUSAGE, "--%s needs a value: --%s %s", o->name, o->name, o->arg);
            value = argv[++i];
        }
        enum cs_err rc = store_value(o, value, err);
        if (rc != CS_OK)
            return rc;
    }
    return CS_OK;
}
