#!/bin/sh
# Make every secret that docker-compose.prod.yml mounts, as files that one user each can read (mode 600).
#   sudo docker/secrets.sh [DIRECTORY]        by default SECRETS_DIR of .env, or ./secrets
# What is there already stays as it is: it may be run again, and makes only what is missing.
# The names of the hosts in the addresses are the services of docker-compose.prod.yml.
set -eu
umask 077
cd "$(dirname "$0")/.."
setting() { if [ -e .env ]; then sed -n "s/^$1=//p" .env; fi; }
directory=${1:-$(setting SECRETS_DIR)} database=$(setting MONGO_DB)
: "${directory:=secrets}" "${database:=userdb}"
mkdir -p "$directory"
chmod 700 "$directory"

APP=10001 SERVERS=999 NGINX=101 GRAFANA=472 NOBODY=65534 # the users of the images: ours, mongo's and redis's, and theirs

# 64 random characters that mean nothing in an address, a shell or a configuration file.
random() { LC_ALL=C tr -dc 'A-Za-z0-9' < /dev/urandom | head -c 64; }

# keep NAME OWNER [empty]: write standard input into the file NAME, where it is missing: as a whole, or not at all. One that
# is empty is no secret, unless it may be.
keep() {
  if [ -e "$directory/$1" ]; then
    cat > /dev/null
  else
    cat > "$directory/$1.new"
    if [ "${3:-}" != empty ] && [ ! -s "$directory/$1.new" ]; then echo "$directory/$1 could not be made." >&2; exit 1; fi
    mv "$directory/$1.new" "$directory/$1"
  fi
  if [ "${3:-}" != empty ] && [ ! -s "$directory/$1" ]; then
    echo "$directory/$1 is empty: put back what stood there, or remove it and run this again." >&2
    exit 1
  fi
  chmod 600 "$directory/$1"
  if [ "$(id -u)" = 0 ]; then chown "$2:$2" "$directory/$1"; fi
}
value() { cat "$directory/$1"; }

for name in secret_key jwt_secret_key nonce_secret_key; do
  random | keep "$name" $APP
  : | keep "${name}_previous" $APP empty # empty: there is none
done

random | keep mongo_root_password $SERVERS
{ random; random; random; random; } | keep mongo_keyfile $SERVERS
for user in app migrate backup monitor; do
  { printf '%s:' "$user"; random; } | keep "mongo_$user" $SERVERS
done
members=mongo1:27017,mongo2:27017,mongo3:27017
options='replicaSet=rs0&authSource=admin&w=majority&journal=true&wTimeoutMS=5000&retryWrites=true&retryReads=true'
options="$options&readConcernLevel=majority&serverSelectionTimeoutMS=5000&connectTimeoutMS=3000"
options="$options&maxPoolSize=20&waitQueueTimeoutMS=2000"
for user in app migrate backup; do
  printf 'mongodb://%s@%s/%s?%s' "$(value "mongo_$user")" "$members" "$database" "$options" | keep "mongo_${user}_uri" $APP
done

for which in state cache; do
  random | keep "redis_${which}_password" $SERVERS
  printf 'redis://:%s@redis-%s:6379/0' "$(value "redis_${which}_password")" "$which" | keep "redis_${which}_url" $APP
done

for name in admin_password secret_key; do
  random | keep "grafana_$name" $GRAFANA
done

for name in key_id secret_key; do
  : | keep "offsite_$name" $APP empty # empty: there is none
done

nobody_is_told=http://127.0.0.1:9/
printf %s "$nobody_is_told" | keep alert_webhook_url $NOBODY
if [ "$(value alert_webhook_url)" = "$nobody_is_told" ]; then
  echo "Still to come: in $directory/alert_webhook_url the address that alerts are sent to. Until then nobody is told." >&2
fi
printf %s "$nobody_is_told" | keep heartbeat_webhook_url $NOBODY
if [ "$(value heartbeat_webhook_url)" = "$nobody_is_told" ]; then
  echo "Still to come: in $directory/heartbeat_webhook_url the address that alarms when it hears nothing any more." >&2
fi

if [ -n "$(setting BACKUP_OFFSITE_ENDPOINT)" ] && [ ! -s "$directory/offsite_secret_key" ]; then
  echo "Still to come: $directory/offsite_key_id and $directory/offsite_secret_key, of a key that may only put." >&2
fi
if [ ! -s "$directory/tls_certificate" ] || [ ! -s "$directory/tls_key" ]; then
  echo "Still to come: $directory/tls_certificate (the chain, PEM) and $directory/tls_key." >&2
fi
for name in tls_certificate tls_key; do
  if [ -e "$directory/$name" ]; then keep "$name" $NGINX < /dev/null; fi
done
if [ "$(id -u)" != 0 ]; then
  echo "Not root: the files belong to you, and no container can read them. Run it again with sudo." >&2
fi
