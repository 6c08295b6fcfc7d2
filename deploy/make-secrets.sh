#!/usr/bin/env bash
# Makes the passwords and the token that are missing, in a folder that only you may enter.
#
#   SECRETS   the folder (secrets)
set -euo pipefail
umask 077
folder="${SECRETS:-secrets}"
mkdir -p "$folder"
chmod 700 "$folder"
for name in database_password driver_password viewer_password dashboard_password ray_token; do
    [[ ! -s "$folder/$name" ]] || continue
    # Hexadecimal digits from the system's generator; containers read a file under other accounts.
    od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' >"$folder/$name"
    echo >>"$folder/$name"
    chmod 644 "$folder/$name"
    echo "made $folder/$name"
done
