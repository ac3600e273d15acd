"""The MLflow server in one process: ``python -m driftgate.serve.mlflow_server`` with the options of ``mlflow server``.

``mlflow server`` starts the web server as a child and then only waits for it, with all of MLflow loaded: 180 MB for nothing. Here the
process becomes that web server. Should MLflow start it in another way one day, options and result stay the same, with a child again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn


def main() -> None:
    """Run ``mlflow server`` with this process's arguments."""
    import mlflow.server
    from mlflow.cli import cli

    if hasattr(mlflow.server, "_exec_cmd"):
        mlflow.server._exec_cmd = become
    cli(["server", *sys.argv[1:]], prog_name="mlflow")


def become(command: Sequence[str], *, extra_env: Mapping[str, Any] | None = None, **_: object) -> NoReturn:
    """Replace this process by a command, with more in its environment."""
    environ = {**os.environ, **{name: str(value) for name, value in (extra_env or {}).items()}}
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvpe(command[0], list(command), environ)  # noqa: S606 - the command that MLflow would start


if __name__ == "__main__":
    main()
