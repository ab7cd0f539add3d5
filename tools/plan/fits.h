/* fits.h - whether the declared limits of each model have room for one call of the study: with less, none would ever start.
 *
 * Looks at the first case only, and counts its prompts low (five bytes a token), so that nothing is refused that might work.
 * Thread: main.
 */
#ifndef CS_FITS_H
#define CS_FITS_H

#include "protocol/dialects/request.h"
#include "protocol/load/load.h"

/* CS_EINVAL: a sentence that names the model, the limit and what a call is charged. */
CS_WARN_UNUSED enum cs_err cs_fits_check(const struct cs_loaded *l, struct cs_error *err);

#endif
