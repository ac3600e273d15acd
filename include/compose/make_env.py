#!/usr/bin/env python3
"""Write a .env file with random secrets for docker compose, readable by its owner only.

Plain Python, no other package: it runs before anything is installed. The names come from .env.example, so that file stays
the one list of settings. An existing file is never changed: its passwords are in use by the databases.

Usage: ``python3 include/compose/make_env.py [path]``, by default ``.env`` in the root of the project.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
_PASSWORD_BYTES = 24
_SIGNING_BYTES = 64
_FERNET_BYTES = 32


def secret_for(name: str) -> str:
    """Return a fresh secret; letters, digits, '-' and '_' only (a Fernet key also ends with '=')."""
    if name.endswith("_FERNET_KEY"):
        return base64.urlsafe_b64encode(secrets.token_bytes(_FERNET_BYTES)).decode()
    if name.endswith(("_JWT_SECRET", "_SECRET_KEY")):
        return secrets.token_urlsafe(_SIGNING_BYTES)
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def fill(example: str) -> str:
    """Return the example's text with a secret after every ``NAME=`` that has no value; comments are kept."""
    lines = []
    for line in example.splitlines():
        name, separator, value = line.partition("=")
        is_empty = bool(separator) and not value and not line.startswith("#")
        lines.append(f"{line}{secret_for(name)}" if is_empty else line)
    return "\n".join(lines) + "\n"


def write_private(path: Path, text: str) -> None:
    """Create `path` with mode 0600 from its first byte on; fail when it exists."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def main(arguments: list[str]) -> int:
    """Write the file; return the exit status."""
    path = Path(arguments[0]) if arguments else PROJECT_ROOT / ".env"
    text = fill((PROJECT_ROOT / ".env.example").read_text(encoding="utf-8"))
    try:
        write_private(path, text)
    except FileExistsError:
        print(f"{path} exists and is kept: its passwords are in use. Remove it only together with the volumes.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{path} cannot be written ({error.strerror}): choose another path or fix the folder's rights.", file=sys.stderr)
        return 1
    print(f"{path} written with new secrets (mode 0600); start with: docker compose up --build --detach")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
