#!/bin/bash
# Starts PostgreSQL; a new volume is initialised first. The interface is the official image's, as far as we use it:
#   POSTGRES_PASSWORD_FILE, POSTGRES_DB, /docker-entrypoint-initdb.d/*.sql, /var/lib/postgresql/data
# Two things are otherwise: in the .sql files each statement ends where a line ends, and the volume holds generations of data folders.
set -euo pipefail
shopt -s nullglob
source /usr/local/lib/generations.sh
source /usr/local/lib/initdb.sh

fill() {
  [[ -r ${POSTGRES_PASSWORD_FILE:?names the file with the password of postgres} ]] || fail "cannot read $POSTGRES_PASSWORD_FILE"
  make_cluster "$(dirname "$(readlink /usr/local/bin/initdb)")" "$1" --pwfile="$POSTGRES_PASSWORD_FILE"
  first_statements "$1"
}

# In single-user mode nothing listens. There a statement ends with a line's end, or with -j at an empty line after a semicolon.
first_statements() {
  local database=${POSTGRES_DB:-postgres}
  if [[ $database != postgres ]]; then
    printf 'CREATE DATABASE "%s";\n\n' "$database" | single_user "$1" postgres
  fi
  local file
  for file in /docker-entrypoint-initdb.d/*.sql; do
    sed 's/;$/;\n/' "$file" | single_user "$1" "$database"
  done
}

single_user() {
  local answer
  answer=$(postgres --single -j -D "$1" -c exit_on_error=true "$2" 2>&1 > /dev/null) || fail "the first statements failed: $answer"
}

if [[ ${1:-} == postgres ]]; then
  enter_volume /var/lib/postgresql/data PG_VERSION fill
  # A container's first process loses a signal that comes before it has a handler. The signal is held back, so it waits.
  exec env --block-signal=INT,TERM "$@"
fi

exec "$@"
