#!/usr/bin/env bash
# Creates missing passwords and the token, in a folder that only you can open.
#
#   SECRETS   the folder (secrets)
set -euo pipefail
umask 077
folder="${SECRETS:-secrets}"
mkdir -p "$folder"
chmod 700 "$folder"
for name in database_password driver_password viewer_password dashboard_password ray_token; do
    [[ ! -s "$folder/$name" ]] || continue
    # Hexadecimal digits from the system's random generator. The file is readable by all, because
    # containers read it under other accounts; the folder keeps other users out.
    od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' >"$folder/$name"
    echo >>"$folder/$name"
    chmod 644 "$folder/$name"
    echo "created $folder/$name"
done
