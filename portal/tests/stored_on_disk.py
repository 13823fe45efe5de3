"""A database in a file, as the server has it, for tests in which more than one thread stores something.

SQLite's database in memory is shared by the threads of a process, and then locks tables instead of waiting: whoever
writes while another thread reads or writes is refused at once ("database table is locked"), whatever `timeout` says. In
a file with a write-ahead log, readers and a writer pass each other and writers wait for their turn.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS, connection, connections


class StoredOnDisk:
    """Mixed into a `TransactionTestCase`. Its database is a copy of the tests' own, empty as that is between tests."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()  # type: ignore[misc]
        if connection.vendor != "sqlite" or not connection.is_in_memory_db():
            return
        directory = tempfile.TemporaryDirectory(prefix="lintel-database-")
        cls.addClassCleanup(directory.cleanup)  # type: ignore[attr-defined]
        path = str(Path(directory.name) / "tests.sqlite3")
        connection.ensure_connection()
        connection.connection.execute("VACUUM INTO ?", (path,))
        in_memory, settings = connections[DEFAULT_DB_ALIAS], connections.settings[DEFAULT_DB_ALIAS]
        name, settings["NAME"] = settings["NAME"], path
        connections[DEFAULT_DB_ALIAS] = connections.create_connection(DEFAULT_DB_ALIAS)

        def back() -> None:
            connection.close()
            settings["NAME"] = name
            connections[DEFAULT_DB_ALIAS] = in_memory

        cls.addClassCleanup(back)  # type: ignore[attr-defined]
