# shellcheck shell=bash
# keep_looking LOOK [SECONDS]   for a health check in bash: LOOK, a function, succeeds while all is well.
# Once it did, the check goes on for SECONDS, since to begin one costs the engine more than a hundred looks; a failure ends it at once.
# The first check after a start or a failure answers at once. apps/orders/health_watch.py does the same.
keep_looking() {
    local look=$1 pause=3 seen_well=/tmp/seen-well
    local end=$((SECONDS + ${2:-0}))
    [[ -e $seen_well ]] || end=$SECONDS
    # A wait for nothing, without a process of its own.
    exec 4<> <(:)
    while "$look"; do
        if ((SECONDS + pause > end)); then
            [[ -e $seen_well ]] || : >"$seen_well"
            return 0
        fi
        read -r -t "$pause" -u 4 || true
    done
    rm -f "$seen_well"
    return 1
}
