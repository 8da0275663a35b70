#!/bin/bash
# Runs in the machine of boot-machine.sh: one service for each of two emulated cameras, reload, then an upgrade, a removal,
# an installation on what that left, and a purge. Writes one `key=value` a line, as probe-service.sh does.
exec >/run/out/report 2>/run/out/errors
trap 'journalctl --no-pager -u "evtrackd@*" >/run/out/journal; systemctl --force --force poweroff' EXIT

tell() { printf '%s=%s\n' "$1" "$2"; }
# Waits until a command succeeds; at most a minute.
until_true() {
  local i
  for ((i = 0; i < 300; i++)); do "$@" && return 0; sleep 0.2; done
  return 1
}
logged() { journalctl --no-pager -u "$1" | grep -q -- "$2"; }
pid_of() { systemctl show --value -p MainPID "$1"; }
version_of() { evtrackd status --json --socket "/run/evtrackd-$1/status.sock" | sed -n 's/.*"version": *"\([^"]*\)".*/\1/p'; }
states() { systemctl is-active evtrackd@00000042 evtrackd@00000043 | paste -sd' '; }
config=/etc/evtrackd/cameras/00000042.toml

mkdir -p /run/systemd/system-preset
echo 'disable evtrackd.service' >/run/systemd/system-preset/00-test.preset
dpkg --no-triggers -i /run/in/evtrackd.deb

# The second camera's service uses the broker of the first one's.
printf 'source.kind = "emulator"\nmqtt.url = "embedded"\nmqtt.device_name = "mast-42"\n' >"$config"
printf 'source.kind = "emulator"\nmqtt.url = "mqtt://127.0.0.1:1883"\nmqtt.device_name = "mast-43"\n' >/etc/evtrackd/cameras/00000043.toml
systemctl enable --now evtrackd@00000042 evtrackd@00000043
tell started "$? $(states)"
tell folders "$(stat -c '%a %U %n' /var/lib/evtrackd-00000042 /run/evtrackd-00000043 | paste -sd' ')"
cat >/run/in/subscribe.mjs <<'JS'
import mqtt from '/usr/lib/evtrackd/node_modules/mqtt/build/index.js'
const client = mqtt.connect('mqtt://127.0.0.1:1883')
const seen = new Set()
client.on('connect', () => client.subscribe('evtrackd/v1/+/camera/+/tracks'))
client.on('message', (topic, payload) => {
  if (JSON.parse(payload.toString()).tracks.length > 0) seen.add(topic)
  if (seen.size < 2) return
  console.log([...seen].sort().join(' '))
  process.exit(0)
})
JS
tell tracks "$(timeout 60 /usr/lib/evtrackd/bin/node /run/in/subscribe.mjs)"

# Reload reads the files from inside the sandbox; what is wrong changes nothing.
pid=$(pid_of evtrackd@00000042)
echo 'filters.background_activity_us = 3000' >>"$config"
systemctl reload evtrackd@00000042
until_true logged evtrackd@00000042 'taken applied=filters.background_activity_us'
tell reload_taken "$?"
echo 'nonsense = 1' >>"$config"
systemctl reload evtrackd@00000042
until_true logged evtrackd@00000042 'the old one stays.*code=CONFIG_INVALID'
tell reload_refused "$? $([ "$(pid_of evtrackd@00000042)" = "$pid" ] && echo 'same process') $(states)"
sed -i '/nonsense/d' "$config"

# A newer package whose configuration file changed as well, over one that was edited here.
dpkg-deb -R /run/in/evtrackd.deb /tmp/newer
sed -i 's/^Version: .*/Version: 99.0.0/' /tmp/newer/DEBIAN/control
sed -i 's/"version": *"[^"]*"/"version": "99.0.0"/' /tmp/newer/usr/lib/evtrackd/package.json
echo '# a new default' >>/tmp/newer/etc/evtrackd/evtrackd.toml
dpkg-deb -Znone -b /tmp/newer /run/in/newer.deb
rm -r /tmp/newer
echo '# edited here' >>/etc/evtrackd/evtrackd.toml
tell version_before "$([ "$(version_of 00000042)" != 99.0.0 ] && echo older)"
dpkg --no-triggers --force-confold -i /run/in/newer.deb
tell upgraded "$? $(states) $(version_of 00000042) $(version_of 00000043) $(systemctl is-enabled evtrackd)"
tell edited_kept "$(tail -n 1 /etc/evtrackd/evtrackd.toml), $(tail -n 1 /etc/evtrackd/evtrackd.toml.dpkg-dist)"

touch /var/lib/evtrackd-00000042/mine
dpkg --no-triggers -r evtrackd
tell removed "$? $(states) $(ls -d /usr/lib/evtrackd /usr/bin/evtrackd 2>/dev/null | wc -l) files"
tell kept "$(wc -l <"$config") lines, $(ls /var/lib/evtrackd-00000042/mine), $(tail -n 1 /etc/evtrackd/evtrackd.toml)"
dpkg --no-triggers -i /run/in/newer.deb
tell back "$? $(states) $(tail -n 1 /etc/evtrackd/evtrackd.toml)"
dpkg --no-triggers -P evtrackd
tell purged "$? $(find /etc /usr /var -xdev -name '*evtrackd*' | paste -sd' ')"
tell user "$(getent passwd evtrackd | cut -d: -f1)"
