"""ICE-TCP (RFC 6544): connections that carry what datagrams carry, one frame each (RFC 4571), where no UDP gets out.

We only listen (passive candidates). A connection is nobody's until a binding request on it has been authenticated; from
then on it is one more address of that transport, with the same checks, DTLS and SRTP. Knows framing, limits and
deadlines; what is in a frame `mux.py` decides.
"""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from media_engine.config import EngineConfig
from media_engine.datagrams import HEAD, StreamAddress
from media_engine.native import DATAGRAM_BYTES, Memory
from media_engine.records import Slot
from media_engine.srtp import TRAILER_BYTES

_FRAMES_A_TURN = 64
_TURN_SECONDS = 0.002
"""After so many frames the others have theirs: who sends more is read no faster."""
_UNPROVEN_FRAMES = 16
_UNSENT_BYTES = 32 * 1024
_NO_LINGER = struct.pack("ii", 1, 0)
_LENGTH_BYTES = 2


def whole_frames(data: bytes | bytearray, most: int) -> list[tuple[int, int]]:
    """Where each of at most `most` frames at the beginning of `data` starts, behind its length, and where it ends.

    One that has not come whole is not among them. Raises ValueError for one longer than a datagram may be.
    """
    frames: list[tuple[int, int]] = []
    start, size = _LENGTH_BYTES, len(data)
    while len(frames) < most and start <= size:
        end = start + (data[start - 2] << 8 | data[start - 1])
        if end - start >= DATAGRAM_BYTES:
            raise ValueError("a frame is longer than a datagram may be")
        if end > size:
            break
        frames.append((start, end))
        start = end + _LENGTH_BYTES
    return frames


class FrameOwner(Protocol):
    """What takes the frames."""

    def take_frame(self, slot: Slot) -> bool:
        """A frame has come. Whether its source is some transport's address now."""

    def after_frames(self) -> None:
        """Everything that had come together has been taken."""

    def lose_stream(self, address: StreamAddress) -> None:
        """The connection is gone."""


class Stream(asyncio.Protocol):
    """One connection. `send` drops what a reader is too slow for, and `Streams` hangs up on who stays too slow."""

    def __init__(self, streams: "Streams") -> None:
        self._streams = streams
        self._received = bytearray()
        self._transport: Any = None
        self._turn: asyncio.TimerHandle | None = None
        self._is_paused = False
        self._frames = 0
        self.full_since = 0.0
        """Since when nothing more fits; 0 while something does."""
        self.opened_at = 0.0
        self.is_proven = False
        self.address: StreamAddress | None = None

    @property
    def host(self) -> str:
        """Who has connected."""
        return self.address[0] if self.address is not None else ""

    def connection_made(self, transport: Any) -> None:
        """Wait for a binding request, unless there are too many that wait."""
        self._transport = transport
        peer = transport.get_extra_info("peername") or ("", 0)
        self.address = StreamAddress(str(peer[0]).partition("%")[0], int(peer[1]), self)
        sock = transport.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # What waits in the kernel can't be dropped any more, and comes late.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        self._streams.add(self)

    def data_received(self, data: bytes) -> None:
        """Take the frames that are whole."""
        self._received += data
        if self._turn is None:
            self._take()

    def _take(self) -> None:
        self._turn = None
        streams, received = self._streams, self._received
        try:
            frames = whole_frames(received, _FRAMES_A_TURN)
        except ValueError:
            streams.dropped["tcp_oversized"] += 1
            self.abort()
            return
        for start, end in frames:
            if not streams.take(self, received[start:end]):
                break
        streams.owner.after_frames()
        if self._transport is None:
            return
        if frames:
            del received[: frames[-1][1]]
        has_more = len(frames) == _FRAMES_A_TURN
        if has_more:
            self._turn = asyncio.get_running_loop().call_later(_TURN_SECONDS, self._take)
        if has_more != self._is_paused:
            self._is_paused = has_more
            (self._transport.pause_reading if has_more else self._transport.resume_reading)()

    def may_go_on(self, is_proven: bool) -> bool:
        """Count a frame. Whether more are taken: strangers have a few to authenticate a binding request."""
        self._frames += 1
        if is_proven and not self.is_proven:
            self.is_proven = True
            self._streams.prove(self)
        return self.is_proven or self._frames < _UNPROVEN_FRAMES

    def send(self, datagram: bytes | memoryview) -> None:
        """Send one frame, or drop it: media that waits is worse than media that is lost."""
        transport, streams = self._transport, self._streams
        if transport is None:
            return
        if self.is_full:
            streams.dropped["send_full"] += 1
            self.full_since = self.full_since or streams.clock()
            return
        self.full_since = 0.0
        transport.write(b"".join((len(datagram).to_bytes(_LENGTH_BYTES), datagram)))

    @property
    def is_full(self) -> bool:
        """Whether what waits to be sent is all that may."""
        return self._transport is not None and self._transport.get_write_buffer_size() > self._streams.most_unsent

    def abort(self) -> None:
        """Hang up. What has not reached the other side is not sent any more, by the kernel neither."""
        transport, self._transport = self._transport, None
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()
        self._streams.remove(self)

    def connection_lost(self, error: Exception | None) -> None:
        """The other side, or the network, has hung up."""
        self._transport = None
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        self._streams.remove(self)


