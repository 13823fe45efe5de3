"""The one UDP port: splits datagrams by their first byte (RFC 7983) and finds the transport they belong to.

STUN goes to ICE-lite, found by user name; everything else is taken from validated addresses only. Strangers get no
answer, no log line and no memory. Works on any asyncio loop that has `add_reader`.
"""

import asyncio
import contextlib
import errno
import socket
import struct
import sys
from collections.abc import Callable
from typing import Protocol

from media_engine import stun
from media_engine.config import EngineConfig
from media_engine.ice import Address, IceTransport
from media_engine.srtp import DATAGRAM_BYTES, receive_buffer

_STEAL_AFTER_SECONDS = 5.0
_UDP_SEGMENT = 103
_BUSY_FACTOR = 2
"""Reads that follow one another within so many hold times are load."""
_EMPTY_READS = 3
"""After so many reads of nothing the loop watches the port again."""


class DatagramReceiver(Protocol):
    """What the mux hands datagrams to: one transport of one peer."""

    ice: IceTransport

    def on_srtp(self, size: int, now: float) -> None:
        """An SRTP or SRTCP datagram of `size` bytes lies in the shared receive buffer."""

    def on_validated(self) -> None:
        """An authenticated binding request has arrived; the address may be new."""


class UdpMux:
    """The socket, the two look-up tables, and counters of what was dropped."""

    def __init__(self, config: EngineConfig, clock: Callable[[], float]) -> None:
        self._config = config
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self.socket: socket.socket | None = None
        self._by_ufrag: dict[str, DatagramReceiver] = {}
        self._by_address: dict[Address, DatagramReceiver] = {}
        self.dropped: dict[str, int] = dict.fromkeys(
            ("stranger", "stun_malformed", "stun_unknown", "stun_replayed", "oversized", "send_full", "send_error"), 0
        )
        self.addresses: tuple[str, ...] = ()
        self.after_batch: Callable[[], None] = lambda: None
        self._segments = sys.platform == "linux"
        self._segments_proven = False
        self._hold: asyncio.TimerHandle | None = None
        self._drained_at = 0.0
        self._empty_reads = 0
        self._controls: dict[int, list[tuple[int, int, bytes]]] = {}
        self.port = config.port

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Bind and begin to read. Raises OSError with a sentence that an operator can act on."""
        host, port = self._config.host, self._config.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, option, self._config.socket_buffer_bytes)
            sock.bind((host, port))
        except (OSError, OverflowError) as error:
            sock.close()
            reason = getattr(error, "strerror", None) or str(error)
            number = getattr(error, "errno", None)
            raise OSError(number, f"Cannot open UDP port {port} on {host} for media: {reason}") from error
        self.socket = sock
        self.port = sock.getsockname()[1]
        self.addresses = self._config.public_addresses or own_addresses(host)
        self._loop = loop
        loop.add_reader(sock.fileno(), self._drain)

    def close(self) -> None:
        """Stop reading and release the port."""
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
        if self.socket is not None:
            if self._loop is not None:
                self._loop.remove_reader(self.socket.fileno())
            self.socket.close()
            self.socket = None
        self._by_address.clear()
        self._by_ufrag.clear()

    def register(self, receiver: DatagramReceiver) -> None:
        """Let binding requests find `receiver` by its current user-name fragments. Call again after a restart."""
        for ufrag in [known for known, owner in self._by_ufrag.items() if owner is receiver]:
            del self._by_ufrag[ufrag]
        for ufrag in receiver.ice.credentials:
            self._by_ufrag[ufrag] = receiver

    def forget(self, receiver: DatagramReceiver) -> None:
        """From now on nothing reaches `receiver`, whoever sends it."""
        for ufrag in receiver.ice.credentials:
            if self._by_ufrag.get(ufrag) is receiver:
                del self._by_ufrag[ufrag]
        for address in receiver.ice.addresses:
            if self._by_address.get(address) is receiver:
                del self._by_address[address]

    def send(self, datagram: bytes | memoryview, address: Address) -> None:
        """Send one datagram. A full socket drops it: media that waits is worse than media that is lost."""
        if self.socket is None:
            return
        try:
            self.socket.sendto(datagram, address)
        except (BlockingIOError, InterruptedError):
            self.dropped["send_full"] += 1
        except OSError:
            # An unreachable or refusing receiver is its own business (ICMP errors surface here on some systems).
            self.dropped["send_error"] += 1

    def send_run(self, datagrams: list[memoryview], size: int, address: Address) -> None:
        """Send datagrams of `size` bytes, of which the last may be shorter, in one system call where the kernel can.

        The kernel cuts the run into datagrams (UDP_SEGMENT, Linux 4.18); what arrives is the same as from `send`.
        """
        sock = self.socket
        if len(datagrams) > 1 and self._segments and sock is not None:
            control = self._controls.get(size)
            if control is None:
                control = self._controls[size] = [(socket.IPPROTO_UDP, _UDP_SEGMENT, struct.pack("=H", size))]
            try:
                sock.sendmsg(datagrams, control, 0, address)
            except (BlockingIOError, InterruptedError):
                self.dropped["send_full"] += len(datagrams)
                return
            except OSError as error:
                # EIO: an interface without checksum offload. EINVAL: a kernel that does not know the option, or, where
                # it has worked before, a path whose MTU is smaller than the segment.
                if error.errno == errno.EIO or not self._segments_proven:
                    self._segments = False
            else:
                self._segments_proven = True
                return
        for datagram in datagrams:
            self.send(datagram, address)

    def _drain(self) -> None:
        """Read up to one batch, pass on what came of it, and arrange for the next."""
        read = 0
        try:
            read = self._read_batch()
        finally:
            self.after_batch()
            self._arrange(read)

    def _arrange(self, read: int) -> None:
        """Under load, read on a timer: waking up for every packet costs more than the packet.

        A browser sends a picture as a burst, and at some hundred packets a second every one of them would be a wake-up
        of its own. Between two reads the kernel's buffer collects what leaves together afterwards.
        """
        sock, loop, hold = self.socket, self._loop, self._config.receive_hold_seconds
        if sock is None or loop is None or not hold:
            return
        now = loop.time()
        if self._hold is None:
            if read and now - self._drained_at < hold * _BUSY_FACTOR:
                loop.remove_reader(sock.fileno())
                self._hold = loop.call_later(hold, self._drain)
        elif read >= self._config.receive_batch_packets:
            self._empty_reads = 0
            self._hold = loop.call_later(0, self._drain)
        else:
            self._empty_reads = 0 if read else self._empty_reads + 1
            if self._empty_reads < _EMPTY_READS:
                self._hold = loop.call_later(hold, self._drain)
            else:
                self._hold, self._empty_reads = None, 0
                loop.add_reader(sock.fileno(), self._drain)
        self._drained_at = now

    def _read_batch(self) -> int:
        """Read datagrams until there are none or the batch is full; how many there were."""
        sock = self.socket
        if sock is None:
            return 0
        receive, view, clock, by_address = sock.recvfrom_into, receive_buffer, self._clock, self._by_address
        for number in range(self._config.receive_batch_packets):
            try:
                size, source = receive(view)
            except (BlockingIOError, InterruptedError):
                return number
            except OSError:
                continue
            if not 0 < size < DATAGRAM_BYTES:
                self.dropped["oversized"] += 1
                continue
            first = view[0]
            address = source[:2] if len(source) > 2 else source
            if first < 4:
                self._on_stun(bytes(view[:size]), address, clock())
                continue
            receiver = by_address.get(address)
            if receiver is None:
                self.dropped["stranger"] += 1
            elif 128 <= first < 192:
                receiver.on_srtp(size, clock())
            elif 20 <= first < 64:
                receiver.ice.feed(bytes(view[:size]))
        return self._config.receive_batch_packets

    def _on_stun(self, datagram: bytes, address: Address, now: float) -> None:
        """Answer an authenticated binding request; everything else is dropped without a word."""
        try:
            message = stun.decode(datagram)
        except ValueError:
            self.dropped["stun_malformed"] += 1
            return
        ufrag = message.username.partition(":")[0]
        receiver = self._by_ufrag.get(ufrag)
        if message.kind != stun.BINDING_REQUEST or receiver is None:
            self.dropped["stun_unknown"] += 1
            return
        ice = receiver.ice
        password = ice.credentials[ufrag]
        if not stun.integrity_holds(datagram, message, password):
            self.dropped["stun_unknown"] += 1
            return
        if ice.is_replay(message.transaction, address) or not self._may_take(address, receiver, now):
            self.dropped["stun_replayed"] += 1
            return
        if stun.ICE_CONTROLLED in message.attributes:
            # We are lite and always controlled (RFC 8445, section 7.3.1.1).
            self.send(stun.error(message.transaction, stun.ROLE_CONFLICT, "Role Conflict", password), address)
            return
        evicted = ice.validate(address, message, now)
        if evicted is not None and self._by_address.get(evicted) is receiver:
            del self._by_address[evicted]
        self._by_address[address] = receiver
        self.send(stun.success(message.transaction, address[0], address[1], password), address)
        receiver.on_validated()

    def _may_take(self, address: Address, receiver: DatagramReceiver, now: float) -> bool:
        """An address that serves a live transport cannot be taken over by another with a forged source address."""
        owner = self._by_address.get(address)
        return owner is None or owner is receiver or now - owner.ice.last_consent_at > _STEAL_AFTER_SECONDS


def own_addresses(host: str) -> tuple[str, ...]:
    """The addresses to print as candidates when none are configured."""
    if host not in ("0.0.0.0", "::"):  # noqa: S104 - recognised, not bound here
        return (host,)
    family = socket.AF_INET if host == "0.0.0.0" else socket.AF_INET6  # noqa: S104
    found: dict[str, None] = {}
    with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        # Connecting a UDP socket sends nothing; it only makes the kernel choose a source address.
        probe.connect(("192.0.2.1" if family == socket.AF_INET else "2001:db8::1", 9))
        found[probe.getsockname()[0]] = None
    with contextlib.suppress(OSError):
        for entry in socket.getaddrinfo(socket.gethostname(), None, family, socket.SOCK_DGRAM):
            found[str(entry[4][0]).partition("%")[0]] = None
    reachable = tuple(address for address in found if not address.startswith(("127.", "fe80", "::1")))
    return reachable or (("127.0.0.1",) if family == socket.AF_INET else ("::1",))
