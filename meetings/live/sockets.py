"""The open sockets of one process, and how many of them come from one network."""

from __future__ import annotations

from collections import Counter

from meetings.live.seats import Connection

MOST_PER_NETWORK = 50


class Sockets:
    """Counts sockets in and out. Whatever was counted in can be told that the server stops."""

    def __init__(self) -> None:
        self._open: dict[Connection, str] = {}
        self._per_network: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def count_in(self, connection: Connection, network: str) -> bool:
        """Registers a socket; False, and nothing registered, when its network has too many."""
        if self._per_network[network] >= MOST_PER_NETWORK:
            return False
        self._open[connection] = network
        self._per_network[network] += 1
        return True

    def count_out(self, connection: Connection) -> None:
        network = self._open.pop(connection, None)
        if network is not None:
            self._per_network[network] -= 1
            if not self._per_network[network]:
                del self._per_network[network]

    def close_all(self, code: int) -> None:
        for connection in list(self._open):
            connection.close(code)
