"""Sessions as Django stores them in the database, asked for only by keys that it can have made.

A cookie is what somebody sends. One with U+0000 in it is no text for PostgreSQL, which refuses the question.
"""

from __future__ import annotations

import re
from typing import Any, Final

from django.contrib.sessions.backends import db

_KEY: Final = re.compile(r"[a-z0-9]{32}")


class SessionStore(db.SessionStore):
    """Any other key is as good as none."""

    def _validate_session_key(self, key: Any) -> bool:
        return isinstance(key, str) and _KEY.fullmatch(key) is not None
