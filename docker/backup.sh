#!/bin/sh
# A backup every 50 minutes, counted from its beginning, until it is told to stop: it counts once it is finished, so one
# that takes ten minutes still loses no more than an hour. One that fails says why, and is tried again after five minutes.
set -eu
task='' pause=''
trap 'kill $task $pause 2>/dev/null || true; exit 0' TERM INT
while :; do
  sleep "${BACKUP_EVERY_SECONDS:-3000}" & pause=$!
  python manage.py backup_database & task=$!
  if wait "$task"; then
    touch "${TMPDIR:-/tmp}/backed-up"  # the health check asks how long ago
  else
    kill "$pause"
    sleep "${BACKUP_AGAIN_SECONDS:-300}" & pause=$!
  fi
  wait "$pause"
done
