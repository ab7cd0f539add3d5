/* servers.h - one model on many servers: the list of their addresses, as providers.yaml or a file has it.
 *
 *     base_url: [http://127.0.0.1:8001/v1, http://127.0.0.1:8002/v1]
 *     base_url: file:servers.txt               # beside providers.yaml, or absolute; read again while the study runs
 *
 * Such a file has one address a line; what follows # is a comment. Whoever writes it writes another file and renames that over it. It may be
 * missing, or empty: then the lane waits. In an account both are one text (struct cs_account): the addresses with blanks between them, or
 * "file:/ABSOLUTE/PATH".
 *
 * Thread: any. Errors: CS_EINVAL "FILE:LINE:COLUMN: ...", which repeats nothing of the file, for a study may name any.
 */
#ifndef CS_LOAD_SERVERS_H
#define CS_LOAD_SERVERS_H

#include "protocol/base/arena.h"
#include "protocol/study/study.h"
#include "protocol/table/yaml.h"

enum { CS_SERVERS_BYTES_MAX = 4000, CS_SERVERS_FILE_MAX = 128 * 1024 };

struct cs_servers_list {
    uint32_t n; /* at most CS_ADDRESS_SERVERS_MAX, each once */
    const char **urls;
};

/* insecure: http:// may go to other machines too. CS_ENOENT: there is no such file. */
CS_WARN_UNUSED enum cs_err cs_load_servers_file(const char *path, bool insecure, struct cs_arena *arena,
                                                struct cs_servers_list *out, struct cs_error *err);
/* The servers of an account that has several, or may have. A file that is not there lists none. */
CS_WARN_UNUSED enum cs_err cs_load_servers_of(const struct cs_account *a, struct cs_arena *arena,
                                              struct cs_servers_list *out, struct cs_error *err);
/* What base_url says, as the account has it. */
CS_WARN_UNUSED enum cs_err cs_load_servers(const struct cs_node *n, struct cs_arena *arena, bool insecure,
                                           const char **out, struct cs_error *err);

#endif
