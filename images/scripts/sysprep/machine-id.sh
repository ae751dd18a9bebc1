#!/bin/sh
# Each VM gets an identity of its own at its first boot. The file stays, empty: "uninitialized" would
# make systemd apply the presets, and undo what the definition says of services.
set -eu
root=${ROOT:-}

: >"$root/etc/machine-id"
chmod 0444 "$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
