#!/usr/bin/env bash
# Makes everything that Podium needs to run: tools, locked dependencies, front-end packages, the sandbox's environment.
# Idempotent: what is there already is left alone. Usage: scripts/setup.sh [--tests]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
STAMPS=.tools/stamps
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

# For the tests alone: a container engine, a browser, an image builder, the services, and a registry.
TEST_PACKAGES=(
    podman runc crun uidmap iptables netavark aardvark-dns fuse-overlayfs conmon
    chromium chromium-driver debootstrap docker-registry
    postgresql rabbitmq-server redis-server
)

good_python() { [ -x "$1" ] && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# The system's Python comes first: sandboxes run as another user, who cannot read an interpreter in a home folder.
find_python() {
    local name path
    if [ -n "${PYTHON:-}" ]; then
        path="$(command -v "$PYTHON" || true)"
        good_python "$path" || die "PYTHON=$PYTHON is no Python 3.11 or newer."
        printf '%s\n' "$path"
        return
    fi
    for name in /usr/bin/python3 /usr/bin/python3.{14,13,12,11} python3 python3.{14,13,12,11}; do
        path="$(command -v "$name" || true)"
        if good_python "$path"; then
            printf '%s\n' "$path"
            return
        fi
    done
    die "Podium needs Python 3.11 or newer; none was found. On Debian and Ubuntu type: sudo apt-get install -y python3 python3-venv"
}

system_packages() {
    local needed=() more=() package
    have bwrap || needed+=(bubblewrap)
    have node && have npm || needed+=(nodejs npm)
    "$python" -c 'import ensurepip, venv' 2>/dev/null || needed+=("$(venv_package)")
    if [ "${1:-}" = --tests ] && have dpkg-query; then
        read -ra more <<<"$(missing_packages "${TEST_PACKAGES[@]}")"
        needed+=("${more[@]+"${more[@]}"}")
    fi
    if [ "${#needed[@]}" -gt 0 ]; then
        need_packages "System packages are missing" "${needed[@]}"
        for package in "${needed[@]}"; do
            set_stamp "installed-$package" yes  # the scripts may set up what they installed, and nothing else
        done
    fi
}

venv_package() {
    case "$python" in
        */python3.*) printf '%s-venv\n' "$(basename "$python")" ;;
        *) printf 'python3-venv\n' ;;
    esac
}

find_uv() {
    if uv --version >/dev/null 2>&1; then
        command -v uv
    else
        if ! .tools/uv/bin/uv --version >/dev/null 2>&1; then
            say "Installing uv into .tools" >&2
            rm -rf .tools/uv
            "$python" -m venv .tools/uv
            .tools/uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.8' >&2
        fi
        printf '%s\n' .tools/uv/bin/uv
    fi
}

python_packages() {
    local mark
    mark="$(stamp pyproject.toml uv.lock)-$python-compiled"
    if [ -x .venv/bin/podium ] && stamped python "$mark"; then
        return
    fi
    say "Installing the locked Python packages into .venv"
    # Compiled here: where PYTHONDONTWRITEBYTECODE is set, each process would compile Django again, which takes seconds.
    UV_PYTHON_DOWNLOADS=never "$(find_uv)" sync --frozen --compile-bytecode --python "$python"
    set_stamp python "$mark"
}

front_end_packages() {
    local mark
    mark="$(stamp package.json package-lock.json scripts/copy_static.py)"
    if [ -d src/podium/site/static/vendor ] && stamped npm "$mark"; then
        return
    fi
    say "Installing the locked front-end packages"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null
    .venv/bin/python scripts/copy_static.py
    set_stamp npm "$mark"
}

catalogues() {
    local written compiled mark
    shopt -s nullglob
    written=(src/podium/site/locale/*/LC_MESSAGES/*.po)
    compiled=(src/podium/site/locale/*/LC_MESSAGES/*.mo)
    shopt -u nullglob
    mark="$(stamp scripts/compile_messages.py "${written[@]+"${written[@]}"}")"
    if [ "${#compiled[@]}" = "${#written[@]}" ] && stamped catalogues "$mark"; then
        return
    fi
    .venv/bin/python scripts/compile_messages.py
    set_stamp catalogues "$mark"
}

# Made with uv when it is on PATH, which is many times quicker than pip.
sandbox_environment() {
    PATH="$PATH:$PWD/.tools/uv/bin" .venv/bin/python scripts/default_environment.py
}

python="$(find_python)"
system_packages "$@"
python_packages
front_end_packages
catalogues
sandbox_environment
