"""Where everything is stored, and what is said when that does not answer.

The package itself is Django's SQLite backend as we have it (`base.py`, where Django looks for it); `postgresql` is the
other one. Both give transactions turns, and keep connections.
"""

from __future__ import annotations

from typing import Any, Final

from portal.config import first_line

POSTGRESQL_OPTIONS: Final[dict[str, Any]] = {
    # A host that is not there is found out in time for a person who waits, and so is one that went away in between.
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    # As long as SQLite waits for its turn; and who dies in a turn does not keep it.
    "options": "-c lock_timeout=20s -c idle_in_transaction_session_timeout=60s",
}
"""What every connection is opened with. The operator's own words in the URL win."""


def unusable(problem: BaseException) -> str:
    """One line for the operator: what the database, or who wanted to reach it, said first."""
    return f"LINTEL_DATABASE_URL: the database can't be used ({first_line(problem)})"
