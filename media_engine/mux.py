"""The one UDP port: splits datagrams by their first byte (RFC 7983) and finds the transport they belong to.

STUN goes to ICE-lite, found by user name, or by what it answers; everything else is taken from validated addresses
only. Strangers get no answer, no log line and no memory. Works on any asyncio loop that has `add_reader`.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Final, Protocol

from media_engine import stun
from media_engine.allowance import Allowance
from media_engine.config import EngineConfig
from media_engine.datagrams import Address, Inbox, Outbox, StreamAddress
from media_engine.figures import Waits
from media_engine.ice import IceTransport
from media_engine.native import DATAGRAM_BYTES
from media_engine.records import Slot
from media_engine.return_check import ReturnChecks
from media_engine.streams import Streams

_STEAL_AFTER_SECONDS: Final = 5.0
_REASONS: Final = (
    *("stranger", "oversized", "stun_malformed", "stun_unknown", "stun_replayed", "stun_unproved", "stun_rate"),
    *("send_full", "send_error", "failed", "tcp_unproven", "tcp_oversized", "tcp_slow"),
)
_MOST_READS: Final = 4
"""Before the loop has its turn."""
_LAST_OF_A_PICTURE: Final = 128
"""In the second byte of RTP: the marker (RFC 3550, section 5.1). Reports have it as well, in their type."""


_log = logging.getLogger(__name__)


class DatagramReceiver(Protocol):
    """What the mux hands datagrams to: one transport of one peer."""

    ice: IceTransport

    def on_srtp(self, slots: Sequence[Slot], now: float) -> None:
        """SRTP and SRTCP datagrams, in the order in which they came."""

    def on_media(self, slots: Sequence[Slot], octets: int, now: float) -> None:
        """SRTP datagrams, of `octets` bytes together."""

    def on_dtls(self, datagram: bytes) -> None:
        """A DTLS datagram from a validated address."""

    def may_check(self) -> bool:
        """Whether one more STUN datagram from a validated address is looked at."""

    def may_ask_back(self) -> bool:
        """Whether one more binding request may be sent, to an address at which its peer is said to be."""

    def on_validated(self) -> None:
        """An authenticated binding request has arrived from where the peer is; the address may be new."""


class UdpMux:
    """The socket, the two look-up tables, and counters of what was dropped."""

    def __init__(self, config: EngineConfig, clock: Callable[[], float]) -> None:
        self._config = config
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self.socket: socket.socket | None = None
        self._by_ufrag: dict[str, DatagramReceiver] = {}
        self._by_address: dict[Address, DatagramReceiver] = {}
        self._by_key: dict[object, DatagramReceiver] = {}
        self._return_checks: ReturnChecks[DatagramReceiver] = ReturnChecks()
        self.dropped: dict[str, int] = dict.fromkeys(_REASONS, 0)
        self._inbox = Inbox(config.receive_batch_packets)
        self.outbox = Outbox(self.dropped)
        self.streams = Streams(config, self, self.dropped, clock)
        self._strangers = Allowance(config.max_checks_per_second_of_strangers)
        self.waits = Waits()
        self.busy_seconds = 0.0
        self.addresses: tuple[str, ...] = ()
        self.after_batch: Callable[[], None] = lambda: None
        self.port = config.port

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Bind and begin to read. Raises OSError with a sentence that an operator can act on."""
        host, port = self._config.host, self._config.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            if host == "::":
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
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
        self._inbox.open(sock)
        self.outbox.open(sock)
        self._loop = loop
        loop.add_reader(sock.fileno(), self._drain)

    def close(self) -> None:
        """Stop reading and release the ports."""
        self.streams.close()
        if self.socket is not None:
            if self._loop is not None:
                stop_reading: Callable[[int], object] = self._loop.remove_reader  # uvloop's does not say whether it did
                stop_reading(self.socket.fileno())
            self._inbox.close()
            self.outbox.close()
            self.socket.close()
            self.socket = None
        self._by_address.clear()
        self._by_key.clear()
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
        self._return_checks.forget(receiver)
        for address in tuple(receiver.ice.addresses):
            if self._by_address.get(address) is receiver:
                self._forget_address(address)

    def tick(self, now: float) -> None:
        """Let strangers try again, and hang up on those who don't. Call every `config.tick_seconds`."""
        self._strangers.refill(self._config.tick_seconds)
        self._return_checks.expire(now)
        self.streams.tick(now)

    def send(self, datagram: bytes | memoryview, address: Address) -> None:
        """Send one datagram. A full socket drops it: media that waits is worse than media that is lost."""
        if self.socket is None:
            return
        if isinstance(address, StreamAddress):
            address.stream.send(datagram)
            return
        try:
            self.socket.sendto(datagram, address)
        except (BlockingIOError, InterruptedError):
            self.dropped["send_full"] += 1
        except OSError:
            # An unreachable or refusing receiver is its own business (ICMP errors surface here on some systems).
            self.dropped["send_error"] += 1

    def _forget_address(self, address: Address) -> None:
        del self._by_address[address]
        if isinstance(address, StreamAddress):
            address.stream.abort()
        else:
            self._by_key.pop(self._inbox.key_of(address), None)

    def take_frame(self, slot: Slot) -> bool:
        """A datagram that has come over TCP: as those that come over UDP. Whether its source is a transport's now."""
        source = slot.sources.source(slot.number)
        receiver = self._by_address.get(source)
        first = slot.first
        if receiver is not None and 128 <= first < 192:
            self._pass_on(receiver, [slot], self._clock())
        elif receiver is None and first > 3:
            self.dropped["stranger"] += 1
        else:
            self._on_other(slot, receiver, self._clock())
        return source in self._by_address

    def after_frames(self) -> None:
        """What came over TCP together goes on together."""
        began = perf_counter()
        self.after_batch()
        self.busy_seconds += perf_counter() - began

    def lose_stream(self, address: StreamAddress) -> None:
        """A connection has ended: its transport goes on by another address, if it has one."""
        self.outbox.has_streams = len(self.streams) > 0
        receiver = self._by_address.pop(address, None)
        if receiver is not None:
            receiver.ice.lose(address)

    def _drain(self) -> None:
        """Read what there is, and what comes meanwhile, and send what came of it together.

        A picture comes as a burst. While its first packets are decrypted the others arrive, and leave with them. Behind
        its last packet, which is marked, nothing is expected; nor behind a report.
        """
        began = perf_counter()
        try:
            for _ in range(_MOST_READS):
                count = self._read_batch()
                if not count or self._inbox.slots[count - 1].second >= _LAST_OF_A_PICTURE:
                    break
        finally:
            self.after_batch()
            self.busy_seconds += perf_counter() - began

    def _read_batch(self) -> int:
        """Read and pass on at most one batch of datagrams, as runs of one sender's; how many there were."""
        by_key, inbox = self._by_key, self._inbox
        count, groups, grouped = inbox.read_grouped(by_key)
        if not count:
            return 0
        now = self._clock()
        self.waits.note(inbox.slots[0].waited_seconds)
        for receiver, together, octets in groups:
            self._pass_on(receiver, together, now, octets)
        if grouped < count:
            self._sort(inbox.slots[grouped:count], by_key, now)
        return count

    def _sort(self, slots: Sequence[Slot], by_key: dict[object, DatagramReceiver], now: float) -> None:
        """Pass on datagrams of all kinds."""
        sender: DatagramReceiver | None = None
        media: list[Slot] = []
        for slot in slots:
            if not 0 < slot.size < DATAGRAM_BYTES:
                self.dropped["oversized"] += 1
                continue
            first = slot.first
            receiver = by_key.get(slot.key)
            if receiver is None and first > 3:
                self.dropped["stranger"] += 1
            elif 128 <= first < 192 and receiver is not None:
                if receiver is not sender and sender is not None:
                    self._pass_on(sender, media, now)
                    media = []
                sender = receiver
                media.append(slot)
            else:
                # What came before goes first: a check may move an address from one transport to another.
                if sender is not None:
                    self._pass_on(sender, media, now)
                    sender, media = None, []
                self._on_other(slot, receiver, now)
        if sender is not None:
            self._pass_on(sender, media, now)

    def _pass_on(self, receiver: DatagramReceiver, slots: list[Slot], now: float, media_octets: int = -1) -> None:
        """`media_octets` are those of all, where they are known to be media."""
        try:
            if media_octets < 0:
                receiver.on_srtp(slots, now)
            else:
                receiver.on_media(slots, media_octets, now)
        except Exception:  # noqa: BLE001 - whatever one sender's datagrams do, the next are somebody else's
            self.note_failure()

    def _on_other(self, slot: Slot, receiver: DatagramReceiver | None, now: float) -> None:
        """STUN from anywhere, DTLS from a validated address; nothing else is anything."""
        first = slot.first
        try:
            if first > 3:
                if receiver is not None and 20 <= first < 64:
                    receiver.on_dtls(bytes(slot.view[: slot.size]))
            elif receiver.may_check() if receiver is not None else self._strangers.take():
                self._on_stun(bytes(slot.view[: slot.size]), slot.sources.source(slot.number), now)
            else:
                self.dropped["stun_rate"] += 1
        except Exception:  # noqa: BLE001
            self.note_failure()

    def note_failure(self) -> None:
        """Count a mistake of ours, and tell about the first: an attacker who finds one must not fill the log."""
        self.dropped["failed"] += 1
        if self.dropped["failed"] == 1:
            _log.exception("what one member sent or was due could not be dealt with; further ones are only counted")

    def _on_stun(self, datagram: bytes, address: Address, now: float) -> None:
        """Take an authenticated binding request, or the answer to ours; everything else is dropped without a word."""
        try:
            message = stun.decode(datagram)
        except ValueError:
            self.dropped["stun_malformed"] += 1
            return
        if message.kind == stun.BINDING_SUCCESS:
            self._on_return(datagram, message, address, now)
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
            reply = stun.error(message.transaction, stun.ROLE_CONFLICT, "Role Conflict", password)
            self._send_no_more_than(len(datagram), reply, address)
        elif ice.is_reachable(address, now) and self._by_address.get(address) in (None, receiver):
            self._take(receiver, address, message, now)
        else:
            self._ask_back(receiver, address, message, now)

    def _take(self, receiver: DatagramReceiver, address: Address, message: stun.StunMessage, now: float) -> None:
        """The peer of `receiver` is at `address`: answer its request."""
        password = receiver.ice.credentials.get(message.username.partition(":")[0])
        if password is None:
            return  # they are new since
        for gone in receiver.ice.validate(address, message, now):
            if self._by_address.get(gone) is receiver:
                self._forget_address(gone)
        self._by_address[address] = receiver
        if isinstance(address, StreamAddress):
            self.outbox.has_streams = True
        else:
            self._by_key[self._inbox.key_of(address)] = receiver
        reply = stun.success(message.transaction, address[0], address[1], password)
        self._send_no_more_than(message.size, reply, address)
        receiver.on_validated()

    def _ask_back(self, receiver: DatagramReceiver, address: Address, message: stun.StunMessage, now: float) -> None:
        """Have `address` prove that the peer of `receiver` is there. Until it has, this is all that goes there."""
        password = receiver.ice.remotes.get(message.username.partition(":")[2])
        if password is None or not receiver.may_ask_back():
            self.dropped["stun_unproved"] += 1
            return
        check = self._return_checks.begin(receiver, address, message, password, now)
        self._send_no_more_than(message.size, check.datagram, address)

    def _on_return(self, datagram: bytes, message: stun.StunMessage, address: Address, now: float) -> None:
        """Something answers a request of ours: whoever was asked is where they said."""
        check = self._return_checks.find(datagram, message, address)
        if check is None or not self._may_take(address, check.owner, now):
            self.dropped["stun_unknown"] += 1
            return
        self._return_checks.end(check)
        self._take(check.owner, address, check.request, now)

    def _send_no_more_than(self, size: int, reply: bytes, address: Address) -> None:
        """Send `reply` to what `size` bytes have asked for: nobody's request makes more of itself than it is."""
        if len(reply) > size:
            self.dropped["stun_unproved"] += 1
        else:
            self.send(reply, address)

    def _may_take(self, address: Address, receiver: DatagramReceiver, now: float) -> bool:
        """An address that serves a live transport cannot be taken over by another with a forged source address."""
        owner = self._by_address.get(address)
        return owner is None or owner is receiver or now - owner.ice.last_consent_at > _STEAL_AFTER_SECONDS


def own_addresses(host: str) -> tuple[str, ...]:
    """The addresses to print as candidates when none are configured."""
    if host not in ("0.0.0.0", "::"):  # noqa: S104 - recognised, not bound here
        return (host,)
    if host == "::":
        both = (*_own(socket.AF_INET6), *_own(socket.AF_INET))
        return both or ("::1", "127.0.0.1")
    return _own(socket.AF_INET) or ("127.0.0.1",)


def _own(family: socket.AddressFamily) -> tuple[str, ...]:
    found: dict[str, None] = {}
    with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        # Connecting a UDP socket sends nothing; it only makes the kernel choose a source address.
        probe.connect(("192.0.2.1" if family == socket.AF_INET else "2001:db8::1", 9))
        found[probe.getsockname()[0]] = None
    with contextlib.suppress(OSError):
        for entry in socket.getaddrinfo(socket.gethostname(), None, family, socket.SOCK_DGRAM):
            found[str(entry[4][0]).partition("%")[0]] = None
    return tuple(address for address in found if not address.startswith(("127.", "fe80", "::1")))
