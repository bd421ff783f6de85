#!/usr/bin/env bash
# Runs a command with a graphics card of its own: one_card.sh COMMAND...
#
# A card is taken by a lock, which the kernel drops when the command ends, however it ends. Where there is one card or
# none, or a cluster has chosen one (CUDA_VISIBLE_DEVICES), nothing is changed.
set -u

cards=${CUDA_VISIBLE_DEVICES-$(nvidia-smi --query-gpu=uuid --format=csv,noheader 2>/dev/null)}
cards=${cards//,/ }
[ "$(wc -w <<<"$cards")" -gt 1 ] || exec "$@"

locks=${TMPDIR:-/tmp}/dlcv-cards-$(id -u)
mkdir -p "$locks"
for patience in --nonblock ""; do # a free one; if there is none, the first
  for card in $cards; do
    exec 9>"$locks/${card//\//_}"
    if flock $patience 9; then
      export CUDA_VISIBLE_DEVICES=$card
      exec "$@"
    fi
  done
done
