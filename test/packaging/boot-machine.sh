#!/bin/bash
# Boots a machine that lives for one test: a system seen through an overlay (nothing is written to it), with systemd as
# its first process. The package lies there as /run/in/evtrackd.deb and PROBE is run, which writes below /run/out; the
# machine ends with it. Of this system ("/") the checkout and every Node.js are out of sight.
# Run as root by: unshare -m -p -f -u -i -C [-n] boot-machine.sh SYSTEM DEB PROBE OUT [PROJECT]
#   SYSTEM   root of the system: "/" or a folder   OUT      what /run/out is here
#   DEB      the package                           PROJECT  the checkout, when SYSTEM holds it
# Without -n the machine shares the network of this one.
set -euo pipefail
system=$1 deb=$2 probe=$3 out=$4 project=${5:-}

mount --make-rprivate /
scratch=$out/machine
mkdir -p "$scratch"
mount -t tmpfs -o size=2g tmpfs "$scratch"
mkdir "$scratch"/{upper,work,root}
mount -t overlay overlay -o "lowerdir=$system,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"
root=$scratch/root

mount -t tmpfs tmpfs "$root/run"
mkdir "$root/run/out" "$root/run/in" "$root/run/old"
mount --bind "$out" "$root/run/out"
cp "$deb" "$root/run/in/evtrackd.deb"
cp "$probe" "$root/run/in/probe.sh"
if [ -n "$project" ]; then mount -t tmpfs tmpfs "$root$project"; fi
mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"

if [ "$system" = / ]; then
  # Whatever else this system would start, and any Node.js that is not the package's own.
  rm -rf "$root"/etc/systemd/system/*.wants
  while read -r node; do rm -f "$root$node"; done < <(type -ap node || true)
  # The index of manual pages is no part of this and slow.
  rm -f "$root/usr/bin/mandb"
else
  rm -f "$root/etc/resolv.conf"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
fi
: >"$root/etc/machine-id"

cat >"$root/etc/systemd/system/probe.service" <<'UNIT'
[Service]
Type=oneshot
ExecStart=/bin/bash /run/in/probe.sh
UNIT
cd "$root"
pivot_root . run/old
umount -l /run/old
# As a booted system has it: systemd hands mounts, credentials among them, from its own view to that of a service.
mount --make-rshared /
exec env -i container=evtrackd-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=probe.service --log-target=null
