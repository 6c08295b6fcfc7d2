#!/usr/bin/env bash
# A verb of the search (launch, resume, status, …) on the database of DATABASE and the Ray of RAY_HEAD.
set -euo pipefail
verb="${1:?give a verb, such as launch}"
shift
arguments=(${DATABASE:+--storage "$DATABASE"} ${PASSWORD_FILE:+--password-file "$PASSWORD_FILE"})
case "$verb" in launch | resume) arguments+=(${RAY_HEAD:+--ray "$RAY_HEAD"}) ;; esac
exec python -m search "$verb" "${arguments[@]}" "$@"
