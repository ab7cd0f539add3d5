#include "tools/base/typed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void cs_typed_quote(struct cs_buf *out, const char *word)
{
    const bool plain = word[0] != '\0' &&
                       word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                         "_@%+=:,./-")] == '\0';
    cs_buf_char(out, ' ');
    if (!plain)
        cs_buf_char(out, '\'');
    for (const char *p = word; *p != '\0'; p++) {
        if (*p == '\'')
            cs_buf_str(out, "'\\'");
        cs_buf_char(out, *p);
    }
    if (!plain)
        cs_buf_char(out, '\'');
}

char *cs_typed_command(const char *command, int argc, char **argv)
{
    struct cs_buf b = CS_BUF_INIT(1024 * 1024);
    cs_typed_quote(&b, program_invocation_name); /* `build/clinsafe` is not in PATH */
    cs_buf_printf(&b, " %s", command);
    for (int i = 1; i < argc; i++)
        cs_typed_quote(&b, argv[i]);
    return cs_buf_take(&b);
}

char *cs_typed_elsewhere(const char *command, const char *dir)
{
    struct cs_buf b = CS_BUF_INIT(64 * 1024);
    char *program = strchr(program_invocation_name, '/') != NULL ? realpath(program_invocation_name, NULL) : NULL;
    char *real = realpath(dir, NULL);
    cs_typed_quote(&b, program != NULL ? program : program_invocation_name);
    cs_buf_printf(&b, " %s --dir", command);
    cs_typed_quote(&b, real != NULL ? real : dir);
    free(program);
    free(real);
    return cs_buf_take(&b);
}
