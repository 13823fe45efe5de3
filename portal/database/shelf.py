"""Connections that nobody uses now, kept for whoever opens the next."""

from __future__ import annotations

import threading
from typing import Any

MOST_KEPT = 16


class Shelf:
    """Any thread may take a connection and put it back. Each is kept under what it leads to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[tuple[Any, Any]] = []

    def take(self, place: Any) -> Any:
        """One that leads there; None where none is kept."""
        with self._lock:
            for number in reversed(range(len(self._kept))):
                if self._kept[number][0] == place:
                    return self._kept.pop(number)[1]
        return None

    def put(self, place: Any, connection: Any) -> bool:
        """False where there are enough: then the connection is still the caller's."""
        with self._lock:
            if len(self._kept) >= MOST_KEPT:
                return False
            self._kept.append((place, connection))
            return True

    def close(self) -> None:
        with self._lock:
            while self._kept:
                self._kept.pop()[1].close()
