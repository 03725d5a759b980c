#!/bin/sh
# Fill in the templates of nginx/conf, test the result, and run nginx in the foreground.
#   PUBLIC_ORIGIN   what clients call the service
#   ADMIN_ALLOW     networks that may open the back office, separated by commas, or `all`
#   PROXIES_AHEAD   networks of load balancers in front, whose X-Forwarded-For counts; none where empty
#   TILL_SERVERS, OFFICE_SERVERS   the lines of nginx's upstream blocks
#   OPS_SERVERS     the same for Grafana at /ops/; empty where there is none
set -eu
: "${PUBLIC_ORIGIN:?}" "${ADMIN_ALLOW:?say which networks may open the back office, or all}"
: "${TILL_SERVERS:?}" "${OFFICE_SERVERS:?}"
: "${RUN_DIR:=/run/nginx}" "${CONF_DIR:=/etc/nginx/app}" "${NGINX_ETC:=/etc/nginx}" "${STATIC_PARENT:=/srv}"
: "${ERROR_LOG:=/dev/stderr}" "${ACCESS_LOG:=/dev/stdout}" "${LISTEN:=8443}" "${REDIRECT_LISTEN:=8080}"
: "${TLS_CERTIFICATE:=/run/secrets/tls_certificate}" "${TLS_KEY:=/run/secrets/tls_key}" "${STATUS_LISTEN:=8081}"
case "$PUBLIC_ORIGIN" in
  https://*/*) echo "PUBLIC_ORIGIN is $PUBLIC_ORIGIN: it ends with the host or the port, without a slash" >&2; exit 1 ;;
esac
case ",$(echo "$ADMIN_ALLOW" | tr -d ' ')," in
  ,all,) ;;
  *,all,*) echo "ADMIN_ALLOW is $ADMIN_ALLOW: it is either all or a list of networks" >&2; exit 1 ;;
esac
templates='nginx server'
if [ -n "${OPS_SERVERS:-}" ]; then templates="$templates ops"; else OPS_SERVERS='server 127.0.0.1:9 down;'; fi
export RUN_DIR CONF_DIR NGINX_ETC STATIC_PARENT ERROR_LOG ACCESS_LOG LISTEN REDIRECT_LISTEN STATUS_LISTEN
export TLS_CERTIFICATE TLS_KEY PUBLIC_ORIGIN TILL_SERVERS OFFICE_SERVERS OPS_SERVERS

# Only what is named here is filled in: nginx's own variables look the same.
names='${RUN_DIR} ${CONF_DIR} ${NGINX_ETC} ${STATIC_PARENT} ${ERROR_LOG} ${ACCESS_LOG} ${LISTEN} ${REDIRECT_LISTEN}
  ${STATUS_LISTEN} ${TLS_CERTIFICATE} ${TLS_KEY} ${PUBLIC_ORIGIN} ${TILL_SERVERS} ${OFFICE_SERVERS} ${OPS_SERVERS}'
rm -f "$RUN_DIR/ops.conf"
for name in $templates; do
  envsubst "$names" < "$CONF_DIR/$name.conf.template" > "$RUN_DIR/$name.conf"
done

# One directive for each of the networks that $1, a list with commas, names.
each() {
  for network in $(echo "$1" | tr ',' ' '); do
    echo "$2 $network;"
  done
}
if [ "$(echo "$ADMIN_ALLOW" | tr -d ' ')" = all ]; then
  rm -f "$RUN_DIR/admin-allow.conf"
else
  { each "$ADMIN_ALLOW" allow; echo 'deny all;'; } > "$RUN_DIR/admin-allow.conf"
fi
rm -f "$RUN_DIR/trusted-proxies.conf"
if [ -n "${PROXIES_AHEAD:-}" ]; then
  { each "$PROXIES_AHEAD" set_real_ip_from; echo 'real_ip_header X-Forwarded-For;'; echo 'real_ip_recursive on;'; } \
    > "$RUN_DIR/trusted-proxies.conf"
fi

nginx -t -q -c "$RUN_DIR/nginx.conf" -e "$ERROR_LOG"
exec nginx -c "$RUN_DIR/nginx.conf" -e "$ERROR_LOG" -g "${NGINX_GLOBAL:-}daemon off;"
