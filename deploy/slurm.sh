#!/usr/bin/env bash
#SBATCH --job-name=unim2-search
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-node=4
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=unim2-search-%j.log
# A search on the nodes of a SLURM job: the head and the search on the first node, workers on all.
#
#   sbatch --nodes=4 deploy/slurm.sh --study first --trials 200 --workers 16
#
# All arguments are passed on to launch; --study is required. Five minutes before the time limit,
# the search stops, and the job requeues itself to resume the study. Defaults are in parentheses,
# relative to the folder in which sbatch was called.
#
#   DATABASE        postgresql://USER@HOST/NAME, reachable from the first node
#   PASSWORD_FILE   file whose first line is the password of the database
#   ARTIFACTS       folder or s3://… for checkpoints, reachable from all nodes (artifacts)
#   DEPLOY          folder of these scripts (deploy)
#   JOB_FOLDER      folder that all nodes share, for the token (runs)
set -euo pipefail
: "${DATABASE:?give postgresql://USER@HOST/NAME}" "${SLURM_JOB_ID:?start it by sbatch}"
if [[ " $* " != *" --study"* ]]; then
    echo "slurm.sh: give --study NAME, so that the requeued job can resume the study" >&2
    exit 2
fi
deploy="${DEPLOY:-$SLURM_SUBMIT_DIR/deploy}"
folder="${JOB_FOLDER:-$SLURM_SUBMIT_DIR/runs}/slurm-$SLURM_JOB_ID"
umask 077
mkdir -p "$folder"
od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' >"$folder/token"
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$folder/token"
export ARTIFACTS="${ARTIFACTS:-$SLURM_SUBMIT_DIR/artifacts}"
export RAY_CPUS="${SLURM_CPUS_ON_NODE:-1}" RAY_GPUS="${SLURM_GPUS_ON_NODE:-0}"

first="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"
port=$((20000 + SLURM_JOB_ID % 20000)) # another job may share the node
started=()
# shellcheck disable=SC2317 # called by the trap
leave() {
    kill "${started[@]}" 2>/dev/null || true
    rm -rf "$folder"
}
trap leave EXIT
RAY_HOST="$first" RAY_PORT="$port" "$deploy/ray-head.sh" >"$folder/head.log" 2>&1 &
started+=($!)
for _ in {1..120}; do
    "$deploy/answers.sh" "$first" "$port" 2>/dev/null && break
    sleep 1
done
others=$((SLURM_JOB_NUM_NODES - 1))
if [[ "$others" -gt 0 ]]; then
    RAY_HEAD="$first:$port" srun --nodes="$others" --ntasks="$others" --exclude="$first" \
        --kill-on-bad-exit=0 "$deploy/ray-worker.sh" >"$folder/workers.log" 2>&1 &
    started+=($!)
fi
set -m # a separate process group, to which signals are passed on
RAY_HEAD="$first:$port" RAY_JOINED=1 "$deploy/search.sh" launch --wait "$@" &
search=$!
trap 'kill -TERM "$search" 2>/dev/null || true' TERM
code=0
while kill -0 "$search" 2>/dev/null; do
    wait "$search" || true
done
wait "$search" || code=$?
if [[ "$code" -eq 4 ]]; then # stopped before its target
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
