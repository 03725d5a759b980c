#!/bin/sh
# Bring the till of the second machine to a release, an earlier one too, while those of the first one serve.
#   docker/second-server.sh cinema-app:2        on the second machine, which has the image; docs/guides/deploy.en.md
set -eu
cd "$(dirname "$0")/.."
. docker/host.sh
exec python3 -m backend.ops.rollout_compose second "$@"
