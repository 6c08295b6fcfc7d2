#!/usr/bin/env bash
# The head of a Ray cluster. RAY_HOST: address that it listens on; RAY_PORT: port that workers join.
set -euo pipefail
export RAY_USAGE_STATS_ENABLED=0
exec ray start --head --block --disable-usage-stats --include-dashboard=false \
    --num-cpus="${RAY_CPUS:-0}" --num-gpus=0 \
    --node-ip-address="${RAY_HOST:-127.0.0.1}" --port="${RAY_PORT:-6379}"
