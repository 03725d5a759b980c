#!/bin/sh
# Lock the requirements again, all from one resolution: sh backend/devtools/lock.sh [--upgrade]
set -eu
cd "$(dirname "$0")/../.."
lock="uv pip compile --quiet --universal --python-version 3.11 --generate-hashes"
PATH="$PWD/.venv/bin:$PATH"
$lock "$@" requirements/dev.in -o requirements/dev.txt
for name in base prod run shell package; do
  $lock "requirements/$name.in" -c requirements/dev.txt -o "requirements/$name.txt"
done
