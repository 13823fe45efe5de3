"""ICE-lite (RFC 8445) for one transport: who may send to it, where it sends. No socket of its own.

aiortc's DTLS transport takes it in place of an `RTCIceTransport` and uses `_send`, `_recv`, `role` and `state`. Peers
are learnt from authenticated binding requests only; client candidates are never looked at. `mux.py` owns the socket.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable

from media_engine import stun
from media_engine.datagrams import Address, Destination

_MAX_EARLY_DATAGRAMS = 32
_MAX_ADDRESSES = 4
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

    def __init__(self, send_datagram: Callable[[bytes, Address], None], now: float) -> None:
        self.credentials: dict[str, bytes] = {}
        self.ufrag, self.password = self._make_credentials()
        self.remote_ufrag = ""
        self.addresses: list[Address] = []
        self.destination: Destination | None = None
        """Where media goes: the selected one of `addresses`."""
        self.last_consent_at = now
        self.created_at = now
        self.closed = False
        self.datagrams_dropped = 0
        self._send_datagram = send_datagram
        self._inbox: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._transactions: deque[bytes] = deque(maxlen=_REMEMBERED_TRANSACTIONS)

    def __repr__(self) -> str:
        return f"<IceTransport {self.state} {len(self.addresses)} addresses>"

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

    def is_replay(self, transaction: bytes, address: Address) -> bool:
        """Whether this request was seen before from elsewhere: somebody copied it, to pull the media to themselves."""
        return address not in self.addresses and transaction in self._transactions

    def validate(self, address: Address, message: stun.StunMessage, now: float) -> Address | None:
        """Take `address` after an authenticated request. Returns an address that had to make room, if any."""
        self._transactions.append(message.transaction)
        self.last_consent_at = now
        evicted = None
        if address not in self.addresses:
            self.addresses.append(address)
            if len(self.addresses) > _MAX_ADDRESSES:
                evicted = next(known for known in self.addresses if known != self.address)
                self.addresses.remove(evicted)
        if self.destination is None or (stun.USE_CANDIDATE in message.attributes and address != self.address):
            self.address = address
        return evicted

    def lose(self, address: Address) -> None:
        """`address` is gone: what went there goes to the latest other one, if there is any."""
        if address in self.addresses:
            self.addresses.remove(address)
        if self.address == address:
            self.destination = Destination(self.addresses[-1]) if self.addresses else None

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
