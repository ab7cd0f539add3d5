#!/bin/sh
# The proof of set-up: the README's commands in a bare Debian 12 that has nothing but git and make.
#
#   BARE_ROOT_TARGETS  what to make there, in order (default: run test-short)
#   BARE_ROOT_CACHE    a directory to keep the bare system in, for the next time (default: nothing is kept)
#   TMPDIR             where to work: 2 GB, on a file system with device nodes and programs (default: /var/tmp)
#
# Takes what HEAD has, not the work tree. Exits 77 where it cannot be tried. Writes no mirror's name anywhere: the
# machine's own apt is asked for it, and for its proxy.
# shellcheck disable=SC2317 # functions are called through step, stream and trap
set -eu

suite=bookworm
targets=${BARE_ROOT_TARGETS:-run test-short}
say() { echo "bare root: $*"; }
skip() { echo "skipped: bare root: $*"; exit 77; }

# ---- inside: process 1 of its own process and mount namespaces ------------------------------------
# Whatever is mounted or left running here ends with this process, however it ends.

in_root() {
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
        ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} \
        ${no_proxy:+"no_proxy=$no_proxy"} \
        chroot "$root" "$@" </dev/null
}

# The closing line; exits.
finish() { # PASSED FAILED
    say "$(($(date +%s) - began)) s and $(du -sxm "$root" | cut -f1) MB in all"
    echo "$1 passed, $2 failed"
    exit $(($2 > 0))
}

# Runs a step quietly: its output only when it fails.
step() {
    name=$1 start=$(date +%s)
    shift
    if "$@" >"$work/log" 2>&1; then
        say "$name: ok, $(($(date +%s) - start)) s"
    else
        tail -n 40 "$work/log"
        say "$name: FAILED, $(($(date +%s) - start)) s"
        finish 0 1
    fi
}

# Runs a command with its output shown as it comes, and kept in the log. Not through a pipe: that would lose the
# status, and a daemon left behind would keep it open. tail ends when its mark does.
stream() {
    : >"$work/log"
    sleep infinity &
    mark=$!
    tail -n +1 -s 0.2 -f --pid="$mark" "$work/log" &
    tail=$! rc=0
    "$@" >"$work/log" 2>&1 || rc=$?
    kill "$mark"
    wait "$tail" || true
    return "$rc"
}

mount_all() {
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    mkdir "$root/dev/pts" "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
    mount -t tmpfs tmpfs "$root/dev/shm"
    for node in null zero full random urandom tty; do
        : >"$root/dev/$node"
        mount --bind "/dev/$node" "$root/dev/$node"
    done
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    for n in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${n%:*}" "$root/dev/${n#*:}"; done
}

# Two of apt's own commands know where this machine gets Debian from, whatever the format of its files.
configure_apt() {
    printf 'deb %s %s main\ndeb %s %s-updates main\n' "$mirror" "$suite" "$mirror" "$suite" >"$root/etc/apt/sources.list"
    [ -z "$security" ] || echo "deb $security $suite-security main" >>"$root/etc/apt/sources.list"
    apt-config dump | grep '^Acquire::' >"$root/etc/apt/apt.conf.d/99host"
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    case "$mirror $security" in *https:*) # the machine's idea of whom to trust, before ca-certificates is there
        mkdir -p "$root/etc/ssl/certs" "$root/usr/local/share/ca-certificates"
        cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
        cp -R /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/" ;;
    esac
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/99throwaway"    # nobody needs this system after a crash
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"     # a chroot starts no services
    chmod 755 "$root/usr/sbin/policy-rc.d"
}

install_tools() {
    in_root apt-get update -q &&
        in_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends git make &&
        in_root apt-get clean
}

