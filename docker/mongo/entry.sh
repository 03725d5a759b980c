#!/bin/sh
# mongod takes a key file only from its owner, mode 400; a mounted secret promises neither. Then as the image does.
set -eu
install -m 400 /run/secrets/mongo_keyfile /tmp/keyfile
exec docker-entrypoint.sh "$@"
