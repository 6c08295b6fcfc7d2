#!/usr/bin/env bash
# Health check of a service: succeeds if something answers at HOST PORT.
set -euo pipefail
exec 3<>"/dev/tcp/${1:?give a host}/${2:?give a port}"
