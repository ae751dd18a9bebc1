#!/bin/sh
# Package lists, downloaded packages and caches: large, stale when the VM boots, never twice the same.
set -eu
root=${ROOT:-}

empty() {
    if [ -d "$1" ]; then find "$1" -xdev -mindepth 1 -delete; fi
}

for folder in var/lib/apt/lists var/cache/apt var/cache/dnf var/cache/yum var/cache/libdnf5 \
    var/cache/man var/cache/ldconfig var/cache/fontconfig; do
    empty "$root/$folder"
done
# apt warns when these are not there.
if [ -d "$root/var/lib/apt" ]; then
    mkdir -p "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial"
    chmod 0700 "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial"
    if grep -q '^_apt:' "$root/etc/passwd"; then
        uid=$(sed -n 's/^_apt:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/passwd")
        chown "$uid" "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial"
    fi
fi
# Copies that dpkg, debconf and the account tools leave of what was before, and their locks.
rm -f "$root"/var/lib/dpkg/*-old "$root"/var/cache/debconf/*-old
rm -f "$root"/etc/passwd- "$root"/etc/group- "$root"/etc/shadow- "$root"/etc/gshadow-
rm -f "$root"/etc/subuid- "$root"/etc/subgid- "$root"/etc/.pwd.lock
