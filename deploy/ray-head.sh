#!/usr/bin/env bash
# The head of a Ray cluster. It offers no cores and GPUs of its own, unless told.
#
#   RAY_HOST   name or address that it listens on (127.0.0.1)
#   RAY_PORT   port that nodes join (6379)
#   RAY_CPUS   cores that it offers (0)
#   RAY_GPUS   GPUs that it offers (0)
#   RAY_STORE  bytes of shared memory that it keeps for what nodes send each other (512 MiB)
#   RAY_AGENT_PORT  first of four ports that Ray's own agents listen on, for a firewall (any)
#   RAY_TMPDIR  folder of all nodes' sockets and logs (TMPDIR; where that is too long for sockets, as
#               SLURM's may be, or cannot be written, a short one in /tmp)
#   RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH=FILE: who does not have the same file is refused
set -euo pipefail
unset UMSS_STORAGE PGPASSWORD PGPASSFILE
export RAY_USAGE_STATS_ENABLED=0 RAY_worker_niceness="${RAY_worker_niceness:-0}"
address="$(getent ahostsv4 "${RAY_HOST:-127.0.0.1}" | awk 'NR == 1 { print $1 }' || true)"
if [[ -z "$address" ]]; then
    echo "ray-head.sh: RAY_HOST=$RAY_HOST is no name or address that is known here" >&2
    exit 2
fi
longest=39 # bytes of TMPDIR that leave room for the names below it
if [[ -z "${RAY_TMPDIR:-}" && -n "${TMPDIR:-}" ]] &&
    [[ "$(printf %s "$TMPDIR" | wc -c)" -gt "$longest" || ! -w "$TMPDIR" ]]; then
    RAY_TMPDIR="/tmp/unim2-search-$(id -u)"
    export RAY_TMPDIR
    (umask 077 && mkdir -p "$RAY_TMPDIR")
    echo "ray-head.sh: TMPDIR=$TMPDIR will not do for sockets: $RAY_TMPDIR takes them" >&2
fi
agents=(--dashboard-agent-listen-port=0)
if [[ -n "${RAY_AGENT_PORT:-}" ]]; then
    agents=(--dashboard-agent-listen-port="$RAY_AGENT_PORT"
        --dashboard-agent-grpc-port="$((RAY_AGENT_PORT + 1))"
        --runtime-env-agent-port="$((RAY_AGENT_PORT + 2))"
        --metrics-export-port="$((RAY_AGENT_PORT + 3))")
fi
# Nobody reads the logs that a monitor would send, and nothing here starts machines.
exec ray start --head --block --disable-usage-stats --include-dashboard=false \
    --include-log-monitor=false --no-monitor \
    "${agents[@]}" --object-store-memory="${RAY_STORE:-536870912}" --num-cpus="${RAY_CPUS:-0}" \
    --num-gpus="${RAY_GPUS:-0}" \
    --node-ip-address="$address" --port="${RAY_PORT:-6379}"
