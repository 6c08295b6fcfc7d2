#!/usr/bin/env bash
# A node of a Ray cluster that offers its cores and GPUs. It has no database address, because
# workers talk to the driver through Ray only. Defaults are in parentheses.
#
#   RAY_HEAD    HOST:PORT of the head (127.0.0.1:6379)
#   RAY_HOST    address of this node for other nodes (the one from which it reaches the head)
#   RAY_CPUS    cores to offer (all)
#   RAY_GPUS    GPUs to offer (all). With GPU_LOCKS=FOLDER, it takes GPUs that no other node of
#               this machine has locked: containers see all GPUs, and would all take the first
#               one. The locks of a node are released when it exits.
#   RAY_STORE   bytes of shared memory for objects that nodes exchange (512 MiB)
#   RAY_AGENT_PORT  first of four ports for Ray's own agents, to open in a firewall (any)
#   RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH=FILE  the token of the head (off)
set -euo pipefail
unset UMSS_STORAGE PGPASSWORD PGPASSFILE
export RAY_USAGE_STATS_ENABLED=0 RAY_worker_niceness="${RAY_worker_niceness:-0}"

take_gpus() {
    local wanted="$1" taken=() lock index
    for index in $(nvidia-smi --query-gpu=index --format=csv,noheader); do
        [[ ${#taken[@]} -lt $wanted ]] || break
        exec {lock}>>"$GPU_LOCKS/gpu-$index" # stays open, and locked, as long as Ray runs
        if flock --nonblock "$lock"; then
            taken+=("$index")
        else
            exec {lock}>&-
        fi
    done
    if [[ ${#taken[@]} -lt $wanted ]]; then
        echo "ray-worker.sh: ${#taken[@]} of $wanted GPUs are free here: start fewer nodes" >&2
        exit 2
    fi
    CUDA_VISIBLE_DEVICES="$(IFS=,; echo "${taken[*]}")"
    export CUDA_VISIBLE_DEVICES
}

if [[ -n "${GPU_LOCKS:-}" && "${RAY_GPUS:-1}" -gt 0 ]]; then
    RAY_GPUS="${RAY_GPUS:-1}"
    take_gpus "$RAY_GPUS"
fi
agents=(--dashboard-agent-listen-port=0)
if [[ -n "${RAY_AGENT_PORT:-}" ]]; then
    agents=(--dashboard-agent-listen-port="$RAY_AGENT_PORT"
        --dashboard-agent-grpc-port="$((RAY_AGENT_PORT + 1))"
        --runtime-env-agent-port="$((RAY_AGENT_PORT + 2))"
        --metrics-export-port="$((RAY_AGENT_PORT + 3))")
fi
exec ray start --block --disable-usage-stats --include-log-monitor=false \
    --address="${RAY_HEAD:-127.0.0.1:6379}" \
    "${agents[@]}" --object-store-memory="${RAY_STORE:-536870912}" \
    ${RAY_HOST:+--node-ip-address="$RAY_HOST"} \
    ${RAY_CPUS:+--num-cpus="$RAY_CPUS"} ${RAY_GPUS:+--num-gpus="$RAY_GPUS"}
