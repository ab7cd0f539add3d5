/* charset.h - a reply's body in UTF-8, whatever charset its content-type names: what stands behind HTTP in a hospital may be older than UTF-8.
 *
 * Known are UTF-16 and 32, ISO 8859, Windows' and the usual ones of East Asia, by libc's iconv; the reply chooses among those alone. Bytes that
 * are no character of the charset become U+FFFD. Left as it is: a body without a charset, in UTF-8 or ASCII, JSON that is UTF-8 whatever is
 * said of it (RFC 8259, and servers that say ISO-8859-1 of all they send), and one of an unknown charset that is UTF-8. Pure; any thread.
 */
#ifndef CS_CHARSET_H
#define CS_CHARSET_H

#include "protocol/base/arena.h"
#include "protocol/dialects/replies/reply.h"

/* NULL: reply->body is UTF-8 as far as its bytes are any; it may stand in the arena now. Else the charset's name, and the body is as it was. */
const char *cs_charset_to_utf8(struct cs_http_reply *reply, struct cs_arena *arena);

#endif
