#!/usr/bin/env bash
# PostgreSQL for the studies, made at the first start: one role, one database, passwords by SCRAM.
# Needs PostgreSQL's programs on the PATH; root's server runs under another account.
#
#   POSTGRES_FOLDER       what it keeps, its local socket too, to which its account alone is let in
#   PASSWORD_FILE         file whose first line is the password of the role that owns the tables
#   POSTGRES_HOST         addresses that it listens on, comma-separated (127.0.0.1)
#   POSTGRES_PORT         port (5432)
#   POSTGRES_ALLOW        who may come with a password: a range of addresses, or samenet for the
#                         networks that this host is on (samenet)
#   POSTGRES_TLS          folder with certificate.pem and key.pem: TLS for whoever asks for it
#   POSTGRES_ACCOUNT      account that root's runs under (postgres)
set -euo pipefail
umask 077
: "${POSTGRES_FOLDER:?give the folder of the database}" "${PASSWORD_FILE:?give a password file}"
role=unim2 database=unim2 port="${POSTGRES_PORT:-5432}"

if [[ -z "${POSTGRES_PASSWORD_OPEN:-}" ]]; then
    exec 9<"$PASSWORD_FILE" # the account below need not be let into the folder of the secrets
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
    pg_ctl start --wait --silent --pgdata="$partial" --log="$partial/making.log" \
        --options="-c listen_addresses='' -c unix_socket_directories='$POSTGRES_FOLDER' -c port=$port"
    # The password goes through a pipe: arguments are on show.
    psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 \
        --host="$POSTGRES_FOLDER" --port="$port" --dbname=postgres <<END
\set password \`head -n 1 <&9\`
CREATE ROLE $role LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE $database OWNER $role;
END
    pg_ctl stop --wait --silent --mode=fast --pgdata="$partial"
    rm "$partial/making.log"
    mv "$partial" "$POSTGRES_FOLDER/database" # whole, or made again at the next start
}

cd "$POSTGRES_FOLDER"
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
