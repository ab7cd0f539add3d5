/* json_rows.h - a JSON Lines file of outputs, of any size, row by row as a table is.
 *
 * Two passes: the columns are the keys of all objects, in the order of appearance; a key that a row lacks is the empty text (the export
 * leaves empty cells out). Objects inside are taken apart ("answer": {"visit": "Yes"} is the column answer.visit); lists are their JSON.
 * Numbers, true and false are the texts they are written as. Values are valid during the call. Thread: any.
 * Errors: CS_EINVAL with FILE:LINE, CS_ENOENT, CS_EIO; what the sink returns.
 */
#ifndef CS_JSON_ROWS_H
#define CS_JSON_ROWS_H

#include "protocol/table/table.h"

CS_WARN_UNUSED enum cs_err cs_json_rows_stream(const char *path, const struct cs_table_sink *sink,
                                               struct cs_error *err);
bool cs_json_rows_is(const char *path); /* .jsonl, .ndjson */

#endif
