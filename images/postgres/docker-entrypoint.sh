#!/bin/bash
# Starts PostgreSQL; an empty data folder is initialised first. The interface is the official image's, as far as we use it:
#   POSTGRES_PASSWORD_FILE, POSTGRES_DB, /docker-entrypoint-initdb.d/*.sql, PGDATA
set -euo pipefail
shopt -s nullglob

readonly data=${PGDATA:?names the data folder}
# Exists exactly as long as the folder is being initialised. No client was ever served from a folder that has it.
readonly unfinished="$data/.initialising"

say() { echo "[entrypoint] $*"; }
fail() { say "$*" >&2; exit 1; }

initialise() {
  [[ -r ${POSTGRES_PASSWORD_FILE:?names the file with the password of postgres} ]] || fail "cannot read $POSTGRES_PASSWORD_FILE"
  : > "$unfinished"
  sync "$unfinished" "$data"
  # Whatever an earlier, interrupted attempt left.
  find "$data" -mindepth 1 -maxdepth 1 ! -path "$unfinished" ! -name lost+found -exec rm -rf {} +

  say 'initialising the data folder'
  # initdb wants an empty folder, and this one has our mark: it works in a folder below, whose content then moves up.
  local fresh="$data/.fresh"
  initdb --pgdata="$fresh" --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" --encoding=UTF8 --locale-provider=builtin \
    --builtin-locale=C.UTF-8 --locale=C.UTF-8 --data-checksums --auth-local=peer --auth-host=scram-sha-256 > /dev/null
  first_statements "$fresh"
  find "$fresh" -mindepth 1 -maxdepth 1 -exec mv --target-directory="$data" {} +
  rmdir "$fresh"
  sync --file-system "$data"

  rm "$unfinished"
  sync "$data"
  say 'initialised'
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
  content=("$data"/*)
  if [[ -e $unfinished ]]; then
    say 'an earlier initialisation was interrupted: starting it again'
    initialise
  elif [[ ! -s $data/PG_VERSION ]]; then
    [[ ${#content[@]} -eq 0 || ${content[*]} == "$data/lost+found" ]] || fail "$data is neither empty nor a PostgreSQL data folder: left alone"
    initialise
  fi
fi

exec "$@"
