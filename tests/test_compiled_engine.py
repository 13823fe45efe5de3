"""The engine as `./run compile` makes it passes the engine's own tests. Takes minutes, and a compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = [pytest.mark.extra, pytest.mark.timeout(1200)]


@pytest.mark.skipif(
    not shutil.which("cc"), reason="there is no C compiler: apt-get install -y gcc libc6-dev python3-dev"
)
def test_the_compiled_engine_does_what_its_source_does(tmp_path: Path) -> None:
    pytest.importorskip("setuptools")
    here = tmp_path / "lintel"
    shutil.copytree(
        ROOT, here, ignore=shutil.ignore_patterns(".*", "node_modules", "data", "build", "_compiled", "__pycache__")
    )

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"MEDIA_ENGINE_COMPILED": "yes"}
        return subprocess.run(
            [sys.executable, *command], cwd=here, env=environment, check=False, capture_output=True, text=True
        )

    built = run("setup.py", "--quiet", "build_ext")
    assert built.returncode == 0, (built.stdout + built.stderr)[-4000:]
    used = run(
        "-c", "import media_engine, media_engine.fanout as module; print(media_engine.COMPILED, module.__file__)"
    )
    assert used.stdout.startswith("compiled ") and "_compiled" in used.stdout, used.stdout + used.stderr
    tested = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not extra", "media_engine")
    assert tested.returncode == 0, tested.stdout[-4000:]
