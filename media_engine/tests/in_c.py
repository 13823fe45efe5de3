"""The engine's C, built for one test run alone: warnings are mistakes."""

import importlib.util
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from media_engine import native
from media_engine.datagrams import MANY

INCLUDE = sysconfig.get_path("include")

in_c = [
    pytest.mark.skipif(not MANY or not native.IN_PLACE, reason="there are no inner loops on this platform"),
    pytest.mark.skipif(
        not shutil.which("cc") or not (Path(INCLUDE) / "Python.h").exists(),
        reason="there is no C compiler: apt-get install -y gcc libc6-dev python3-dev",
    ),
]
"""Marks of tests that need one."""


def build(name: str, place: Path) -> Any:
    """The module of this name, which is told nothing yet."""
    source, made = Path(native.__file__).with_name(f"{name}.c"), place / f"{name}.so"
    strict = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter")
    subprocess.run(["cc", "-O1", *strict, "-shared", "-fPIC", f"-I{INCLUDE}", source, "-o", made], check=True)
    spec = importlib.util.spec_from_file_location(f"media_engine.{name}", made)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
