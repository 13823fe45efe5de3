"""A scripted client for tests: real ICE checks, real DTLS-SRTP, hand-made RTP, no browser.

It talks to the engine over a UDP socket on the loopback interface and counts what it gets, so that a test asserts on
what was delivered and not on the engine's own counters.
"""

import asyncio
import contextlib
import os
import re
import socket
import struct
import time
from collections.abc import Callable, Mapping
from unittest import IsolatedAsyncioTestCase

from media_engine import Engine, EngineConfig, Event, Grants, Source, SubscribeOffer, rtcp, stun
from media_engine.ice import IceTransport
from media_engine.native import DATAGRAM_BYTES, Memory
from media_engine.rtp import RtpHeader, decode_header
from media_engine.srtp import TRAILER_BYTES, SrtpPair
from media_engine.transport import RtpTransport

EVERYTHING = frozenset(Source)
DEADLINE_SECONDS = 30.0
_BUFFER = Memory(DATAGRAM_BYTES + TRAILER_BYTES)
_SSRC = {Source.MICROPHONE: 1001, Source.CAMERA: 2001, Source.SCREEN: 3001, Source.SCREEN_AUDIO: 4001}
_RTX_OFFSET = 5000


class Clock:
    """Engine time that moves only when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


async def eventually(condition: Callable[[], object], message: str = "the condition never held") -> None:
    """Wait for a condition, with a deadline."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(message)
        await asyncio.sleep(0.002)