inside() {
    began=$(date +%s) root=$work/root
    tar=${BARE_ROOT_CACHE:+$BARE_ROOT_CACHE/$suite-$(dpkg --print-architecture).tar}
    mkdir "$root"
    mount --bind "$root" "$root" # a mount point, as / is everywhere else: network namespaces need that

    if [ -n "$tar" ] && [ -f "$tar" ]; then
        step "bare system from the cache" tar -C "$root" --numeric-owner -xpf "$tar"
        configure_apt
        mount_all
    else
        step "bare system" debootstrap --variant=minbase "$suite" "$root" "$mirror"
        configure_apt
        mount_all
        step "git and make" install_tools
        if [ -n "$tar" ]; then
            mkdir -p "$BARE_ROOT_CACHE"
            step "kept in the cache" tar -C "$root" --numeric-owner --one-file-system -cpf "$tar.part" .
            mv "$tar.part" "$tar"
        fi
    fi
    step "clone of HEAD" git clone -q --no-local "$top" "$root/root/clinsafe"

    passed=0 failed=0
    for target in $targets; do
        say "make $target"
        start=$(date +%s) status=0
        stream in_root make -C /root/clinsafe --no-print-directory "$target" || status=$?
        case $target in test*) # a test target that ran nothing proves nothing
            tail -n 1 "$work/log" | grep -qE '^[1-9][0-9]* passed, 0 failed' || status="$status, no passing closing line" ;;
        esac
        took="$(($(date +%s) - start)) s"
        if [ "$status" = 0 ]; then
            say "make $target: ok, $took"
            passed=$((passed + 1))
        else
            say "make $target: FAILED ($status), $took"
            failed=$((failed + 1))
        fi
    done
    finish "$passed" "$failed"
}

if [ "${1:-}" = --inside ]; then
    inside
fi

# ---- outside: what is needed, where from, and the clearing up -------------------------------------

[ "$(id -u)" -eq 0 ] || skip "needs root"
for tool in debootstrap unshare chroot apt-get git; do
    command -v "$tool" >/dev/null || skip "no $tool"
done
unshare --mount --pid --fork sh -c 'mount -t tmpfs tmpfs /mnt && mount -t proc proc /proc' 2>/dev/null ||
    skip "may not mount here"

top=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
work=$(mktemp -d "${TMPDIR:-/var/tmp}/clinsafe-bare.XXXXXX")
child=

# The mounts are in the child's namespace only, so there is nothing below to unmount. Both guards are for the day
# that somebody changes this.
cleanup() {
    [ -z "$child" ] || kill -KILL "$child" 2>/dev/null || true
    tries=0
    if ! grep -qF " $work/" /proc/self/mountinfo; then
        until rm -rf --one-file-system "$work" 2>/dev/null || [ "$tries" -ge 20 ]; do # somebody may still be writing
            tries=$((tries + 1))
            sleep 0.5
        done
    fi
    [ ! -e "$work" ] || say "left behind: $work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM

# shellcheck disable=SC2015 # either of the two may fail
mknod "$work/null" c 1 3 2>/dev/null && (: >"$work/null") 2>/dev/null ||
    skip "no device nodes in ${TMPDIR:-/var/tmp}"
printf '#!/bin/sh\n' >"$work/run" && chmod +x "$work/run"
"$work/run" 2>/dev/null || skip "programs may not run in ${TMPDIR:-/var/tmp}"

# One line for each Debian source of this machine: address, release.
sources() {
    # shellcheck disable=SC2016 # apt's variables, not ours
    apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI) $(RELEASE)' 'Identifier: Packages' |
        awk '$1 == "Debian" && $2 == "main" { print $3, $4 }'
}
[ -n "$(sources)" ] || apt-get update -q >/dev/null 2>&1 || true
mirror=$(sources | awk '$2 !~ /-/ { print $1; exit }')
security=$(sources | awk '$2 ~ /-security$/ { print $1; exit }')
[ -n "$mirror" ] || skip "this machine's apt names no Debian mirror"

# debootstrap knows the proxy from the environment only.
for scheme in http https; do
    eval "$(apt-config shell proxy "Acquire::$scheme::Proxy")"
    case ${proxy:-} in '' | DIRECT | false) ;; *) eval "export ${scheme}_proxy=\$proxy" ;; esac
    proxy=
done
export top work mirror security targets

# In the background, so that a signal ends it at once; hence the default signals again, which Ctrl-C tests need.
rc=0
env --default-signal unshare --mount --pid --fork --kill-child sh "$0" --inside &
child=$!
wait "$child" || rc=$?
child=
exit "$rc"
