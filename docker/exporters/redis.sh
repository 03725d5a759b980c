#!/bin/sh
# The exporter of both Redis: a password for each address, in a file that only this container can read.
#   /scrape?target=redis://redis-state:6379   asks one of them
set -eu
umask 077
printf '{"redis://redis-state:6379": "%s", "redis://redis-cache:6379": "%s"}\n' \
  "$(cat /run/secrets/redis_state_password)" "$(cat /run/secrets/redis_cache_password)" > /tmp/passwords.json
exec /redis_exporter --redis.addr= --redis.password-file=/tmp/passwords.json --web.listen-address=:9121
