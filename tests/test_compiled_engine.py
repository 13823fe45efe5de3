"""The engine as `./run compile` makes it: mypyc takes it, and what comes of that passes the engine's own tests."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from media_engine import compiled

ROOT = Path(__file__).resolve().parents[1]
ENGINE = ROOT / "media_engine"
EDITED_MEANWHILE = """
import os, runpy, sys
import mypyc.build, setuptools
from setuptools.command.build_ext import build_ext

def mypycify(*_, **__):
    with open("media_engine/red.py", "a") as source:
        source.write("# mended")
    return [setuptools.Extension("media_engine.red", [])]

mypyc.build.mypycify = mypycify
build_ext.build_extensions = lambda self: os.mkdir("media_engine/_compiled")
sys.argv = ["setup.py", "--quiet", "build_ext"]
runpy.run_path("setup.py")
"""
"""Builds nothing, while somebody mends a source."""

USED = """
import media_engine
from media_engine import fanout, native
print(media_engine.COMPILED, *("_compiled" in module.__file__ for module in (fanout, native.inner)))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project, to be compiled elsewhere than where it is tested and served."""
    pytest.importorskip("setuptools")
    away = shutil.ignore_patterns(".*", "node_modules", "data", "build", "_compiled", "__pycache__", "test-artifacts")
    return Path(shutil.copytree(ROOT, tmp_path / "lintel", ignore=away))


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"MEDIA_ENGINE_COMPILED": "yes"}
    return subprocess.run(
        [sys.executable, *command], cwd=copy, env=environment, check=False, capture_output=True, text=True
    )


def test_no_interpreted_class_has_a_compiled_parent() -> None:
    homes: dict[str, str] = {}
    parents: dict[str, list[str]] = {}
    for path in ENGINE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                homes[node.name] = path.stem
                parents[node.name] = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
    torn = [
        (child, parent)
        for child, those in parents.items()
        for parent in those
        if homes[child] not in compiled.HOT and homes.get(parent) in compiled.HOT
    ]
    assert torn == []
    assert [name for name in compiled.HOT if not (ENGINE / f"{name}.py").exists()] == []


def test_what_is_edited_while_it_is_compiled_was_not_compiled(copy: Path) -> None:
    """An upgrade may come in between: what is noted is what the compiler was about to read."""
    built = run(copy, "-c", EDITED_MEANWHILE)
    assert built.returncode == 0, (built.stdout + built.stderr)[-4000:]
    assert run(copy, "-c", "import media_engine; print(media_engine.COMPILED)").stdout == "stale\n"


def test_mypyc_takes_the_hot_modules(copy: Path) -> None:
    """Without a C compiler: it makes the C, and would say what it doesn't know of the language."""
    made = run(copy, "setup.py", "--version")
    assert made.returncode == 0, (made.stdout + made.stderr)[-4000:]
    assert list((copy / "build" / "c").rglob("*.c"))


@pytest.mark.extra
@pytest.mark.timeout(1200)
@pytest.mark.skipif(
    not shutil.which("cc"), reason="there is no C compiler: apt-get install -y gcc libc6-dev python3-dev"
)
def test_the_compiled_engine_does_what_its_source_does(copy: Path) -> None:
    built = run(copy, "setup.py", "--quiet", "build_ext")
    assert built.returncode == 0, (built.stdout + built.stderr)[-4000:]
    used = run(copy, "-c", USED)
    assert used.stdout.split() == ["compiled", "True", "True"], used.stdout + used.stderr
    tested = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not extra", "media_engine")
    assert tested.returncode == 0, tested.stdout[-4000:]
