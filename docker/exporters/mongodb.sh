#!/bin/sh
# The exporter of MongoDB: one address for each member, with the user of the secret, which stands on no command line.
#   /scrape?target=mongo1:27017   asks one member; the names are the services of docker-compose.prod.yml
# The image has this shell and no other tool: what is needed is the shell's own.
set -eu
read -r user < /run/secrets/mongo_monitor || [ -n "$user" ]
addresses=
for member in mongo1:27017 mongo2:27017 mongo3:27017; do
  addresses="${addresses:+$addresses,}mongodb://$user@$member/admin?authSource=admin&connectTimeoutMS=3000&serverSelectionTimeoutMS=3000"
done
export MONGODB_URI="$addresses"
exec /mongodb_exporter --mongodb.direct-connect --mongodb.global-conn-pool --compatible-mode \
  --collector.diagnosticdata --collector.replicasetstatus --web.listen-address=:9216
