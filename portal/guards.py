"""What one connection may cost us: Daphne's HTTP and WebSocket protocols with limits on time, size and memory.

Daphne restarts its idle timer with every byte, keeps whole bodies, and buffers what a slow reader doesn't fetch.
Here each of these ends at a number in `Limits`. Knows Twisted and Daphne; nothing of Django or meetings.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from daphne.http_protocol import WebRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import interfaces, reactor
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web import http
from zope.interface import implementer

from meetings import budgets
from meetings.network import source_of
from meetings.signaling.rates import AddressCounts
from portal.pace import Pace


@dataclass(frozen=True)
class Limits:
    """Numbers that bound one connection or one client address."""

    header_deadline_s: float = 5.0
    body_deadline_s: float = 30.0
    idle_s: float = 60.0
    body_bytes: int = 2 * 1024 * 1024
    message_bytes: int = 512 * 1024
    queued_send_bytes: int = 1024 * 1024
    queued_messages: int = 64
    connections_per_address: int = budgets.CONNECTIONS.most
    opening_per_address: int = budgets.OPENING_CONNECTIONS.most
    requests: budgets.Rate = budgets.HTTP_REQUESTS.rate
    discard_s: float = 3.0
    ping_interval_s: int = 10
    ping_timeout_s: int = 10


PLAIN_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>%(title)s</title>
<h1>%(title)s</h1><p>%(body)s</p></html>
"""