class Streams:
    """The TCP port and the connections to it."""

    def __init__(
        self, config: EngineConfig, owner: FrameOwner, dropped: dict[str, int], clock: Callable[[], float]
    ) -> None:
        self._config = config
        self.owner = owner
        self.dropped = dropped
        self.clock = clock
        self.most_unsent = config.max_unsent_tcp_bytes
        self._server: asyncio.Server | None = None
        memory = Memory(DATAGRAM_BYTES + TRAILER_BYTES)
        self._slot = Slot(self, 0, memory.view, memory.place)
        self._source: StreamAddress | None = None
        """Whose frame is being taken."""
        self._open: set[Stream] = set()
        self._unproven: dict[Stream, None] = {}
        self.port = 0
        """0 while nobody listens."""

    def __len__(self) -> int:
        return len(self._open)

    async def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen, if that is wanted. Raises OSError with a sentence that an operator can act on."""
        host, port = self._config.host, self._config.tcp_port
        if port is None:
            return
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = None
        try:
            # Loops would have IPv6 alone on a socket for both.
            sock = socket.create_server((host, port), family=family, backlog=128, dualstack_ipv6=host == "::")
            self._server = await loop.create_server(lambda: Stream(self), sock=sock, backlog=128)
        except (OSError, OverflowError) as error:
            if sock is not None:
                sock.close()
            reason = getattr(error, "strerror", None) or str(error)
            number = getattr(error, "errno", None)
            raise OSError(number, f"Cannot open TCP port {port} on {host} for media: {reason}") from error
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Hang up on everybody and release the port."""
        if self._server is not None:
            self._server.close()
            self._server, self.port = None, 0
        for stream in tuple(self._open):
            stream.abort()

    def add(self, stream: Stream) -> None:
        """A connection was made. Where too many are nobody's yet, one of whoever has the most of them makes room."""
        if self._server is None:
            stream.abort()
            return
        stream.opened_at = self.clock()
        self._open.add(stream)
        if len(self._unproven) >= self._config.max_unproven_tcp_connections:
            hosts = Counter(waiting.host for waiting in self._unproven)
            ((busiest, _),) = hosts.most_common(1)
            self.dropped["tcp_unproven"] += 1
            next(waiting for waiting in self._unproven if waiting.host == busiest).abort()
        self._unproven[stream] = None

    def prove(self, stream: Stream) -> None:
        """A binding request on this connection was authenticated."""
        self._unproven.pop(stream, None)

    def remove(self, stream: Stream) -> None:
        """A connection is gone."""
        self._unproven.pop(stream, None)
        if stream in self._open:
            self._open.discard(stream)
            if stream.address is not None:
                self.owner.lose_stream(stream.address)

    def take(self, stream: Stream, frame: bytearray) -> bool:
        """Pass on one frame of `stream`. False when the connection has ended over it."""
        if not frame:
            return stream.may_go_on(False) or self._give_up(stream)
        slot = self._slot
        self._source, slot.size = stream.address, len(frame)
        slot.view[: slot.size] = frame
        slot.first, slot.second, slot.ssrc = HEAD.unpack_from(slot.view)
        is_proven = self.owner.take_frame(slot)
        if stream in self._open and not stream.may_go_on(is_proven):
            return self._give_up(stream)
        return stream in self._open

    def source(self, number: int) -> StreamAddress:
        """Whose connection the frame in the slot came on."""
        assert self._source is not None  # noqa: S101 - set with every frame
        return self._source

    def _give_up(self, stream: Stream) -> bool:
        self.dropped["tcp_unproven"] += 1
        stream.abort()
        return False

    def tick(self, now: float) -> None:
        """Hang up on strangers who say nothing, and on readers who have been too slow for too long."""
        config = self._config
        for stream in tuple(self._unproven):
            if now - stream.opened_at > config.prove_tcp_within_seconds:
                self._give_up(stream)
        for stream in tuple(self._open):
            if stream.full_since and not stream.is_full:
                stream.full_since = 0.0
            if stream.full_since and now - stream.full_since > config.slow_tcp_reader_seconds:
                self.dropped["tcp_slow"] += 1
                stream.abort()
