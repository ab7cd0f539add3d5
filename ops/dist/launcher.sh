#!/bin/sh
# Starts the program of this name in ../libexec/clinsafe with the libraries beside it, once it is sure that this system's C library will do.
self=$(readlink -f "$0") || self=$0
home=$(dirname "$(dirname "$self")")
need=@GLIBC@
system=@SYSTEM@
have=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc //p')
name=${self##*/}
if [ "$(uname -s)-$(uname -m)" != "$system" ]; then
    echo "$name: is made for $system, this is $(uname -s)-$(uname -m)" >&2
    exit 69
fi
if [ -z "$have" ]; then
    echo "$name: needs glibc >= $need, this system has another C library" >&2
    exit 69
fi
if [ "$(printf '%s\n%s\n' "$need" "$have" | sort -t. -k1,1n -k2,2n | head -n 1)" != "$need" ]; then
    echo "$name: needs glibc >= $need, this is $have" >&2
    exit 69
fi
PATH=$home/libexec/clinsafe:$PATH # `run` starts a private Redis
export PATH
CLINSAFE_INVOKED=$0 # as commands that it prints are to be typed
export CLINSAFE_INVOKED
exec "$home/libexec/clinsafe/$name" "$@"
