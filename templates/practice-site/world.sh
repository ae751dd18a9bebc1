#!/bin/bash
# What is around the nodes of a practice site: a bridge for each network, a name server, a time
# server, two web servers with the files of a stratum 1; then the nodes themselves.
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
programs=$!
# It tells its own clock, and never sets it.
inside chronyd -x -d -f /run/world/chrony.conf > "$folder/chronyd.log" 2>&1 &
programs+=" $!"
for port in 8000 8001; do
  inside python3 -m http.server --bind "$GATEWAY" --directory /run/world/www "$port" \
    > "$folder/www-$port.log" 2>&1 &
  programs+=" $!"
done

boot() { # NODE: until its first process ends; the exit code says by which signal
  local place=$folder/nodes/$1 process device network mac CABLES
  # shellcheck source=/dev/null
  . "$place/node.env"
  # Groups that a former systemd left behind: with controllers switched on they take no process.
  while [ -e "$CGROUP/$1" ]; do
    find "$CGROUP/$1" -depth -type d -exec rmdir {} + 2> /dev/null || sleep 0.05
  done
  mkdir -p "$CGROUP/$1"
  (
    echo "$BASHPID" > "$CGROUP/$1/cgroup.procs"
    exec unshare --pid --fork --kill-child --mount --net --uts --ipc --cgroup \
      bash "$here/node.sh" "$folder" "$1"
  ) >> "$place/console.log" 2>&1 < /dev/null &
  process=$!
  until [ "$(readlink "/proc/$process/ns/net")" != "$(readlink /proc/1/ns/net)" ]; do
    kill -0 "$process" || break
    sleep 0.02
  done
  for cable in $CABLES; do # eth0=service=52:54:...
    IFS='=' read -r device network mac <<< "$cable"
    # That of a node that has ended may not be gone yet.
    ip link delete "$1-$device" 2> /dev/null || :
    if ! { ip link add "$1-$device" type veth peer name "$device" address "$mac" netns "$process" &&
      ip link set "$1-$device" master "$network" up; }; then
      kill -9 "$process"
    fi
  done
  echo "$process" > "$place/pid.new"
  mv "$place/pid.new" "$place/pid"
  wait "$process"
}

machine() { # NODE: what a machine with a power button does
  local place=$folder/nodes/$1 code
  while :; do
    rm -f "$place/start" "$place/ended"
    code=0
    boot "$1" || code=$?
    rm -f "$place/pid"
    # reboot(2) in a PID namespace ends its first process: by SIGHUP where it is to start again, by
    # SIGINT where it is to stay off.
    if [ "$code" = 129 ]; then continue; fi
    echo "$code" > "$place/ended.new"
    mv "$place/ended.new" "$place/ended"
    echo "the node $1 has ended ($code)" >&2
    until [ -e "$place/start" ]; do sleep 0.2; done
  done
}

for node in $NODES; do
  place=$folder/nodes/$node
  # What a node writes is in memory: here, so that it is still there when the node starts again.
  mount -t tmpfs -o mode=755 tmpfs "$place/root"
  VOLUMES=''
  # shellcheck source=/dev/null
  . "$place/node.env"
  for volume in $VOLUMES; do # PATH=SIZE
    mkdir -p "$place/volumes${volume%%=*}"
    mount -t tmpfs -o "size=${volume##*=}" tmpfs "$place/volumes${volume%%=*}"
  done
  machine "$node" &
  until [ -e "$place/pid" ] || [ -e "$place/ended" ]; do sleep 0.02; done
done
touch "$folder/started"

# A node may end, and be started again. A site without its world is no site to practise on.
# shellcheck disable=SC2086
wait -n $programs || :
echo "a program that the site needs has ended" >&2
