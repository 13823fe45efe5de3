"""One WebRTC transport from the client's side: a UDP socket, ICE checks, DTLS client, SRTP.

Everything an honest browser does is done by `start`; everything an intruder might do is open too:
`send_datagram` puts any bytes on the wire from this socket or another, `protect_rtp` gives protected
bytes without sending them, `check` sends a connectivity check with whatever credentials are given.
Counts what it receives. Runs on asyncio or uvloop.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
from collections import Counter
from collections.abc import Callable

from OpenSSL import SSL

from tests.support import wire
from tests.support.dtls_srtp import DtlsClient, Identity, Srtp
from tests.support.sdp_text import Description, Secrets

CHECK_INTERVAL_SECONDS = 0.05
CONSENT_INTERVAL_SECONDS = 2.5
DATAGRAMS_PER_WAKEUP = 256
SO_TIMESTAMPNS = 35  # Linux; not in the socket module

RtpHandler = Callable[[memoryview, int], None]
RtcpHandler = Callable[[bytes], None]


class Transport:
    """Call `start` with the server's description, then `await connected`.

    `on_rtp(packet, arrival_ns)` gets a view that is valid during the call only; `arrival_ns` is the
    kernel's arrival time on the real-time clock. `on_rtcp(compound)` gets bytes.
    """

    def __init__(
        self,
        *,
        identity: Identity | None = None,
        on_rtp: RtpHandler | None = None,
        on_rtcp: RtcpHandler | None = None,
        bind: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.identity = identity or Identity()
        self.on_rtp = on_rtp
        self.on_rtcp = on_rtcp
        self.local = Secrets(secrets.token_hex(4), secrets.token_hex(16), self.identity.fingerprint)
        self.remote: Secrets | None = None
        self.server: tuple[str, int] | None = None
        self.ice_connected = False
        self.srtp: Srtp | None = None
        self.failure = ""
        self.count: Counter[str] = Counter()
        self.bytes_received = 0
        self.loop = asyncio.get_running_loop()
        self._tie_breaker = secrets.randbits(64)
        self._dtls: DtlsClient | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._buffer = memoryview(bytearray(2048))
        self._up: asyncio.Future[None] = self.loop.create_future()
        self.socket = open_socket(bind)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.loop.add_reader(self.socket.fileno(), self._drain)

    def __repr__(self) -> str:
        state = "connected" if self.srtp else "ice" if self.ice_connected else "new"
        return f"<Transport {state} {self.failure} {dict(self.count)}>"

    # -- life --------------------------------------------------------------------------------------

    def start(self, description: Description) -> None:
        """Begins connectivity checks towards the first candidate; DTLS follows the first answer."""
        self.remote = description.secrets
        self.server = description.candidates[0]
        self._check_again()

    async def connected(self, within_seconds: float = 20.0) -> None:
        """Returns when media may flow. Raises TimeoutError or ConnectionError."""
        async with asyncio.timeout(within_seconds):
            await asyncio.shield(self._up)

    @property
    def is_connected(self) -> bool:
        return self.srtp is not None

    def close(self, *, politely: bool = True) -> None:
        """Frees the socket; `politely` says goodbye in DTLS first, as a browser's `close()` does."""
        if self.socket.fileno() < 0:
            return
        if politely and self._dtls is not None and self._dtls.complete:
            for datagram in self._dtls.close():
                self.send_datagram(datagram)
        for timer in self._timers:
            timer.cancel()
        self.loop.remove_reader(self.socket.fileno())
        self.socket.close()
        if not self._up.done():
            self._up.cancel()

    def stop_reading(self) -> None:
        """From now on nothing is taken from the socket: a member that does not drain what it is sent."""
        self.loop.remove_reader(self.socket.fileno())

    # -- raw access ----------------------------------------------------------------------------------

    def send_datagram(self, datagram: bytes | memoryview, sender: socket.socket | None = None) -> None:
        """Any bytes to the server, from this transport's address or from `sender`'s."""
        assert self.server is not None
        try:
            (sender or self.socket).sendto(datagram, self.server)
        except BlockingIOError:
            self.count["send_would_block"] += 1

    def check(
        self,
        *,
        sender: socket.socket | None = None,
        password: str | None = None,
        username: str | None = None,
        nominate: bool = True,
    ) -> None:
        """A connectivity check, by default an honest one."""
        assert self.remote is not None
        request = wire.binding_request(
            username=username or f"{self.remote.ufrag}:{self.local.ufrag}",
            password=password or self.remote.password,
            tie_breaker=self._tie_breaker,
            nominate=nominate,
        )
        self.send_datagram(request, sender)

    def protect_rtp(self, packet: bytes) -> bytes:
        assert self.srtp is not None
        return bytes(self.srtp.protect_rtp(packet))

    def send_rtp(self, packet: bytes) -> None:
        assert self.srtp is not None
        self.send_datagram(self.srtp.protect_rtp(packet))
        self.count["rtp_sent"] += 1

    def send_rtcp(self, compound: bytes) -> None:
        assert self.srtp is not None
        self.send_datagram(self.srtp.protect_rtcp(compound))
        self.count["rtcp_sent"] += 1

    def move_to(self, bind: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        """Continues from another local port, as behind a NAT that forgot the mapping. Sends one check."""
        self.loop.remove_reader(self.socket.fileno())
        self.socket.close()
        self.socket = open_socket(bind)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.loop.add_reader(self.socket.fileno(), self._drain)
        self.check()

    # -- checks and handshake ------------------------------------------------------------------------

    def _later(self, seconds: float, callback: Callable[[], None]) -> None:
        self._timers = [timer for timer in self._timers if not timer.cancelled() and timer.when() > self.loop.time()]
        self._timers.append(self.loop.call_later(seconds, callback))

    def _check_again(self) -> None:
        self.check()
        self._later(CONSENT_INTERVAL_SECONDS if self.ice_connected else CHECK_INTERVAL_SECONDS, self._check_again)

    def _start_dtls(self) -> None:
        self._dtls = DtlsClient(self.identity)
        self._advance(None)
        self._arm_dtls_timer()

    def _advance(self, datagram: bytes | None) -> None:
        dtls = self._dtls
        if dtls is None or self.failure:
            return
        try:
            outgoing = dtls.advance(datagram)
        except SSL.Error as error:
            self._fail(f"dtls: {error}")
            return
        for piece in outgoing:
            self.send_datagram(piece)
        if dtls.closed:
            self.count["dtls_closed"] += 1
        if dtls.complete and self.srtp is None:
            assert self.remote is not None and dtls.keys is not None
            if dtls.peer_fingerprint != self.remote.fingerprint:
                self._fail("the server's certificate is not the one it signalled")
                return
            self.srtp = Srtp(dtls.keys)
            if not self._up.done():
                self._up.set_result(None)

    def _arm_dtls_timer(self) -> None:
        dtls = self._dtls
        if dtls is None or dtls.complete or self.failure:
            return
        self._later(max(0.01, dtls.seconds_to_timeout() or 0.05), self._on_dtls_timer)

    def _on_dtls_timer(self) -> None:
        if self._dtls is not None and not self._dtls.complete and not self.failure:
            for piece in self._dtls.on_timeout():
                self.send_datagram(piece)
            self._arm_dtls_timer()

    def _fail(self, reason: str) -> None:
        self.failure = reason
        if not self._up.done():
            self._up.set_exception(ConnectionError(reason))
            self._up.exception()

    # -- receiving -----------------------------------------------------------------------------------

    def _drain(self) -> None:
        for _ in range(DATAGRAMS_PER_WAKEUP):
            buffer = self.srtp.incoming if self.srtp is not None else self._buffer
            try:
                size, ancillary, _, _ = self.socket.recvmsg_into([buffer], 64)
            except (BlockingIOError, OSError):
                return
            if size:
                self.take_datagram(buffer, size, ancillary)

    def take_datagram(self, buffer: memoryview, size: int, ancillary: list[tuple[int, int, bytes]]) -> None:
        """What came in from the server: media, DTLS or a connectivity check, by its first byte (RFC 7983)."""
        self.bytes_received += size
        first = buffer[0]
        if 128 <= first < 192:
            self._take_srtp(buffer, size, ancillary)
        elif 20 <= first < 64:
            self.count["dtls"] += 1
            self._advance(bytes(buffer[:size]))
        elif first < 4:
            self._take_stun(bytes(buffer[:size]))
        else:
            self.count["unknown"] += 1

    def _take_srtp(self, buffer: memoryview, size: int, ancillary: list[tuple[int, int, bytes]]) -> None:
        self.count["srtp_datagrams"] += 1
        srtp = self.srtp
        if srtp is None:
            self.count["srtp_before_keys"] += 1
            return
        if 192 <= buffer[1] <= 223:
            plain = srtp.unprotect_rtcp(size)
            self.count["rtcp" if plain >= 0 else "srtcp_refused"] += 1
            if plain >= 0 and self.on_rtcp is not None:
                self.on_rtcp(bytes(buffer[:plain]))
            return
        plain = srtp.unprotect_rtp(size)
        if plain < 0:
            self.count["srtp_refused"] += 1
            return
        self.count["rtp"] += 1
        if self.on_rtp is not None:
            seconds, nanoseconds = struct.unpack_from("@ll", ancillary[0][2]) if ancillary else (0, 0)
            self.on_rtp(buffer[:plain], seconds * 1_000_000_000 + nanoseconds)

    def _take_stun(self, data: bytes) -> None:
        message = wire.decode_stun(data)
        if message is None:
            self.count["stun_malformed"] += 1
        elif message.kind == wire.BINDING_RESPONSE:
            assert self.remote is not None
            if not wire.stun_integrity_holds(data, self.remote.password.encode()):
                self.count["stun_unsigned"] += 1
                return
            self.count["stun_responses"] += 1
            if not self.ice_connected:
                self.ice_connected = True
                self._start_dtls()
        elif message.kind == wire.BINDING_ERROR:
            self.count["stun_errors"] += 1
        elif message.kind == wire.BINDING_REQUEST and wire.stun_integrity_holds(data, self.local.password.encode()):
            # A full agent on the other side checks us too; ours is the controlling one.
            assert self.server is not None
            self.send_datagram(wire.binding_response(message, self.server, self.local.password))


def open_socket(bind: tuple[str, int] = ("127.0.0.1", 0)) -> socket.socket:
    """A non-blocking UDP socket with room for a burst of video."""
    result = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    result.setblocking(False)
    result.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    result.bind(bind)
    return result
