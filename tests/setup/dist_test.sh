#!/bin/sh
# The tarball of `make dist`: tests/setup/dist_test.sh TARBALL [--short]
#
# Short: unpacked elsewhere, all libraries but glibc's are its own, its version, what it says on an older glibc, no path of the machine that
# made it. Whole: also the demo study where it was unpacked, as nobody; and in a bare Debian without our libraries, and in an older one.
#   DIST_MIRROR   where Debian comes from (default: what apt uses)
set -eu

tarball=$1 short=${2:-}
passed=0 failed=0
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

ok() { passed=$((passed + 1)); echo "  ok     $1"; }
bad() { failed=$((failed + 1)); echo "  FAILED $1"; }
check() { # WHAT COMMAND...
    what=$1
    shift
    if "$@" >"$work/log" 2>&1; then ok "$what"; else tail -n 15 "$work/log"; bad "$what"; fi
}

tar -xzf "$tarball" -C "$work"
tree=$(echo "$work"/clinsafe-*)
version=$(cat "$tree/VERSION")

libraries() { # all that each program loads lies in the tree, or comes with the C library
    for p in "$tree"/libexec/clinsafe/*; do
        ldd "$p" | awk -v tree="$tree/" '$2 == "=>" && index($3, tree) != 1 && $3 !~ /\/(libc|libm|libdl|librt|libpthread|libresolv|libutil|libmvec)\.so\.[0-9]+$/ { print; bad = 1 } END { exit bad }' || return 1
        ldd "$p" | grep 'not found' && return 1
    done
    return 0
}
versions() {
    for p in clinsafe clinsafe-coordinator clinsafe-worker clinsafe-simulator; do
        "$tree/bin/$p" --version | grep -qF "$p $version (protocol 1." || return 1
    done
    ln -sf "$tree/bin/clinsafe" "$work/link" # as somebody would in ~/bin
    (cd / && "$work/link" --version) | grep -qF "clinsafe $version"
}
older() { # a C library that is older, or another
    mkdir -p "$work/fake"
    printf '#!/bin/sh\necho glibc 2.19\n' >"$work/fake/getconf"
    chmod 755 "$work/fake/getconf"
    PATH=$work/fake:$PATH "$tree/bin/clinsafe" --version >"$work/said" 2>&1 && return 1
    grep -qE '^clinsafe: needs glibc >= 2\.[0-9]+, this is 2\.19$' "$work/said" || return 1
    printf '#!/bin/sh\nexit 1\n' >"$work/fake/getconf"
    PATH=$work/fake:$PATH "$tree/bin/clinsafe" --version >"$work/said" 2>&1 && return 1
    grep -q 'another C library$' "$work/said" && [ "$(wc -l <"$work/said")" -eq 1 ]
}
paths() { # nothing of the folder that it was made in
    ! grep -rlF "$top" "$tree"
}
complete() {
    [ -s "$tree/share/clinsafe/studies/demo/study.yaml" ] && [ -s "$tree/share/doc/clinsafe/RUNBOOK.md" ] && [ -s "$tree/share/doc/clinsafe/CHANGELOG.md" ] &&
        [ -s "$tree/share/clinsafe/schema/study.schema.json" ] && [ -s "$tree/share/doc/clinsafe/EVENTS.md" ] && [ -s "$tree/share/doc/clinsafe/json.md" ] &&
        [ -s "$tree/share/doc/clinsafe/slurm/vllm.sh" ] && [ -s "$tree/share/doc/clinsafe/prometheus/alerts.yml" ] && [ -z "$(find "$tree" -name '*.clinsafe')" ]
}
plan() {
    env -i HOME="$work" PATH=/usr/bin:/bin "$tree/bin/clinsafe" plan "$tree/share/clinsafe/studies/demo/study.yaml" | grep -q 59,136
}

suite() {
    (cd / && env -i HOME="$work" PATH=/usr/bin:/bin "$tree/bin/clinsafe" suite plan v1 --model simulated-sound) | grep -q pressure
}
runbook() { # its first block, where the tarball was unpacked
    (cd "$tree" && eval "$(sed -n '/^export PATH=/p' share/doc/clinsafe/RUNBOOK.md)" && [ "$(command -v clinsafe)" = "$tree/bin/clinsafe" ] && [ -s "$STUDY/study.yaml" ] && rmdir "$DAY")
}
typed() { # what it prints is to be typed: the launcher's name, which says what it needs
    env -i HOME="$work" PATH=/usr/bin:/bin "$tree/bin/clinsafe" run "$tree/share/clinsafe/studies/demo/study.yaml" --cases 1 --dir "$work/typed.clinsafe" >"$work/said" 2>&1 || { cat "$work/said"; return 1; }
    grep -qF "$tree/bin/clinsafe verify" "$work/said" || { cat "$work/said"; return 1; }
    ! grep libexec "$work/said"
}

check "all libraries but glibc's are its own" libraries
check "all programs say their version" versions
check "an older glibc, or another C library, in one line" older
check "no path of the machine that made it" paths
check "studies, schemas and documents are there" complete
check "a study is planned" plan
check "the suite is planned" suite
check "the runbook finds programs and study" runbook
check "commands are printed as they are typed" typed

demo() { # PREFIX...: the demo, its report, as nobody
    rm -rf "$work/out"
    mkdir -m 777 "$work/out"
    "$@" "$tree/bin/clinsafe" run "$tree/share/clinsafe/studies/demo/study.yaml" --cases 2 --dir "$work/out/demo.clinsafe" &&
        "$@" "$tree/bin/clinsafe" report "$tree/share/clinsafe/studies/demo/study.yaml" --dir "$work/out/demo.clinsafe" --out "$work/out/report.html" &&
        [ -s "$work/out/report.html" ]
}
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups env -i HOME="$work/out" TMPDIR=/tmp PATH=/usr/bin:/bin LANG=C.UTF-8 "$@"; }

# What is done inside a root, as nobody.
cat >"$work/inside" <<'INSIDE'
set -e
cd /tmp
demo=/opt/clinsafe/share/clinsafe/studies/demo/study.yaml
/opt/clinsafe/bin/clinsafe --version
/opt/clinsafe/bin/clinsafe run $demo --cases 2 --dir /tmp/demo.clinsafe
/opt/clinsafe/bin/clinsafe report $demo --dir /tmp/demo.clinsafe --out /tmp/report.html
test -s /tmp/report.html
INSIDE
cat >"$work/enter" <<'ENTER'
set -e
mount -t proc proc "$1/proc"
mount --bind /dev "$1/dev"
exec chroot --userspec=65534:65534 "$1" env -i HOME=/tmp PATH=/usr/bin:/bin sh /opt/inside
ENTER
in_root() { # ROOT: the demo there
    mkdir -p "$1/opt"
    cp -R "$tree" "$1/opt/clinsafe"
    cp "$work/inside" "$1/opt/inside"
    unshare --mount --pid --fork sh "$work/enter" "$1"
}
too_old() { # ROOT: says so
    mkdir -p "$1/opt"
    cp -R "$tree" "$1/opt/clinsafe"
    chroot "$1" /opt/clinsafe/bin/clinsafe --version >"$work/said" 2>&1 && { cat "$work/said"; return 0; }
    cat "$work/said"
    grep -qE '^clinsafe: needs glibc >= 2\.[0-9]+, this is 2\.[0-9]+$' "$work/said"
}

if [ -z "$short" ]; then
    if [ "$(id -u)" -eq 0 ]; then
        check "the demo, unpacked below /tmp, as nobody" demo nobody
        # shellcheck disable=SC2016 # apt's own notation
        mirror=${DIST_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | head -n 1)}
        for suite in bookworm bullseye; do
            root=$work/$suite
            if ! mmdebstrap --variant=minbase --quiet "$suite" "$root" "$mirror" >"$work/log" 2>&1; then
                tail -n 5 "$work/log"
                if [ "$suite" = bookworm ]; then bad "a bare $suite could not be made"; else echo "  left out: $suite is not to be had here"; fi
            elif [ "$suite" = bookworm ]; then
                check "the demo in a bare $suite, without our libraries, as nobody" in_root "$root"
            else
                check "in an older Debian ($suite) it runs, or says what it needs" too_old "$root"
            fi
        done
    else
        check "the demo, unpacked below /tmp" demo env -i HOME="$work" PATH=/usr/bin:/bin LANG=C.UTF-8
        echo "  left out: other systems need root"
    fi
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
