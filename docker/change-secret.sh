#!/bin/sh
# Change one secret of docker-compose.prod.yml while it serves: nobody is logged out, and no request is refused.
#   sudo docker/change-secret.sh secret_key | jwt_secret_key | nonce_secret_key
#   sudo docker/change-secret.sh forget secret_key | ...      12 hours later: the former key is read no longer
#   sudo docker/change-secret.sh mongo_app | mongo_migrate | mongo_backup | mongo_monitor | mongo_root | mongo_keyfile
#   sudo docker/change-secret.sh redis_state | redis_cache | grafana
#   sudo docker/change-secret.sh tls CHAIN.pem KEY.pem
#   sudo docker/change-secret.sh grafana_secret_key
#   sudo docker/change-secret.sh offsite < FILE           two lines: the key's name, then the key
#   sudo docker/change-secret.sh alert_webhook_url | heartbeat_webhook_url < FILE       one line, the address
# With a second application server, RELOAD_ALSO is what copies the secrets to it, in place, and sends its tills HUP.
# One that was interrupted may be started again. Files are written in place: a container sees its mounted secret change.
set -eu
umask 077
cd "$(dirname "$0")/.."
. docker/host.sh
directory=${SECRETS_DIR:-$(setting SECRETS_DIR)}
: "${directory:=secrets}" "${GRACE_SECONDS:=40}" # longer than a worker takes to finish what it has begun

compose() { docker compose "$@"; }
random() { LC_ALL=C tr -dc 'A-Za-z0-9' < /dev/urandom | head -c 64; }
value() { cat "$directory/$1"; }
put() { printf '%s' "$2" > "$directory/$1"; }
refuse() { echo "$*" >&2; exit 1; }

# New workers, which read the files anew, take over from those of now, which finish what they do.
reload() {
  compose kill -s HUP till office
  compose restart sweeper
  if [ -n "${RELOAD_ALSO:-}" ]; then sh -c "$RELOAD_ALSO" 9<&-; fi
  sleep "$GRACE_SECONDS" 9<&- # without what keeps others out: it goes with this script
}

# Everybody must read the new key before anybody signs with it: so it is the second one first.
key() {
  if [ -n "$(value "$1_previous")" ] && [ ! -e "$directory/$1.changing" ]; then
    refuse "$1 was changed before: docker/change-secret.sh forget $1"
  fi
  if [ ! -s "$directory/$1.changing" ]; then put "$1.changing" "$(value "$1")"; fi
  old=$(value "$1.changing")
  if [ "$(value "$1")" = "$old" ]; then # else one that was interrupted has only its end before it
    new=$(random)
    put "$1_previous" "$new"
    reload
    put "$1" "$new"
  fi
  put "$1_previous" "$old"
  reload
  rm "$directory/$1.changing"
  echo "$1 is changed. In 12 hours, when no session of now lives any more: docker/change-secret.sh forget $1"
}

# A second user beside the first, so that both passwords work until nobody uses the old one.
mongo_user() {
  if [ ! -e "$directory/mongo_$1.changing" ]; then # else one that was interrupted goes on
    name=$1
    if [ "$(value "mongo_$1" | cut -d: -f1)" = "$1" ]; then name=$1-2; fi
    : > "$directory/mongo_$1.changing"
    put "mongo_$1" "$name:$(random)"
  fi
  compose run --rm --no-deps mongo-init
  if [ -e "$directory/mongo_$1_uri" ]; then
    put "mongo_$1_uri" "$(value "mongo_$1_uri" | sed "s|^mongodb://[^@]*@|mongodb://$(value "mongo_$1")@|")"
  fi
  case $1 in
    app) reload ;;
    monitor) compose restart mongodb-exporter ;;
    backup) # one that has begun signs in with the former user; the next reads the address anew
      while compose top backup | grep -q backup_database; do
        echo "A backup is under way: waiting for its end."
        sleep "${ASK_AGAIN_SECONDS:-10}" 9<&-
      done
      ;;
  esac
  compose run --rm --no-deps mongo-init python docker/mongo/init.py --retire
  rm "$directory/mongo_$1.changing"
}

mongo_root() {
  if [ ! -s "$directory/mongo_root_password.new" ]; then put mongo_root_password.new "$(random)"; fi
  { value mongo_root_password.new; echo; } | compose run --rm --no-deps -T mongo-init python docker/mongo/init.py --change-root
  put mongo_root_password "$(value mongo_root_password.new)"
  rm "$directory/mongo_root_password.new"
}

