# The layout of a data volume, for the entrypoints of both engines. What is served is one of several generations:
#   current -> generations/000001   changes by one rename
#   generations/000001              a data folder; others there are being built, or kept from before a restore
#   .initialising                   as long as the volume is new, and no longer: no client was ever served from one that has it.
#                                   The image brings it; Docker copies it into an empty volume when a container is made on it.
# A volume that is empty without that sign is one whose data are not there, not unlocked say: it is refused.

readonly first=generations/000001

say() { echo "[entrypoint] $*"; }
fail() { say "$*" >&2; exit 1; }

# enter_volume <volume> <file or folder that every data folder has> <function that fills an empty data folder>
enter_volume() {
  local volume=$1 sign=$2 fill=$3
  # The first process of a container gets no signal that it did not ask for, and would sit out the patience of whoever stops it.
  trap 'exit 143' INT TERM
  if [[ -e $volume/current/$sign ]]; then
    refuse_other_major "$volume"
  elif [[ -d $volume/$first.adopting || ( -e $volume/$sign && ! -e $volume/.initialising ) ]]; then
    adopt "$volume"
  elif [[ -e $volume/.initialising ]]; then
    initialise "$volume" "$fill"
  else
    fail "$volume has no data folder at $(readlink "$volume/current" || echo "$volume/current") and is not new: left alone." \
      'Is the disk with the data mounted and unlocked? To begin anew, remove the volume.'
  fi
  if [[ -e $volume/.initialising ]]; then
    rm "$volume/.initialising"
    sync "$volume"
  fi
}

# The server cannot read data of a later major version, and it would change those of an earlier one past return.
refuse_other_major() {
  local volume=$1 own data
  own=$(database-major)
  data=$(database-major "$volume/current") || fail "nobody can tell which major version the data in $volume are of"
  [[ $data == "$own" ]] || fail "the data in $volume are of major version $data, this server is $own: playbooks/upgrade.yml takes the way from one to the other"
}

# A data folder of an earlier version is the volume itself.
adopt() {
  local volume=$1
  say "moving the data folder into $first"
  mkdir --parents "$volume/$first.adopting"
  chmod 0700 "$volume/$first.adopting"
  find "$volume" -mindepth 1 -maxdepth 1 ! -name generations ! -name current ! -name lost+found \
    -exec mv --target-directory="$volume/$first.adopting" {} +
  sync "$volume/$first.adopting"
  settle "$volume" adopting
}

initialise() {
  local volume=$1 fill=$2
  if [[ -e $volume/generations ]]; then
    say 'an earlier initialisation was interrupted: starting it again'
  fi
  find "$volume" -mindepth 1 -maxdepth 1 ! -name .initialising ! -name lost+found -exec rm -rf {} +
  say 'initialising the data folder'
  mkdir --parents "$volume/$first.building"
  chmod 0700 "$volume/$first.building"
  "$fill" "$volume/$first.building"
  sync --file-system "$volume"
  settle "$volume" building
  say 'initialised'
}

# The link comes first and leads nowhere until the rename, which is the one step that counts.
settle() {
  local volume=$1 state=$2
  ln --symbolic --force --no-dereference "$first" "$volume/current"
  sync "$volume"
  mv --no-target-directory "$volume/$first.$state" "$volume/$first"
  sync "$volume/generations"
}
