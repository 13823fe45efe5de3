"""Many datagrams per system call: what is sent is what arrives, whatever the kernel can and cannot do."""

import errno
import socket
import time
from collections.abc import Callable
from unittest import TestCase
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from media_engine import native
from media_engine.burst import LARGEST_PADDING, MAX_RUN_BYTES, MAX_RUN_PACKETS, Burst, padded, run_of
from media_engine.datagrams import MANY, SEND_BYTES, Destination, Inbox, Outbox
from media_engine.native import DATAGRAM_BYTES
from media_engine.receive_log import ReceiveLog
from media_engine.records import Packet
from media_engine.rtp import decode_header
from media_engine.tests.interpreted import interpreted

HOSTS = ("127.0.0.1", "::1")


class SocketCase(TestCase):
    def bound(self, host: str) -> socket.socket:
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(made.close)
        made.setblocking(False)
        try:
            made.bind((host, 0))
        except OSError:
            self.skipTest(f"this machine has no {host}")
        return made

    def arrived(self, sock: socket.socket) -> list[bytes]:
        found = []
        while True:
            try:
                found.append(sock.recv(65536))
            except BlockingIOError:
                return found


class InboxTests(SocketCase):
    def test_datagrams_come_with_their_sizes_and_sources_by_either_way(self) -> None:
        for host in HOSTS:
            for many in (MANY, False):
                with self.subTest(host=host, many=many):
                    port, senders = self.bound(host), [self.bound(host), self.bound(host)]
                    inbox = Inbox(8)
                    inbox.many = many
                    inbox.open(port)
                    said = [bytes([number]) * (1 + 100 * number) for number in range(6)]
                    for number, datagram in enumerate(said):
                        senders[number % 2].sendto(datagram, port.getsockname())
                    slots = inbox.read()
                    self.assertEqual([bytes(slot.view[: slot.size]) for slot in slots], said)
                    for number, slot in enumerate(slots):
                        address = senders[number % 2].getsockname()[:2]
                        self.assertEqual(slot.sources.source(slot.number), address)
                        self.assertEqual(slot.key, inbox.key_of(address))
                        self.assertNotEqual(slot.key, inbox.key_of((address[0], 1)))
                    self.assertEqual(len(inbox.read()), 0)

    def test_a_batch_has_a_limit_and_what_is_left_comes_with_the_next(self) -> None:
        for many in (MANY, False):
            port, sender, inbox = self.bound("127.0.0.1"), self.bound("127.0.0.1"), Inbox(4)
            inbox.many = many
            inbox.open(port)
            for number in range(10):
                sender.sendto(bytes([number]) * (10 - number), port.getsockname())
            read = [[bytes(slot.view[: slot.size]) for slot in inbox.read()] for _ in range(4)]
            self.assertEqual([len(batch) for batch in read], [4, 4, 2, 0])
            self.assertEqual(
                [datagram for batch in read for datagram in batch],
                [bytes([number]) * (10 - number) for number in range(10)],
            )

    def test_a_datagram_that_is_too_long_is_marked_as_cut(self) -> None:
        port, sender, inbox = self.bound("127.0.0.1"), self.bound("127.0.0.1"), Inbox(4)
        inbox.open(port)
        sender.sendto(bytes(5000), port.getsockname())
        sender.sendto(b"", port.getsockname())
        self.assertEqual([slot.size for slot in inbox.read()], [DATAGRAM_BYTES, 0])

    def test_it_is_known_how_long_a_datagram_has_waited(self) -> None:
        if not MANY:
            self.skipTest("this platform does not say")
        port, sender, inbox = self.bound("127.0.0.1"), self.bound("127.0.0.1"), Inbox(4)
        inbox.open(port)
        began = time.time()
        sender.sendto(b"1", port.getsockname())
        while time.time() < began + 0.02:
            pass
        waited = inbox.read()[0].waited_seconds
        self.assertGreaterEqual(waited, 0.019)
        self.assertLess(waited, 1.0)


