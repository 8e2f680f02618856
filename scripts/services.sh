#!/usr/bin/env bash
# Starts PostgreSQL, RabbitMQ (with its management API) and Redis on this machine for the tests, unless they run.
# Also begins to make the image of the container tests, unless it is there.
# A service counts as running when its port answers on 127.0.0.1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
STAMPS=.tools/stamps
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

as_root() { is_root || die "$1 does not run, and starting it needs root. Type: $2"; }

# Whether this machine's PostgreSQL is ours to set up: CI, or it was installed or started by these scripts.
ours=""
if [ -n "${CI:-}" ] || [ -e "$STAMPS/installed-postgresql" ]; then ours=yes; fi

start_postgresql() {
    listening 5432 && return
    local version name
    have pg_lsclusters || die "PostgreSQL does not answer on 127.0.0.1:5432. Start it, then type the same command again."
    read -r version name _ < <(pg_lsclusters -h) || die "There is no PostgreSQL cluster. Type: sudo pg_createcluster 15 main"
    as_root PostgreSQL "sudo pg_ctlcluster $version $name start"
    say "Starting PostgreSQL $version"
    pg_ctlcluster --skip-systemctl-redirect "$version" "$name" start
    wait_for PostgreSQL 60 listening 5432
    ours=yes
}

can_log_in() { psql -w -h 127.0.0.1 -U postgres -d postgres -qc 'SELECT 1' >/dev/null 2>&1; }

# The tests log in as postgres without a password, from this machine only.
open_postgresql() {
    can_log_in && return
    [ -n "$ours" ] && is_root || die "The tests need a PostgreSQL that lets postgres in from 127.0.0.1 without a password. \
Put 'host all all 127.0.0.1/32 trust' first into its pg_hba.conf and reload it."
    local rules
    rules="$(runuser -u postgres -- psql -Atqc 'SHOW hba_file')"
    sed -i '1i host all all 127.0.0.1/32 trust' "$rules"
    runuser -u postgres -- psql -qc 'SELECT pg_reload_conf()' >/dev/null
    wait_for "The login of postgres" 20 can_log_in
}

start_rabbitmq() {
    if ! listening 5672; then
        as_root RabbitMQ "sudo rabbitmq-server -detached"
        say "Starting RabbitMQ"
        rabbitmq-server -detached
        wait_for RabbitMQ 90 listening 5672
    fi
    if ! listening 15672; then
        as_root "RabbitMQ's management API" "sudo rabbitmq-plugins enable rabbitmq_management"
        rabbitmq-plugins enable --quiet rabbitmq_management
        wait_for "RabbitMQ's management API" 60 listening 15672
    fi
}

start_redis() {
    listening 6379 && return
    say "Starting Redis"
    redis-server --daemonize yes --bind 127.0.0.1 --save '' --dir "${TMPDIR:-/tmp}" >/dev/null
    wait_for Redis 30 listening 6379
}

# The image of the container tests takes minutes to make the first time: it is begun here, and who needs it waits.
make_image() {
    local log=build/test-image.log
    mkdir -p build
    setsid --fork tests/images/build.sh localhost/podium-test:1 >"$log" 2>&1 </dev/null
}

start_postgresql
open_postgresql
start_rabbitmq
start_redis
make_image
