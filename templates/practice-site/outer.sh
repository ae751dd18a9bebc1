#!/bin/bash
# The first process of a practice site's PID and mount namespaces. `world.sh` and the nodes are its
# children: when it dies, by whatever signal, the kernel ends them all, and with their network
# namespaces all devices go.
#
#   outer.sh FOLDER     of the site; it holds world.env
set -euo pipefail
folder=$1
here=$(dirname "$0")
# shellcheck source=/dev/null
. "$folder/world.env"

mount --make-rprivate /
mount -t proc proc /proc

# The host's end of the cable. It goes when the other end does.
ip link add "$HOST_DEVICE" type veth peer name uplink address "$WORLD_MAC"
unshare --net sleep infinity &
world=$!
until [ "$(readlink "/proc/$world/ns/net")" != "$(readlink /proc/1/ns/net)" ]; do sleep 0.02; done
ip link set uplink netns "$world"
ip address add "$HOST_ADDRESS/24" dev "$HOST_DEVICE"
ip link set "$HOST_DEVICE" up

echo "$world" > "$folder/world.pid"
exec nsenter --net="/proc/$world/ns/net" -- bash "$here/world.sh" "$folder"
