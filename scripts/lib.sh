# Shared by the set-up scripts: say what happens, and never leave anybody with half an error message.
# shellcheck shell=bash

# Bold on a terminal, plain in a log.
say() { if [ -t 1 ]; then printf '\033[1m==>\033[0m %s\n' "$*"; else printf '==> %s\n' "$*"; fi; }
die() { printf 'Error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }

# need_packages WHY PACKAGE...: installs Debian or Ubuntu packages as root, else says in one line what to type.
need_packages() {
    local why="$1"
    shift
    if ! have apt-get; then
        die "$why. Install what this system calls: $*. Then type the same command again."
    fi
    if ! is_root; then
        die "$why. Type: sudo apt-get update && sudo apt-get install -y --no-install-recommends $* - then the same command again."
    fi
    say "Installing system packages: $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null
    apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
}

# missing_packages PACKAGE...: prints those that are not installed; all of them where there is no dpkg.
missing_packages() {
    local package
    for package in "$@"; do
        if ! dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed; then
            printf '%s ' "$package"
        fi
    done
}

# listening PORT: whether something answers on 127.0.0.1.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# wait_for WHAT SECONDS COMMAND...: returns as soon as the command succeeds.
wait_for() {
    local what="$1" left="$2"
    shift 2
    until "$@"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || die "$what did not become ready. Look at its log and type the same command again."
        sleep 1
    done
}

# stamp FILE...: one checksum of the content of files, to see whether a step has to be done again.
stamp() { cat "$@" | cksum | tr ' ' -; }

# stamped NAME VALUE: whether the step was done with this value. set_stamp records it.
stamped() { [ "$(cat "$STAMPS/$1" 2>/dev/null || true)" = "$2" ]; }
set_stamp() {
    mkdir -p "$STAMPS"
    printf '%s\n' "$2" >"$STAMPS/$1"
}
