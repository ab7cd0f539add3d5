/* quoted.h - whether a passage stands in a text as it was cited (`derive: {quoted_in: [citation, case.text]}`).
 *
 * It stands there when its characters do, one after the other, but for what copying changes: a run of white space (no-break and thin spaces
 * too) is one blank, capitals are small letters as in phrases.h, and quotation marks and apostrophes of every kind are one sign. White space and quotation
 * marks around the passage are no part of it. It is not looked whether words are whole, nor what the passage means. A passage without a letter
 * or digit is quoted nowhere.
 *
 * Time: linear. Thread: any.
 */
#ifndef CS_QUOTED_H
#define CS_QUOTED_H

#include <stdbool.h>
#include <stddef.h>

bool cs_quoted_in(const char *passage, size_t n_passage, const char *text, size_t n_text);

#endif
