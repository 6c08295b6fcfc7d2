#!/usr/bin/env bash
# A node of a Ray cluster, which offers its cores and GPUs. It gets no database address: workers
# speak to the driver through Ray alone.
#
#   RAY_HEAD    HOST:PORT of the head (127.0.0.1:6379)
#   RAY_HOST    address that the others reach this node by (the one it reaches the head from)
#   RAY_CPUS    cores that it offers (all)
#   RAY_GPUS    GPUs that it offers (all). With GPU_LOCKS=FOLDER, that many which no other node
#               of this machine has taken: nodes in containers see all GPUs, and would all take
#               the first. What a node has taken is free as soon as it is gone.
#   RAY_STORE   bytes of shared memory that it keeps for what nodes send each other (512 MiB)
#   RAY_AGENT_PORT  first of four ports that Ray's own agents listen on, for a firewall (any)
#   RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH=FILE: the head's
set -euo pipefail
unset UMSS_STORAGE PGPASSWORD PGPASSFILE
export RAY_USAGE_STATS_ENABLED=0 RAY_worker_niceness="${RAY_worker_niceness:-0}"

take_gpus() {
    local wanted="$1" taken=() lock index
    for index in $(nvidia-smi --query-gpu=index --format=csv,noheader); do
        [[ ${#taken[@]} -lt $wanted ]] || break
        exec {lock}>>"$GPU_LOCKS/gpu-$index" # stays open in Ray, and locked while it lives
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
