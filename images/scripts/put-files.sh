#!/bin/sh
# put-files.sh NAME: puts the files of NAME.list (MODE OWNER GROUP NUMBER PATH a line), whose contents are
# in NAME/, in their places. `install` replaces a file, or a link in its place, as a whole.
set -eu
bundle=$(cd "$(dirname "$0")" && pwd)

while read -r mode owner group number path; do
    install -D -m "$mode" -o "$owner" -g "$group" "$bundle/$1/$number" "$path"
done <"$bundle/$1.list"
