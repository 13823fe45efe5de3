"""The open sockets of one process, and how many of them come from one address."""

from __future__ import annotations

from collections import Counter

from meetings import budgets
from meetings.live.seats import Connection


class Sockets:
    """Counts sockets in and out. Whatever was counted in can be told that the server stops.

    Few may wait for their first message: that needs no ticket. Many may be open: an office has one address.
    """

    def __init__(self) -> None:
        self._open: dict[Connection, str] = {}
        self._opening: dict[Connection, str] = {}
        self._per_address: Counter[str] = Counter()
        self._opening_per_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def count_in(self, connection: Connection, address: str) -> bool:
        """Registers a socket; False, and nothing registered, when its address has too many."""
        if self._per_address[address] >= budgets.SOCKETS.most:
            return False
        if self._opening_per_address[address] >= budgets.OPENING_SOCKETS.most:
            return False
        self._open[connection] = self._opening[connection] = address
        self._per_address[address] += 1
        self._opening_per_address[address] += 1
        return True

    def said_hello(self, connection: Connection) -> None:
        """It brought a ticket that was good."""
        _take(connection, self._opening, self._opening_per_address)

    def count_out(self, connection: Connection) -> None:
        self.said_hello(connection)
        _take(connection, self._open, self._per_address)

    def close_all(self, code: int) -> None:
        for connection in list(self._open):
            connection.close(code)


def _take(connection: Connection, where: dict[Connection, str], counter: Counter[str]) -> None:
    address = where.pop(connection, None)
    if address is not None:
        counter[address] -= 1
        if not counter[address]:
            del counter[address]
