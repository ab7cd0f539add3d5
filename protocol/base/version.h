#ifndef CS_VERSION_H
#define CS_VERSION_H
extern const char cs_version[]; /* `git describe` of the build */
#endif
