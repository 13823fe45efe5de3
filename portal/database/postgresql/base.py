"""PostgreSQL as Django has it, with two differences that make it what SQLite is here (portal/database/base.py).

Transactions take turns: each waits for the one before, whatever it is about. A service may so read, judge and write
without another in between, and none waits for another that waits for it: a change of a meeting locks its row and then
writes the audit log, whose entry about that meeting needs the row. Single statements outside a transaction don't wait.

A connection that is closed is kept for the next thread that opens one. Opening one costs as much as fifty queries: both
sides prove that they know the password.
"""

from __future__ import annotations

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg import IsolationLevel
from psycopg.pq import TransactionStatus

from meetings.threads import waiting
from portal.database.shelf import Shelf

TURN = 0x4C494E54454C
"""The advisory lock of whoever's turn it is: any number that nothing else in the database locks. These are the letters
of LINTEL."""

shelf = Shelf()


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection goes back as it came: no transaction, no error, and still open at the other end."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        self._place = {name: value for name, value in conn_params.items() if isinstance(value, (str, int))}
        while (kept := shelf.take(self._place)) is not None:
            if _is_open(kept):
                self.isolation_level = IsolationLevel.READ_COMMITTED
                return kept
            kept.close()
        return super().get_new_connection(conn_params)

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)
        if not autocommit:
            self._take_turn()

    def _take_turn(self) -> None:
        """Raises OperationalError when others have written for longer than `lock_timeout` says."""
        connection = self.connection
        try:
            with waiting(), self.wrap_database_errors:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [TURN])
        except BaseException:
            if connection.closed:
                raise
            connection.rollback()
            connection.autocommit = True
            raise

    def _close(self) -> None:
        connection = self.connection
        is_clean = connection is not None and not self.errors_occurred and not self.in_atomic_block
        if not (is_clean and _is_open(connection) and shelf.put(self._place, connection)):
            super()._close()

    def close_pool(self) -> None:
        """Django calls it where nobody may be connected: before it drops a database of tests."""
        shelf.close()


def _is_open(connection: psycopg.Connection[Any]) -> bool:
    """Whether it can be used, and the server has not said anything meanwhile: to somebody who asked nothing it says
    only that it ends.
    """
    if connection.closed or connection.info.transaction_status is not TransactionStatus.IDLE:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)
