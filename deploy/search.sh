#!/usr/bin/env bash
# Runs a command of the search (launch, resume, status, …) on a database and, with RAY_HEAD, on a
# Ray cluster. A driver has to run on a node of the cluster, so this script adds this host as a
# node without cores for as long as the search runs. Defaults are in parentheses.
#
#   DATABASE        postgresql://USER@HOST/NAME, without a password (the embedded server)
#   PASSWORD_FILE   file whose first line is the password of the database
#   ARTIFACTS       folder or s3://… for checkpoints, so that any node can resume a trial (none)
#   RAY_HEAD        HOST:PORT of the cluster's head (a private Ray)
#   JOIN_SECONDS    how long to wait for the cluster (120)
#   RAY_JOINED=1    this host is a node of the cluster already
#   RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH=FILE  the token of the head (off)
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
verb="${1:?give a command, such as launch}"
shift
arguments=(${DATABASE:+--storage "$DATABASE"} ${PASSWORD_FILE:+--password-file "$PASSWORD_FILE"})
case "$verb" in
launch | resume) ;;
*) exec python -m search "$verb" "${arguments[@]}" "$@" ;;
esac
arguments+=(${RAY_HEAD:+--ray "$RAY_HEAD"} ${ARTIFACTS:+--artifacts "$ARTIFACTS"})
if [[ -z "${RAY_HEAD:-}" || -n "${RAY_JOINED:-}" ]]; then
    exec python -m search "$verb" "${arguments[@]}" "$@"
fi

log="$(mktemp)"
node=0 search=0
# shellcheck disable=SC2317 # called by the trap
leave() {
    [[ "$node" = 0 ]] || kill -TERM -- "-$node" 2>/dev/null || true
    rm -f "$log"
}
trap leave EXIT
set -m # separate process groups, so that a signal reaches only the search
while :; do
    RAY_CPUS=0 RAY_GPUS=0 GPU_LOCKS='' "$here/ray-worker.sh" || true
    sleep 2 # the node lost the head and exited: try again
done </dev/null >"$log" 2>&1 &
node=$!
until grep -q 'Ray runtime started' "$log"; do
    if ((SECONDS > ${JOIN_SECONDS:-120})); then
        echo "search.sh: this host could not join the Ray cluster at $RAY_HEAD:" >&2
        tail -n 5 "$log" >&2
        exit 4
    fi
    sleep 0.3
done
python -m search "$verb" "${arguments[@]}" "$@" &
search=$!
trap 'kill -INT "$search" 2>/dev/null || true' INT
trap 'kill -TERM "$search" 2>/dev/null || true' TERM
code=0
while kill -0 "$search" 2>/dev/null; do # a signal ends one wait, not the search
    wait "$search" || true
done
wait "$search" || code=$?
exit "$code"
