"""Which of NumPy's code paths suit the processor: on AMD's Zen 4 its sort is seven times faster without AVX-512.

NumPy sorts with AVX-512 wherever it is there. Its sort stores through the instruction that Zen 4 carries out in microcode, so that
ten million doubles take 680 ms there; with AVX2 they take 100 ms. AMD's optimisation guide for that processor advises against the
instruction (57647, section 2.11.2), Java's sort leaves AVX-512 out on it, and NumPy can be told to by a variable that it reads when it
is imported. All other processors keep what NumPy chooses.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

VARIABLE = "NPY_DISABLE_CPU_FEATURES"
"""Read by NumPy at its import. Set by the user, empty too, it stays as it is."""
WITHOUT_AVX512 = "X86_V4 AVX512_ICL"
"""What NumPy 2.4 calls the levels that use AVX-512 and that a Zen 4 has; a level that it had not would be warned of."""
_ZEN_3_AND_4 = "25"
"""The family of these processors in decimal; only the younger has AVX-512."""
_FIRST_PROCESSOR = 8192
"""Bytes of the description that hold its first processor; there is one per core, all alike."""


def choose_sort(environ: MutableMapping[str, str] = os.environ, described: Path = Path("/proc/cpuinfo")) -> None:
    """Tell NumPy, if it is not imported yet, to sort without AVX-512 where that is faster."""
    if VARIABLE not in environ and is_zen4(_read(described)):
        environ[VARIABLE] = WITHOUT_AVX512


def is_zen4(cpuinfo: str) -> bool:
    """Tell whether Linux describes a Zen 4, from the text of ``/proc/cpuinfo``."""
    first = cpuinfo.partition("\n\n")[0]
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first.splitlines())}
    is_of_family = facts.get("vendor_id") == "AuthenticAMD" and facts.get("cpu family") == _ZEN_3_AND_4
    return is_of_family and "avx512f" in facts.get("flags", "").split()


def _read(described: Path) -> str:
    try:
        with described.open(encoding="utf-8", errors="replace") as text:
            return text.read(_FIRST_PROCESSOR)
    except OSError:  # not Linux
        return ""
