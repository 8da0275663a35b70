#!/bin/bash
# Boots a machine that lives for one test: this system seen through an overlay (nothing is written to it), without the
# checkout and without its Node.js, with systemd as its first process. The package is installed there by dpkg, and
# probe-service.sh looks at the service at work. Run as root by: unshare -m -p -f -u -i -C -n boot-service.sh DEB PROJECT OUT
set -euo pipefail
deb=$1 project=$2 out=$3

mount --make-rprivate /
scratch=$out/machine
mkdir -p "$scratch"
mount -t tmpfs -o size=1g tmpfs "$scratch"
mkdir "$scratch"/{upper,work,root}
mount -t overlay overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"
root=$scratch/root

mount -t tmpfs tmpfs "$root/run"
mkdir "$root/run/out" "$root/run/in" "$root/run/old"
mount --bind "$out" "$root/run/out"
cp "$deb" "$root/run/in/evtrackd.deb"
cp "$project/test/packaging/probe-service.sh" "$root/run/in/"
mount -t tmpfs tmpfs "$root$project"
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
mount -t devpts -o newinstance devpts "$root/dev/pts"

# Whatever else this system would start, and any Node.js that is not the package's own.
rm -rf "$root"/etc/systemd/system/*.wants
while read -r node; do rm -f "$root$node"; done < <(type -ap node || true)
# The index of manual pages is no part of this and slow.
rm -f "$root/usr/bin/mandb"
: >"$root/etc/machine-id"

cat >"$root/etc/systemd/system/probe.service" <<'UNIT'
[Service]
Type=oneshot
ExecStart=/bin/bash /run/in/probe-service.sh
UNIT
cd "$root"
pivot_root . run/old
umount -l /run/old
# As a booted system has it: systemd hands mounts, credentials among them, from its own view to that of a service.
mount --make-rshared /
exec env -i container=evtrackd-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=probe.service --log-target=null
