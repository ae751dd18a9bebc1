#!/bin/sh
# What the build left in the temporary folders, but not what is running now (B2CT_BUNDLE).
set -eu
root=${ROOT:-}

for folder in "$root/tmp" "$root/var/tmp"; do
    if [ ! -d "$folder" ]; then continue; fi
    for entry in "$folder"/* "$folder"/.[!.]* "$folder"/..?*; do
        case ${B2CT_BUNDLE:-}/ in "$entry"/*) continue ;; esac
        # A running machine has mounts of its services here, which end with them.
        if [ -e "$entry" ] || [ -L "$entry" ]; then
            find "$entry" -xdev -depth -delete 2>/dev/null ||
                echo "temporary: $entry is in use and stays" >&2
        fi
    done
done