# Members first take both keys, then the new one alone; one at a time, so that a majority always serves.
mongo_keyfile() {
  case $(value mongo_keyfile) in
    -*) ;; # both: one that was interrupted goes on
    *) put mongo_keyfile "$(printf -- '- %s\n- %s' "$(value mongo_keyfile)" "$(random)$(random)$(random)$(random)")" ;;
  esac
  restart_members
  put mongo_keyfile "$(value mongo_keyfile | sed -n '$s/^- //p')"
  restart_members
}
restart_members() {
  for member in mongo3 mongo2 mongo1; do
    compose restart "$member"
    compose up -d --wait --no-deps "$member"
  done
}

# Redis takes several passwords of one user at a time; in the end this one alone.
redis() {
  new=$(random)
  acl "$1" ">$new"
  put "redis_$1_password" "$new"
  put "redis_$1_url" "redis://:$new@redis-$1:6379/0"
  reload
  compose restart redis-exporter
  acl "$1" "resetpass >$new"
}
acl() {
  echo "ACL SETUSER default $2" |
    compose exec -T "redis-$1" sh -c 'REDISCLI_AUTH="$(cat "/run/secrets/$0")" redis-cli' "redis_$1_password" |
    grep -qx OK || refuse "redis-$1 did not take the change."
}

# The file is what Grafana's first start read; its own database has had the password since.
grafana() {
  if [ ! -s "$directory/grafana_admin_password.new" ]; then put grafana_admin_password.new "$(random)"; fi
  { value grafana_admin_password.new; echo; } | compose exec -T grafana \
    grafana cli --homepath /usr/share/grafana admin reset-admin-password --password-from-stdin
  put grafana_admin_password "$(value grafana_admin_password.new)"
  rm "$directory/grafana_admin_password.new"
}

# Of what it encrypts in its own database there is nothing here that counts: who signs in, and no source's password.
grafana_secret_key() {
  put grafana_secret_key "$(random)"
  compose restart grafana
}

# A key that the store's owner has made; the former one may go there when this is done.
offsite() {
  { read -r id && { read -r key || [ -n "$key" ]; }; } || refuse "Two lines on standard input: the key's name, the key."
  if [ -z "$id" ] || [ -z "$key" ]; then refuse "Neither the key's name nor the key may be empty."; fi
  put offsite_key_id "$id"
  put offsite_secret_key "$key"
  compose restart offsite
}

webhook() {
  read -r url || [ -n "$url" ] || refuse "One line on standard input: the address."
  case $url in http://?* | https://?*) ;; *) refuse "An address begins with https:// or http://." ;; esac
  put "$1" "$url"
  compose kill -s HUP alertmanager
}

tls() {
  chain=$(cat "$1") key=$(cat "$2") old_chain=$(value tls_certificate) old_key=$(value tls_key)
  put tls_certificate "$chain"
  put tls_key "$key"
  if ! compose exec -T nginx nginx -t -q -c /run/nginx/nginx.conf -e /dev/stderr; then
    put tls_certificate "$old_chain"
    put tls_key "$old_key"
    refuse "nginx does not take this pair: the former one stays."
  fi
  compose exec -T nginx nginx -c /run/nginx/nginx.conf -e /dev/stderr -s reload
}

what=${1:-}
case $what in
  secret_key | jwt_secret_key | nonce_secret_key) key "$what" ;;
  forget)
    case ${2:-} in secret_key | jwt_secret_key | nonce_secret_key) ;; *) refuse "forget which key?" ;; esac
    put "$2_previous" ""
    reload
    ;;
  mongo_app | mongo_migrate | mongo_backup | mongo_monitor) mongo_user "${what#mongo_}" ;;
  mongo_root | mongo_keyfile | grafana | grafana_secret_key | offsite) "$what" ;;
  alert_webhook_url | heartbeat_webhook_url) webhook "$what" ;;
  redis_state | redis_cache) redis "${what#redis_}" ;;
  tls) tls "${2:?the chain, PEM}" "${3:?its key, PEM}" ;;
  *) refuse "Which? $(sed -n 's/^#   sudo docker.change-secret.sh \([^ ].*\)/\1/p' "$0" | tr '\n' ';')" ;;
esac