class ClientTransport:
    """One transport from the client's side. `received` holds plain RTP packets, `reports` decoded RTCP items.

    `sealed` are the packets as they came, encrypted, those included that SRTP takes for replays.
    """

    def __init__(self, server_port: int, host: str = "127.0.0.1") -> None:
        self.server = (host, server_port)
        self.socket = self._open()
        self.ice = IceTransport(self._sendto, time.monotonic())
        self.ice.address = self.server
        self.states: list[str] = []
        self.dtls = RtpTransport(self.ice, self.states.append, server=False)
        self._keys: SrtpPair | None = None
        self.received: list[bytes] = []
        self.sealed: list[bytes] = []
        self.reports: list[rtcp.Item] = []
        self.raw_rtcp: list[bytes] = []
        self.stun_answers: list[stun.StunMessage] = []
        self.stun_requests: list[stun.StunMessage] = []
        self.answers_checks = True
        """Whether it answers binding requests of the server, as browsers do."""
        self.remote_ufrag = self.remote_password = ""
        self._task: asyncio.Task[None] | None = None

    @property
    def srtp(self) -> SrtpPair | None:
        """The keys, which whoever was told goodbye need not throw away."""
        self._keys = self.dtls.srtp or self._keys
        return self._keys

    def _open(self) -> socket.socket:
        sock = socket.socket(self._family, socket.SOCK_DGRAM)
        sock.bind((self.server[0], 0))
        sock.setblocking(False)
        asyncio.get_running_loop().add_reader(sock.fileno(), self._drain)
        return sock

    @property
    def _family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.server[0] else socket.AF_INET

    def move(self) -> None:
        """Another network: another address and, as in a browser, new ICE credentials; the same association."""
        self.rebind().close()
        self.ice.restart()

    def rebind(self) -> socket.socket:
        """Another address with the same credentials, as behind a NAT that has forgotten. Returns the socket before."""
        before = self.socket
        asyncio.get_running_loop().remove_reader(before.fileno())
        self.socket = self._open()
        return before

    def _sendto(self, datagram: bytes | memoryview, address: tuple[str, int]) -> None:
        self.socket.sendto(datagram, address)

    def _drain(self) -> None:
        for _ in range(64):
            try:
                size = self.socket.recv_into(_BUFFER.view)
            except (BlockingIOError, ConnectionError):
                return
            self._take(size)

    def _take(self, size: int) -> None:
        buffer = _BUFFER.view
        first = buffer[0]
        if first < 4:
            self._take_stun(bytes(buffer[:size]))
        elif 20 <= first < 64:
            self.ice.feed(bytes(buffer[:size]))
        elif self.srtp is not None and 192 <= buffer[1] <= 223:
            plain = self.srtp.unprotect_rtcp(_BUFFER.place, size)
            self.raw_rtcp.append(bytes(buffer[:plain]))
            self.reports += rtcp.decode(bytes(buffer[:plain]))
        elif self.srtp is not None:
            self.sealed.append(bytes(buffer[:size]))
            plain = self.srtp.unprotect(_BUFFER.place, size)
            if plain:
                self.received.append(bytes(buffer[:plain]))

    def _take_stun(self, datagram: bytes) -> None:
        message = stun.decode(datagram)
        if message.kind != stun.BINDING_REQUEST:
            self.stun_answers.append(message)
            return
        self.stun_requests.append(message)
        password = self.ice.password.encode()
        theirs = message.username == f"{self.ice.ufrag}:{self.remote_ufrag}"
        if self.answers_checks and theirs and stun.integrity_holds(datagram, message, password):
            self.send_raw(stun.success(message.transaction, *self.server, password))

    def follow(self, server_sdp: str) -> None:
        """Learn the server's ICE credentials and fingerprint from its SDP, or credentials from a fragment of it."""
        self.remote_ufrag = _find(r"a=ice-ufrag:(\S+)", server_sdp)
        self.remote_password = _find(r"a=ice-pwd:(\S+)", server_sdp)
        if "a=fingerprint" in server_sdp:
            self.remote_fingerprint = _find(r"a=fingerprint:sha-256 (\S+)", server_sdp)

    def binding_request(self, *, nominate: bool = True, password: str | None = None, role: int | None = None) -> bytes:
        """An authenticated connectivity check."""
        attributes = [
            (stun.USERNAME, f"{self.remote_ufrag}:{self.ice.ufrag}".encode()),
            (stun.PRIORITY, struct.pack("!I", 1)),
            (role or stun.ICE_CONTROLLING, bytes(8)),
        ]
        if nominate:
            attributes.append((stun.USE_CANDIDATE, b""))
        key = (password if password is not None else self.remote_password).encode()
        return stun.encode(stun.BINDING_REQUEST, os.urandom(12), attributes, key)

    async def check(self) -> None:
        """Send a connectivity check and wait for its answer."""
        seen = len(self.stun_answers)
        self.send_raw(self.binding_request())
        await eventually(lambda: len(self.stun_answers) > seen, "no answer to a connectivity check")

    async def connect(self) -> None:
        """ICE and DTLS, up to SRTP keys."""
        await self.check()
        self.start_dtls()
        await eventually(lambda: self.srtp is not None, "DTLS did not finish")

    def start_dtls(self) -> None:
        """Send the ClientHello."""
        self._task = asyncio.get_running_loop().create_task(self.dtls.run((("sha-256", self.remote_fingerprint),)))

    def send_raw(self, datagram: bytes) -> None:
        """Any datagram at all."""
        self.socket.sendto(datagram, self.server)

    def protect(self, packet: bytes) -> bytes:
        """An SRTP datagram of `packet`, not sent."""
        assert self.srtp is not None
        _BUFFER.view[: len(packet)] = packet
        return bytes(_BUFFER.view[: self.srtp.protect(_BUFFER.place, len(packet))])

    def send(self, packet: bytes) -> None:
        """Protect and send one RTP packet."""
        self.send_raw(self.protect(packet))

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send one RTCP packet."""
        assert self.srtp is not None
        self.send_raw(self.srtp.protect_rtcp(packet))

    async def close(self) -> None:
        """Release the socket and wait for the tasks."""
        asyncio.get_running_loop().remove_reader(self.socket.fileno())
        self.ice.close()
        if self._task is not None:
            await asyncio.wait([self._task])
        await self.dtls.wait_closed()
        self.socket.close()


class StreamTransport(ClientTransport):
    """The same over TCP (RFC 6544), framed as RFC 4571 says. `is_closed` once the other side has hung up."""

    def __init__(self, server_port: int, host: str = "127.0.0.1") -> None:
        self._received = bytearray()
        self.is_closed = False
        super().__init__(server_port, host)

    def _open(self) -> socket.socket:
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        sock.connect(self.server)
        sock.setblocking(False)
        asyncio.get_running_loop().add_reader(sock.fileno(), self._drain)
        return sock

    def _sendto(self, datagram: bytes | memoryview, address: tuple[str, int]) -> None:
        self.send_raw(bytes(datagram))

    def send_raw(self, datagram: bytes) -> None:
        """One frame."""
        self.send_bytes(len(datagram).to_bytes(2) + datagram)

    def send_bytes(self, data: bytes) -> None:
        """Any bytes at all."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            self.socket.send(data)

    def _drain(self) -> None:
        data = b""
        with contextlib.suppress(BlockingIOError):
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                self.is_closed = True
                asyncio.get_running_loop().remove_reader(self.socket.fileno())
        self._received += data
        while len(self._received) >= 2:
            end = 2 + int.from_bytes(self._received[:2])
            if len(self._received) < end:
                break
            _BUFFER.view[: end - 2] = self._received[2:end]
            del self._received[:end]
            self._take(end - 2)


