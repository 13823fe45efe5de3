"""The open sockets of one process, and how many of them come from one address."""

from __future__ import annotations

from meetings import budgets
from meetings.live.seats import Connection
from meetings.signaling.rates import AddressCounts


class Sockets:
    """Counts sockets in and out. Whatever was counted in can be told that the server stops.

    Few may wait for their first message: that needs no ticket. Many may be open: an office has one address.
    """

    def __init__(self) -> None:
        self._open: dict[Connection, str] = {}
        self._opening: dict[Connection, str] = {}
        self._per_address = AddressCounts()
        self._opening_per_address = AddressCounts()

    def __len__(self) -> int:
        return len(self._open)

    def count_in(self, connection: Connection, address: str) -> bool:
        """Registers a socket; False, and nothing registered, when its address, or its /48, has too many."""
        if not self._per_address.has_room(address, budgets.SOCKETS.most):
            return False
        if not self._opening_per_address.has_room(address, budgets.OPENING_SOCKETS.most):
            return False
        self._open[connection] = self._opening[connection] = address
        self._per_address.come(address)
        self._opening_per_address.come(address)
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


def _take(connection: Connection, where: dict[Connection, str], counts: AddressCounts) -> None:
    address = where.pop(connection, None)
    if address is not None:
        counts.go(address)
