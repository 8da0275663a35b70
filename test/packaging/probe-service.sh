#!/bin/bash
# Runs in the machine of boot-machine.sh: installs the package, looks at the service and removes it again. Writes one
# `key=value` a line; what a value should be is the test's business.
exec >/run/out/report 2>/run/out/errors
trap 'systemctl --force --force poweroff' EXIT

tell() { printf '%s=%s\n' "$1" "$2"; }
show() { systemctl show --value -p "$1" evtrackd.service; }
# Waits until a property of the service has (or, with !, no more has) a value; at most a minute.
until_property() {
  local name=$1 relation=$2 value=$3 i
  for ((i = 0; i < 300; i++)); do
    if [ "$relation" = is ] && [ "$(show "$name")" = "$value" ]; then return 0; fi
    if [ "$relation" = not ] && [ "$(show "$name")" != "$value" ]; then return 0; fi
    sleep 0.2
  done
  return 1
}

# The service waits: it is to start with its configuration.
mkdir -p /run/systemd/system-preset
echo 'disable evtrackd.service' >/run/systemd/system-preset/00-test.preset
dpkg --no-triggers -i /run/in/evtrackd.deb
tell preset "$(systemctl is-enabled evtrackd.service)"
tell user "$(getent passwd evtrackd | cut -d: -f6-)"
tell credential_mode "$(stat -c '%a %U' /etc/evtrackd/credentials/mqtt-password)"
printf 'sesame' >/etc/evtrackd/credentials/mqtt-password
cat >/etc/evtrackd/evtrackd.d/50-test.toml <<'TOML'
[source]
kind = "scene"
[mqtt]
url = "embedded"
TOML
systemctl enable evtrackd.service
tell wants "$(cd /etc/systemd/system && echo *.wants/evtrackd.service)"

# Type=notify: this returns when the daemon said that it is ready, or when systemd gave up.
systemctl start evtrackd.service
started=$?
tell start "$started"
if [ "$started" -ne 0 ]; then
  journalctl --no-pager -u evtrackd.service >/run/out/journal
  exit
fi
tell state "$(show ActiveState)/$(show SubState)"
tell status "$(show StatusText)"
pid=$(show MainPID)
tell program "$(readlink "/proc/$pid/exe")"
tell process "$(awk '/^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):/ {print $1 $2}' "/proc/$pid/status" | tr '\n' ' ')"
tell uid "$(id -u evtrackd)"
tell credential "$(cat /run/credentials/evtrackd.service/mqtt-password)"
tell state_dir "$(stat -c '%a %U' /var/lib/evtrackd)"

tell doctor "$(HOME=/var/lib/evtrackd runuser -u evtrackd -- evtrackd doctor | grep -o 'free in .*')"

# One message of tracks at a subscriber, received by the package's own client.
cat >/run/in/subscribe.mjs <<'JS'
import mqtt from '/usr/lib/evtrackd/node_modules/mqtt/build/index.js'
const client = mqtt.connect('mqtt://127.0.0.1:1883')
client.on('connect', () => client.subscribe('evtrackd/v1/+/camera/+/tracks'))
client.on('message', (topic, payload) => {
  if (JSON.parse(payload.toString()).tracks.length === 0) return
  console.log(topic)
  process.exit(0)
})
JS
tell tracks "$(timeout 60 /usr/lib/evtrackd/bin/node /run/in/subscribe.mjs)"

sign=$(show WatchdogTimestampMonotonic)
tell watchdog_us "$(show WatchdogUSec)"
if until_property WatchdogTimestampMonotonic not "$sign"; then tell watchdog alive; else tell watchdog silent; fi

systemctl reload evtrackd.service
tell reload "$? $([ "$(show MainPID)" = "$pid" ] && echo 'same process')"

kill -KILL "$pid"
until_property MainPID not "$pid"
until_property SubState is running
tell killed "$(show ActiveState)/$(show SubState) after $(show NRestarts) restart"

echo 'nonsense = 1' >/etc/evtrackd/evtrackd.d/60-wrong.toml
systemctl restart evtrackd.service
until_property SubState is failed
tell refused "$(show SubState) $(show ExecMainStatus) $(show NRestarts)"
rm /etc/evtrackd/evtrackd.d/60-wrong.toml
systemctl start evtrackd.service
systemctl stop evtrackd.service
tell stopped "$(show ActiveState) $(show Result)"
journalctl --no-pager -u evtrackd.service >/run/out/journal

# An upgrade to the same version must be as good as the first installation; then everything goes.
systemctl start evtrackd.service
dpkg --no-triggers -i /run/in/evtrackd.deb
tell again "$? $(show ActiveState)"
dpkg --no-triggers -r evtrackd
tell removed "$(show ActiveState) $(ls -d /usr/lib/evtrackd /usr/bin/evtrackd 2>/dev/null | wc -l) files, $(cat /etc/evtrackd/credentials/mqtt-password)"
dpkg --no-triggers -P evtrackd
tell purged "$(ls -d /etc/evtrackd /var/lib/evtrackd /etc/systemd/system/*.wants/evtrackd* 2>/dev/null | wc -l) left"
