"""Many datagrams per system call: `recvmmsg` and `sendmmsg`, and their message tables.

Knows nothing of what is in a datagram. A system call costs more than the work on one packet: so what one wake-up of the
port brings is read by one call, and what becomes of it leaves by one call, in runs of equal size that the kernel cuts
into datagrams (UDP_SEGMENT, Linux 4.18). Platforms without these calls do the same one by one.
"""

import contextlib
import errno
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from time import time_ns
from typing import Any, Final, NamedTuple

from media_engine import native
from media_engine.native import DATAGRAM_BYTES, Memory
from media_engine.records import Slot


class StreamAddress(NamedTuple):
    """The other end of a connection (`streams.Stream`), which is where it can be reached and nowhere else."""

    host: str
    port: int
    stream: Any


Address = tuple[str, int] | StreamAddress

_inner: Final[Any] = native.inner
SEND_BYTES: Final = 192 * 1024
_MESSAGES: Final = 160

# struct mmsghdr: name and its length, vectors and their number, control data and their length, flags; length received.
_MESSAGE: Final = struct.Struct("@PIPNPNi0PI0P")
_VECTOR: Final = struct.Struct("@PN")
_CONTROL: Final = struct.Struct("@Nii")
_WORD: Final = struct.calcsize("P")
_SPACE: Final = _CONTROL.size + _WORD
"""Of one control message of one number."""
_MESSAGE_WORDS: Final = _MESSAGE.size // _WORD
_LENGTH_AT: Final = struct.calcsize("@PIPNPNi0P") // 4
_LENGTH_STEP: Final = _MESSAGE.size // 4
_CONTROL_BYTES: Final = 32
_NAME_BYTES: Final = 32
_UDP_SEGMENT: Final = 103
_DONTWAIT: Final = socket.MSG_DONTWAIT
_FULL: Final = (errno.EAGAIN, errno.ENOBUFS)
HEAD: Final = struct.Struct("!BB6xI")
"""`Slot.first`, `second` and `ssrc`."""
_SO_TIMESTAMPNS: Final = 35
_TIMESTAMP: Final = int.from_bytes(struct.pack("@ii", socket.SOL_SOCKET, _SO_TIMESTAMPNS), sys.byteorder)

MANY = native.recvmmsg is not None and native.sendmmsg is not None
"""Whether this platform has the calls for many datagrams."""


class Destination:
    """An address as people write it and as the kernel reads it."""

    __slots__ = ("address", "name", "name_address", "stream")

    def __init__(self, address: Address) -> None:
        self.address = address
        self.stream: Any = address.stream if isinstance(address, StreamAddress) else None
        self.name = _socket_name(address)
        self.name_address = native.address_of_bytes(self.name)


def _socket_name(address: Address) -> bytes:
    """struct sockaddr_in or sockaddr_in6."""
    host, port = address[0].partition("%")[0], struct.pack("!H", address[1])
    if ":" in host:
        return struct.pack("=H", socket.AF_INET6) + port + bytes(4) + socket.inet_pton(socket.AF_INET6, host) + bytes(4)
    return struct.pack("=H", socket.AF_INET) + port + socket.inet_aton(host) + bytes(8)


Group = tuple[Any, list[Slot], int]
"""Who has sent what is in these slots, one behind the other; its bytes where it is all media, -1 where it is not."""


