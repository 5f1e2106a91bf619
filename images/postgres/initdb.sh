# This is sourced by whatever makes a data folder.

# make_cluster <programs' folder> <data folder> <further options>...; before 17 the C library alone knew how to sort like C.UTF-8 does.
make_cluster() {
  local programs=$1 data=$2 locale=()
  shift 2
  if [[ $("$programs/initdb" --help) == *--builtin-locale* ]]; then
    locale=(--locale-provider=builtin --builtin-locale=C.UTF-8)
  fi
  "$programs/initdb" --pgdata="$data" --username=postgres --encoding=UTF8 --locale=C.UTF-8 "${locale[@]}" --data-checksums \
    --auth-local=peer --auth-host=scram-sha-256 "$@" > /dev/null
}
