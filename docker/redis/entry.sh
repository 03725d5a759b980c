#!/bin/sh
# Redis with the configuration $1 and the password of the secret $2, which stands on no command line.
set -eu
umask 077
{ cat "/etc/redis/$1.conf"; printf 'requirepass %s\n' "$(cat "/run/secrets/$2")"; } > /tmp/redis.conf
exec redis-server /tmp/redis.conf
