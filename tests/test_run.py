"""`./run` on a machine that has nothing yet: what it says, and that a first start may be killed, or come twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