class Client:
    """A peer with a publishing and a subscribing transport, wired to an engine without any signalling in between."""

    def __init__(self, engine: Engine, session_id: str, peer_id: str) -> None:
        self.engine, self.session_id, self.peer_id = engine, session_id, peer_id
        self.host = "127.0.0.1"
        """Where it reaches the engine."""
        self.publishing: ClientTransport | None = None
        self.subscribing: ClientTransport | None = None
        self.offers: list[SubscribeOffer] = []
        self.answered = 0
        self.answer_automatically = True
        self.sdp_session = int.from_bytes(os.urandom(4), "big")
        self.sequence: dict[Source, int] = dict.fromkeys(Source, 100)
        self.timestamp = 90000
        self.picture = 7
        self.codec = "vp8"
        """In which its pictures are offered."""
        self.transport_sequence = 65500
        self.level = 5
        """How loud its sound is (RFC 6464): 0 is the loudest, 127 silence; below 0 it does not say."""
        self.knows_red = False
        """Whether it offers to send sound with redundancy, and takes it."""
        self.accepts: tuple[str, ...] = ()
        """What lines of an offer begin with that its answers keep, besides what every answer has."""

    def grant(
        self,
        publish: frozenset[Source] = EVERYTHING,
        subscribe: bool = True,
        seconds: float = 60.0,
        receive: frozenset[tuple[str, Source]] | None = None,
    ) -> None:
        """Give this peer a lease from now on."""
        grants = Grants(publish, subscribe, self.engine.clock() + seconds, receive)
        self.engine.set_grants(self.session_id, self.peer_id, grants)

    async def publish(self, *sources: Source, transport: ClientTransport | None = None) -> str:
        """Offer `sources`, connect, and return the server's answer."""
        renegotiation = self.publishing is not None and transport is None
        if not renegotiation:
            self.publishing = transport or ClientTransport(self.engine.port, self.host)
        answer = self.offer_publish(*sources)
        assert self.publishing is not None
        self.publishing.follow(answer)
        if not renegotiation:
            await self.publishing.connect()
        return answer

    def offer_publish(self, *sources: Source, **changes: str) -> str:
        """Only the signalling part of `publish`."""
        assert self.publishing is not None
        named = {str(index): source for index, source in enumerate(sources)}
        offer = in_codec(publish_offer(self.publishing, named, self.sdp_session), self.codec)
        offer = with_red(offer) if self.knows_red else offer
        return self.engine.answer_publish(self.session_id, self.peer_id, offer, named)

    def open(self, *, fresh: bool = True) -> None:
        """Ask for a subscribing transport; offers are answered as they come."""
        if fresh or self.subscribing is None:
            self.subscribing = ClientTransport(self.engine.port, self.host)
        self.engine.open_subscribe(self.session_id, self.peer_id, fresh)

    def on_offer(self, offer: SubscribeOffer) -> None:
        """Called for every SubscribeOffer of this peer."""
        self.offers.append(offer)
        if self.answer_automatically:
            self.answer(offer)

    def answer(self, offer: SubscribeOffer) -> None:
        """Answer `offer` and, the first time, connect."""
        transport = self.subscribing
        assert transport is not None
        first = not transport.remote_ufrag
        transport.follow(offer.sdp)
        self.engine.accept_answer(self.session_id, self.peer_id, offer.offer_id, self._answer_to(offer.sdp))
        self.answered += 1
        if first:
            transport.send_raw(transport.binding_request())
            transport.start_dtls()

    def _answer_to(self, offer: str) -> str:
        assert self.subscribing is not None
        answer = answer_to(offer, self.subscribing, *self.accepts)
        return answer if self.knows_red else without_red(answer)

    async def connected(self) -> None:
        """Wait until the subscribing transport can receive media."""
        await eventually(lambda: self.subscribing and self.subscribing.dtls.srtp is not None, "no subscribe transport")

    async def flows(self) -> None:
        """Wait until everything that was offered flows."""
        await self.connected()
        receives = lambda: self.engine.stats(self.session_id)[self.peer_id]["receives"]  # noqa: E731
        await eventually(lambda: receives() and all(one["flows"] for one in receives()), "nothing flows")

    @property
    def received(self) -> list[bytes]:
        """Plain RTP packets that were delivered to this peer."""
        return self.subscribing.received if self.subscribing is not None else []

    def ssrc_of(self, publisher_id: str, source: Source) -> int:
        """The SSRC under which the latest offer announced a publisher's source."""
        offer = self.offers[-1]
        mid = next(t.mid for t in offer.tracks if (t.publisher_id, t.source) == (publisher_id, source))
        section = next(part for part in offer.sdp.split("\r\nm=")[1:] if f"\r\na=mid:{mid}\r\n" in part)
        return int(_find(r"a=ssrc:(\d+) cname", section))

    def packets_of(self, publisher_id: str, source: Source) -> list[tuple[RtpHeader, bytes]]:
        """Header and payload of what was delivered of a publisher's source."""
        ssrc = self.ssrc_of(publisher_id, source)
        return [(header, payload) for header, payload in map(outline, self.received) if header.ssrc == ssrc]

    def send_audio(self, payload: bytes = b"sound", source: Source = Source.MICROPHONE) -> int:
        """Send one Opus packet; returns its sequence number."""
        return self._send(source, payload, marker=False)

    def send_video(self, payload: bytes = b"picture", *, key: bool = True, source: Source = Source.CAMERA) -> int:
        """Send one VP8 frame of one packet; returns its sequence number."""
        self.picture = (self.picture + 1) & 0x7FFF
        return self._send(source, vp8(payload, self.picture, key=key), marker=True)

    def send_red(self, payload: bytes, *before: tuple[int, bytes]) -> int:
        """Send one packet of sound with what came before, as (ticks ago, content); returns its sequence number."""
        return self._send(Source.MICROPHONE, red(payload, *before), marker=False, payload_type=63)

    def _send(self, source: Source, payload: bytes, *, marker: bool, payload_type: int = 0) -> int:
        assert self.publishing is not None
        sequence = self.sequence[source]
        self.sequence[source] = (sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + 960) & 0xFFFFFFFF
        packet = self.rtp(source, sequence, payload, marker=marker)
        self.publishing.send(packet[:1] + bytes((payload_type,)) + packet[2:] if payload_type else packet)
        return sequence

    def rtp(self, source: Source, sequence: int, payload: bytes, *, marker: bool = False) -> bytes:
        """A publisher's RTP packet with a transport-wide sequence number and, for sound, its level."""
        self.transport_sequence = (self.transport_sequence + 1) & 0xFFFF
        payload_type = 111 if source.kind == "audio" else 96
        elements = bytes([3 << 4 | 1]) + struct.pack("!H", self.transport_sequence)
        elements += bytes([1 << 4, 0x80 | self.level, 0, 0, 0]) if self.level >= 0 else bytes(5)
        head = struct.pack("!BBHII", 0x90, marker << 7 | payload_type, sequence, self.timestamp, _SSRC[source])
        return head + struct.pack("!HH", 0xBEDE, 2) + elements + payload

    def rtx(self, source: Source, rtx_sequence: int, original: bytes) -> bytes:
        """A retransmission (RFC 4588) of the packet `original`."""
        header = decode_header(original, len(original))
        head = struct.pack("!BBHII", 0x80, 97, rtx_sequence, header.timestamp, _SSRC[source] + _RTX_OFFSET)
        return head + struct.pack("!H", header.sequence) + original[header.payload_start :]

    async def close(self) -> None:
        """Close both transports."""
        for transport in (self.publishing, self.subscribing):
            if transport is not None:
                await transport.close()


