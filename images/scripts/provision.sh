#!/bin/sh
# Makes a worker of the system it runs in: a chroot of `b2ct image build`, a machine that Packer has
# started, or one of yours. The folder it is in holds what it applies:
#   environment          KEY=value lines for every script
#   packages.sh          (optional) repositories and packages; needs the network
#   before/NN-NAME       scripts that run before the files are put in place
#   files.list, files/   MODE OWNER GROUP NUMBER PATH a line, and their contents by number
#   scripts/NN-NAME      scripts that run after it
#   sysprep/NN-NAME      what removes the traces of the build
set -eu

usage='usage: provision.sh [--no-sysprep|--only-sysprep] [--poweroff]

  --no-sysprep    keep logs, caches, host keys and machine-id: for a machine that you keep
  --only-sysprep  remove them, and do nothing else
  --poweroff      power the machine off at the end: after sysprep nobody can log in again'

apply=yes
sysprep=yes
poweroff=no
for word in "$@"; do
    case $word in
    --no-sysprep) sysprep=no ;;
    --only-sysprep) apply=no ;;
    --poweroff) poweroff=yes ;;
    --help) echo "$usage" && exit 0 ;;
    *) echo "$usage" >&2 && exit 2 ;;
    esac
done

if [ "$(id -u)" -ne 0 ]; then
    echo "provision.sh: run it as root, for instance with sudo" >&2
    exit 2
fi

B2CT_BUNDLE=$(cd "$(dirname "$0")" && pwd)
export B2CT_BUNDLE
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022
while IFS= read -r line; do export "${line?}"; done <"$B2CT_BUNDLE/environment"
cd /

# Seconds that one script may take.
limit=${B2CT_SCRIPT_LIMIT:-3600}

within() { if command -v timeout >/dev/null; then timeout -k 10 "$limit" "$@"; else "$@"; fi; }

# A script by the interpreter that its first line names: the bundle may be where nothing may be run.
step() {
    echo "provision: ${1#"$B2CT_BUNDLE/"}"
    interpreter=$(sed -n '1s/^#![[:space:]]*//p' "$1")
    code=0
    # shellcheck disable=SC2086 # an interpreter with its argument
    within ${interpreter:-/bin/sh} "$1" </dev/null || code=$?
    if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then
        echo "provision: ${1#"$B2CT_BUNDLE/"} did not end within $limit s" >&2
        exit 1
    elif [ "$code" -ne 0 ]; then
        echo "provision: ${1#"$B2CT_BUNDLE/"} failed with exit code $code" >&2
        exit 1
    fi
}

steps() {
    for script in "$B2CT_BUNDLE/$1"/*; do
        if [ -f "$script" ]; then step "$script"; fi
    done
}

if [ "$apply" = yes ]; then
    if [ -f "$B2CT_BUNDLE/packages.sh" ]; then step "$B2CT_BUNDLE/packages.sh"; fi
    steps before
    echo "provision: files"
    /bin/sh "$B2CT_BUNDLE/put-files.sh" files
    steps scripts
fi
if [ "$sysprep" = yes ]; then steps sysprep; fi
echo "provision: done"
if [ "$poweroff" = yes ]; then
    sync
    systemctl poweroff || poweroff
fi
