"""A real server process for tests: `manage.py serve` on free ports of 127.0.0.1 with a data directory of its own."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import os
import queue
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
SHARED_BY_RUN = "SHARED_BY_THIS_RUN_OF_TESTS"
"""Names the directory for what the processes of one run of tests make once for all of them; conftest.py sets it."""
READY_WITHIN_S = 60.0
"""Generous: a busy machine runs several of these at once. The time itself is measured by the benchmarks."""


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """Below those that Linux gives to whoever connects: until it is bound, no test beside this one is given it."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)  # tests seed the other one
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """This process's environment without its own settings, with those of the server to start."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LINTEL_") and name != "DJANGO_SETTINGS_MODULE"
    }
    return kept | {"LINTEL_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"} | settings


def run_manage(data_dir: Path, *arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs a manage.py command to its end."""
    return run_program(data_dir, "manage.py", *arguments, stdin=stdin, **settings)


def run_program(data_dir: Path, *program: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of ours to its end, with this data directory and these settings."""
    return subprocess.run(
        [sys.executable, *program],
        cwd=ROOT,
        env=environment(data_dir, **settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


FIRST_START = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()
from portal.management.commands.serve import Command
Command().bring_up_to_date()
"""
"""What `manage.py serve` does before it serves."""


@functools.cache
def migrated() -> Path:
    """A database as a first start leaves it, made once: in a run of several processes by the one that asks first."""
    place = Path(os.environ.get(SHARED_BY_RUN) or tempfile.mkdtemp(prefix="lintel-tables-"))
    if SHARED_BY_RUN not in os.environ:
        atexit.register(shutil.rmtree, place, ignore_errors=True)
    made = place / "tables.sqlite3"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            done = run_program(place / "data", "-c", FIRST_START)
            assert done.returncode == 0, done.stderr
            (place / "data" / "lintel.sqlite3").rename(made)
    return made


def with_tables(data_dir: Path) -> Path:
    """The new data directory, with tables and static files as a first start leaves them, made once for all."""
    data_dir.mkdir(mode=0o700)
    database = data_dir / "lintel.sqlite3"
    shutil.copyfile(migrated(), database)
    database.chmod(0o600)
    first = migrated().with_name("data")
    shutil.copytree(first / "static", data_dir / "static")
    shutil.copy2(first / "static.made-of", data_dir)
    return data_dir


class Server:
    """Started by `with`, which waits for the ready line. `lines` are those of stdout; stderr goes to a file."""

    def __init__(self, data_dir: Path, program: list[str] | None = None, **settings: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.media_port = free_port(socket.SOCK_DGRAM)
        self.settings = {"LINTEL_PORT": str(self.port), "LINTEL_MEDIA_PORT": str(self.media_port)} | settings
        self.program = program or ["manage.py", "serve"]
        self.lines: list[str] = []
        self._arrived: queue.Queue[str] = queue.Queue()
        self.stderr_path = data_dir.parent / f"{data_dir.name}-stderr.txt"

    def __enter__(self) -> Self:
        with self.stderr_path.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, *self.program],
                cwd=ROOT,
                env=environment(self.data_dir, **self.settings),
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.wait_for_line("Lintel is ready at")
        except AssertionError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._arrived.put(line.rstrip("\n"))

    def wait_for_line(self, start: str) -> str:
        """The first line of stdout that begins so; fails with the log when the process ends or takes too long."""
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            for line in self.lines:
                if line.startswith(start):
                    return line
            try:
                self.lines.append(self._arrived.get(timeout=0.1))
            except queue.Empty:
                if self.process.poll() is not None:
                    break
        raise AssertionError(f"no line “{start}”; the log:\n{self.log[-4000:]}")

    @property
    def log(self) -> str:
        return self.stderr_path.read_text(errors="replace")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def rss_bytes(self) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the process is gone")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and waits; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)


def answer_to(connection: socket.socket) -> bytes:
    """Everything the server sends until it closes."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except (ConnectionResetError, TimeoutError):
        pass
    return received