class OutboxTests(SocketCase):
    def fill(self, outbox: Outbox, runs: list[tuple[Destination, list[bytes]]]) -> None:
        for destination, datagrams in runs:
            start = at = outbox.reserve(sum(map(len, datagrams)), len(datagrams))
            for datagram in datagrams:
                outbox.view[at : at + len(datagram)] = datagram
                at += len(datagram)
            outbox.used = at
            outbox.runs.append((destination, start, at - start, len(datagrams[0])))

    def check(self, host: str, prepare: Callable[[Outbox], None] = lambda outbox: None) -> dict[str, int]:
        dropped = {"send_full": 0, "send_error": 0}
        outbox, sender = Outbox(dropped), self.bound(host)
        outbox.open(sender)
        prepare(outbox)
        receivers = [self.bound(host), self.bound(host)]
        ends = [Destination(receiver.getsockname()[:2]) for receiver in receivers]
        expected: list[list[bytes]] = [[], []]
        for round_number in range(3):
            runs = []
            for size in (1, 200, 1100):
                for which in (0, 1):
                    datagrams = [bytes([round_number, which, number]) + bytes(size) for number in range(5)]
                    datagrams.append(b"short")
                    datagrams = datagrams if size > 2 else datagrams[:1]
                    runs.append((ends[which], datagrams))
                    expected[which] += datagrams
            self.fill(outbox, runs)
            outbox.send()
        self.assertEqual([self.arrived(receiver) for receiver in receivers], expected)
        self.assertEqual((outbox.used, outbox.runs), (0, []))
        return dropped

    def test_runs_arrive_as_the_datagrams_they_were_written_as(self) -> None:
        for host in HOSTS:
            with self.subTest(host=host):
                self.assertEqual(self.check(host), {"send_full": 0, "send_error": 0})

    def test_a_platform_without_these_calls_sends_the_same(self) -> None:
        def without(outbox: Outbox) -> None:
            outbox.many = False

        for host in HOSTS:
            with self.subTest(host=host):
                self.assertEqual(self.check(host, without), {"send_full": 0, "send_error": 0})

    @interpreted
    def test_where_the_kernel_cannot_cut_runs_they_are_sent_one_by_one(self) -> None:
        if not MANY:
            self.skipTest("there are no runs here")
        real = native.sendmmsg
        for number in (errno.EIO, errno.EINVAL):
            made: list[Outbox] = []

            def refusing(descriptor: int, messages: object, count: int, flags: int, made: object = made) -> int:
                return -1 if made[0].segments else real(descriptor, messages, count, flags)  # type: ignore[index]

            with (
                self.subTest(error=errno.errorcode[number]),
                patch.object(native, "sendmmsg", refusing),
                patch.object(native, "error_number", lambda number=number: number),
            ):
                self.assertEqual(self.check("127.0.0.1", made.append), {"send_full": 0, "send_error": 0})
                self.assertFalse(made[0].segments, "asked again every time")

    @interpreted
    def test_a_full_socket_drops_what_does_not_fit_and_counts_it(self) -> None:
        if not MANY:
            self.skipTest("the other way is told by sendto")
        dropped = {"send_full": 0, "send_error": 0}
        outbox = Outbox(dropped)
        outbox.open(self.bound("127.0.0.1"))
        destination = Destination(self.bound("127.0.0.1").getsockname())
        with (
            patch.object(native, "sendmmsg", lambda *_: -1),
            patch.object(native, "error_number", lambda: errno.EAGAIN),
        ):
            self.fill(outbox, [(destination, [b"12345"] * 4), (destination, [b"1"])])
            outbox.send()
        self.assertEqual(dropped, {"send_full": 5, "send_error": 0})
        self.assertTrue(outbox.segments)

    def test_more_than_fits_is_sent_in_between(self) -> None:
        outbox, receiver = Outbox({"send_full": 0, "send_error": 0}), self.bound("127.0.0.1")
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        outbox.open(self.bound("127.0.0.1"))
        destination = Destination(receiver.getsockname())
        said = [bytes([number & 0xFF]) * 1000 for number in range(700)]
        for datagram in said:
            self.fill(outbox, [(destination, [datagram])])
        outbox.send()
        self.assertEqual(self.arrived(receiver), said)

    @interpreted
    def test_what_never_fits_is_refused_and_what_failed_stops_nothing_after_it(self) -> None:
        outbox, receiver = Outbox({"send_full": 0, "send_error": 0}), self.bound("127.0.0.1")
        outbox.open(self.bound("127.0.0.1"))
        destination = Destination(receiver.getsockname())
        for size, packets in ((SEND_BYTES + 1, 1), (1, 1000)):
            with self.assertRaises(ValueError):
                outbox.reserve(size, packets)
        self.assertEqual(outbox.reserve(SEND_BYTES, 1), 0)
        if not MANY:
            self.skipTest("the other way fails datagram by datagram")
        self.fill(outbox, [(destination, [b"lost"])])
        with patch.object(native, "sendmmsg", side_effect=OSError), self.assertRaises(OSError):
            outbox.send()
        self.fill(outbox, [(destination, [b"and on"])])
        outbox.send()
        self.assertEqual(self.arrived(receiver), [b"and on"])


