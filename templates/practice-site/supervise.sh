#!/bin/bash
# Starts a practice site, and tidies up after it, however it ends. It is killed: the site ends with it.
#
#   supervise.sh FOLDER MAKER [KEEPER]     MAKER: the process that brings the site up; if it dies before
#                                          the site is ready, the site is given up. KEEPER: the process
#                                          with which the site ends; left out: none
set -uo pipefail
folder=$1
maker=$2
keeper=${3:-}
here=$(dirname "$0")
# shellcheck source=/dev/null
. "$folder/world.env"

tidy() {
  # Control groups outlive their processes; the innermost ones go first.
  for _ in $(seq 50); do
    find "$CGROUP" -depth -type d -exec rmdir {} + 2> /dev/null
    [ -e "$CGROUP" ] || break
    sleep 0.1
  done
  rm -rf "$folder"
}

# While this or any process of the site lives, nobody takes the root for one that nobody uses.
exec 9>> "$ROOT.lock"
flock --shared 9
echo "$$" > "$folder/supervisor"
mkdir -p "$CGROUP"
setpriv --pdeathsig KILL unshare --pid --mount --fork --kill-child bash "$here/outer.sh" "$folder" &
site=$!
trap 'kill -9 "$site"' TERM INT HUP
until leader=$(cat "/proc/$site/task/$site/children" 2> /dev/null) && [ -n "$leader" ]; do
  kill -0 "$site" 2> /dev/null || break
  sleep 0.02
done
echo "$leader" > "$folder/leader.new"
mv "$folder/leader.new" "$folder/leader"
while [ ! -e "$folder/ready" ] && kill -0 "$site" 2> /dev/null; do
  kill -0 "$maker" 2> /dev/null || kill -9 "$site"
  sleep 0.5
done
while [ -n "$keeper" ] && kill -0 "$site" 2> /dev/null; do
  kill -0 "$keeper" 2> /dev/null || kill -9 "$site"
  sleep 1
done
# A signal ends the first wait; the second is for the site itself.
wait "$site"
wait "$site"
# What a failed start has said is for whoever started it; all else goes.
if [ -e "$folder/ready" ] || ! kill -0 "$maker" 2> /dev/null; then tidy; fi
