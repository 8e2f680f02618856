#!/usr/bin/env bash
# Runs the whole test suite once; a skipped test is a failure. Arguments go to pytest, WORKERS processes share the work.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PODIUM_NO_SKIPS=1
export PYTHONDONTWRITEBYTECODE=  # the tests start hundreds of processes, and each would compile the project again
exec .venv/bin/python -m pytest -p tests.plugins.no_skips -n "${WORKERS:-2}" --dist loadgroup --durations 25 "$@" </dev/null
