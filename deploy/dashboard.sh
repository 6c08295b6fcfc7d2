#!/usr/bin/env bash
# optuna-dashboard on the database of DATABASE; the password comes from PASSWORD_FILE.
set -euo pipefail
exec python -m search dashboard --host "${DASHBOARD_HOST:-127.0.0.1}" --port "${DASHBOARD_PORT:-8080}" \
    ${DATABASE:+--storage "$DATABASE"} ${PASSWORD_FILE:+--password-file "$PASSWORD_FILE"}
