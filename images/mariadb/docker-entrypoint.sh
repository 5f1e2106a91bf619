#!/bin/bash
# Starts MariaDB; an empty data folder is initialised first. The interface is the official image's, as far as we use it:
#   MARIADB_ROOT_PASSWORD_FILE, MARIADB_DATABASE, /docker-entrypoint-initdb.d/*.sql, /var/lib/mysql
# One thing is narrower: in the .sql files each statement ends where a line ends.
set -euo pipefail
shopt -s nullglob

readonly data=/var/lib/mysql
# Exists exactly as long as the folder is being initialised. No client was ever served from a folder that has it.
readonly unfinished="$data/.initialising"

say() { echo "[entrypoint] $*"; }
fail() { say "$*" >&2; exit 1; }

sql_string() {
  local text=${1//\\/\\\\}
  printf "'%s'" "${text//\'/\'\'}"
}

first_statements() {
  local password
  password=$(<"$MARIADB_ROOT_PASSWORD_FILE")
  # A server in bootstrap mode knows accounts only once it has loaded the grant tables, hence the FLUSH.
  # mariadb-install-db leaves root without a password for every name of this machine: only the local socket's stays.
  echo "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';"
  echo "DELETE FROM mysql.proxies_priv WHERE User = 'root' AND Host <> 'localhost';"
  echo 'FLUSH PRIVILEGES;'
  echo "ALTER USER root@localhost IDENTIFIED BY $(sql_string "$password");"
  # The health check's account: no privilege, no password, only for the system user mysql on the local socket.
  echo 'CREATE USER mysql@localhost IDENTIFIED VIA unix_socket;'
  if [[ -n ${MARIADB_DATABASE:-} ]]; then
    echo "CREATE DATABASE \`$MARIADB_DATABASE\`;"
    echo "USE \`$MARIADB_DATABASE\`;"
  fi
  local file
  for file in /docker-entrypoint-initdb.d/*.sql; do
    cat "$file"
    echo
  done
}

initialise() {
  [[ -r ${MARIADB_ROOT_PASSWORD_FILE:?names the file with the password of root} ]] || fail "cannot read $MARIADB_ROOT_PASSWORD_FILE"
  : > "$unfinished"
  sync "$unfinished" "$data"
  # Whatever an earlier, interrupted attempt left.
  find "$data" -mindepth 1 -maxdepth 1 ! -path "$unfinished" ! -name lost+found -exec rm -rf {} +

  say 'initialising the data folder'
  mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve --skip-log-bin > /dev/null
  # Bootstrap mode reads statements, never listens, and has shut down cleanly when it returns.
  first_statements | mariadbd --bootstrap --datadir="$data" --skip-log-bin
  sync --file-system "$data"

  rm "$unfinished"
  sync "$data"
  say 'initialised'
}

if [[ ${1:-} == mariadbd ]]; then
  content=("$data"/*)
  if [[ -e $unfinished ]]; then
    say 'an earlier initialisation was interrupted: starting it again'
    initialise
  elif [[ ! -d $data/mysql ]]; then
    [[ ${#content[@]} -eq 0 || ${content[*]} == "$data/lost+found" ]] || fail "$data is neither empty nor a MariaDB data folder: left alone"
    initialise
  fi
fi

exec "$@"
