#!/bin/sh
# The build machine's name servers. systemd-resolved, where it is installed, serves a file of its
# own; elsewhere the network's manager writes the file at boot.
set -eu
root=${ROOT:-}

rm -f "$root/etc/resolv.conf"
if [ -e "$root/usr/lib/systemd/systemd-resolved" ] || [ -e "$root/lib/systemd/systemd-resolved" ]; then
    ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
fi