class EngineTestCase(IsolatedAsyncioTestCase):
    """A started engine with a clock of its own, and clients that are closed afterwards."""

    config = EngineConfig(port=0)

    async def asyncSetUp(self) -> None:
        self.clock = Clock()
        self.clients: dict[str, Client] = {}
        self.everyone: list[Client] = []
        self.events: list[Event] = []
        self.engine = Engine(self.config, self._on_event, self.clock)
        await self.engine.start()

    async def asyncTearDown(self) -> None:
        for client in self.everyone:
            await client.close()
        await self.engine.aclose()

    def _on_event(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, SubscribeOffer) and event.peer_id in self.clients:
            self.clients[event.peer_id].on_offer(event)

    def client(self, peer_id: str, session_id: str = "session") -> Client:
        """A new client; the latest of a name gets that peer's events."""
        client = Client(self.engine, session_id, peer_id)
        self.clients[peer_id] = client
        self.everyone.append(client)
        return client

    async def publisher(self, peer_id: str, *sources: Source, session_id: str = "session") -> Client:
        """A client with full grants that is connected for publishing."""
        client = self.client(peer_id, session_id)
        client.grant()
        await client.publish(*(sources or (Source.MICROPHONE, Source.CAMERA)))
        return client

    async def listener(self, peer_id: str, session_id: str = "session") -> Client:
        """A client that may only receive."""
        client = self.client(peer_id, session_id)
        client.grant(publish=frozenset())
        client.open()
        return client

    async def pair(self) -> tuple[Client, Client]:
        """A publisher whose sound and picture a listener is receiving."""
        anna = await self.publisher("anna")
        ben = await self.listener("ben")
        anna.send_audio()
        anna.send_video()
        await eventually(lambda: len(ben.offers) and len(ben.offers[-1].tracks) == 2, "no offer of two tracks")
        await ben.connected()
        await eventually(lambda: all(r["flows"] for r in self.receives("ben")), "nothing flows")
        anna.send_audio()
        anna.send_video()
        await eventually(lambda: len(ben.received) == 2, "the first packets did not arrive")
        return anna, ben

    def receives(self, peer_id: str) -> list[dict[str, object]]:
        """What the engine says it sends to a peer; for waiting only."""
        return list(self.engine.stats("session")[peer_id]["receives"])


