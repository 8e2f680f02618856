#!/usr/bin/env bash
# Asks whether a locked package has a known vulnerability; fails when one has, and when nobody could be asked.
# With --if-reachable, not being able to ask is only said: for machines that reach no database of advisories.
# AUDIT_URL names another database that answers as osv.dev does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
UV=${UV:-.tools/uv/bin/uv}
told=0
"$UV" audit --frozen --preview-features audit-command --quiet --no-progress \
    ${AUDIT_URL:+--service-url "$AUDIT_URL"} || told=$?
case $told in
0) echo "No locked package has a known vulnerability." ;;
1) echo "Raise the packages above in pyproject.toml, then run: uv lock" >&2; exit 1 ;;
*)
    echo "AUDIT NOT DONE: the database of advisories did not answer." >&2
    [ "${1:-}" = --if-reachable ] || exit 2
    ;;
esac
