"""Rings the process whose meetings may be concerned when another one has changed something: "read the changes now".

A ring carries nothing. What has changed is read from the database, so a false ring costs one query and a lost one is
made good by the tick of `live`. On SQLite everything happens in one data directory, which holds a Unix socket; on
PostgreSQL the database carries the ring to every node, once the change has been committed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.db import connection

log = logging.getLogger("lintel.bell")

CHANNEL = "lintel_changes"
RECONNECT_SECONDS = 2.0


class Bell(Protocol):
    """Calls `on_ring` on the loop for each ring that arrives, or once for many. `close` may be called at any time."""

    def close(self) -> None: ...


def socket_path() -> Path:
    """Where this data directory's server listens. Only its user may reach it: the directory is theirs alone."""
    return Path(settings.LINTEL.data_dir) / "wake.sock"


def rings_by_database() -> bool:
    return connection.vendor == "postgresql"


def ring_on_commit() -> None:
    """Rings every node when the present transaction is committed. For PostgreSQL; elsewhere see `ring`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


def ring() -> None:
    """Rings this data directory's server, if there is one. Never waits and never fails: the tick is behind it."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as rope:
        rope.setblocking(False)
        # A full queue is as good as a ring: the server has not read the changes since the rings that fill it.
        rope.sendto(b"!", str(socket_path()))


def listen(on_ring: Callable[[], None]) -> Bell | None:
    """Hears rings from now on. None, and a line in the log, where that can't be done; then there is only the tick."""
    loop = asyncio.get_running_loop()
    if rings_by_database():
        return _DatabaseBell(loop, on_ring, connection.get_connection_params())
    try:
        return _SocketBell(loop, on_ring, socket_path())
    except OSError as error:
        log.warning("changes made by other processes are noticed by the tick alone: %s", error)
        return None


class _SocketBell:
    def __init__(self, loop: asyncio.AbstractEventLoop, on_ring: Callable[[], None], path: Path) -> None:
        self._loop = loop
        self._on_ring = on_ring
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            # Left over from a process that was killed: a data directory has one server (portal.files), and that is us.
            path.unlink(missing_ok=True)
            self._socket.bind(str(path))
            os.chmod(path, 0o600)
        except OSError:
            self._socket.close()
            raise
        self._inode = path.stat().st_ino
        loop.add_reader(self._socket.fileno(), self._read)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # read until nothing is left
            while True:
                self._socket.recv(16)
        self._on_ring()

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            with contextlib.suppress(OSError):
                if self._path.stat().st_ino == self._inode:  # not another's that has taken the place meanwhile
                    self._path.unlink()


class _DatabaseBell:
    """LISTEN on a connection of its own, in a thread of its own; after a cut it rings once."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_ring: Callable[[], None], parameters: dict[str, Any]
    ) -> None:
        self._loop = loop
        self._on_ring = on_ring
        self._parameters = {name: value for name, value in parameters.items() if name not in _OF_DJANGO}
        self._closing = threading.Event()
        threading.Thread(target=self._run, name="bell", daemon=True).start()

    def _run(self) -> None:
        import psycopg

        is_heard = True
        while not self._closing.is_set():
            try:
                with psycopg.connect(**self._parameters, autocommit=True) as database:
                    database.execute(f"LISTEN {CHANNEL}")
                    is_heard = True
                    self._tell()
                    while not self._closing.is_set():
                        for _ in database.notifies(timeout=1.0, stop_after=1):
                            self._tell()
            except psycopg.Error as error:
                if is_heard:
                    log.warning(
                        "changes made by other processes are noticed by the tick alone: %s", type(error).__name__
                    )
                is_heard = False
                self._closing.wait(RECONNECT_SECONDS)

    def _tell(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._on_ring)

    def close(self) -> None:
        self._closing.set()


_OF_DJANGO = frozenset({"cursor_factory", "context", "prepare_threshold"})
"""Connection parameters that mean something to Django's own connections only."""
