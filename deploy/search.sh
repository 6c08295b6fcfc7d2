#!/usr/bin/env bash
# A verb of the search (launch, resume, status, …) on a database and, with RAY_HEAD, on the Ray
# cluster there. Who drives has to be on a node of the cluster: this host becomes one, which
# offers no core, for as long as the search runs.
#
#   DATABASE        postgresql://USER@HOST/NAME, without a password (the embedded server)
#   PASSWORD_FILE   file whose first line is its password
#   ARTIFACTS       folder or s3://… that all nodes reach: by it another node goes on with a trial
#   RAY_HEAD        HOST:PORT of the cluster's head (a Ray of the search's own)
#   JOIN_SECONDS    how long to wait for it (120)
#   RAY_JOINED=1    this host is a node of the cluster already
#   RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH=FILE: the head's
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
verb="${1:?give a verb, such as launch}"
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
set -m # a process group for each: a signal goes to the search alone
while :; do
    RAY_CPUS=0 RAY_GPUS=0 GPU_LOCKS='' "$here/ray-worker.sh" || true
    sleep 2 # the head is away: a node that has given it up tries again
done </dev/null >"$log" 2>&1 &
node=$!
until grep -q 'Ray runtime started' "$log"; do
    if ((SECONDS > ${JOIN_SECONDS:-120})); then
        echo "search.sh: this host did not become a node of the Ray cluster at $RAY_HEAD:" >&2
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
while kill -0 "$search" 2>/dev/null; do # a signal ends the waiting, not the search
    wait "$search" || true
done
wait "$search" || code=$?
exit "$code"
