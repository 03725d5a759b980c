#!/bin/sh
# Bring the release before back into service while sales go on. The database stays as it is: it fits both.
#   docker/rollback.sh [--to cinema-app:1] [--patience SECONDS]
# After a deploy that was interrupted it brings back the release that served before that.
set -eu
cd "$(dirname "$0")/.."
. docker/host.sh
exec python3 -m backend.ops.rollout_compose rollback "$@"
