#include "protocol/base/version.h"

const char cs_version[] = CS_VERSION;
const char cs_version_line[] = CS_VERSION " (protocol " CS_VERSION_PROTOCOL ", store format " CS_VERSION_STORE ")";
