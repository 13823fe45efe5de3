"""Whether this process is alive (/livez) and able to serve (/readyz)."""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse

FREE_DISK_BYTES = 100 * 1024 * 1024
LAG_S = 0.5
DATABASE_WITHIN_S = 2.0


class Vitals:
    """What the server knows about itself. One per process; written by the server, read by the health pages."""

    def __init__(self) -> None:
        self.serving = False
        self.media_bound = False
        self._lags: deque[float] = deque(maxlen=20)
        self.tasks = 0
        """Of the event loop, a moment ago."""

    def note_lag(self, seconds: float) -> None:
        self._lags.append(seconds)

    @property
    def lag_s(self) -> float:
        """The median of the last five seconds: one slow moment is no reason to be taken out of service."""
        return sorted(self._lags)[len(self._lags) // 2] if self._lags else 0.0


vitals = Vitals()


async def livez(request: HttpRequest) -> HttpResponse:
    """The loop turns."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> HttpResponse:
    """Every check by name; 503 when one fails, so that a balancer sends nobody here."""
    checks = {
        "serving": vitals.serving,
        "database": await _database_answers(),
        "media": vitals.media_bound,
        "loop": vitals.lag_s < LAG_S,
        "disk": shutil.disk_usage(settings.LINTEL.data_dir).free > FREE_DISK_BYTES,
    }
    ready = all(checks.values())
    answer: dict[str, Any] = {
        "status": "ok" if ready else "failing",
        "failing": [name for name, fine in checks.items() if not fine],
        "checks": checks,
        "loop_lag_ms": round(vitals.lag_s * 1000, 1),
    }
    return JsonResponse(answer, status=200 if ready else 503)


async def _database_answers() -> bool:
    try:
        async with asyncio.timeout(DATABASE_WITHIN_S):
            await asyncio.to_thread(_ask_database)
    except Exception:  # noqa: BLE001 - whatever it is, the database doesn't answer
        return False
    return True


def _ask_database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    finally:
        connection.close()
