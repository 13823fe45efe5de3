"""`./run` on a machine that has nothing yet: what it says, and that a first start may be killed, or come twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

from benchmarks.process import AS_RUN_STARTS_IT

ROOT = Path(__file__).resolve().parent.parent
MANAGE = "print('managed')\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """`run` with a program that needs no package, in a directory such as people have."""
    place = tmp_path / "my lintel"
    place.mkdir()
    shutil.copy(ROOT / "run", place)
    (place / "requirements.txt").write_text("# nothing\n")
    (place / "manage.py").write_text(MANAGE)
    return place


def start(checkout: Path, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, checkout / "run", "manage"],
        env=os.environ | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_python_without_venv_is_told_what_to_install_and_nothing_else(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "ensurepip.py").write_text("raise ImportError\n")  # as Debian has it
    said = start(checkout, PYTHONPATH=str(tmp_path))
    assert said.communicate(timeout=60) == (
        "",
        "lintel: Python's venv module is missing. On Debian and Ubuntu: apt-get install -y python3-venv\n",
    )
    assert said.returncode == 1
    assert not (checkout / ".venv").exists()


def test_a_first_start_that_was_killed_is_made_up_for_once_by_two_that_come_together(checkout: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    both = [start(checkout) for _ in range(2)]
    said = [one.communicate(timeout=120) for one in both]
    assert [out for out, _ in said] == ["managed\n"] * 2, said
    everything = "".join(err for _, err in said)
    assert everything.count("Making .venv") == 1, everything
    assert everything.count("Installing the packages") == 1, everything
    assert start(checkout).communicate(timeout=60) == ("managed\n", "")


def test_the_server_gets_its_memory_as_it_is_measured_unless_somebody_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loader = SourceFileLoader("lintel_run", str(ROOT / "run"))
    spec = spec_from_loader("lintel_run", loader)
    assert spec is not None
    made = module_from_spec(spec)
    loader.exec_module(made)
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(made, "ensure_environment", lambda *_: None)
    monkeypatch.setattr(made, "become", lambda *command: started.append(command))
    for name in AS_RUN_STARTS_IT:
        monkeypatch.delenv(name, raising=False)
    made.main(["manage", "check"])
    assert not AS_RUN_STARTS_IT.keys() & os.environ.keys()
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=3")
    made.main([])
    assert started == [("manage.py", "check"), ("manage.py", "serve")]
    assert {name: os.environ[name] for name in AS_RUN_STARTS_IT} == AS_RUN_STARTS_IT | {
        "GLIBC_TUNABLES": "glibc.malloc.check=3"
    }
    monkeypatch.delenv("GLIBC_TUNABLES")
    made.main([])
    assert {name: os.environ[name] for name in AS_RUN_STARTS_IT} == AS_RUN_STARTS_IT
    for name in AS_RUN_STARTS_IT:
        monkeypatch.delenv(name)