def outline(packet: bytes) -> tuple[RtpHeader, bytes]:
    """Header and payload of a plain RTP packet."""
    header = decode_header(packet, len(packet))
    return header, packet[header.payload_start : header.payload_end]


def vp8(payload: bytes, picture: int, *, key: bool, tl0: int = 0) -> bytes:
    """A payload descriptor with a 15-bit picture id and TL0PICIDX, then the frame."""
    return struct.pack("!BBHBB", 0x90, 0xE0, 0x8000 | picture, tl0, 0x20) + bytes([0 if key else 1]) + payload


def vp9(payload: bytes, picture: int, *, key: bool, tl0: int = 0) -> bytes:
    """A descriptor in non-flexible mode with a 15-bit picture id and layer indices, then the frame."""
    return struct.pack("!BHBB", 0xAC | (0 if key else 0x40), 0x8000 | picture, 0, tl0) + payload


def av1(payload: bytes, *, key: bool) -> bytes:
    """An aggregation header that announces one element, then that."""
    return bytes([0x18 if key else 0x10]) + payload


def in_codec(offer: str, codec: str) -> str:
    """The same offer, with another codec in VP8's place."""
    parameters = {
        "vp9": "profile-id=0",
        "av1": "level-idx=5;profile=0;tier=0",
        "h264": "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42000A",
    }.get(codec)
    mapping = rf"a=rtpmap:\1 {codec.upper()}/90000"
    if parameters:
        mapping += rf"\r\na=fmtp:\1 {parameters}"
    return re.sub(r"a=rtpmap:(\d+) VP8/90000", mapping, offer)


def with_red(offer: str) -> str:
    """The same offer, whose sound may also come in RED (RFC 2198), as Chromium offers it."""
    lines = "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
    return re.sub(r"(?s)SAVPF 111\r\n(.*?a=rtpmap:111 [^\r]*\r\n)", rf"SAVPF 111 63\r\n\1{lines}", offer)


def without_red(sdp: str) -> str:
    """The same, as somebody writes it who does not know RED."""
    return re.sub(r"a=(rtpmap|fmtp):63 [^\r]*\r\n", "", sdp).replace("SAVPF 111 63\r\n", "SAVPF 111\r\n")


def red(payload: bytes, *before: tuple[int, bytes], carried: int = 111) -> bytes:
    """A RED payload: what came before, as (ticks ago, content), and the packet's own."""
    headers = [(0x80 | carried) << 24 | ticks << 10 | len(content) for ticks, content in before]
    return b"".join((*(one.to_bytes(4) for one in headers), bytes((carried,)), *(c for _, c in before), payload))


