"""How NumPy is told to sort: another way on one kind of processor, on all others as it likes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from driftgate.processor import VARIABLE, WITHOUT_AVX512, choose_sort, is_zen4

FLAGS_512 = "fpu sse4_2 avx avx2 avx512f avx512dq avx512cd avx512bw avx512vl"
ZEN_4 = f"processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nflags\t\t: {FLAGS_512}\n\nprocessor\t: 1\n"
OTHERS = {
    "Zen 3, without AVX-512": ZEN_4.replace(FLAGS_512, "fpu sse4_2 avx avx2"),
    "Zen 5, whose instruction is quick": ZEN_4.replace(": 25", ": 26"),
    "Intel": ZEN_4.replace("AuthenticAMD", "GenuineIntel").replace(": 25", ": 6"),
    "ARM": "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n",
    "nothing": "",
}


def test_a_zen_4_is_known() -> None:
    assert is_zen4(ZEN_4)


@pytest.mark.parametrize("described", OTHERS.values(), ids=OTHERS)
def test_other_processors_keep_what_numpy_chooses(described: str, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(described, encoding="utf-8")
    environ: dict[str, str] = {}
    choose_sort(environ, tmp_path / "cpuinfo")
    assert environ == {}


def test_a_choice_of_the_users_stays(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(ZEN_4, encoding="utf-8")
    unset: dict[str, str] = {}
    choose_sort(unset, tmp_path / "cpuinfo")
    chosen = {VARIABLE: ""}
    choose_sort(chosen, tmp_path / "cpuinfo")
    assert (unset, chosen) == ({VARIABLE: WITHOUT_AVX512}, {VARIABLE: ""})


def test_a_system_that_describes_no_processor_is_no_error(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    choose_sort(environ, tmp_path / "missing")
    assert environ == {}


def test_numpy_does_as_it_is_told_without_a_warning() -> None:
    """NumPy knows the names, on a machine that has the features and on one that has not."""
    look = "from numpy._core._multiarray_umath import __cpu_features__ as found; print(found['X86_V4'], found['AVX512_ICL'])"
    environ = {**os.environ, VARIABLE: WITHOUT_AVX512}
    done = subprocess.run([sys.executable, "-W", "default", "-c", look], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    if is_zen4(Path("/proc/cpuinfo").read_text(encoding="utf-8")):
        assert done.stderr == ""


def test_the_library_chooses_before_numpy_is_imported() -> None:
    """Whatever is imported first of it: its first line runs before any other module of it."""
    look = "import driftgate, sys; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