class Inbox:
    """Reads a socket in batches of at most `size` datagrams."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._memory = Memory(size * DATAGRAM_BYTES)
        self._names = Memory(size * _NAME_BYTES)
        self._control = Memory(size * _CONTROL_BYTES)
        self._vectors = Memory(size * _VECTOR.size)
        self._messages = Memory(size * _MESSAGE.size)
        slots = []
        for number in range(size):
            at = number * DATAGRAM_BYTES
            view, address = self._memory.view[at : at + DATAGRAM_BYTES], self._memory.address + at
            slots.append(Slot(self, number, view, self._memory.place + at))
            _VECTOR.pack_into(self._vectors.view, number * _VECTOR.size, address, DATAGRAM_BYTES)
            name = (self._names.address + number * _NAME_BYTES, _NAME_BYTES)
            vector = (self._vectors.address + number * _VECTOR.size, 1)
            control = (self._control.address + number * _CONTROL_BYTES, _CONTROL_BYTES)
            _MESSAGE.pack_into(self._messages.view, number * _MESSAGE.size, *name, *vector, *control, 0, 0)
        self.slots = tuple(slots)
        self._table, self._view = self._messages.view, self._memory.view
        self._name_view, self._control_view = self._names.view, self._control.view
        self._pristine = bytes(self._table)
        self._lengths = self._table.cast("I")
        self._name_words = self._names.view.cast("Q")
        self._stamps = self._control.view.cast("q")
        self._addresses: list[Address] = []
        self._socket: socket.socket | None = None
        self._descriptor = -1
        self._ip6 = False
        self._used = 0
        self.many = MANY

    def open(self, sock: socket.socket) -> None:
        """Read from `sock` from now on."""
        self._socket, self._descriptor = sock, sock.fileno()
        self._ip6 = sock.family == socket.AF_INET6
        if self.many:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def close(self) -> None:
        """Read nothing any more."""
        self._socket, self._descriptor = None, -1

    def read(self) -> Sequence[Slot]:
        """Read what there is, without waiting. The slots in which there is something now."""
        return self.slots[: self.read_grouped({})[0]]

    def read_grouped(self, by_key: dict[object, Any]) -> tuple[int, list[Group], int]:
        """Read what there is, without waiting: in how many `slots` there is something now, and groups of the first.

        What stands at the beginning, is SRTP by its first byte and comes from somebody in `by_key` may be in groups
        already. And how many slots they hold.
        """
        if not self.many:
            return self._read_one_by_one(), [], 0
        if _inner is not None:
            return self._read_by_inner_loop(by_key)
        used = self._used * _MESSAGE.size
        self._table[:used] = self._pristine[:used]  # the kernel writes its lengths over ours
        count: int = native.recvmmsg(self._descriptor, self._messages.place, self._size, _DONTWAIT, native.ffi.NULL)
        if count <= 0:
            self._used = 0
            return 0, [], 0
        self._used = count
        lengths, at, now_ns = self._lengths, _LENGTH_AT, time_ns()
        for number, slot in enumerate(self.slots[:count]):
            slot.size = lengths[at]
            at += _LENGTH_STEP
            slot.first, slot.second, slot.ssrc = HEAD.unpack_from(slot.view)
            slot.key = self._key(number)
            slot.waited_seconds = self._waited_seconds(number, now_ns)
        return count, [], 0

    def _read_by_inner_loop(self, by_key: dict[object, Any]) -> tuple[int, list[Group], int]:
        # fmt: off
        found: tuple[int, list[Group], int] = _inner.receive(
            self._descriptor, self._table, self._pristine, self._used, self._view, self._name_view,
            self._control_view, DATAGRAM_BYTES, self._ip6, self.slots, by_key,
        )
        # fmt: on
        self._used = found[0]
        return found

    def _read_one_by_one(self) -> int:
        self._addresses = []
        assert self._socket is not None  # noqa: S101 - see `open`
        for slot in self.slots:
            try:
                slot.size, source = self._socket.recvfrom_into(slot.view)
            except OSError:
                break
            slot.first, slot.second, slot.ssrc = HEAD.unpack_from(slot.view)
            slot.key = source[:2]
            self._addresses.append(source[:2])
        return len(self._addresses)

    def _waited_seconds(self, number: int, now_ns: int) -> float:
        stamps, at = self._stamps, number * _CONTROL_BYTES // 8
        if stamps[at + 1] != _TIMESTAMP:
            return 0.0
        waited_ns = now_ns - stamps[at + 2] * 1_000_000_000 - stamps[at + 3]
        # The clock of the day may be set in between; then nothing is known.
        return waited_ns / 1e9 if 0 < waited_ns < 1_000_000_000 else 0.0

    def _key(self, number: int) -> object:
        if self._ip6:
            at = number * _NAME_BYTES
            return bytes(self._names.view[at + 2 : at + 4]) + bytes(self._names.view[at + 8 : at + 24])
        return self._name_words[number * _NAME_BYTES // 8]

    def key_of(self, address: Address) -> object:
        """What `Slot.key` is of datagrams from `address`."""
        if not self.many:
            return address
        name = _socket_name(address)
        return name[2:4] + name[8:24] if self._ip6 else int.from_bytes(name[:8], sys.byteorder)

    def source(self, number: int) -> Address:
        """Who sent the datagram in the slot of this number, as people write it."""
        if not self.many:
            return self._addresses[number]
        name = bytes(self._names.view[number * _NAME_BYTES : (number + 1) * _NAME_BYTES])
        port = int.from_bytes(name[2:4], "big")
        if self._ip6:
            return socket.inet_ntop(socket.AF_INET6, name[8:24]), port
        return socket.inet_ntoa(name[4:8]), port


Run = tuple[Destination, int, int, int]
"""Where to; where it starts in the outbox; its bytes; how many of them make a datagram. The last may be shorter."""


class Outbox:
    """Gathers runs of datagrams and sends them.

    Ask for room with `reserve`, write the datagrams of one receiver there one behind the other, set `used` to where
    they end and append their runs to `runs`. Nothing is sent before `send`, or before the room is full. What does not
    fit into the socket is dropped and counted in `dropped`: media that waits is worse than media that is lost.
    """

    def __init__(self, dropped: dict[str, int]) -> None:
        self._dropped = dropped
        self._memory = Memory(SEND_BYTES)
        self._vectors = Memory(_MESSAGES * _VECTOR.size)
        self._control = Memory(_MESSAGES * _CONTROL_BYTES)
        self._messages = Memory(_MESSAGES * _MESSAGE.size)
        for number in range(_MESSAGES):
            cmsg = number * _CONTROL_BYTES
            _CONTROL.pack_into(self._control.view, cmsg, _CONTROL.size + 2, socket.IPPROTO_UDP, _UDP_SEGMENT)
            vector = (self._vectors.address + number * _VECTOR.size, 1)
            control = (self._control.address + cmsg, _SPACE)
            _MESSAGE.pack_into(self._messages.view, number * _MESSAGE.size, 0, 0, *vector, *control, 0, 0)
        self.table = self._messages.view
        """Of messages. The inner loop in C has filled the first `entries`, to the destinations `entered`."""
        self.entries = 0
        self.entered: list[Destination] = []
        self._message_words = self.table.cast("Q")
        self._vector_words = self._vectors.view.cast("Q")
        self._segment_sizes = self._control.view.cast("H")
        self._socket: socket.socket | None = None
        self._descriptor = -1
        self._segments_proven = False
        self.segments = MANY
        """Whether runs are sent as they are, and the kernel cuts them."""
        self.many = MANY
        self.view, self.place = self._memory.view, self._memory.place
        self.used = 0
        self.runs: list[Run] = []
        self.has_streams = False
        """Whether some destination may be a connection."""

    def open(self, sock: socket.socket) -> None:
        """Send by `sock` from now on."""
        self._socket, self._descriptor = sock, sock.fileno()

    def close(self) -> None:
        """Send nothing any more."""
        self._socket, self._descriptor = None, -1
        self._forget()

    def _forget(self) -> None:
        self.runs.clear()
        self.entered.clear()
        self.used = self.entries = 0

    def reserve(self, size: int, packets: int) -> int:
        """Where `size` bytes of `packets` datagrams may be written. Sends what is gathered when there is no room.

        Raises ValueError for what never fits: C writes there, and asks nobody how large it is.
        """
        if self.used + size > SEND_BYTES or self.entries + len(self.runs) + packets > _MESSAGES:
            self.send()
            if size > SEND_BYTES or packets > _MESSAGES:
                raise ValueError("more at once than the outbox has room for")
        return self.used

    def send(self) -> None:
        """Send everything gathered. Whatever goes wrong, nothing is left behind that would stop what comes next."""
        runs = self.runs
        if not runs and not self.entries:
            return
        try:
            self._send_all(runs)
        finally:
            self._forget()

    def _send_all(self, runs: list[Run]) -> None:
        if self.has_streams:
            self._send_by_streams(runs)
        if self._socket is None or not (runs or self.entries):
            return
        if self.many and self.segments:
            self._send_runs(runs)
            return
        if self.entries:  # filled in when runs were still sent as they are
            runs, self.entries = self._entered_runs() + runs, 0
        if not self.many:
            self._send_one_by_one(runs)
        else:
            apart = [datagram for run in runs for datagram in _apart(run)]
            for start in range(0, len(apart), _MESSAGES):
                self._send_runs(apart[start : start + _MESSAGES])

    def _send_by_streams(self, runs: list[Run]) -> None:
        """Send those of `runs` that go to connections, and leave the others."""
        for destination, start, length, _ in (
            part for run in runs if run[0].stream is not None for part in _apart(run)
        ):
            destination.stream.send(self.view[start : start + length])
        runs[:] = [run for run in runs if run[0].stream is None]

    def _send_first(self, runs: list[Run]) -> int:
        """Send as many of `runs` as go at once: how many, or less than 0: which error, negative."""
        if _inner is not None:
            done: int = _inner.send(self._descriptor, self.table, self.view, self.entries, runs)
            return done
        self._fill(runs)
        done = native.sendmmsg(self._descriptor, self._messages.place, len(runs), _DONTWAIT)
        return done if done > 0 else -native.error_number()

    def _fill(self, runs: list[Run]) -> None:
        """Write `runs` into the table of messages. One datagram needs no word about being cut."""
        words, vectors, segments = self._message_words, self._vector_words, self._segment_sizes
        address = self._memory.address
        message, vector, control = 0, 0, _CONTROL.size // 2
        for destination, start, length, segment in runs:
            words[message] = destination.name_address
            words[message + 1] = len(destination.name)
            words[message + 5] = _SPACE if length > segment else 0
            vectors[vector] = address + start
            vectors[vector + 1] = length
            segments[control] = segment
            message += _MESSAGE_WORDS
            vector += 2
            control += _CONTROL_BYTES // 2

    def _entered_runs(self) -> list[Run]:
        """What a loop has filled the table with."""
        vectors, segments = self._vector_words, self._segment_sizes
        return [
            (
                destination,
                vectors[2 * number] - self._memory.address,
                vectors[2 * number + 1],
                segments[_CONTROL.size // 2 + number * _CONTROL_BYTES // 2],
            )
            for number, destination in enumerate(self.entered)
        ]

    def _send_runs(self, runs: list[Run]) -> None:
        while runs or self.entries:
            done = self._send_first(runs)
            if done == self.entries + len(runs):
                self._segments_proven = True
                return
            if self.entries:  # what is left of them is filled in again, with the others
                runs, self.entries = self._entered_runs() + runs, 0
            if done > 0:
                self._segments_proven = True
                runs = runs[done:]
            elif -done in _FULL:
                self._dropped["send_full"] += sum(-(-run[2] // run[3]) for run in runs)
                return
            elif -done == errno.EINTR:
                continue
            elif runs[0][2] > runs[0][3] and (-done == errno.EIO or not self._segments_proven):
                self._stop_segmenting()
                self._send_one_by_one(runs)
                return
            else:
                self._send_one_by_one(runs[:1])
                runs = runs[1:]

    def _stop_segmenting(self) -> None:
        """From now on every datagram is a message of its own.

        EIO comes from an interface without checksum offload; EINVAL from a kernel that does not know the option, or,
        where it has worked before, for one path whose MTU is smaller than the datagrams.
        """
        self.segments = False

    def _send_one_by_one(self, runs: Sequence[Run]) -> None:
        assert self._socket is not None  # noqa: S101 - see `send`
        for destination, start, length, _ in (datagram for run in runs for datagram in _apart(run)):
            try:
                self._socket.sendto(self.view[start : start + length], destination.address)
            except OSError as error:
                # An unreachable or refusing receiver is its own business.
                self._dropped["send_full" if error.errno in _FULL else "send_error"] += 1


def _apart(run: Run) -> Iterator[Run]:
    """The datagrams of a run as runs of one."""
    destination, start, length, segment = run
    end = start + length
    for at in range(start, end, segment):
        yield destination, at, min(segment, end - at), segment
