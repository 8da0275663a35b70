#!/bin/sh
# Trains the compact tracker from nothing and writes a model package.
#   scripts/train/train.sh MINUTES PACKAGE_FOLDER [PICTURE_ARCHIVE.zip ...]
# PICTURES in the environment says in the model card what the archives hold and where it comes from.
# WORK in the environment is where shards and checkpoints go, by default work/ beside this script.
# Continue an interrupted run with the same arguments and RESUME=1 in the environment.
# NETWORK=conv in the environment trains the network for small chips (net_conv.py).
# Train on from a checkpoint with INIT=CHECKPOINT.pt: the package that is there follows the targets of fresh scenes.
set -eu

if [ $# -lt 2 ]; then
  sed -n '2,9s/^# *//p' "$0" >&2
  exit 2
fi
minutes=$1
package=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
work=${WORK:-$here/work}
evtrackd="node $here/../../dist/src/cli/main.js"
pictures=
follow=
[ -z "${INIT:-}" ] || follow="--follow $package"
mkdir -p "$work"

if [ $# -gt 0 ]; then
  /usr/bin/python3 -B "$here/pictures.py" "$work/pictures" "$@"
  pictures="--pictures $work/pictures"
fi

# Scenes of seed 900 are for validation alone. Training starts on the first shards while the others are being made.
[ -e "$work/shards/val" ] || $evtrackd dataset "$work/shards/val" --seed 900 --count 2048 $pictures
if [ "${RESUME:-0}" != 1 ]; then
  rm -rf "$work/shards/train"
  $evtrackd dataset "$work/shards/train" --seed 3 --count 2048 $pictures $follow
  nice -n 10 $evtrackd dataset "$work/shards/train" --seed 1 --count 60000 $pictures $follow >"$work/dataset.log" 2>&1 &
  generator=$!
  trap 'kill $generator 2>/dev/null || true' EXIT INT TERM
fi

resume=${INIT:+--init $INIT}
[ "${RESUME:-0}" != 1 ] || resume=--resume
/usr/bin/python3 -B "$here/train.py" --shards "$work/shards/train" --val "$work/shards/val" --out "$work/run" \
  --seconds $((minutes * 60)) --network "${NETWORK:-compact}" $resume
/usr/bin/python3 -B "$here/export.py" --checkpoint "$work/run/best.pt" --shards "$work/shards/val" --out "$package" \
  ${pictures:+--pictures "${PICTURES:-$(basename -a "$@" | tr '\n' ' ')}"}
$evtrackd model verify "$package"
