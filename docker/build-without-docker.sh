#!/bin/sh
# Build the application's image where there is no Docker: as root on Debian 12, with buildah, and print its size.
#   sudo docker/build-without-docker.sh [NAME]            by default localhost/cinema-app:1
#   podman run --rm --runtime runc --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 NAME python --version
# The base is made by debootstrap from Debian's own packages, once; no registry of images is asked.
set -eu
cd "$(dirname "$0")/.."
name=${1:-localhost/cinema-app:1} base=localhost/python:3.11-slim-bookworm

for program in buildah podman runc debootstrap; do
  command -v "$program" > /dev/null || missing="${missing:-} $program"
done
if [ -n "${missing:-}" ]; then
  apt-get update -qq
  # shellcheck disable=SC2086 # several words
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing > /dev/null
fi

if ! podman image exists "$base"; then
  directory=$(mktemp -d)
  trap 'rm -rf "$directory"' EXIT
  debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$directory" > /dev/null
  rm -rf "$directory"/var/cache/apt/archives/*.deb "$directory"/var/lib/apt/lists/* "$directory"/usr/share/doc
  tar -C "$directory" -c . | podman import - "$base" > /dev/null
fi

# The host's authorities are there during the build alone: a mirror may stand behind one of its own.
buildah bud --isolation chroot --layers=false --ignorefile .dockerignore --volume /etc/ssl/certs:/etc/ssl/certs:ro \
  --build-arg "PYTHON_IMAGE=$base" --build-arg "PIP_INDEX_URL=${PIP_INDEX_URL:-https://pypi.org/simple}" \
  --build-arg "APP_COMMIT=${APP_COMMIT:-$(git rev-parse HEAD 2> /dev/null || true)}" \
  --file docker/Dockerfile --tag "$name" .

size() { podman image inspect --format '{{.Size}}' "$1" | awk '{ printf "%.0f MB", $1 / 1e6 }'; }
echo "$name: $(size "$name"), of which its base: $(size "$base")"
