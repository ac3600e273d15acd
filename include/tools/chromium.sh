#!/usr/bin/env bash
# Make sure a Chromium is there for the browser tests: CHROMIUM, or one on the PATH, or (as root) Debian's package.
set -euo pipefail
if [ -n "${CHROMIUM:-}" ] || command -v chromium >/dev/null || command -v google-chrome >/dev/null; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing Debian's Chromium for the browser tests"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
else
  echo "The browser tests need Chromium: as root, apt-get install chromium (or set CHROMIUM=/path/to/it)." >&2
  exit 1
fi
