#!/bin/sh
# Tests ops/setup against pretended machines: commands in a folder of their own stand for Debian's, so nothing is
# installed and root is not needed. Then what ops/dist/share leaves out.
# shellcheck disable=SC2016 # the pretended commands expand their own variables
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
export POLICY_RC_D="$tmp/policy-rc.d"
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

command_is() { # NAME, its shell code on stdin
    { echo '#!/bin/sh'; cat; } >"$tmp/bin/$1"
    chmod +x "$tmp/bin/$1"
}

# A Debian as root on which all is installed, apt works, and apt's calls are written down.
machine() {
    rm -rf "${tmp:?}/bin"
    mkdir "$tmp/bin"
    : >"$tmp/calls"
    for tool in sh awk dirname cat rm tail wc mktemp chmod; do
        ln -s "$(command -v "$tool")" "$tmp/bin/$tool"
    done
    echo 'shift 2; for p; do echo "installed $p"; done' | command_is dpkg-query
    echo "echo apt-get \"\$@\" >>'$tmp/calls'; \"\$POLICY_RC_D\" || echo policy \$? >>'$tmp/calls'" | command_is apt-get
    echo 'echo 0' | command_is id
    for tool in sleep update-rc.d; do echo : | command_is "$tool"; done
}

missing() { # NAME...
    echo "shift 2; for p; do case \" $* \" in *\" \$p \"*) ;; *) echo \"installed \$p\" ;; esac; done" |
        command_is dpkg-query
}

# Leaves the status in $status and the output in $out.
setup() {
    status=0
    out=$(PATH=$tmp/bin "$tmp/bin/sh" "$top/ops/setup" "$@" 2>&1 </dev/null) || status=$?
}

check() { # WHAT CONDITION...
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what (status $status, output: $out, calls: $(cat "$tmp/calls"))"
    fi
}
says() { case $out in *"$1"*) ;; *) return 1 ;; esac; }
calls() { grep -q -- "$1" "$tmp/calls"; }
silent() { [ "$status" -eq 0 ] && [ -z "$out" ] && [ ! -s "$tmp/calls" ]; }
ends() { [ "$status" -eq "$1" ]; }

machine
setup run test ci
check "all installed: silent, apt is not called" silent

machine
missing libuv1-dev redis-server libcmocka-dev
setup
check "missing packages are installed" calls '^apt-get install .*--no-install-recommends.* libuv1-dev redis-server$'
check "the package lists are fetched first" calls '^apt-get update'
check "it says what it installs" says 'installing 2 packages: libuv1-dev redis-server'
check "and succeeds" ends 0
check "no service starts meanwhile" calls '^policy 101$'
check "afterwards they may again" test ! -e "$POLICY_RC_D"
setup test
check "a section is only itself" calls ' libcmocka-dev$'

machine
missing make
echo "echo apt-get >>'$tmp/calls'; [ \$(wc -l <'$tmp/calls') -gt 2 ]" | command_is apt-get
setup
check "a failure that passes is tried again" ends 0

machine
missing make
echo 'echo E: no such package; exit 100' | command_is apt-get
setup
check "a failure that stays is one" ends 1
check "with apt's own words" says 'E: no such package'
check "and what is missing" says 'could not install: make'

machine
missing make
echo 'echo 1000' | command_is id
setup
check "neither root nor sudo: fails" ends 1
check "and says what to run" says 'apt-get update && apt-get install -y --no-install-recommends make'
echo 'exit 1' | command_is sudo
setup
check "sudo that refuses is like none" says 'apt-get install -y --no-install-recommends make'
echo "echo sudo \"\$@\" >>'$tmp/calls'" | command_is sudo
setup run test
check "sudo that works gets the same sections" calls "^sudo -n sh .*ops/setup run test\$"

machine
rm "$tmp/bin/dpkg-query"
setup
check "not Debian: goes on" ends 0
check "not Debian: names what is needed" says 'libuv1-dev'
check "in one line" test "$(printf '%s\n' "$out" | wc -l)" -eq 1

machine
setup nonsense
check "an unknown section is refused" ends 2
setup --help
check "help" says 'usage: ops/setup'

# What `make install` and `make dist` take along: studies, and nothing that somebody's run or fleet has left beside them.
mkdir "$tmp/top"
cp -R "$top/ops" "$top/README.md" "$top/LICENSE" "$tmp/top/"
mkdir "$tmp/top/tools"
cp "$top/tools/README.md" "$top/tools/json.md" "$tmp/top/tools/"
demo=$tmp/top/ops/studies/demo
mkdir -p "$demo/study.clinsafe/store" "$demo/kept/store"
for left in study.clinsafe/ready kept/store/CURRENT kept/store/1.sst kept/store.acked me.key; do echo secret >"$demo/$left"; done
out=$("$tmp/top/ops/dist/share" "$tmp/share" /usr/bin /usr/share/clinsafe/studies 2>&1) || status=$?
check "studies are shared" test -s "$tmp/share/clinsafe/studies/demo/study.yaml"
out=$(grep -rlx secret "$tmp/share" || true)
check "no store, no key" test -z "$out"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
