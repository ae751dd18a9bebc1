#!/bin/bash
# A node of a practice site, in its own PID, mount, network, UTS, IPC and cgroup namespaces: gets its
# root, is dressed as its kickstart dresses a machine, and becomes systemd. Started again, it finds
# what it wrote before, as on a disk.
set -euo pipefail
folder=$1/nodes/$2
here=$(dirname "$0")
# shellcheck source=/dev/null
. "$1/world.env"
# shellcheck source=/dev/null
. "$folder/node.env"

mount --make-rprivate /
installed=$folder/root/installed
if [ ! -e "$installed" ]; then rm -rf "$folder"/root/{upper,work,root}; fi
mkdir -p "$folder"/root/{upper,work,root}
mount -t overlay overlay "$folder/root/root" \
  -o "lowerdir=$ROOT,upperdir=$folder/root/upper,workdir=$folder/root/work"
if [ ! -e "$installed" ]; then
  rm -f "$folder"/root/root/etc/ssh/ssh_host_*
  cp -a "$here/tree/." "$folder/root/root/"
  cp -a "$folder/tree/." "$folder/root/root/"
  cp "$here/root.sh" "$folder/root/root/practice/"
  touch "$folder/root/root/practice/new"
fi
cd "$folder/root/root"

mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
# The kernel is the host's: a node must not change its settings, but for those of its network.
mount --bind proc/sys/net proc/sys/net
for path in proc/sys proc/sysrq-trigger; do
  if [ -e "$path" ]; then
    mount --rbind "$path" "$path"
    mount -o remount,bind,ro "$path"
  fi
done

mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
# Whether this computer has KVM or not: nothing is started with it.
if [ -e practice/cpuinfo ] || [ -e practice/hypervisor ]; then mknod -m 660 dev/kvm c 10 232; fi
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
: > dev/console

# The cgroup namespace begins at the node's own group: systemd sees no other.
mount -t cgroup2 cgroup2 sys/fs/cgroup
if ! grep -qx '0::/' /proc/self/cgroup; then
  echo "the control group of this node is not its own" >&2
  exit 1
fi
# Where this computer's processor cannot do what a hypervisor needs, /proc says that it can.
if [ -e practice/cpuinfo ]; then mount --bind practice/cpuinfo proc/cpuinfo; fi

hostname "$HOSTNAME"
for cable in $CABLES; do
  until ip link show "${cable%%=*}" > /dev/null 2>&1; do sleep 0.02; done
done
mkdir -p .old practice/volumes practice/state
mount --bind "$folder/root" practice/state
for volume in $VOLUMES; do # PATH=SIZE
  mkdir -p "practice/volumes${volume%%=*}"
  mount --bind "$folder/volumes${volume%%=*}" "practice/volumes${volume%%=*}"
done
pivot_root . .old
umount -l .old
rmdir .old

if [ -e /practice/new ]; then bash /practice/root.sh; fi
if [ -e /dev/kvm ]; then chgrp kvm /dev/kvm; fi
# Volumes of their own, as the kickstart's disk layout has them.
for volume in $VOLUMES; do
  place=${volume%%=*}
  if [ -e /practice/new ]; then
    chmod --reference="$place" "/practice/volumes$place"
    chown --reference="$place" "/practice/volumes$place"
  fi
  mount --move "/practice/volumes$place" "$place"
done
bash /practice/network.sh
if [ -e /practice/new ]; then
  bash /practice/dress.sh
  rm /practice/new
  touch /practice/state/installed
fi
umount /practice/state
# Neither the clock nor the kernel is the node's to change.
exec env -i container=b2ct PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  setpriv --bounding-set -sys_time,-sys_module,-sys_rawio,-syslog \
  --inh-caps -sys_time,-sys_module,-sys_rawio,-syslog \
  /sbin/init --log-target=console --show-status=0