def publish_offer(transport: ClientTransport, sources: Mapping[str, Source], session: int = 1) -> str:
    """A browser-like offer that sends `sources` (mid to source)."""
    sections = "".join(_publish_section(mid, source) for mid, source in sources.items())
    fingerprint = transport.dtls.fingerprint
    return (
        f"v=0\r\no=- {session} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {' '.join(sources)}\r\n"
        f"a=ice-ufrag:{transport.ice.ufrag}\r\na=ice-pwd:{transport.ice.password}\r\n"
        f"a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\n{sections}"
    )


def _publish_section(mid: str, source: Source) -> str:
    ssrc = _SSRC[source]
    lines = [f"a=mid:{mid}", "a=sendonly", "a=rtcp-mux", "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level"]
    lines.append("a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01")
    if source.kind == "audio":
        lines[:0] = ["m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0"]
        lines += ["a=rtpmap:111 opus/48000/2", "a=rtcp-fb:111 transport-cc", f"a=ssrc:{ssrc} cname:x"]
    else:
        lines[:0] = ["m=video 9 UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0"]
        lines += ["a=rtpmap:96 VP8/90000", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "a=rtcp-fb:96 nack pli"]
        lines += [f"a=ssrc-group:FID {ssrc} {ssrc + _RTX_OFFSET}"]
        lines += [f"a=ssrc:{ssrc} cname:x", f"a=ssrc:{ssrc + _RTX_OFFSET} cname:x"]
    return "\r\n".join(lines) + "\r\n"


def answer_to(offer: str, transport: ClientTransport, *accepted: str) -> str:
    """Accept every m-line of a subscribe offer, and the lines of it that begin with one of `accepted`."""
    head, *sections = offer.split("\r\nm=")
    bundle = _find(r"a=group:BUNDLE ([^\r\n]+)", head)
    text = (
        f"v=0\r\no=- 7 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {bundle}\r\n"
        f"a=ice-ufrag:{transport.ice.ufrag}\r\na=ice-pwd:{transport.ice.password}\r\n"
        f"a=fingerprint:sha-256 {transport.dtls.fingerprint}\r\na=setup:active"
    )
    keep = ("a=mid:", "a=rtcp-mux", "a=rtpmap:", "a=fmtp:", "c=", *accepted)
    for section in sections:
        first, *lines = section.split("\r\n")
        direction = "a=recvonly" if "a=sendonly" in lines else "a=inactive"
        kept = [line for line in lines if line.startswith(keep)]
        text += "\r\nm=" + "\r\n".join([first, *kept, direction])
    return text + "\r\n"


def _find(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, pattern
    return match[1]


__all__ = ["EVERYTHING", "Client", "ClientTransport", "Clock", "EngineTestCase", "eventually"]


def watch_offer(transport: ClientTransport, *kinds: str, audio_type: int = 109, video_type: int = 120) -> str:
    """An offer to receive, as a client of WHEP makes it: payload types of its own, no signalling around it."""
    sections = []
    for mid, kind in enumerate(kinds):
        name, number = ("opus/48000/2", audio_type) if kind == "audio" else ("VP8/90000", video_type)
        formats = f"{number}" if kind == "audio" else f"{number} {number + 1}"
        lines = [f"m={kind} 9 UDP/TLS/RTP/SAVPF {formats}", "c=IN IP4 0.0.0.0", f"a=mid:{mid}", "a=recvonly"]
        lines += ["a=rtcp-mux", f"a=rtpmap:{number} {name}", f"a=rtcp-fb:{number} nack", f"a=rtcp-fb:{number} nack pli"]
        if kind == "video":
            lines += [f"a=rtpmap:{number + 1} rtx/90000", f"a=fmtp:{number + 1} apt={number}"]
        sections.append("\r\n".join(lines) + "\r\n")
    return (
        f"v=0\r\no=- 9 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {' '.join(map(str, range(len(kinds))))}\r\n"
        f"a=ice-ufrag:{transport.ice.ufrag}\r\na=ice-pwd:{transport.ice.password}\r\n"
        f"a=fingerprint:sha-256 {transport.dtls.fingerprint}\r\na=setup:actpass\r\n{''.join(sections)}"
    )
