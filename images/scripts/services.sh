#!/bin/sh
# Services of the definition; the calls at the end are made from it. Works on the files alone, so it does
# the same in a chroot and in a running machine.
set -eu

if command -v systemctl >/dev/null; then
    enabled() { systemctl --quiet --root=/ enable "$1"; }
    disabled() { if systemctl --root=/ cat "$1" >/dev/null 2>&1; then systemctl --quiet --root=/ disable "$1"; fi; }
    masked() { systemctl --quiet --root=/ mask "$1"; }
else # EL6: SysV services, which cannot be masked
    enabled() { chkconfig "${1%.service}" on; }
    disabled() { if chkconfig --list "${1%.service}" >/dev/null 2>&1; then chkconfig "${1%.service}" off; fi; }
    masked() { disabled "$1"; }
fi

# service UNIT enabled|disabled|masked
service() {
    if ! "$2" "$1"; then
        echo "the service '$1' cannot be $2: does a package of the definition bring it?" >&2
        exit 1
    fi
}
