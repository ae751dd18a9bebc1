#!/bin/sh
# cloud-init takes the next boot for its first: what `cloud-init clean` removes, and what cloud-init has
# written outside its own folder. Needs no cloud-init, so it works on any tree.
set -eu
root=${ROOT:-}

# What cloud-init has written says so; what the distribution or the site wrote stays.
remove_ours() {
    for file in "$@"; do
        if [ -f "$file" ] && grep -qi 'cloud-init' "$file"; then rm -f "$file"; fi
    done
}

for folder in instances instance data sem handlers; do
    if [ -L "$root/var/lib/cloud/$folder" ]; then
        rm -f "$root/var/lib/cloud/$folder"
    elif [ -d "$root/var/lib/cloud/$folder" ]; then
        find "$root/var/lib/cloud/$folder" -xdev -mindepth 1 ! -type d -delete
    fi
done
if [ -d "$root/var/lib/cloud/instances" ]; then
    find "$root/var/lib/cloud/instances" -mindepth 1 -delete
fi
rm -rf "$root/run/cloud-init"

remove_ours "$root"/etc/netplan/50-cloud-init.yaml "$root"/etc/network/interfaces.d/50-cloud-init* \
    "$root"/etc/systemd/network/10-cloud-init-* "$root"/etc/sysconfig/network-scripts/ifcfg-* \
    "$root"/etc/NetworkManager/conf.d/*cloud-init* "$root"/etc/systemd/resolved.conf.d/*cloud-init* \
    "$root"/etc/NetworkManager/system-connections/cloud-init-* "$root"/etc/sudoers.d/90-cloud-init-users
rm -f "$root"/etc/ssh/sshd_config.d/50-cloud-init.conf "$root"/etc/udev/rules.d/70-persistent-net.rules

# The host name is the context's; that of the build machine is nobody's business.
echo localhost >"$root/etc/hostname"
if [ -f "$root/etc/hosts" ]; then sed -i '/^127\.0\.1\.1[[:space:]]/d' "$root/etc/hosts"; fi