def canonical(sequence: int, payload: bytes) -> Packet:
    return Packet(sequence, 7, bytes([0x90, 96]) + bytes(10) + b"\xbe\xde\0\1" + bytes(4) + payload, 20, "vp8")


class BurstTests(TestCase):
    @given(st.lists(st.integers(12, 1500) | st.integers(1100, 1102), min_size=1, max_size=200))
    def test_runs_cover_everything_and_the_kernel_can_cut_them(self, sizes: list[int]) -> None:
        start = 0
        while start < len(sizes):
            count, largest = run_of(sizes, start)
            run = sizes[start : start + count]
            self.assertTrue(1 <= count <= MAX_RUN_PACKETS)
            self.assertEqual(largest, max(run))
            self.assertLessEqual(count * largest, max(MAX_RUN_BYTES, largest))
            for size in run[:-1]:
                self.assertLessEqual(largest - size, LARGEST_PADDING)
            start += count
        self.assertEqual(start, len(sizes))

    def test_a_picture_as_chromium_splits_it_is_one_run(self) -> None:
        self.assertEqual(run_of([1104, 1104, 1105, 1105], 0), (4, 1105))
        self.assertEqual(run_of([1105, 1105, 40, 1105], 0), (3, 1105))
        self.assertEqual(run_of([40, 1105], 0), (1, 40))

    @given(st.lists(st.binary(max_size=40), min_size=1, max_size=30))
    def test_padding_is_no_part_of_the_payload(self, payloads: list[bytes]) -> None:
        packets = [canonical(number, payload) for number, payload in enumerate(payloads)]
        burst = Burst(ReceiveLog(90000, wants_nack=True), packets)
        self.assertEqual(burst.octets, sum(map(len, payloads)))
        self.assertEqual(sum(count for count, _, _ in burst.runs), len(packets))
        self.assertEqual(sum(total for _, total, _ in burst.runs), burst.size)
        for (data, size, sequence, _, packet), payload in zip(burst.parts, payloads, strict=True):
            self.assertEqual((len(data), packets[sequence]), (size, packet))
            header = decode_header(data, size)
            self.assertEqual(data[header.payload_start : header.payload_end], payload)
            self.assertEqual(packet.data[20:], payload, "the packet that may be asked for again has changed")

    def test_what_is_newest_and_what_is_first_is_known_in_any_order(self) -> None:
        burst = Burst(ReceiveLog(90000, wants_nack=True), [canonical(sequence, b"x") for sequence in (7, 9, 5, 8)])
        self.assertEqual((burst.first_sequence, burst.newest.sequence), (5, 9))

    def test_padding_says_how_long_it_is(self) -> None:
        data = padded(canonical(1, b"abc").data, 3)
        self.assertEqual(data[-3:], b"\0\0\3")
        self.assertEqual(data[0], 0xB0)
