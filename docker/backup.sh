#!/bin/sh
# A backup every hour until it is told to stop. One that fails says why, and is tried again after five minutes.
set -eu
task=
trap 'kill "$task" 2>/dev/null || true; exit 0' TERM INT
while :; do
  python manage.py backup_database & task=$!
  if wait "$task"; then
    touch "${TMPDIR:-/tmp}/backed-up"  # the health check asks how long ago
    pause="${BACKUP_EVERY_SECONDS:-3600}"
  else
    pause="${BACKUP_AGAIN_SECONDS:-300}"
  fi
  sleep "$pause" & task=$!
  wait "$task"
done
