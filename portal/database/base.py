"""SQLite as Django has it, with two differences.

A connection that is closed is kept for the next thread that opens one. Django opens a connection for every request and
every call into a thread. Opening one costs twenty queries: SQLite reads the whole schema, and Python registers
functions. Closing the last one costs a checkpoint of the log.

Transactions take turns. SQLite has one writer, and its own waiting sleeps longer each time, up to a tenth of a second:
beside others who write one after the other, who has waited long is the last to see the gap. Here the threads of this
process stand in line, and only the first of them looks, often, whether another process writes. Threads that all looked
would take from the writer the processor that it needs to be done.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
import threading
import time
import weakref
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

from meetings.threads import waiting
from portal.database.shelf import Shelf

LOOK_MS = 3
"""How long SQLite waits by itself for the one writer (1 ms, then 2) before we let it begin to wait anew."""


class _Turns:
    """Who of this process writes to a file, or is the next to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[Any, threading.Lock] = {}

    def of(self, file: Any) -> threading.Lock:
        with self._lock:
            return self._files.setdefault(file, threading.Lock())


turns = _Turns()
shelf = Shelf()
# The last one to close writes the log back into the database: a program that copies the file finds everything in it.
atexit.register(shelf.close)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection goes back as it came: no transaction, no open query (which would hold an old view of the data), no
    error. Any other is closed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._file: Any = None
        self._turn: threading.Lock | None = None
        self._cursors: weakref.WeakSet[Any] = weakref.WeakSet()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        kept = shelf.take(_identity(conn_params["database"]))
        found = kept if kept is not None else super().get_new_connection(conn_params)
        self._file = _identity(conn_params["database"])  # which may have been made just now
        return found

    def create_cursor(self, name: str | None = None) -> Any:
        cursor = super().create_cursor(name)
        self._cursors.add(cursor)
        return cursor

    def _start_transaction_under_autocommit(self) -> None:
        """Raises OperationalError ("database is locked") when others have written for as long as `timeout` says."""
        patience: float = self.settings_dict["OPTIONS"].get("timeout", 5.0)
        until = time.monotonic() + patience
        with waiting():
            self._begin(patience, until)

    def _begin(self, patience: float, until: float) -> None:
        self._take_turn(patience)
        try:
            with self.cursor() as cursor:
                cursor.execute(f"PRAGMA busy_timeout = {LOOK_MS}")
                try:
                    while not self._begun(last=time.monotonic() >= until):
                        pass
                finally:
                    cursor.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
        except BaseException:
            self._end_turn()
            raise

    def _take_turn(self, patience: float) -> None:
        if self._file is None or self._turn is not None:
            return
        turn = turns.of(self._file)
        if not turn.acquire(timeout=patience):
            raise OperationalError("database is locked")
        self._turn = turn

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.release()

    def _commit(self) -> None:
        super()._commit()
        self._end_turn()  # not where it failed: Django rolls back then

    def _rollback(self) -> None:
        try:
            super()._rollback()
        finally:
            self._end_turn()

    def _begun(self, *, last: bool) -> bool:
        in_order = not self.errors_occurred
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except OperationalError as error:
            if last or getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            self.errors_occurred = not in_order  # waiting its turn harms no connection
            return False
        return True

    def _close(self) -> None:
        connection = self.connection
        try:
            if connection is None or not self._give_back(connection):
                super()._close()  # type: ignore[misc]
        finally:
            self._end_turn()

    def _give_back(self, connection: sqlite3.Connection) -> bool:
        if self._file is None or self.errors_occurred or self.in_atomic_block or connection.in_transaction:
            return False
        for cursor in list(self._cursors):
            with contextlib.suppress(sqlite3.Error):
                cursor.close()
        self._cursors.clear()
        return shelf.put(self._file, connection)


def _identity(database: Any) -> Any:
    """Which file this is, so that one that takes its place is another; None for what lives in memory."""
    try:
        found = os.stat(database)
    except OSError:
        return None
    return str(database), found.st_dev, found.st_ino
