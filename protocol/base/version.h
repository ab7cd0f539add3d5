#ifndef CS_VERSION_H
#define CS_VERSION_H
extern const char cs_version[];      /* of the build: "0.2.0", "0.2.0-5-g1cf808c" (Makefile) */
extern const char cs_version_line[]; /* "0.2.0 (protocol 1.5, store format 2)", as --version says it */
#endif
