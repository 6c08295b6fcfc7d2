#!/usr/bin/env bash
# Creates the tables, and the roles for drivers and for the dashboard. It can be run again.
#
#   DATABASE               postgresql://OWNER@HOST/NAME, without a password
#   PASSWORD_FILE          file whose first line is the owner's password
#   DRIVER_PASSWORD_FILE   the same for the role unim2_driver, which reads, adds and changes rows
#   VIEWER_PASSWORD_FILE   the same for the role unim2_viewer, which only reads
set -euo pipefail
exec python -m search roles \
    --driver unim2_driver --driver-password-file "${DRIVER_PASSWORD_FILE:?give the file}" \
    --viewer unim2_viewer --viewer-password-file "${VIEWER_PASSWORD_FILE:?give the file}" \
    ${DATABASE:+--storage "$DATABASE"} ${PASSWORD_FILE:+--password-file "$PASSWORD_FILE"}
