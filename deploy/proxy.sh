#!/usr/bin/env bash
# nginx in front of the dashboard; it asks for a password (HTTP basic authentication). Defaults
# are in parentheses.
#
#   PROXY_PASSWORD_FILE   file whose first line is the password
#   PROXY_USER            user name (viewer)
#   PROXY_UPSTREAM        HOST:PORT of the dashboard (127.0.0.1:8080)
#   PROXY_HOST            address to listen on (127.0.0.1)
#   PROXY_PORT            port (8443)
#   PROXY_TLS             folder with certificate.pem and key.pem; without them the proxy uses
#                         plain HTTP, and others on the network can read the password
set -euo pipefail
umask 077
password_file="${PROXY_PASSWORD_FILE:?give a file whose first line is the password}"
password="$(head -n 1 "$password_file")"
if [[ -z "$password" ]]; then
    echo "proxy.sh: $password_file has an empty first line: write the password there" >&2
    exit 2
fi
user="${PROXY_USER:-viewer}"
if [[ ! "$user" =~ ^[A-Za-z0-9_.-]+$ ]]; then
    echo "proxy.sh: PROXY_USER=$user is not allowed: use letters, digits and _ . - only" >&2
    exit 2
fi
folder="$(mktemp --directory)"
trap 'rm -rf "$folder"' EXIT
printf '%s:%s\n' "$user" "$(openssl passwd -6 -stdin <<<"$password")" >"$folder/users"

listen="${PROXY_HOST:-127.0.0.1}:${PROXY_PORT:-8443}"
tls=""
if [[ -n "${PROXY_TLS:-}" && -e "$PROXY_TLS/certificate.pem" ]]; then
    listen="$listen ssl"
    tls="ssl_certificate $PROXY_TLS/certificate.pem; ssl_certificate_key $PROXY_TLS/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;"
fi
account=""
if [[ "$EUID" -eq 0 ]]; then # nginx's workers then run as nobody, who has to read the users
    account="user nobody nogroup;"
    chown nobody "$folder" "$folder/users"
fi
cat >"$folder/nginx.conf" <<END
daemon off;
$account
worker_processes 1;
pid $folder/pid;
error_log stderr warn;
events {}
http {
    access_log off;
    server_tokens off;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    limit_req_zone \$binary_remote_addr zone=guests:1m rate=50r/s;
    limit_req_status 429;
    server {
        listen $listen;
        $tls
        auth_basic "unim2-search";
        auth_basic_user_file $folder/users;
        limit_req zone=guests burst=200 nodelay;
        location / {
            proxy_pass http://${PROXY_UPSTREAM:-127.0.0.1:8080};
            proxy_http_version 1.1;
            proxy_set_header Host localhost; # the dashboard answers to no other name
            proxy_set_header X-Forwarded-Host \$http_host;
            proxy_set_header X-Forwarded-Proto \$scheme;
            proxy_set_header Authorization "";
            proxy_read_timeout 300s;
        }
    }
}
END
nginx -e stderr -c "$folder/nginx.conf" &
server=$!
trap 'kill "$server" 2>/dev/null || true' TERM INT
wait "$server" || true # a signal ends this first wait, not the server
wait "$server"
