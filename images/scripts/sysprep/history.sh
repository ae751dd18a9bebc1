#!/bin/sh
# What people and tools remember of the build in home folders.
set -eu
root=${ROOT:-}

for home in "$root/root" "$root"/home/*; do
    if [ ! -d "$home" ]; then continue; fi
    rm -f "$home"/.bash_history "$home"/.sh_history "$home"/.python_history "$home"/.lesshst \
        "$home"/.viminfo "$home"/.wget-hsts "$home"/.rnd "$home"/.ssh/known_hosts*
    rm -rf "$home"/.cache "$home"/.ansible
done
