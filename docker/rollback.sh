#!/bin/sh
# Bring an earlier release back into service while sales go on. The database stays as it is: it fits both.
#   docker/rollback.sh [--to cinema-app:1] [--patience SECONDS]
set -eu
cd "$(dirname "$0")/.."
exec python3 -m backend.ops.rollout_compose rollback "$@"
