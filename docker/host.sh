#!/bin/sh
# Read by the scripts that change what serves on this host, in the checkout's directory: one of them at a time, and on
# the compose files that COMPOSE_FILE names, in the environment or in .env, as docker compose itself reads it.
set -eu
setting() { if [ -e .env ]; then sed -n "s/^$1=//p" .env; fi; }
if [ -z "${COMPOSE_FILE:-}" ] && [ -z "$(setting COMPOSE_FILE)" ]; then export COMPOSE_FILE=docker-compose.prod.yml; fi
unset APP_IMAGE # the release that serves is the one of .env, whatever a build has exported
exec 9< docker  # of the directory itself: it is there, and stays the same; who dies lets go
flock -n 9 || { echo "docker/deploy.sh, rollback.sh, second-server.sh or change-secret.sh is at work on this host: wait for its end." >&2; exit 1; }
