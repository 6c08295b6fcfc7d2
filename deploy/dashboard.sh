#!/usr/bin/env bash
# optuna-dashboard in read-only mode. Put it behind a proxy that asks for a password (proxy.sh).
# Defaults are in parentheses.
#
#   DATABASE         postgresql://VIEWER@HOST/NAME, without a password (the embedded server)
#   PASSWORD_FILE    file whose first line is the password of the database
#   ARTIFACTS        folder of the artifacts, such as pictures (none)
#   DASHBOARD_HOST   address to listen on (127.0.0.1)
#   DASHBOARD_PORT   port (8080)
set -euo pipefail
exec python -m search dashboard --read-only \
    --host "${DASHBOARD_HOST:-127.0.0.1}" --port "${DASHBOARD_PORT:-8080}" \
    ${ARTIFACTS:+--artifacts "$ARTIFACTS"} \
    ${DATABASE:+--storage "$DATABASE"} ${PASSWORD_FILE:+--password-file "$PASSWORD_FILE"} "$@"
