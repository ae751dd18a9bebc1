#!/bin/sh
# Two VMs with one seed would make the same "random" numbers; the host's virtio-rng seeds them.
set -eu
root=${ROOT:-}

rm -f "$root/var/lib/systemd/random-seed" "$root/var/lib/random-seed" "$root/var/lib/urandom/random-seed"
rm -f "$root/boot/efi/loader/random-seed" "$root/var/lib/systemd/credential.secret"
