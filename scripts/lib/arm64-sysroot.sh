#!/usr/bin/env bash
# Makes DIR a root for 64-bit Arm programs under qemu-aarch64: the few libraries that Node.js, onnxruntime and libusb
# link against, from Debian, and the description of a plain processor, which onnxruntime reads at start and would
# otherwise take from this machine. Needs apt-get and dpkg-deb, no root. Does nothing when DIR is complete.
# usage: arm64-sysroot.sh DIR
set -euo pipefail
sysroot=$1
[ -f "$sysroot/complete" ] && exit 0
for program in apt-get dpkg-deb; do
  command -v "$program" >/dev/null || { echo "$program is missing" >&2; exit 1; }
done
rm -rf "$sysroot"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{debs,lists/partial,archives/partial} "$sysroot"

# A package index of its own: this system knows nothing of arm64 and stays so.
options=(-qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State="$work" -o Dir::State::Lists="$work/lists"
  -o Dir::State::status=/dev/null -o Dir::Cache="$work" -o APT::Sandbox::User= -o Acquire::Languages=none)
timeout 200 apt-get "${options[@]}" update >/dev/null
(cd "$work/debs" && timeout 200 apt-get "${options[@]}" download libc6 libgcc-s1 libstdc++6 libudev1 >/dev/null)
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$sysroot"; done

cpu=$sysroot/sys/devices/system/cpu
mkdir -p "$sysroot/proc" "$cpu/cpu0/topology"
cat >"$sysroot/proc/cpuinfo" <<'END'
processor	: 0
BogoMIPS	: 50.00
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x4
CPU part	: 0xd0b
CPU revision	: 1

END
for file in possible present online cpu0/topology/{core_id,physical_package_id,core_siblings_list,thread_siblings_list}; do
  echo 0 >"$cpu/$file"
done
echo 1 | tee "$cpu/cpu0/topology/core_siblings" >"$cpu/cpu0/topology/thread_siblings"
touch "$sysroot/complete"
