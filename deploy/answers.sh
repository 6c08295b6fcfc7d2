#!/usr/bin/env bash
# Whether something answers at HOST PORT: the health check of a service.
set -euo pipefail
exec 3<>"/dev/tcp/${1:?give a host}/${2:?give a port}"
