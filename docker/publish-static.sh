#!/bin/sh
# Add this image's static files to those that nginx serves. Older ones stay: a page that is open still asks for them.
set -eu
cp -R /app/var/static/. "${1:-/srv/static}/"
