#!/bin/bash
# Starts MariaDB; a new volume is initialised first. The interface is the official image's, as far as we use it:
#   MARIADB_ROOT_PASSWORD_FILE, MARIADB_DATABASE, /docker-entrypoint-initdb.d/*.sql, /var/lib/mysql
# Two things are otherwise: in the .sql files each statement ends where a line ends, and the volume holds generations of data folders.
set -euo pipefail
shopt -s nullglob
source /usr/local/lib/generations.sh

sql_string() {
  local text=${1//\\/\\\\}
  printf "'%s'" "${text//\'/\'\'}"
}

first_statements() {
  local password
  password=$(<"$MARIADB_ROOT_PASSWORD_FILE")
  # Aria's log is never encrypted, and would keep the hash of each password; what is left of one in memory gets into the index of a table that changes.
  echo 'ALTER TABLE mysql.global_priv ENGINE=InnoDB;'
  echo 'ALTER TABLE mysql.db ENGINE=InnoDB;'
  echo 'ALTER TABLE mysql.proxies_priv ENGINE=InnoDB;'
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

fill() {
  [[ -r ${MARIADB_ROOT_PASSWORD_FILE:?names the file with the password of root} ]] || fail "cannot read $MARIADB_ROOT_PASSWORD_FILE"
  local newest keys=(/run/secrets/encryption-*.keys) options=()
  newest=$(printf '%s\n' "${keys[@]##*/}" | sort --version-sort | tail --lines=1)
  if [[ $newest ]]; then
    echo "$newest" > "$1/encryption-key"
    mapfile -t options < <(key_option "$1")
  fi
  mariadb-install-db --datadir="$1" "${options[@]}" --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve --skip-log-bin > /dev/null
  # Bootstrap mode reads statements, never listens, and has shut down cleanly when it returns.
  first_statements | mariadbd --bootstrap --datadir="$1" "${options[@]}" --skip-log-bin
}

# Each data folder names the key that it was made with; one that says nothing has the first.
key_option() {
  local name
  if [[ -e $1/encryption-key ]]; then
    read -r name < "$1/encryption-key"
    [[ -r /run/secrets/$name ]] || fail "the data were made with the key in $name, which is not there: restore secrets.json from its backup"
    echo "--file-key-management-filename=/run/secrets/$name"
  fi
}

# Each data folder has a server id of its own, which its binary log carries: the logs of two that were one, as after a restore, are told apart by it.
# A copy brings along the file of the folder that it was copied from, hence the folder's name in it.
server_id() {
  local file=/var/lib/mysql/current/server-id folder id='' of=''
  folder=$(readlink /var/lib/mysql/current)
  [[ ! -e $file ]] || read -r id of < "$file"
  if [[ ! $id || $of != "$folder" ]]; then
    id=$(od --address-radix=n --read-bytes=4 --format=u4 /dev/urandom)
    id=$((id | 1))
    echo "$id $folder" > "$file.new"
    sync "$file.new"
    mv "$file.new" "$file"
    sync "$(dirname "$file")"
  fi
  echo "$id"
}

if [[ ${1:-} == mariadbd ]]; then
  enter_volume /var/lib/mysql mysql fill
  id=$(server_id)
  key=$(key_option /var/lib/mysql/current)
  set -- "$@" --server-id="$id" ${key:+"$key"}
elif [[ ${1:-} == fill ]]; then
  # An empty data folder beside the one that is served.
  mkdir --mode=0700 --parents "$2"
  fill "$2"
  exit
fi

exec "$@"
