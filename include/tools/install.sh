#!/usr/bin/env bash
# install.sh VENV PYTHON REQUIREMENTS...: make the virtual environment and install pinned files into it, compiled to bytecode.
# Uses uv when it is there, pip alone otherwise.
set -euo pipefail
venv=$1 python=$2
shift 2
requirements=()
for file in "$@"; do
  requirements+=(-r "$file")
done
unset PYTHONDONTWRITEBYTECODE

if ! command -v "$python" >/dev/null; then
  python=python3
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
  echo "Driftgate needs Python 3.11; '$python' is $("$python" --version 2>&1). Install python3.11 and python3.11-venv, or run: make PYTHON=/path/to/python3.11 ..." >&2
  exit 1
fi
if [ ! -x "$venv/bin/python" ]; then
  echo "Making $venv"
  "$python" -m venv "$venv" || {
    echo "The virtual environment could not be made. On Debian: apt-get install python3-venv" >&2
    exit 1
  }
fi

echo "Installing $* (some minutes the first time)"
if command -v uv >/dev/null; then
  uv pip install --quiet --python "$venv/bin/python" --compile-bytecode "${requirements[@]}"
  uv pip install --quiet --python "$venv/bin/python" --no-deps -e .
else
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "${requirements[@]}"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps -e .
fi
