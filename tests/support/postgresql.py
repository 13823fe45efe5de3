"""A PostgreSQL and a Redis of a test's own, on free ports of 127.0.0.1, that it may stop and start again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from portal.tests.process import free_port

UNPRIVILEGED = "postgres"
"""Who runs PostgreSQL where the tests run as root, which it refuses. Its package makes this account."""


def programs() -> Path | None:
    """The newest PostgreSQL's programs; Debian has them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


class PostgreSQL:
    """Call `close` at the end."""

    def __init__(self) -> None:
        where = programs()
        assert where is not None, "no PostgreSQL"
        self._programs = where
        self._place = Path(tempfile.mkdtemp(prefix="lintel-postgresql-"))
        self.port = free_port()
        if os.geteuid() == 0:
            shutil.chown(self._place, UNPRIVILEGED)
        password = self._place / "password"
        password.write_text("lantern\n")
        if os.geteuid() == 0:
            shutil.chown(password, UNPRIVILEGED)
        made = f"--pgdata={self._place / 'data'} --username=lintel --auth=scram-sha-256 --pwfile={password}"
        self._run("initdb", *made.split(), "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://lintel:lantern@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        said = self._place / "log"
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._place} -c fsync=off"
        self._run("pg_ctl", "start", "-w", f"--pgdata={self._place / 'data'}", f"--log={said}", "-o", options)

    def stop(self) -> None:
        """Ends everybody's connections, too."""
        self._run("pg_ctl", "stop", "-w", f"--pgdata={self._place / 'data'}", "--mode=fast")

    def close(self) -> None:
        if (self._place / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-w", f"--pgdata={self._place / 'data'}", "--mode=immediate")
        shutil.rmtree(self._place, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", UNPRIVILEGED, "--", *command]
        # Not a pipe: the server inherits it and holds it open.
        with (self._place / "said").open("ab+") as said:
            done = subprocess.run(command, cwd=self._place, stdout=said, stderr=said, check=False, timeout=60)
        assert done.returncode == 0, (self._place / "said").read_text()


class Redis:
    """Call `stop` at the end."""

    def __init__(self) -> None:
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = f"redis-server --port {self.port} --bind 127.0.0.1 --appendonly no --save"
        self._process = subprocess.Popen([*command.split(), ""], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        end = time.monotonic() + 20
        while "Ready to accept connections" not in (line := self._process.stdout.readline()):
            assert line and time.monotonic() < end, "Redis does not start"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        if self._process.stdout is not None:
            self._process.stdout.close()
