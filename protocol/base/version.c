#include "protocol/base/version.h"

const char cs_version[] = CS_VERSION;
