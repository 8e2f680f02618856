#!/usr/bin/env bash
# submit.sh COMPETITION FOLDER [COLUMN LEAST]: submit, wait, and fail when the score in COLUMN is below LEAST.
set -euo pipefail
competition=$1 folder=$2 column=${3:-} least=${4:-}
: "${PODIUM_URL:?the address of the server}" "${PODIUM_TOKEN:?an API token}"

tries=${PODIUM_TRIES:-3}
for try in $(seq "$tries"); do
    code=0
    answer=$(podium submit "$competition" "$folder" --wait --timeout "${PODIUM_WAIT:-3600}" --json) || code=$?
    [ "$code" -eq 6 ] && [ "$try" -lt "$tries" ] || break # only a server that is not there is worth another try
    sleep $((try * ${PODIUM_PAUSE:-20}))
done
printf '%s\n' "$answer"
[ "$code" -eq 0 ] || exit "$code"
[ -n "$column" ] || exit 0

printf '%s' "$answer" | python3 -c '
import json, sys
column, least = sys.argv[1], float(sys.argv[2])
scores = {score["column_key"]: float(score["score"]) for score in json.load(sys.stdin)["scores"]}
if column not in scores:
    sys.exit(f"There is no column {column}; there is {sorted(scores)}.")
print(f"{column}: {scores[column]} (at least {least})", file=sys.stderr)
sys.exit(scores[column] < least)
' "$column" "$least"
