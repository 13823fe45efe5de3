"""What takes too long for every day: where the vendored code comes from, all of its vectors, many walks."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [pytest.mark.extra, pytest.mark.timeout(600)]


def run(*command: str | Path, cwd: Path, **environment: str) -> None:
    if not shutil.which(str(command[0])):
        pytest.skip(f"{command[0]} is missing: apt-get install -y nodejs npm")
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_the_file_is_what_the_recorded_packages_make(tmp_path: Path) -> None:
    vendor = ROOT / "static/js/vendor"
    shutil.copytree(vendor / "build", tmp_path / "build")
    for name in ("ts-mls.js", "uqr.js"):
        shutil.copy(vendor / name, tmp_path)
    try:
        run("npm", "ci", "--no-audit", "--no-fund", cwd=tmp_path / "build")
    except AssertionError as problem:
        pytest.skip(f"npm ci did not bring the packages; is there a network? {problem}")
    run("node", "build.mjs", "--check", cwd=tmp_path / "build")


def test_the_working_groups_long_vector_to_its_end() -> None:
    run("node", "--test", "tests/js/vendor.test.mjs", cwd=ROOT, LINTEL_WHOLE_VECTORS="1")


def test_twenty_random_walks_end_in_one_group() -> None:
    run("node", "--test", "tests/js/session.test.mjs", cwd=ROOT, LINTEL_WALKS="20")
