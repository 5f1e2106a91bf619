#!/bin/bash
# pgBackRest with what it must not be told by argument: the secrets it reads from its environment, which no inspection of the container shows.
set -euo pipefail

export PGBACKREST_CONFIG=/etc/echobase/pgbackrest.conf
export PGBACKREST_STANZA=durable

# secret <variable> <file>; what is returned is no status by which archive-get tells that a segment is not there.
secret() {
  local value
  value=$(< "/run/secrets/$2") || exit 78
  export "$1=$value"
}

secret PGBACKREST_REPO1_CIPHER_PASS backup_key
if grep --quiet --line-regexp repo1-type=s3 "$PGBACKREST_CONFIG"; then
  secret PGBACKREST_REPO1_S3_KEY backup_s3_key
  secret PGBACKREST_REPO1_S3_KEY_SECRET backup_s3_secret
fi

exec /usr/bin/pgbackrest "$@"
