#!/usr/bin/env bash
# PostgreSQL for the studies. The first start creates one role and one database, with SCRAM
# passwords. PostgreSQL's programs have to be on the PATH. If root starts this script, the server
# runs under another account. Defaults are in parentheses.
#
#   POSTGRES_FOLDER       folder of the data and the local socket; only the server's account can
#                         open it
#   PASSWORD_FILE         file whose first line is the password of the role that owns the tables
#   POSTGRES_HOST         addresses to listen on, separated by commas (127.0.0.1)
#   POSTGRES_PORT         port (5432)
#   POSTGRES_ALLOW        who may connect with a password: a range of addresses, or samenet for
#                         the networks of this host (samenet)
#   POSTGRES_TLS          folder with certificate.pem and key.pem; enables TLS (none)
#   POSTGRES_ACCOUNT      account of the server if root starts this script (postgres)
set -euo pipefail
umask 077
: "${POSTGRES_FOLDER:?give the folder of the database}" "${PASSWORD_FILE:?give a password file}"
role=unim2 database=unim2 port="${POSTGRES_PORT:-5432}"

if [[ -z "${POSTGRES_PASSWORD_OPEN:-}" ]]; then
    exec 9<"$PASSWORD_FILE" # the server's account need not have access to the folder of the secrets
fi
if [[ "$EUID" -eq 0 ]]; then
    account="${POSTGRES_ACCOUNT:-postgres}"
    mkdir -p "$POSTGRES_FOLDER"
    chown "$account" "$POSTGRES_FOLDER"
    POSTGRES_PASSWORD_OPEN=1 exec setpriv --reuid="$account" --regid="$(id -g "$account")" \
        --clear-groups -- "${BASH_SOURCE[0]}" "$@"
fi

make() {
    local partial="$POSTGRES_FOLDER/making"
    rm -rf "$partial"
    initdb --username="$(id -un)" --auth-local=peer --auth-host=scram-sha-256 --encoding=UTF8 \
        --no-locale --no-instructions --pgdata="$partial" >/dev/null
    echo "host all all ${POSTGRES_ALLOW:-samenet} scram-sha-256" >>"$partial/pg_hba.conf"
    # This server stops again: its socket is where no client looks for the permanent one.
    pg_ctl start --wait --silent --pgdata="$partial" --log="$partial/making.log" \
        --options="-c listen_addresses='' -c unix_socket_directories='$partial' -c port=$port"
    # Pass the password through a pipe: other users can read arguments.
    psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 \
        --host="$partial" --port="$port" --dbname=postgres <<END
\set password \`head -n 1 <&9\`
CREATE ROLE $role LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE $database OWNER $role;
END
    pg_ctl stop --wait --silent --mode=fast --pgdata="$partial"
    rm "$partial/making.log"
    mv "$partial" "$POSTGRES_FOLDER/database" # complete, or else created again at the next start
}

cd "$POSTGRES_FOLDER"
POSTGRES_FOLDER="$PWD" # a relative one would be looked for in itself
if [[ ! -e database/PG_VERSION ]]; then
    make
fi
exec 9<&-
tls=()
if [[ -n "${POSTGRES_TLS:-}" && -e "$POSTGRES_TLS/certificate.pem" ]]; then
    tls=(-c ssl=on -c "ssl_cert_file=$POSTGRES_TLS/certificate.pem"
        -c "ssl_key_file=$POSTGRES_TLS/key.pem")
fi
exec postgres -D "$POSTGRES_FOLDER/database" -c "port=$port" \
    -c "listen_addresses=${POSTGRES_HOST:-127.0.0.1}" \
    -c "unix_socket_directories=$POSTGRES_FOLDER" "${tls[@]}" "$@"
