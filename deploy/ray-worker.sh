#!/usr/bin/env bash
# A worker node of a Ray cluster. RAY_HEAD: HOST:PORT of the head. It offers all its cores and GPUs,
# and gets no database address: workers speak to the driver through Ray alone.
set -euo pipefail
unset UMSS_STORAGE PGPASSWORD PGPASSFILE
export RAY_USAGE_STATS_ENABLED=0
exec ray start --block --disable-usage-stats --address="${RAY_HEAD:-127.0.0.1:6379}" \
    ${RAY_HOST:+--node-ip-address="$RAY_HOST"} ${RAY_CPUS:+--num-cpus="$RAY_CPUS"}