class GuardedRequest(WebRequest):  # type: ignore[misc]
    """A request whose body is counted while it comes in, also when it comes in chunks of unknown number."""

    received_bytes = 0
    error_template = PLAIN_PAGE

    def process(self) -> Any:
        # Daphne lets any client set the prefix of every link by this header; nobody before us has a reason to.
        self.requestHeaders.removeHeader(b"daphne-root-path")
        for name, values in self.requestHeaders.getAllRawHeaders():
            # RFC 6455 section 4.1: tokens and base64 only. Daphne fails on anything else, with a traceback.
            if name.lower().startswith(b"sec-websocket-") and not all(value.isascii() for value in values):
                self.basic_error(400, b"Bad Request", "Invalid header value")
                return None
        return super().process()

    def handleContentChunk(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if self.received_bytes > self.channel.limits.body_bytes:
            self.channel.refuse(413, b"Content Too Large")
            return
        super().handleContentChunk(data)

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        """Daphne's own error page, with our headers: it never passes the middlewares."""
        self.responseHeaders.setRawHeaders(b"content-security-policy", [b"default-src 'none'; frame-ancestors 'none'"])
        self.responseHeaders.setRawHeaders(b"x-content-type-options", [b"nosniff"])
        self.responseHeaders.setRawHeaders(b"cache-control", [b"no-store"])
        super().basic_error(status, status_text, body)


class GuardedChannel(http.HTTPChannel):
    """One connection before it becomes a WebSocket. `phase` says what is being waited for."""

    requestFactory = GuardedRequest
    maxHeaders = 100
    limits: Limits
    opening: AddressCounts
    pace: Pace | None
    # opening (first header) · headers · body · answering · idle · refused
    phase = "opening"
    _begun = False

    def __init__(self) -> None:
        super().__init__()
        self._deadline: Any = None
        self._address = ""
        self._unread: list[bytes] = []
        self._next: Any = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self._address = source_of(address_of(self.transport))
        is_one_too_many = not self.opening.has_room(self._address, self.limits.opening_per_address)
        self.opening.come(self._address)
        self._expect_within(self.limits.header_deadline_s)
        if is_one_too_many:
            self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        if self.phase == "refused":
            return  # read and thrown away, so that the client gets to see our answer
        if self._next is not None:
            self._unread.append(data)
            return
        if (self.phase == "opening" and not self._begun) or self.phase == "idle":
            self._begun = True
            if self.pace is not None and (wait := self.pace.seconds_to_wait(self._address, time.monotonic())):
                self._unread.append(data)
                self._wait(wait)
                return
        self._read(data)

    def _read(self, data: bytes) -> None:
        if self.phase == "idle":
            self.phase = "headers"
            self._expect_within(self.limits.header_deadline_s)
        super().dataReceived(data)

    def _wait(self, seconds: float) -> None:
        """Reads nothing of this connection meanwhile: what it sends stays in the network."""
        self._expect_nothing()
        if seconds == math.inf:
            self.transport.abortConnection()
            return
        self.transport.pauseProducing()
        self._next = reactor.callLater(seconds, self._go_on)

    def _go_on(self) -> None:
        self._next = None
        data, self._unread = b"".join(self._unread), []
        self.transport.resumeProducing()
        self._expect_within(self.limits.header_deadline_s)
        self._read(data)

    def lineReceived(self, line: bytes) -> None:
        # RFC 9112 section 5.2: a folded header line is refused; two programs may read it differently.
        if line[:1] in (b" ", b"\t"):
            self._respondToBadRequestAndDisconnect()
            return
        super().lineReceived(line)

    def rawDataReceived(self, data: bytes) -> None:
        if self.phase != "refused":
            super().rawDataReceived(data)

    def headerReceived(self, line: bytes) -> bool:
        name, _, value = line.partition(b":")
        # "identity" left HTTP with RFC 7230; whoever sends it wants two programs to disagree about the body.
        if name.strip().lower() == b"transfer-encoding" and value.strip().lower() != b"chunked":
            self._respondToBadRequestAndDisconnect()
            return False
        return bool(super().headerReceived(line))

    def allHeadersReceived(self) -> None:
        self._opened()
        if self.length is not None and self.length > self.limits.body_bytes:
            self.refuse(413, b"Content Too Large")
            return
        self.phase = "body"
        self._expect_within(self.limits.body_deadline_s)
        super().allHeadersReceived()

    def allContentReceived(self) -> None:
        if self.phase == "refused":
            return
        self.phase = "answering"
        self._expect_nothing()
        super().allContentReceived()

    def requestDone(self, request: Any) -> None:
        self.phase = "idle"
        if request.code == HTTPStatus.TOO_MANY_REQUESTS and self.pace is not None:
            self.pace.was_refused(self._address, time.monotonic())
        super().requestDone(request)

    def connectionLost(self, reason: Any) -> None:
        self._opened()
        self._expect_nothing()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        super().connectionLost(reason)

    def refuse(self, status: int, text: bytes) -> None:
        """Answers at once, reads no more into memory, and closes soon."""
        if self.phase == "refused":
            return
        self.phase = "refused"
        self.setTimeout(None)
        self.transport.write(
            b"HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: 0\r\n"
            b"X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\r\n" % (status, text)
        )
        # Closing with unread bytes in the kernel would reset the connection before the client reads the answer.
        self._expect_within(self.limits.discard_s)

    def _opened(self) -> None:
        if self.phase == "opening":
            self.phase = "headers"
            self.opening.go(self._address)

    def _expect_within(self, seconds: float) -> None:
        self._expect_nothing()
        self._deadline = reactor.callLater(seconds, self._too_late)

    def _expect_nothing(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        self.transport.abortConnection()


class GuardedHTTPFactory(http.HTTPFactory):
    """Makes `GuardedChannel`s. Speaks HTTP/1.1 only: WebSockets can't be had over a negotiated HTTP/2."""

    protocol = GuardedChannel

    def __init__(self, server: Any, limits: Limits, unlimited: Callable[[str], bool]) -> None:
        super().__init__(timeout=limits.idle_s)
        self.server = server
        self.limits = limits
        self.unlimited = unlimited
        self.opening = AddressCounts()
        self.pace = Pace(limits.requests)

    def buildProtocol(self, addr: Any) -> Any:
        channel = super().buildProtocol(addr)
        channel.limits = self.limits
        channel.opening = self.opening
        channel.pace = None if self.unlimited(str(getattr(addr, "host", ""))) else self.pace
        return channel

    def log(self, request: Any) -> None:
        """The server logs requests itself, without what is secret in them."""


class AddressLimit(WrappingFactory):  # type: ignore[type-arg]
    """Closes connections of an address that already holds too many. Trusted proxies stand for many people."""

    def __init__(self, wrapped: Any, limits: Limits, unlimited: Callable[[str], bool]) -> None:
        super().__init__(wrapped)
        self.limits = limits
        self.unlimited = unlimited
        self.held = AddressCounts()

    def buildProtocol(self, addr: Any) -> Any:
        host = str(getattr(addr, "host", ""))
        if not self.held.has_room(source_of(host), self.limits.connections_per_address) and not self.unlimited(host):
            return None
        return super().buildProtocol(addr)

    def registerProtocol(self, p: Any) -> None:
        super().registerProtocol(p)
        self.held.come(source_of(address_of(p)))

    def unregisterProtocol(self, p: Any) -> None:
        super().unregisterProtocol(p)
        self.held.go(source_of(address_of(p)))


def address_of(transport: Any) -> str:
    return str(getattr(transport.getPeer(), "host", ""))


@implementer(interfaces.IPushProducer)
class SendBudget:
    """Counts what waits behind a full socket buffer. The transport pauses us when it holds 64 KiB, and resumes."""

    def __init__(self) -> None:
        self.paused = False
        self.queued_bytes = 0

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        self.queued_bytes = 0

    def stopProducing(self) -> None:
        self.paused = True

    def spend(self, size: int) -> int:
        """Counts `size` bytes more; returns how many wait now."""
        if self.paused:
            self.queued_bytes += size
        return self.queued_bytes


class Inbox(asyncio.Queue[dict[str, Any]]):
    """Messages that the application has not taken yet. `relieved` is called when it has caught up."""

    def __init__(self) -> None:
        super().__init__()
        self.relieved: Callable[[], None] | None = None

    async def get(self) -> dict[str, Any]:
        message = await super().get()
        if self.relieved is not None and self.qsize() == 0:
            self.relieved()
        return message


class GuardedSocket(WebSocketProtocol):  # type: ignore[misc]
    """A WebSocket that can neither fill our memory by not reading nor by sending faster than it's served."""

    limits: Limits

    def connectionMade(self) -> None:
        self.budget = SendBudget()
        self._held_back = False
        super().connectionMade()
        self.transport.unregisterProducer()  # the HTTP channel's, which is done with this connection
        self.transport.registerProducer(self.budget, True)

    def applicationCreateWorked(self, application_queue: Any) -> None:
        if isinstance(application_queue, Inbox):
            application_queue.relieved = self._take_more
        super().applicationCreateWorked(application_queue)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        super().onMessage(payload, isBinary)
        if not self._held_back and self.application_queue.qsize() > self.limits.queued_messages:
            self._held_back = True
            self.transport.pauseProducing()

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        """A handshake that autobahn refused by itself never became one of the server's connections."""
        if hasattr(self, "server"):
            super().onClose(wasClean, code, reason)

    def _take_more(self) -> None:
        if self._held_back:
            self._held_back = False
            self.transport.resumeProducing()

    def sendMessage(self, payload: bytes, *args: Any, **kwargs: Any) -> None:
        if self.budget.spend(len(payload)) > self.limits.queued_send_bytes:
            self.server.log_action("websocket", "too slow", {"path": self.path.decode("ascii", "replace")})
            self.transport.abortConnection()
            return
        super().sendMessage(payload, *args, **kwargs)

    def serverClose(self, code: int | None = None) -> None:
        """Closes with any registered code; autobahn's own `sendClose` knows 1000 and 3000 to 4999 only."""
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=code or 1000, isReply=False)

    def go_away(self) -> None:
        """Says that the server restarts (RFC 6455 section 7.4.2 registry: 1012), so that the client comes back."""
        if self.state == self.STATE_OPEN:
            self.serverClose(1012)
        elif self.state == self.STATE_CONNECTING:
            self.transport.abortConnection()


class GuardedSocketFactory(WebSocketFactory):  # type: ignore[misc]
    protocol = GuardedSocket

    def __init__(self, server: Any, limits: Limits) -> None:
        super().__init__(server, server="")
        self.limits = limits
        self.setProtocolOptions(
            autoPingTimeout=limits.ping_timeout_s,
            allowNullOrigin=True,  # portal.sockets decides about origins, with exact names
            openHandshakeTimeout=limits.header_deadline_s,
            maxMessagePayloadSize=limits.message_bytes,
            maxFramePayloadSize=limits.message_bytes,
            utf8validateIncoming=True,
        )

    def buildProtocol(self, addr: Any) -> Any:
        socket = super().buildProtocol(addr)
        socket.limits = self.limits
        return socket


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def among(host: str, networks: tuple[Network, ...]) -> bool:
    """Whether an address text lies in one of the networks; False for anything that is no address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def behind_proxy(scope: dict[str, Any], trusted: tuple[Network, ...]) -> dict[str, Any]:
    """The scope as the visitor caused it: what a trusted proxy forwarded is applied, and forwarding headers go away.

    From anybody else those headers are taken off unread. The last address that isn't a trusted proxy's is the client:
    everything to its left was written by the client itself.
    """
    forwarded_for: list[str] = []
    scheme = ""
    kept = []
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            forwarded_for += [part.strip() for part in value.decode("latin1").split(",")]
        elif name == b"x-forwarded-proto":
            scheme = value.decode("latin1").strip().lower()
        elif not name.startswith(b"x-forwarded-") and name not in (b"forwarded", b"x-real-ip"):
            kept.append((name, value))
    scope["headers"] = kept
    client = scope.get("client")
    if not client or not among(client[0], trusted):
        return scope
    for address in reversed(forwarded_for):
        if among(address, trusted):
            continue
        if _is_address(address):
            scope["client"] = [address, 0]
        break
    if scheme in ("http", "https"):
        scope["scheme"] = {"http": "http", "https": "https"}[scheme]
        if scope["type"] == "websocket":
            scope["scheme"] = {"http": "ws", "https": "wss"}[scheme]
    return scope


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


__all__ = [
    "AddressLimit",
    "GuardedHTTPFactory",
    "GuardedSocket",
    "GuardedSocketFactory",
    "Inbox",
    "Limits",
    "ProtocolWrapper",
    "among",
    "behind_proxy",
]
