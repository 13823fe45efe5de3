"""One serving process for each database: a lock in the database says whose it is, and goes with the connection.

People in one meeting are seated by one process. Two with the same data would each take the other's people for gone.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import structlog

from portal.config import ConfigError
from portal.database import unusable
from portal.database.postgresql.base import TURN

log = structlog.get_logger("lintel.database")

SERVING = TURN + 1
PATIENCE_S = 5.0
"""How long the process before may take to be gone."""
RECONNECT_S = 2.0
_FREED_SOON = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
"""A machine that lost its power says nothing: the server asks, and frees the lock within a minute."""
_HOLDER = """
SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32) + objid::bigint = %s AND pg_locks.database = (
    SELECT oid FROM pg_database WHERE datname = current_database())
"""


class OnlyOne:
    """Holds the database for this process from its making until the process ends.

    Raises ConfigError where another holds it, or the database doesn't answer. When the connection is lost it is made
    again; `on_taken_over` is called, once and in a thread of ours, where another process has the database by then.
    """

    def __init__(self, parameters: dict[str, Any], on_taken_over: Callable[[], None]) -> None:
        own_name = f"Lintel, process {os.getpid()} on {socket.gethostname()}"[:63]
        self._parameters = parameters | {"application_name": own_name, "autocommit": True}
        self._on_taken_over = on_taken_over
        try:
            self._wait_for_it()
        except psycopg.Error as problem:
            raise ConfigError([unusable(problem)]) from None
        threading.Thread(target=self._keep, name="only-one", daemon=True).start()

    def _wait_for_it(self) -> None:
        self._connection = self._connected()
        until = time.monotonic() + PATIENCE_S
        while not self._is_ours():
            if time.monotonic() >= until:
                holder = self._connection.execute(_HOLDER, [SERVING]).fetchone()
                raise ConfigError([_taken(holder[0] if holder else "")])
            time.sleep(0.2)

    def _connected(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(**self._parameters)
        connection.execute(_FREED_SOON)
        return connection

    def _is_ours(self) -> bool:
        answer = self._connection.execute("SELECT pg_try_advisory_lock(%s)", [SERVING]).fetchone()
        return bool(answer and answer[0])

    def _keep(self) -> None:
        while True:
            # Nobody asks anything over this connection: what the server says by itself is mostly that it ends.
            select.select([self._connection.fileno()], [], [])
            if not self._answers():
                self._connection.close()
                if not self._back():
                    self._on_taken_over()
                    return

    def _answers(self) -> bool:
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def _back(self) -> bool:
        """Waits until the database answers; whether it is still ours."""
        log.error("the database was lost: nobody comes in, and media stop within seconds, until it answers")
        while True:
            try:
                self._connection = self._connected()
                if self._is_ours():
                    log.warning("the database is back")
                    return True
            except psycopg.Error:
                time.sleep(RECONNECT_S)
            else:
                log.critical("another process serves this database now; this one ends")
                return False


def _taken(holder: str) -> str:
    by = f" ({holder})" if holder else ""
    return (
        f"LINTEL_DATABASE_URL: another Lintel serves this database already{by}; "
        "stop it, or give this one a database of its own"
    )
