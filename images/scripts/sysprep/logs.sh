#!/bin/sh
# Logs of the build. Folders stay: services expect theirs, with its owner.
set -eu
root=${ROOT:-}

if [ -d "$root/var/log" ]; then
    find "$root/var/log" -xdev ! -type d -delete
    # The journal's folder is named after the machine that wrote it.
    find "$root/var/log/journal" -mindepth 1 -type d -delete 2>/dev/null || :
fi
rm -rf "$root/var/log/anaconda" "$root/var/log/installer"
rm -f "$root"/root/anaconda-ks.cfg "$root"/root/original-ks.cfg "$root"/root/install.log*
