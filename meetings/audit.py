"""The audit chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from meetings.models import AuditEntry


def record(
    kind: str,
    *,
    actor: Any = None,
    actor_label: str = "",
    meeting: Any = None,
    occurrence: Any = None,
    target: str = "",
    network: str = "",
    at: datetime | None = None,
    **facts: Any,
) -> AuditEntry:
    """Append one entry in the caller's transaction."""
    raise NotImplementedError
