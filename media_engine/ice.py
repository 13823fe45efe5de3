"""ICE-lite (RFC 8445) for one transport: who may send to it, where it sends. No socket of its own.

aiortc's DTLS transport takes it in place of an `RTCIceTransport` and uses `_send`, `_recv`, `role` and `state`. Peers
are learnt from authenticated binding requests only; client candidates are never looked at. Anybody may write anybody's
address on a request: where the peer is to be reached has to be proved. `mux.py` owns the socket.
"""

import asyncio
import math
import secrets
from collections import deque
from collections.abc import Callable

from media_engine import stun
from media_engine.datagrams import Address, Destination, StreamAddress
from media_engine.records import Outlet

_MAX_EARLY_DATAGRAMS = 32
_MAX_ADDRESSES = 4
_LEFT_SECONDS = 15.0
"""Whoever asks from elsewhere alone for so long is there. Browsers ask every 2.5 s, or 4 to 6, where media go."""
_REMEMBERED_TRANSACTIONS = 1024
"""At a check in two and a half seconds, those of most of an hour: whoever copies one may be patient."""
_ICE_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def ice_string(length: int) -> str:
    """Random ICE characters, 6 bits each."""
    return "".join(secrets.choice(_ICE_ALPHABET) for _ in range(length))


class IceTransport:
    """The validated addresses of one transport and its queue of DTLS datagrams.

    `send_datagram` sends one datagram, dropping it when the socket is full. All methods run on the loop's thread.
    """

    role = "controlled"

    def __init__(
        self, send_datagram: Callable[[bytes, Address], None], now: float, consent_seconds: float = 30.0
    ) -> None:
        self.credentials: dict[str, bytes] = {}
        self.ufrag, self.password = self._make_credentials()
        self.remotes: dict[str, bytes] = {}
        """The peer's passwords by its user-name fragments: the latest, and those before, which it may still use."""
        self.addresses: dict[Address, float] = {}
        """Where the peer is, and when a request has come from there last."""
        self.outlet = Outlet()
        self.last_consent_at = now
        self.created_at = now
        self.closed = False
        self.datagrams_dropped = 0
        self._send_datagram = send_datagram
        self._inbox: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._transactions: dict[bytes, Address] = {}
        self._consent_seconds = consent_seconds
        self._has_begun = False
        self._unproved: Address | None = None
        """The first address, until DTLS has come to its end there."""

    def __repr__(self) -> str:
        return f"<IceTransport {self.state} {len(self.addresses)} addresses>"

    @property
    def destination(self) -> Destination | None:
        """Where media goes: the selected one of `addresses`."""
        return self.outlet.destination

    @destination.setter
    def destination(self, destination: Destination | None) -> None:
        self.outlet.destination = destination

    @property
    def address(self) -> Address | None:
        """Where media goes, as people write it."""
        return self.destination.address if self.destination is not None else None

    @address.setter
    def address(self, address: Address) -> None:
        self.destination = Destination(address)

    @property
    def state(self) -> str:
        """In the words of `RTCIceTransport.state`."""
        if self.closed:
            return "closed"
        return "completed" if self.destination else "checking"

    def _make_credentials(self) -> tuple[str, str]:
        ufrag, password = ice_string(8), ice_string(24)
        self.credentials[ufrag] = password.encode()
        return ufrag, password

    def restart(self) -> None:
        """New credentials beside the old ones (RFC 8445, section 9): DTLS and media go on undisturbed."""
        while len(self.credentials) > 1:
            del self.credentials[next(iter(self.credentials))]
        self.ufrag, self.password = self._make_credentials()

    def follow(self, ufrag: str, password: str) -> None:
        """The peer's credentials, as it has signalled them. Those before live on beside them, as ours do."""
        self.remotes.pop(ufrag, None)
        while len(self.remotes) > 1:
            del self.remotes[next(iter(self.remotes))]
        self.remotes[ufrag] = password.encode()

    def is_replay(self, transaction: bytes, address: Address) -> bool:
        """Whether this request was seen before from elsewhere: somebody copied it, to pull the media to themselves.

        Remembers it, if not.
        """
        if address not in self.addresses and self._transactions.get(transaction, address) != address:
            return True
        self._transactions[transaction] = address
        if len(self._transactions) > _REMEMBERED_TRANSACTIONS:
            del self._transactions[next(iter(self._transactions))]
        return False

    def is_reachable(self, address: Address, now: float) -> bool:
        """Whether the peer is known to be at `address`: it has proved it, and has gone on asking from there since.

        A connection is its own proof. The very first address is taken as it is: nothing but a handshake goes there
        before DTLS has proved it, so that joining takes no longer, and a client that answers no requests may join.
        """
        if isinstance(address, StreamAddress) or not self._has_begun:
            return True
        return now - self.addresses.get(address, -math.inf) <= self._consent_seconds

    def prove(self) -> None:
        """DTLS has come to its end: who has finished it was sent our side of it, and to nowhere but `address`.

        For no other address is taken before it has proved itself by its answer to a request, and with that an
        unproved one is forgotten.
        """
        self._unproved = None

    def validate(self, address: Address, message: stun.StunMessage, now: float) -> list[Address]:
        """Take a reachable `address` after an authenticated request. Returns addresses that had to make room."""
        gone: list[Address] = []
        if not self._has_begun and not isinstance(address, StreamAddress):
            self._unproved = address
        self._has_begun = True
        has_left = self.address is not None and now - self.addresses[self.address] > _LEFT_SECONDS
        is_named = stun.USE_CANDIDATE in message.attributes or has_left
        self.last_consent_at = self.addresses[address] = now
        if self.destination is None or (is_named and address != self.address):
            if self._unproved not in (None, address):
                gone.append(self._unproved)
                self._unproved = None
            self.address = address
        if len(self.addresses) - len(gone) > _MAX_ADDRESSES:
            gone.append(next(known for known in self.addresses if known != self.address and known not in gone))
        for lost in gone:
            del self.addresses[lost]
        return gone

    def hear(self, address: Address, now: float) -> bool:
        """Something that only the peer can have made has come from `address`. Whether that is where media go."""
        if address != self.address:
            return False
        self.last_consent_at = self.addresses[address] = now
        return True

    def lose(self, address: Address) -> None:
        """`address` is gone: what went there goes to the latest other one, if there is any."""
        self.addresses.pop(address, None)
        if self.address == address:
            self.destination = Destination(next(reversed(self.addresses))) if self.addresses else None

    def feed(self, datagram: bytes) -> None:
        """A DTLS datagram from a validated address. Waits for aiortc, which may still lack the fingerprint."""
        if self.closed or len(self._inbox) >= _MAX_EARLY_DATAGRAMS:
            self.datagrams_dropped += 1
            return
        self._inbox.append(datagram)
        self._wake()

    def close(self) -> None:
        """Nothing goes in or out from now on; a waiting `_recv` raises ConnectionError."""
        self.closed = True
        self._inbox.clear()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _recv(self) -> bytes:
        while not self._inbox:
            if self.closed:
                raise ConnectionError("the transport is closed")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._inbox.popleft()

    async def _send(self, datagram: bytes) -> None:
        self.send(datagram)

    def send(self, datagram: bytes) -> None:
        """Send to the selected address; silently nothing before there is one or after `close`."""
        if self.destination is not None and not self.closed:
            self._send_datagram(datagram, self.destination.address)
