#!/bin/sh
# Bring a release into service while sales go on: backup, migrations, static files, then one server after another.
#   docker/deploy.sh cinema-app:2 [--without-backup] [--patience SECONDS]
# A new server that does not become ready brings all back to the release of now. docs/guides/deploy.en.md has it all.
set -eu
cd "$(dirname "$0")/.."
. docker/host.sh
exec python3 -m backend.ops.rollout_compose deploy "$@"
