#!/bin/sh
# Users of the definition; the calls at the end are made from it. Nobody has a password: people
# log in with a key, or not at all. A user who is there already keeps number and home.
set -eu

# user NAME UID ('' for the next) SYSTEM (yes or no) SHELL [GROUP...]
user() {
    name=$1 uid=$2 system=$3 shell=$4
    shift 4
    groups=$*
    set -- --user-group --shell "$shell"
    if [ "$system" = yes ]; then
        set -- "$@" --system --no-create-home
    else
        set -- "$@" --create-home
    fi
    if [ -n "$uid" ]; then set -- "$@" --uid "$uid"; fi
    if getent passwd "$name" >/dev/null; then
        usermod --shell "$shell" "$name"
    else
        useradd "$@" "$name"
    fi
    for group in $groups; do usermod --append --groups "$group" "$name"; done
}
