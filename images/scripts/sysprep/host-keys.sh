#!/bin/sh
# Each VM makes its SSH host keys at its first boot (cloud-init, else b2ct-host-keys.service).
set -eu
root=${ROOT:-}

rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub
