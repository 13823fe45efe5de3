"""Sends one request and reads one answer, whatever the other side does.

A name is resolved once for each connection, every address that it leads to is judged, and the connection goes to the
address that was judged, with the name in SNI, certificate check and `Host`: a second look-up that says something else
changes nothing. Redirects are answers like any other and are never followed. Everything has one deadline, and an answer
that is too long is not read to its end.

Runs on whichever event loop calls it and belongs to that loop. Knows no database: callers bring the allowances.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import h11

from meetings.outgoing.destinations import Allowances, Destination, IPAddress, plain

MOST_HEADER_BYTES: Final = 16 * 1024
MOST_BODY_BYTES: Final = 16 * 1024
MOST_ADDRESSES: Final = 4
SLOTS_PER_ORIGIN: Final = 16
MOST_IDLE_PER_ORIGIN: Final = 8
IDLE_SECONDS: Final = 15.0
CONNECTION_SECONDS: Final = 300.0
RESOLVER_THREADS: Final = 8
READ_BYTES: Final = 16 * 1024

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class OutgoingFailed(Exception):
    """There is no answer. `code` is stable: refused, dns, connect, tls, deadline, too_large, bad_answer, busy.

    `message` is a sentence for administrators. It repeats nothing of what the other side said.
    """

    def __init__(self, code: str, message: str, timing: Timing | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.timing = timing


@dataclass
class Timing:
    """Seconds since the request was made; None: not reached. On a kept connection nothing before `sent` is reached."""

    resolved: float | None = None
    connected: float | None = None
    secured: float | None = None
    sent: float | None = None
    answered: float | None = None


@dataclass(frozen=True)
class Answer:
    """What came back, of any status. `headers` have lower-case names; of several with one name the last counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    address: str
    timing: Timing


@dataclass
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    address: IPAddress
    made_at: float
    idle_since: float = 0.0
    reused: bool = False
    heard: bool = False
    http: h11.Connection = field(
        default_factory=lambda: h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEADER_BYTES)
    )

    def close(self) -> None:
        # Not `close`: that waits for the other side's goodbye, which may never come.
        self.writer.transport.abort()


class Outgoing:
    """One loop's way out, with the connections that it keeps. Close it with `aclose`.

    tls: what certificates are checked against; the system's authorities unless a test brings its own.
    """

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = ThreadPoolExecutor(RESOLVER_THREADS, "outgoing-dns")
        self._resolve = resolve or self._look_up
        self._tls = tls
        self._clock = clock
        self._idle: dict[str, list[_Connection]] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._waiting: Counter[str] = Counter()

    async def aclose(self) -> None:
        """Drops what is kept. Requests that still run end by their own deadline."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()
        self._resolver.shutdown(wait=False, cancel_futures=True)

    async def post(
        self,
        destination: Destination,
        body: bytes,
        headers: Mapping[str, str],
        *,
        allowances: Allowances,
        deadline_seconds: float,
        most_bytes: int = MOST_BODY_BYTES,
    ) -> Answer:
        """POSTs and returns the answer. Raises `OutgoingFailed`, and nothing else, after at most `deadline_seconds`.

        Waiting for a free slot counts. Nothing is sent to an address that `allowances` do not allow at this moment.
        """
        started, timing = self._clock(), Timing()
        try:
            if why := allowances.why_not(destination):
                raise OutgoingFailed("refused", why)
            async with asyncio.timeout(deadline_seconds), self._slot(destination):
                return await self._post(destination, body, headers, allowances, most_bytes, started, timing)
        except OutgoingFailed as failed:
            failed.timing = timing
            raise
        except TimeoutError:
            words = f"There was no whole answer within {deadline_seconds:g} seconds."
            raise OutgoingFailed("deadline", words, timing) from None
        except ssl.SSLCertVerificationError as error:
            words = f"The certificate can’t be trusted: {error.verify_message}."
            raise OutgoingFailed("tls", words, timing) from error
        except ssl.SSLError as error:
            raise OutgoingFailed("tls", f"TLS failed ({error.reason or 'unknown'}).", timing) from error
        except OSError as error:
            words = f"The connection failed ({error.strerror or type(error).__name__})."
            raise OutgoingFailed("connect", words, timing) from error
        except (h11.RemoteProtocolError, EOFError) as error:
            raise OutgoingFailed("bad_answer", "What came back is not an HTTP answer.", timing) from error

    async def _post(
        self,
        destination: Destination,
        body: bytes,
        headers: Mapping[str, str],
        allowances: Allowances,
        most_bytes: int,
        started: float,
        timing: Timing,
    ) -> Answer:
        while True:
            connection = self._kept(destination, allowances)
            if connection is None:
                connection = await self._connect(destination, allowances, started, timing)
            try:
                answer = await self._exchange(connection, destination, body, headers, most_bytes, started, timing)
            except (OSError, EOFError, h11.RemoteProtocolError):
                connection.close()
                if connection.reused and not connection.heard:
                    continue  # the other side had closed what we kept, before it saw the request
                raise
            except BaseException:
                connection.close()
                raise
            self._keep(destination, connection)
            return answer

    @contextlib.asynccontextmanager
    async def _slot(self, destination: Destination) -> AsyncIterator[None]:
        """So many requests at once to one place: a service that stalls holds up nobody else's."""
        origin = destination.origin
        slots = self._slots.setdefault(origin, asyncio.Semaphore(SLOTS_PER_ORIGIN))
        self._waiting[origin] += 1
        try:
            async with slots:
                yield
        finally:
            self._waiting[origin] -= 1
            if not self._waiting[origin]:
                del self._waiting[origin], self._slots[origin]

    # Connections

    def _kept(self, destination: Destination, allowances: Allowances) -> _Connection | None:
        """An idle connection that may still be used, judged by what is allowed now."""
        connections = self._idle.get(destination.origin, [])
        now = self._clock()
        while connections:
            connection = connections.pop()
            fresh = now - connection.idle_since < IDLE_SECONDS and now - connection.made_at < CONNECTION_SECONDS
            allowed = not allowances.why_not_address(destination, connection.address)
            if fresh and allowed and not connection.reader.at_eof() and not connection.writer.is_closing():
                connection.reused, connection.heard = True, False
                return connection
            connection.close()
        self._idle.pop(destination.origin, None)
        return None

    def _keep(self, destination: Destination, connection: _Connection) -> None:
        http = connection.http
        ours, theirs = http.our_state, http.their_state
        kept = self._idle.setdefault(destination.origin, [])
        if ours is h11.DONE and theirs is h11.DONE and not http.trailing_data[0] and len(kept) < MOST_IDLE_PER_ORIGIN:
            http.start_next_cycle()
            connection.idle_since = self._clock()
            kept.append(connection)
        else:
            connection.close()

    async def _connect(
        self, destination: Destination, allowances: Allowances, started: float, timing: Timing
    ) -> _Connection:
        addresses = await self._addresses(destination, allowances)
        timing.resolved = self._clock() - started
        loop = asyncio.get_running_loop()
        for address in addresses:
            family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
            end = socket.socket(family, socket.SOCK_STREAM)
            end.setblocking(False)
            try:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await loop.sock_connect(end, (str(address), destination.port))
                break
            except OSError:
                end.close()
                if address == addresses[-1]:
                    raise
            except BaseException:
                end.close()
                raise
        timing.connected = self._clock() - started
        secure: dict[str, Any] = {}
        if destination.scheme == "https":
            secure = {"ssl": self._trust(), "server_hostname": destination.host}
        try:
            reader, writer = await asyncio.open_connection(sock=end, limit=READ_BYTES, **secure)
        except BaseException:
            end.close()
            raise
        if secure:
            timing.secured = self._clock() - started
        return _Connection(reader, writer, address, self._clock())

    async def _addresses(self, destination: Destination, allowances: Allowances) -> list[IPAddress]:
        """Where the name leads, all of it allowed. One address that is not spoils the others: names that point both
        outside and inside are how guards are tricked.
        """
        if destination.address is not None:
            found: Sequence[str] = [destination.host]
        else:
            try:
                found = await self._resolve(destination.host, destination.port)
            except OSError as error:
                raise OutgoingFailed("dns", allowances.nowhere(destination.host)) from error
        try:
            addresses = list(dict.fromkeys(ipaddress.ip_address(text) for text in found))
        except ValueError as error:
            raise OutgoingFailed("dns", f"The addresses of {destination.host} can’t be used.") from error
        if not addresses:
            raise OutgoingFailed("dns", allowances.nowhere(destination.host))
        for address in addresses:
            if why := allowances.why_not_address(destination, address):
                raise OutgoingFailed("refused", why)
        return [plain(address) for address in addresses[:MOST_ADDRESSES]]

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._resolver, socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)
        # A scope (fe80::1%eth0) names an interface of this machine: such an address is refused as it stands.
        return [str(sockaddr[0]) for _, _, _, _, sockaddr in found]

    def _trust(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._tls

    # One request

    async def _exchange(
        self,
        connection: _Connection,
        destination: Destination,
        body: bytes,
        headers: Mapping[str, str],
        most_bytes: int,
        started: float,
        timing: Timing,
    ) -> Answer:
        http, writer = connection.http, connection.writer
        lines = [("Host", destination.authority), *headers.items(), ("Content-Length", str(len(body)))]
        request = h11.Request(method="POST", target=destination.path, headers=lines)
        writer.write(b"".join(http.send(event) or b"" for event in (request, h11.Data(body), h11.EndOfMessage())))
        await writer.drain()
        timing.sent = self._clock() - started
        response: h11.Response | None = None
        content = bytearray()
        while True:
            event = await self._next(connection)
            if isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                content += event.data
                if len(content) > most_bytes:
                    raise OutgoingFailed("too_large", f"The answer is longer than {most_bytes} bytes.")
            elif isinstance(event, h11.EndOfMessage) and response is not None:
                break
            elif not isinstance(event, h11.InformationalResponse):
                raise EOFError
        timing.answered = self._clock() - started
        return Answer(
            response.status_code,
            MappingProxyType({name.decode(): value.decode("latin-1") for name, value in response.headers}),
            bytes(content),
            str(connection.address),
            timing,
        )

    @staticmethod
    async def _next(connection: _Connection) -> Any:
        while (event := connection.http.next_event()) is h11.NEED_DATA:
            data = await connection.reader.read(READ_BYTES)
            connection.heard = connection.heard or bool(data)
            connection.http.receive_data(data)
        return event
