#!/usr/bin/env bash
# Make sure the servers of the tests are there: on the PATH, or (as root) Debian's packages.
# Only the programs are wanted: no service is started, now or at the next boot; the tests run their own on free ports.
set -euo pipefail

declare -A package=(
  [prometheus]=prometheus
  [promtool]=prometheus
  [prometheus-pushgateway]=prometheus-pushgateway
  [prometheus-alertmanager]=prometheus-alertmanager
  [amtool]=prometheus-alertmanager
  [victoria-metrics]=victoria-metrics
  [redis-server]=redis-server
)
missing=()
for program in "${!package[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package[$program]}")
done
if [ ${#missing[@]} = 0 ]; then
  exit 0
fi
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "The tests of exports and of Celery need ${missing[*]}: as root, apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

# Debian asks this file before it starts a service; 101 means no. One that is there already is somebody's decision and is kept.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
echo "Installing Debian's ${missing[*]} for the tests"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
if [ -d /run/systemd/system ]; then
  for unit in "${missing[@]}"; do
    systemctl disable --now --quiet "$unit" || true
  done
fi
