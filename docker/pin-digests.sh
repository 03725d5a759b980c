#!/bin/sh
# Write into .env the digest behind every tag that docker-compose.prod.yml names, so that nobody can put another image
# under it. Run it once with a network, after you have looked at what you pull, and again for every new tag.
#   docker/pin-digests.sh              changes the lines NAME_IMAGE=... of .env, and adds those that are missing
set -eu
cd "$(dirname "$0")/.."
[ -e .env ] || { echo "First: cp .env.example .env" >&2; exit 1; }

pins=$(mktemp)
trap 'rm -f "$pins"' EXIT
# ${NAME_IMAGE:-image:tag}, each once; APP_IMAGE is ours and comes from no registry.
grep -o '\${[A-Z_]*_IMAGE:-[^}]*}' docker-compose.prod.yml | sort -u | sed 's/^\${\(.*\):-\(.*\)}$/\1 \2/' |
  while read -r name image; do
    if [ "$name" = APP_IMAGE ]; then continue; fi
    mine=$(sed -n "s/^$name=//p" .env | tail -n 1)
    image=${mine:-$image} image=${image%@sha256:*}
    digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image") || exit 1
    case $digest in sha256:*) ;; *) echo "$image: no digest, but: $digest" >&2; exit 1 ;; esac
    echo "$name=$image@$digest"
  done > "$pins"
[ -s "$pins" ] || { echo "Nothing was found to pin." >&2; exit 1; }

while IFS='=' read -r name image; do
  if grep -q "^$name=" .env; then sed -i "s|^$name=.*|$name=$image|" .env; else echo "$name=$image" >> .env; fi
  echo "$name=$image"
done < "$pins"
