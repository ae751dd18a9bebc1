#!/bin/sh
# Debian's and Ubuntu's cloud-init runs the context's commands when every service is up. Here they run as
# soon as the network is: the context starts by itself what it needs. Whatever else a release's unit
# says stays.
set -eu
name=systemd/system/cloud-final.service

for unit in "${ROOT:-}/usr/lib/$name" "${ROOT:-}/lib/$name"; do
    if [ -f "$unit" ] && grep -qx 'After=multi-user.target' "$unit"; then
        sed '/^After=multi-user.target$/d' "$unit" >"${ROOT:-}/etc/$name"
        chmod 0644 "${ROOT:-}/etc/$name"
        break
    fi
done
