#!/bin/bash
# What is around the nodes of a practice site: a bridge for each network, a name server, a time
# server, a web server with the files of a stratum 1; then the nodes themselves.
set -euo pipefail
folder=$1
here=$(dirname "$0")
# shellcheck source=/dev/null
. "$folder/world.env"

ip link set lo up
for bridge in service private; do
  ip link add "$bridge" type bridge
  ip link set "$bridge" up
done
ip link set uplink master service up
ip address add "$GATEWAY/24" dev service

# Programs come from the nodes' root, so that the host needs none of them.
inside() { chroot "$ROOT" "$@"; }
mount --bind "$ROOT" "$ROOT"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/run"
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
mount --bind /dev "$ROOT/dev"
mkdir "$ROOT/run/world"
cp -r "$folder/world/." "$ROOT/run/world/"
inside dnsmasq --keep-in-foreground --conf-file=/run/world/dnsmasq.conf &
# It tells its own clock, and never sets it.
inside chronyd -x -d -f /run/world/chrony.conf > "$folder/chronyd.log" 2>&1 &
inside python3 -m http.server --bind "$GATEWAY" --directory /run/world/www 8000 \
  > "$folder/www.log" 2>&1 &

for node in $NODES; do
  # shellcheck source=/dev/null
  . "$folder/nodes/$node/node.env"
  mkdir -p "$CGROUP/$node"
  (
    echo "$BASHPID" > "$CGROUP/$node/cgroup.procs"
    exec unshare --pid --fork --kill-child --mount --net --uts --ipc --cgroup \
      bash "$here/node.sh" "$folder" "$node"
  ) > "$folder/nodes/$node/console.log" 2>&1 < /dev/null &
  process=$!
  until [ "$(readlink "/proc/$process/ns/net")" != "$(readlink /proc/1/ns/net)" ]; do sleep 0.02; done
  echo "$process" > "$folder/nodes/$node/pid"
  for cable in $CABLES; do # eth0=service=52:54:...
    IFS='=' read -r device network mac <<< "$cable"
    ip link add "$node-$device" type veth peer name "$device" address "$mac" netns "$process"
    ip link set "$node-$device" master "$network" up
  done
done
touch "$folder/started"

# Whoever dies first: a site without its world or with a node less is no site to practise on.
wait -n || :
echo "something that the site needs has ended" >&2
