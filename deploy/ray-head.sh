#!/usr/bin/env bash
# The head node of a Ray cluster. By default it offers no cores or GPUs of its own. Defaults are in
# parentheses.
#
#   RAY_HOST   name or address to listen on (127.0.0.1)
#   RAY_PORT   port at which nodes join (6379)
#   RAY_CPUS   cores to offer (0)
#   RAY_GPUS   GPUs to offer (0)
#   RAY_STORE  bytes of shared memory for objects that nodes exchange (512 MiB)
#   RAY_AGENT_PORT  first of four ports for Ray's own agents, to open in a firewall (any)
#   RAY_TMPDIR  folder for sockets and logs of all nodes (TMPDIR; if that is too long for sockets,
#               as under SLURM, or not writable, a short folder in /tmp)
#   RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH=FILE  refuse nodes without the same token (off)
set -euo pipefail
unset UMSS_STORAGE PGPASSWORD PGPASSFILE
export RAY_USAGE_STATS_ENABLED=0 RAY_worker_niceness="${RAY_worker_niceness:-0}"
address="$(getent ahostsv4 "${RAY_HOST:-127.0.0.1}" | awk 'NR == 1 { print $1 }' || true)"
if [[ -z "$address" ]]; then
    echo "ray-head.sh: RAY_HOST=$RAY_HOST is unknown: give a name or address of this host" >&2
    exit 2
fi
longest=39 # bytes of TMPDIR: socket paths below it have a limited length
if [[ -z "${RAY_TMPDIR:-}" && -n "${TMPDIR:-}" ]] &&
    [[ "$(printf %s "$TMPDIR" | wc -c)" -gt "$longest" || ! -w "$TMPDIR" ]]; then
    RAY_TMPDIR="/tmp/unim2-search-$(id -u)"
    export RAY_TMPDIR
    (umask 077 && mkdir -p "$RAY_TMPDIR")
    echo "ray-head.sh: TMPDIR=$TMPDIR cannot hold Ray's sockets: using $RAY_TMPDIR" >&2
fi
agents=(--dashboard-agent-listen-port=0)
if [[ -n "${RAY_AGENT_PORT:-}" ]]; then
    agents=(--dashboard-agent-listen-port="$RAY_AGENT_PORT"
        --dashboard-agent-grpc-port="$((RAY_AGENT_PORT + 1))"
        --runtime-env-agent-port="$((RAY_AGENT_PORT + 2))"
        --metrics-export-port="$((RAY_AGENT_PORT + 3))")
fi
# Without the log monitor and the autoscaler, which nothing here uses.
exec ray start --head --block --disable-usage-stats --include-dashboard=false \
    --include-log-monitor=false --no-monitor \
    "${agents[@]}" --object-store-memory="${RAY_STORE:-536870912}" --num-cpus="${RAY_CPUS:-0}" \
    --num-gpus="${RAY_GPUS:-0}" \
    --node-ip-address="$address" --port="${RAY_PORT:-6379}"
