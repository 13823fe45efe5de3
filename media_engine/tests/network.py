"""A way between a client and an engine that is narrow, slow and lossy, as seeded: what home networks and phones are."""

import asyncio
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

Address = tuple[str, int]
_DATAGRAM_BYTES = 2048
_APART_SECONDS = 1e-6
"""Timers of one moment run in any order: who set out first has to be due first."""


@dataclass
class Lane:
    """One direction. Change its figures at any time; what has set out keeps to those of then."""

    seed: int
    bits_per_second: float = 1e9
    queue_seconds: float = 0.5
    """What would have to wait longer than this for its turn is dropped, as a full router does."""
    loss: float = 0.0
    delay_seconds: float = 0.0
    jitter_seconds: float = 0.0
    """How much later at most, evenly spread; nothing overtakes."""
    dropped: int = 0
    passed: int = 0
    _free_at: float = 0.0
    _last_at: float = 0.0
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def arrives_at(self, size: int, now: float) -> float | None:
        """When a datagram of `size` bytes that sets out now comes out at the other end; None if it never does."""
        is_lost = self._random.random() < self.loss
        start = max(now, self._free_at)
        if is_lost or start - now > self.queue_seconds:
            self.dropped += 1
            return None
        self.passed += 1
        self._free_at = start + 8 * size / self.bits_per_second
        jitter = self._random.random() * self.jitter_seconds
        self._last_at = max(self._last_at + _APART_SECONDS, self._free_at + self.delay_seconds + jitter)
        return self._last_at

    def stop_until(self, at: float) -> None:
        """Let nothing out before `at`."""
        self._free_at = max(self._free_at, at)


class Road:
    """A UDP relay in front of the engine's port. `down` leads to the client, `up` to the engine."""

    def __init__(self, server_port: int, seed: int = 1) -> None:
        self.up, self.down = Lane(seed), Lane(seed + 1)
        self._server: Address = ("127.0.0.1", server_port)
        self._loop = asyncio.get_running_loop()
        self._front = self._open(self._on_client)
        self.port: int = self._front.getsockname()[1]
        self.on_up: Callable[[bytes], object] = len
        """Told of every datagram from the client, whatever becomes of it."""
        self._behind: dict[Address, socket.socket] = {}

    def _open(self, on_readable: Callable[[socket.socket], None]) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), on_readable, sock)
        return sock

    def through(self, sdp: str) -> str:
        """`sdp` of the engine with its candidates leading here."""
        return sdp.replace(f" {self._server[1]} typ host", f" {self.port} typ host")

    def _on_client(self, sock: socket.socket) -> None:
        for datagram, client in _read(sock):
            self.on_up(datagram)
            behind = self._behind.get(client)
            if behind is None:
                behind = self._behind[client] = self._open(lambda back, client=client: self._on_server(back, client))
            self._send(self.up, datagram, behind, self._server)

    def _on_server(self, sock: socket.socket, client: Address) -> None:
        for datagram, _ in _read(sock):
            self._send(self.down, datagram, self._front, client)

    def _send(self, lane: Lane, datagram: bytes, sock: socket.socket, to: Address) -> None:
        at = lane.arrives_at(len(datagram), self._loop.time())
        if at is not None:
            self._loop.call_at(at, _deliver, sock, datagram, to)

    def rebind(self) -> None:
        """Let clients come from other ports from now on, as a NAT does that has forgotten; and tell nobody."""
        for sock in self._behind.values():
            self._loop.remove_reader(sock.fileno())
            sock.close()
        self._behind.clear()

    def close(self) -> None:
        """What is still under way never arrives."""
        for sock in (self._front, *self._behind.values()):
            self._loop.remove_reader(sock.fileno())
            sock.close()


def _read(sock: socket.socket) -> list[tuple[bytes, Address]]:
    found = []
    for _ in range(64):
        try:
            found.append(sock.recvfrom(_DATAGRAM_BYTES))
        except OSError:
            break
    return found


def _deliver(sock: socket.socket, datagram: bytes, to: Address) -> None:
    if sock.fileno() >= 0:
        try:
            sock.sendto(datagram, to)
        except OSError:
            return
