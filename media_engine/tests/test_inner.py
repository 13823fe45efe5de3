"""The inner loops in C do to the byte what the Python beside them does, and take nothing that doesn't fit."""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib.util
import math
import random
import socket
import struct
import sys
import time
import weakref
from collections.abc import Iterator
from contextlib import closing
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pylibsrtp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import media_engine
from media_engine import EngineConfig, Source, datagrams, fanout, native, publish, rtp, sdp_write
from media_engine.burst import Burst, pictures_of
from media_engine.codecs import OPUS, VP8
from media_engine.datagrams import Destination, Inbox, Outbox, StreamAddress
from media_engine.fanout import FanOut
from media_engine.feedback import FeedbackRecorder, TransportFeedback
from media_engine.forwarder import Forwarder
from media_engine.mux import UdpMux
from media_engine.native import DATAGRAM_BYTES
from media_engine.numbered import Arrival, Numbered
from media_engine.pacing import Pace
from media_engine.packet import begins_key_frame, descriptor_of
from media_engine.publish import PublishLink
from media_engine.receive_log import ReceiveLog
from media_engine.records import Epoch, Lane, Outlet, Packet, Slot
from media_engine.rtp import PacketReader, RtpHeader
from media_engine.srtp import SENT_WINDOW, AeadSrtp, InPlaceSrtp
from media_engine.tests.in_c import build, in_c
from media_engine.tests.interpreted import interpreted
from media_engine.tests.parsers import seeds
from media_engine.tracks import UpTrack
from media_engine.wiring import Wiring

GCM = "SRTP_AEAD_AES_128_GCM"
MASTER = bytes(range(28))
FUNCTIONS = ("fan_out", "receive", "send", "open", "outline", "canonical", "take")

pytestmark = [interpreted, *in_c]


@pytest.fixture(scope="module")
def inner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The module, with that which encrypts."""
    place = tmp_path_factory.mktemp("inner")
    with patch.object(native, "aead", native.bind_cipher(build("aead", place))):
        yield build("inner", place)


@pytest.fixture(autouse=True)
def _packets_of_c(inner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python takes them as well as its own."""
    monkeypatch.setitem(globals(), "Packet", inner.Packet)


def sealing(*, by_libsrtp: bool = True) -> InPlaceSrtp:
    policies = [
        pylibsrtp.Policy(key=MASTER, ssrc_type=way, srtp_profile=pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM)
        for way in (pylibsrtp.Policy.SSRC_ANY_INBOUND, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
    ]
    for policy in policies:
        policy.window_size = SENT_WINDOW
    sessions = map(pylibsrtp.Session, policies)
    return InPlaceSrtp(*sessions, GCM) if by_libsrtp else AeadSrtp(*sessions, GCM, MASTER, MASTER)


def some_burst(chance: random.Random, codec: str, *, is_red: bool = False) -> Burst:
    first, packets = chance.choice((1, 0xFFF0, 0x1FFF8)), []
    step = chance.choice((1, 1, 1, 1, 1, 1, 1, 3, -1, 600))
    for number in range(chance.randrange(1, 12)):
        descriptors = (b"\x10", b"\x80\x80\x7f", b"\x90\x80\x7f\x00", b"\x80\xe0\xff\xfe\x09\x20\x01", b"\x90\xe0\x81")
        descriptor = chance.choice(descriptors)
        payload = descriptor[: chance.choice((1, 9, 9))] + chance.randbytes(chance.choice((0, 5, 700, 701)))
        head = struct.pack("!BBHIIHHB3s4x", 0x90, chance.choice((96, 224)), 0, 0, 0, 0xBEDE, 2, 0x22, b"abc")
        again = head + chance.randbytes(70) + payload if is_red and chance.random() < 0.7 else None
        sequence = first + step * number if first + step * number > 0 else first
        packets.append(Packet(sequence, chance.randrange(1 << 32), head + payload, len(head), codec, again))
    return Burst(ReceiveLog(90000, wants_nack=True), packets, is_red=is_red)


class Receiver:
    """As much of a DownTrack as sending on needs, with the records of Python or of C."""

    def __init__(self, records: Any, seed: int, burst: Burst) -> None:
        chance = random.Random(seed)
        self.video, self.up, self.next_up, self.refused = burst.newest.video, None, None, 0
        self.forwarder = lane = self.made(records)
        self.link = SimpleNamespace(pace=Pace(lane.outlet))
        lane.ssrc, lane.payload_type = chance.randrange(1, 1 << 32), chance.choice((0, 0, 99))
        lane.wait = chance.choice((None, b"", b"\x52\x00\x10\x00"))
        if chance.random() < 0.5:
            lane.numbered = records.Numbered()
            lane.numbered.following = chance.choice((1, 0xFFFE, 0x12345))
        moves = chance.choice(((0, 0), (3, 0), (0, -5), (-70000, 300)))
        offset, ticks = chance.choice((0, 5, 1 << 17)), chance.randrange(1 << 32)
        lane.epoch = records.Epoch(burst.upstream, burst.first_sequence, offset, ticks, *moves, burst.is_red)
        lane.last_sequence = burst.first_sequence + offset + chance.choice((-1, -1, 3, 90))
        lane.outlet.srtp = sealing(by_libsrtp=seed % 2 == 0)
        lane.outlet.destination = Destination(chance.choice((("127.0.0.1", 9), ("::1", 10))))
        lane.outlet.left = chance.choice((math.inf, 1e6, 3000.0))
        if chance.random() < 0.3:
            self.spoil(records, chance.randrange(10))

    @staticmethod
    def made(records: Any) -> Any:
        """A lane that notes by itself what it has sent, as a Forwarder does."""
        own = {"note": Forwarder.note, "goes_on": Forwarder.goes_on, "has_left_out": lambda *_: False}
        return type("Noting", (records.Lane,), own)()

    def spoil(self, records: Any, how: int) -> None:
        """Make it one that Python has to see to, or nobody."""
        lane, outlet = self.forwarder, self.forwarder.outlet
        if how == 0:
            outlet.srtp = None
        elif how == 1:
            outlet.destination = None
        elif how == 2:
            lane.epoch = None
        elif how == 3:
            lane.epoch.first_sequence += 1
        elif how == 4:
            lane.epoch.is_red = not lane.epoch.is_red
        elif how == 5:
            lane.epoch.upstream = ReceiveLog(90000, wants_nack=True)
        elif how == 6:
            lane.last_sequence -= 1 << 15
        elif how == 7:
            lane.outlet.left = 3.0
        elif how == 8:
            lane.wait = b"\x52\x00\x10"
        else:
            outlet.destination = Destination(StreamAddress("127.0.0.1", 9, "a connection"))

    def state(self) -> object:
        """Everything that sending changes."""
        lane, pace, epoch = self.forwarder, self.link.pace, self.forwarder.last_epoch
        numbered = lane.numbered
        return (
            *(lane.packets, lane.octets, lane.last_sequence, lane.last_at, epoch and epoch.sequence_offset),
            *(lane.last_packet and lane.last_packet.sequence, pace.left, pace.is_waiting, self.refused),
            numbered and (numbered.following, numbered.outstanding_octets, *all_came(numbered)),
        )


def all_came(numbered: Numbered) -> list[Arrival]:
    """What is known of all that it has sent: it is told that it came, each packet a second after the one before."""
    count = min(numbered.following, 2048)
    came = tuple((offset, float(offset)) for offset in range(count))
    return numbered.match(TransportFeedback((numbered.following - count) & 0xFFFF, count, came))


def send(fan_out: FanOut, burst: Burst, receivers: Any) -> None:
    fan_out._send(burst.upstream, burst.packets, receivers, is_red=burst.is_red)


PYTHON = SimpleNamespace(Slot=Slot, Packet=Packet, Epoch=Epoch, Outlet=Outlet, Lane=Lane, Numbered=Numbered)


def sent_on(loop: Any, burst: Burst, seeds_: list[int], used: int) -> tuple[list[Any], FanOut, list[Receiver]]:
    """What `FanOut` makes of a burst for some receivers, with or without the loop in C."""
    outbox = Outbox({})
    outbox.used = used
    fan_out = FanOut(outbox)
    fan_out._now = 77.5
    receivers = [Receiver(loop or PYTHON, seed, burst) for seed in seeds_]
    with patch.object(fanout, "_inner", loop):
        send(fan_out, burst, receivers)
    assert len(outbox.entered) == outbox.entries
    sent = [
        (destination.address, length, size, bytes(outbox.view[start : start + length]))
        for destination, start, length, size in outbox._entered_runs() + outbox.runs
    ]
    return sorted(sent, key=repr), fan_out, receivers


def test_bursts_are_sent_on_alike(inner: Any) -> None:
    """To the byte, with the same things counted; and who is not ordinary has what Python gives them."""
    chance, by_loop, all_sent = random.Random(7), 0, 0
    for number in range(300):
        codec = chance.choice((VP8, OPUS))
        burst = some_burst(chance, codec, is_red=codec == OPUS and chance.random() < 0.3)
        numbers = [chance.randrange(1 << 30) for _ in range(chance.randrange(9))]
        first, python, theirs = sent_on(None, burst, numbers, number % 3)
        second, in_c, ours = sent_on(inner, burst, numbers, number % 3)
        assert first == second, number
        assert [one.state() for one in theirs] == [one.state() for one in ours], number
        assert (python.failures, python._outbox.used) == (in_c.failures, in_c._outbox.used)
        by_loop, all_sent = by_loop + in_c._outbox.entries, all_sent + len(second)
    assert by_loop > all_sent * 0.9, "most are sent by the loop in C"


def test_more_than_fits_at_once_is_sent_in_parts(inner: Any) -> None:
    """By the loop in C as well, none of them twice; and it is not trusted with finding the room."""
    burst, sent = some_burst(random.Random(4), VP8), list[int]()
    outbox = Outbox({})
    fan_out, receivers = FanOut(outbox), [Receiver(inner, 2, burst) for _ in range(200)]
    with (
        patch.object(fanout, "_inner", inner),
        patch.object(outbox, "_send_all", lambda runs: sent.append(outbox.entries)),
    ):
        outbox.runs.append((Destination(("127.0.0.1", 9)), 0, 5, 5))
        assert not fan_out._send_by_inner_loop(burst.upstream, burst.packets, receivers, is_red=False)
        outbox.send()
    assert sum(sent) == 200 * len(burst.runs)
    assert len(sent) > 2
    assert {receiver.forwarder.packets for receiver in receivers} == {len(burst.packets)}
    fan = Fanning(inner)
    nothing_yet = (0, 0, 0, [])
    assert fan.call(view=outbox.view[: fan.burst.size + 100]) == nothing_yet
    assert fan.call(table=outbox.table[: 64 * (len(fan.burst.runs) - 1)]) == nothing_yet
    assert fan.call(table=outbox.table[: 64 * len(fan.burst.runs)], waiting=1) == nothing_yet
    assert not fan(table=outbox.table[: 64 * (len(fan.burst.runs) + 1)], waiting=1)


def test_what_never_fits_is_a_failure_for_each_receiver(inner: Any) -> None:
    """In Python and in C; and nobody looks for room that there will never be."""
    packets = [Packet(number, 1, bytes([0x90]) + bytes(60_000), 20, VP8) for number in range(1, 5)]
    burst = Burst(ReceiveLog(90000, wants_nack=True), packets)
    for records, loop in ((PYTHON, None), (inner, inner)):
        fan_out, receivers = FanOut(Outbox({})), [Receiver(records, 5, burst) for _ in range(3)]
        for receiver in receivers:
            receiver.forwarder.epoch.first_sequence, receiver.link.pace.left = 0, math.inf
        with patch.object(fanout, "_inner", loop):
            send(fan_out, burst, receivers)
        assert (fan_out.failures, fan_out._outbox.entries, fan_out._outbox.runs) == (3, 0, [])


def test_what_libsrtp_refuses_is_told_alike(inner: Any) -> None:
    burst = some_burst(random.Random(1), VP8)
    told = []
    for (records, loop), by_libsrtp in product(((PYTHON, None), (inner, inner)), (True, False)):
        receiver, fan_out = Receiver(records, 4, burst), FanOut(Outbox({}))
        lane, outlet = receiver.forwarder, receiver.forwarder.outlet
        outlet.srtp = sealing(by_libsrtp=by_libsrtp)
        lane.epoch = records.Epoch(burst.upstream, 0, 5000, 0, 0, 0)
        lane.last_sequence = burst.newest.sequence + 4999
        with patch.object(fanout, "_inner", loop):
            send(fan_out, burst, (receiver,))
            lane.epoch.sequence_offset = 0
            send(fan_out, burst, (receiver,))
        assert receiver.refused == len(burst.packets) > 1, "older than libsrtp remembers"
        assert outlet.srtp is not None
        told.append(receiver.state())
    assert all(one == told[0] for one in told)


def test_what_libsrtp_refuses_is_not_tried_packet_by_packet(inner: Any) -> None:
    """Else a publisher who leaves out numbers and sends them when they are too old has it done for each receiver.

    What came with it and is not too old is sent together; and numbers that are too far apart are taken apart once.
    """
    upstream, head = ReceiveLog(48000, wants_nack=True), bytes([0x90]) + bytes(19)
    for records, loop in ((PYTHON, None), (inner, inner)):
        newest = Burst(upstream, [Packet(2000, 1, head + bytes(9), len(head), OPUS)])
        fan_out, receivers = FanOut(Outbox({})), [Receiver(records, 2, newest) for _ in range(3)]
        for receiver in receivers:
            receiver.forwarder.epoch, receiver.forwarder.numbered = records.Epoch(upstream, 0, 0, 0, 0, 0), None
            receiver.forwarder.last_sequence = 1999
        with patch.object(fanout, "_inner", loop), patch.object(fanout, "Burst", side_effect=Burst) as made:
            send(fan_out, newest, receivers)
            for numbers, good in (
                (range(1700, 1740), 0),
                (range(1720, 1771, 2), 13),
                ((2002, 1747), 2),
                ((2005, 1749), 1),
            ):
                packets, refused = receivers[0].forwarder.packets, receivers[0].refused
                burst = Burst(upstream, [Packet(at, 1, head + bytes(9), len(head), OPUS) for at in numbers])
                made.reset_mock()
                send(fan_out, burst, receivers)
                assert {one.forwarder.packets - packets for one in receivers} == {good}, numbers
                assert {one.refused - refused for one in receivers} == {len(numbers) - good}, numbers
                assert made.call_count <= 1 + len(receivers), numbers


@contextlib.contextmanager
def outbox_beside_a_port() -> Iterator[tuple[Outbox, socket.socket]]:
    """An outbox that sends, and a port to send to, which waits for nothing."""
    with (
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as port,
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender,
    ):
        port.bind(("127.0.0.1", 0))
        port.setblocking(False)
        outbox = Outbox({"send_error": 0, "send_full": 0})
        outbox.open(sender)
        yield outbox, port


def test_what_was_entered_and_not_sent_is_sent_with_the_others(inner: Any) -> None:
    """A full socket, or one destination that nothing can be sent to, takes nothing from the others."""
    burst = some_burst(random.Random(4), OPUS)
    with outbox_beside_a_port() as (outbox, port):
        fan_out, receivers = FanOut(outbox), [Receiver(inner, 2, burst) for _ in range(3)]
        for receiver, address in zip(
            receivers, (port.getsockname(), ("255.255.255.255", 9), port.getsockname()), strict=True
        ):
            receiver.forwarder.outlet.destination = Destination(address)
        with patch.object(fanout, "_inner", inner), patch.object(datagrams, "_inner", inner):
            send(fan_out, burst, receivers)
            assert (outbox.entries, outbox.runs) == (3 * len(burst.runs), [])
            outbox.send()
        assert (outbox.entries, outbox.entered, outbox.used) == (0, [], 0)
        came = []
        with contextlib.suppress(BlockingIOError):
            while True:
                came.append(port.recv(2048))
    assert len(came) == 2 * len(burst.packets)
    assert outbox._dropped == {"send_error": len(burst.packets), "send_full": 0}


def test_what_was_entered_is_sent_where_it_can_not_be_cut_any_more(inner: Any) -> None:
    """The outbox may hear in the middle of a burst that an interface doesn't cut datagrams."""
    burst = some_burst(random.Random(4), OPUS)
    for is_one_by_one in (False, True):
        with outbox_beside_a_port() as (outbox, port):
            fan_out, receivers = FanOut(outbox), [Receiver(inner, 2, burst) for _ in range(3)]
            for receiver in receivers:
                receiver.forwarder.outlet.destination = Destination(port.getsockname())
            with patch.object(fanout, "_inner", inner), patch.object(datagrams, "_inner", inner):
                send(fan_out, burst, receivers)
                assert outbox.entries
                outbox.many = not is_one_by_one
                outbox._stop_segmenting()
                outbox.send()
            came = []
            with contextlib.suppress(BlockingIOError):
                while True:
                    came.append(port.recv(2048))
        assert len(came) == 3 * len(burst.packets)


def test_a_burst_that_can_not_be_sent_keeps_nobody_else_from_theirs(inner: Any) -> None:
    """Nor does anything else that goes wrong; nor stays behind what has been written, to leave after who knows what."""
    burst, fan_out, sent = some_burst(random.Random(4), OPUS), FanOut(Outbox({})), list[int]()
    receivers = [Receiver(inner, 2, burst), Receiver(inner, 2, burst)]
    nobodys = SimpleNamespace(
        log=ReceiveLog(48000, wants_nack=True), plain_downs=receivers, red_downs=(), thinned_downs=()
    )
    fan_out.collect([Packet(1, 1, b"no packet", 0, OPUS)], nobodys, 5.0)  # type: ignore[arg-type]
    for packet in burst.packets:
        track = SimpleNamespace(log=burst.upstream, plain_downs=receivers, red_downs=(), thinned_downs=())
        fan_out.collect([packet], track, 5.0)  # type: ignore[arg-type]
    fan_out._paced[Pace(inner.Outlet())] = SimpleNamespace()  # type: ignore[assignment]
    with (
        patch.object(fanout, "_inner", inner),
        patch.object(fan_out._outbox, "_send_all", lambda runs: sent.append(fan_out._outbox.entries)),
        pytest.raises(AttributeError, match="owner"),
    ):
        fan_out.flush()
    assert (fan_out.failures, sent) == (2, [2 * len(burst.runs)])
    assert (fan_out._outbox.entries, fan_out._outbox.entered, fan_out._outbox.used) == (0, [], 0)


def test_repairs_whose_turn_it_is_leave_before_what_was_never_sent(inner: Any) -> None:
    """On a narrow way the one waits behind the other."""
    burst, outbox, sent = some_burst(random.Random(4), VP8), Outbox({}), list[tuple[int, int]]()
    fan_out, receiver = FanOut(outbox), Receiver(inner, 2, burst)
    pace, epoch = receiver.link.pace, receiver.forwarder.epoch
    pace.rate = 1e6
    pace.put_repair(receiver, 5, 1.0)
    pace.put(receiver, epoch, list(burst.packets), 1.0)
    fan_out._paced[pace] = SimpleNamespace(owner=SimpleNamespace(lease_floor=math.inf))  # type: ignore[assignment]
    repair = (Destination(("127.0.0.1", 9)), 0, 5, 5)
    with (
        patch.object(fanout, "_inner", inner),
        patch.object(fan_out, "_retransmit", lambda *_: outbox.runs.append(repair)),
        patch.object(outbox, "_send_all", lambda runs: sent.append((len(runs), outbox.entries))),
    ):
        fan_out.release(2.0)
    assert sent == [(1, 0), (0, len(burst.runs))]


def test_records_keep_and_let_go(inner: Any) -> None:
    """They are as those in Python: the same fields, the same ways to be made; cycles through them are found."""
    for name in ("Slot", "Packet", "Epoch", "Outlet", "Lane", "Numbered"):
        python, in_c = getattr(PYTHON, name), getattr(inner, name)
        fields = {field for field in dir(in_c) if not field.startswith("_")}
        assert fields == {field for field in dir(python) if not field.startswith("_")}, name
    for records in (PYTHON, inner):
        lane = records.Lane()
        empty = [getattr(lane, name) for name in ("wait", "numbered", "epoch", "last_packet", "last_epoch")]
        numbers = [getattr(lane, name) for name in ("ssrc", "payload_type", "packets", "octets", "last_sequence")]
        assert (empty, numbers, lane.last_at) == ([None] * 5, [0] * 5, 0.0)
        assert (lane.outlet.srtp, lane.outlet.destination, lane.outlet.left) == (None, None, math.inf)
        assert type(lane.outlet) is records.Outlet
        epoch = records.Epoch(lane, 1, 2, 3, -4, 5)
        assert (epoch.upstream, epoch.is_red, epoch.picture_id_offset) == (lane, False, -4)
        assert records.Epoch(upstream=None, first_sequence=1 << 62, sequence_offset=0, timestamp_offset=0,
                             picture_id_offset=0, tl0_offset=0, is_red=True).is_red  # fmt: skip
    held = Numbered()
    lane = type("Held", (inner.Lane,), {})()
    lane.epoch = inner.Epoch(lane, 0, 0, 0, 0, 0)
    lane.numbered = held
    lane.outlet.srtp = SimpleNamespace(context=0, protector=0, overhead=0, lane=lane)
    before = sys.getrefcount(held)
    del lane
    gc.collect()
    assert sys.getrefcount(held) == before - 1
    for wrong in (("ssrc", "1"), ("octets", 1 << 64), ("last_at", None)):
        with pytest.raises((TypeError, OverflowError)):
            setattr(inner.Lane(), *wrong)
    for arguments in ((), (None, 1, 2, 3, 4), (None, 1, 2, 3, 4, "5"), (None, 1 << 64, 2, 3, 4, 5)):
        with pytest.raises((TypeError, OverflowError)):
            inner.Epoch(*arguments)
    with pytest.raises(ValueError, match="without a payload"):
        without_data = inner.Packet(1, 1, bytes(20), 20, VP8)
        del without_data.data
        Fanning(inner)(packets=[without_data])
    for wrong_call in (lambda: inner.Lane(1), inner.Slot, inner.Packet, lambda: inner.Slot(None, "1", None, None)):
        with pytest.raises(TypeError):
            wrong_call()


def some_feedback(chance: random.Random, following: int) -> TransportFeedback:
    """About packets near the newest: twice, late, after others that got lost, or never sent."""
    count = chance.choice((1, 3, 50, 50, 400, 8192))
    first = following - chance.choice((0, 1, 3, 50, 60, 200, 900, 40_000)) + chance.randrange(-2, 3)
    share, arrived_at, came = chance.choice((0.5, 0.9, 1.0)), chance.uniform(-5.0, 1e5), list[tuple[int, float]]()
    for offset in range(min(count, 1000)):
        arrived_at += chance.choice((0.0, 0.00025, 0.01, -0.002))
        if chance.random() < share:
            came.append((offset, arrived_at))
    return TransportFeedback(first & 0xFFFF, count, tuple(came))


def test_what_was_sent_is_matched_with_what_came_alike(inner: Any) -> None:
    """Whatever is sent, as many as are remembered and more, and whatever is said of it."""
    for seed in range(60):
        chance, python, in_c = random.Random(seed), Numbered(), inner.Numbered()
        assert (in_c.following, in_c.outstanding_octets) == (1, 0.0)
        python.following = in_c.following = chance.choice((1, 7, 0xFFF0, 0x7FFF, 0x12345))
        most, matched = chance.choice((3, 40, 700)), 0
        for _ in range(60):
            for _ in range(chance.randrange(most)):
                noted = chance.randrange(1, 90_000), chance.uniform(0.0, 1e6), chance.choice((1, 1, 2, 7, 64))
                noted = noted[: chance.choice((2, 3))]
                assert in_c.note(*noted) == python.note(*noted)
            feedback = some_feedback(chance, python.following)
            arrivals = python.match(feedback)
            assert in_c.match(feedback) == arrivals, seed
            assert (in_c.following, in_c.outstanding_octets) == (python.following, python.outstanding_octets)
            matched += len(arrivals)
        assert matched
        assert all_came(in_c) == all_came(python)


def test_numbers_that_make_no_sense_are_refused(inner: Any) -> None:
    """By exceptions; and what was noted before is as it was."""
    numbered = inner.Numbered()
    numbered.note(100, 1.0, 2)
    nothing: tuple[tuple[int, float], ...] = ()
    for call in (
        lambda: inner.Numbered(1), numbered.note, lambda: numbered.note(1), lambda: numbered.note(1, 1.0, 1, 1),
        lambda: numbered.note("1", 1.0), lambda: numbered.note(1, "1"), lambda: numbered.note(1 << 64, 1.0),
        *(lambda count=count: numbered.note(1, 1.0, count) for count in (0, -1, 1 << 16, 1 << 70, 1.0)),
        lambda: numbered.match(None), lambda: numbered.match(SimpleNamespace(first=1, count=1)),
        *(
            lambda told=told: numbered.match(SimpleNamespace(first=told[0], count=told[1], came=told[2]))
            for told in (
                ("1", 1, nothing), (1, "1", nothing), (1, -1, nothing), (1, 1 << 31, nothing), (1 << 64, 1, nothing),
                (1, 1, []), (1, 1, (5,)), (1, 1, ((0,),)), (1, 1, (("0", 1.0),)), (1, 1, ((0, "1"),)),
                (1, 1, ((-1, 1.0),)), (1, 1, ((1 << 64, 1.0),)),
            )
        ),
    ):  # fmt: skip
        with pytest.raises((TypeError, ValueError, OverflowError, AttributeError)):
            call()
    for following in (-1, 1 << 62, -1 << 63, (1 << 63) - 1):
        numbered.following = following
        assert numbered.outstanding_octets == (100.0 if following > 0 else 0.0)
        for call in (lambda: numbered.note(1, 1.0), lambda: numbered.match(TransportFeedback(1, 1, ((0, 1.0),)))):
            with pytest.raises(ValueError, match="number"):
                call()
    numbered.following = 3
    huge = TransportFeedback(1, 2, ((0, 5.0), (1, 7.0), ((1 << 63) - 1, 9.0)))
    assert numbered.match(huge) == [(1.0, 7.0, 100.0)]


def test_an_outlet_that_has_none_any_more_lets_nothing_out(inner: Any) -> None:
    """A transport that has ended has nothing to encrypt with, and one without consent leads nowhere."""
    burst = some_burst(random.Random(4), VP8)
    for name in ("srtp", "destination"):
        for taking_away in (lambda outlet, name: setattr(outlet, name, None), delattr):
            fan_out, receiver = FanOut(Outbox({})), Receiver(inner, 2, burst)
            outlet = receiver.forwarder.outlet
            kept = getattr(outlet, name)
            with patch.object(fanout, "_inner", inner):
                send(fan_out, burst, (receiver,))
                entries = fan_out._outbox.entries
                assert entries == len(burst.runs)
                taking_away(outlet, name)
                assert getattr(outlet, name) is None
                send(fan_out, burst, (receiver,))
                assert (fan_out._outbox.entries, fan_out._outbox.runs) == (entries, [])
                setattr(outlet, name, kept)
                receiver.forwarder.epoch.sequence_offset += 100
                send(fan_out, burst, (receiver,))
                assert fan_out._outbox.entries == 2 * entries


def test_an_outlet_that_was_given_nonsense_lets_nothing_out(inner: Any) -> None:
    burst = some_burst(random.Random(4), VP8)
    for name, nonsense in (
        ("srtp", object()),
        ("srtp", SimpleNamespace(context="", protector=1, overhead=16)),
        ("srtp", SimpleNamespace(context=1, protector="", overhead=16)),
        ("srtp", SimpleNamespace(context=1, protector=1, overhead=-1)),
        ("srtp", SimpleNamespace(context=1, overhead=16)),
        ("destination", object()),
        ("destination", SimpleNamespace(stream=None, name="127.0.0.1")),
        ("destination", SimpleNamespace(stream=None, name=bytes(29))),
    ):
        fan_out, receiver = FanOut(Outbox({})), Receiver(inner, 2, burst)
        with pytest.raises((AttributeError, TypeError, ValueError)):
            setattr(receiver.forwarder.outlet, name, nonsense)
        assert getattr(receiver.forwarder.outlet, name) is None
        with patch.object(fanout, "_inner", inner):
            send(fan_out, burst, (receiver,))
        assert (fan_out._outbox.entries, fan_out._outbox.runs) == (0, [])


def some_packet(chance: random.Random) -> bytes:
    """With header extensions of either form that may be cut off anywhere, and padding that may be too long."""
    identifiers = (0, 1, 3, 3, 1, 5, 15)
    elements = bytearray()
    profile = chance.choice((0xBEDE, 0xBEDE, 0x1000, 0x100F, 0x1234))
    for _ in range(chance.randrange(6)):
        identifier, size = chance.choice(identifiers), chance.choice((1, 2, 2, 3))
        two_bytes = bytes([identifier, size - chance.randrange(2)])
        elements += bytes([identifier << 4 | size - 1]) if profile == 0xBEDE else two_bytes
        elements += chance.randbytes(size)
    elements += bytes(chance.randrange(3))
    del elements[len(elements) // 4 * 4 :]
    csrcs = chance.choice((0, 0, 0, 1, 15))
    first = chance.choice((0x90, 0x90, 0x80, 0xB0, 0xA0, 0x10)) | csrcs
    packet = bytearray(struct.pack("!BBHII", first, chance.randrange(256), *(chance.randrange(1 << 16) for _ in "abc")))
    packet += chance.randbytes(4 * csrcs)
    packet += struct.pack("!HH", profile, len(elements) // 4 + chance.choice((0, 0, 0, 0, 1))) + elements
    packet += chance.randbytes(chance.randrange(20)) + bytes([chance.choice((0, 1, 3, 30, 255))])
    return bytes(packet[: chance.choice((None, None, None, 11, 14, 20))])


def test_packets_are_outlined_alike(inner: Any) -> None:
    chance, refused = random.Random(11), 0
    kept = seeds("rtp")
    for number in range(6000):
        data = kept[number] if number < len(kept) else some_packet(chance)
        told, ids = [], chance.choice(((3, 1), (3, 1), (1, 3), (0, 5), (15, 0), (3, 3)))
        for loop in (None, inner):
            reader = PacketReader()
            reader.number_extensions(*ids)
            with patch.object(rtp, "_inner", loop):
                try:
                    reader.read(data, len(data))
                except ValueError as error:
                    told.append(str(error))
                    refused += 1
                    continue
            names = (*RtpHeader.__slots__, "transport_sequence", "audio_level")
            told.append(str([getattr(reader, name) for name in names]))
        assert told[0] == told[1], data.hex()
    assert 1000 < refused < 8000, "nothing was tried"


def test_packets_are_decrypted_alike(inner: Any) -> None:
    """What was encrypted for it, once; what was changed on the way or comes again, never; and no RTP is an error."""
    chance, told = random.Random(13), []
    sender, packets = sealing(), []
    for number in range(60):
        extension = struct.pack("!HHBHB", 0xBEDE, 1, 0x31, 900 + number, 0) if number % 2 else b""
        # Padding that is longer than the packet: libsrtp doesn't look, whoever outlines does.
        first = (0x90 if number % 2 else 0x80) | (0x20 if number % 10 == 9 else 0)
        packet = struct.pack("!BBHII", first, 96, 65500 + number & 0xFFFF, number, 7) + extension + chance.randbytes(50)
        memory = native.Memory(300)
        memory.view[: len(packet)] = packet[:-1] + b"\xfa" if first & 0x20 else packet
        size = sender.protect(memory.place, len(packet))
        datagram = bytearray(memory.view[:size])
        if number % 7 == 3:
            datagram[chance.randrange(12, size)] ^= 1
        packets.append(datagram)
    packets += packets[:5]
    names = (*RtpHeader.__slots__, "transport_sequence", "audio_level")
    for loop, by_libsrtp in product((None, inner), (True, False)):
        srtp, reader, seen = sealing(by_libsrtp=by_libsrtp), PacketReader(), list[object]()
        reader.number_extensions(3, 1)
        memory = native.Memory(300)
        for datagram in packets:
            memory.view[: len(datagram)] = datagram
            with patch.object(rtp, "_inner", loop):
                try:
                    size = reader.open(srtp, memory.place, memory.view, len(datagram))
                except ValueError as error:
                    seen.append(str(error))
                    continue
            seen.append((size, [getattr(reader, name) for name in names] if size else None))
            assert not size or bytes(memory.view[12:size]) != datagram[12:size]
        told.append(seen)
    assert all(one == told[0] for one in told)
    refused = [one for one in told[0] if one == (0, None)]
    assert (len(refused), sum(isinstance(one, str) for one in told[0])) == (14, 5)


class Publishing:
    """A publishing transport with a microphone and a camera, that takes packets with or without the loop in C."""

    def __init__(self, inner: Any) -> None:
        config, self.inner, self.now = EngineConfig(), inner, 5.0
        mux = UdpMux(config, lambda: self.now)
        owner: Any = SimpleNamespace(
            sealed=False, lease_floor=math.inf, on_first_packet=lambda track: setattr(track, "live", True)
        )
        self.fan_out = FanOut(mux.outbox)
        self.link = PublishLink(owner, "anna", Wiring(mux, config, lambda: self.now, self.fan_out))
        self.link._header.number_extensions(3, 1)
        self.tracks = [UpTrack(("anna", source), source.value) for source in (Source.MICROPHONE, Source.CAMERA)]
        for number, track in enumerate(self.tracks):
            self.link.tracks[track.mid, ""] = track
            track.payload_type, track.rtx_payload_type = 100 + number, 110
            track.feed((SimpleNamespace(is_red=False, thinning=None),))  # type: ignore[arg-type]
            self.link._bind(7 + number, track, is_rtx=False)
            self.link._bind(17 + number, track, is_rtx=True)
        self.srtp, self.heard = sealing(by_libsrtp=inner is None), list[int]()
        self.record = inner.Slot if inner else Slot

    def take(self, datagrams_: list[bytes], waited: float) -> None:
        """What came together, and has waited so long."""
        slots = []
        for number, datagram in enumerate(datagrams_):
            memory = native.Memory(400)
            memory.view[: len(datagram)] = datagram
            slot = self.record(None, number, memory.view, memory.place)
            slot.size, slot.ssrc, slot.waited_seconds = len(datagram), int.from_bytes(datagram[8:12]), waited
            slots.append(slot)
        self.now += 0.005
        with (
            patch.object(publish, "_inner", self.inner),
            patch.object(publish, "Packet", (self.inner or PYTHON).Packet),
            patch.object(rtp, "_inner", self.inner),
            patch.object(self.link, "hear", lambda slot, _: self.heard.append(slot.number)),
        ):
            self.link.on_rtp(self.srtp, slots, self.now)

    def state(self) -> object:
        """Everything that taking a packet changes."""
        feedback = self.link._feedback
        told: list[object] = [self.link.dropped, feedback.arrivals, feedback.following, self.link._ssrcs]
        for track in self.tracks:
            log, kept = track.log, [one for one in track.cache._ring if one is not None]
            told += [track.packets, track.octets, track.repaired, track.last_packet_at, track.nacks, track.live]
            told += [log.highest, log.received, log.missing, log.report(), log.timestamp, track.loudness.value]
            told += [(one.sequence, one.timestamp, one.data, one.payload_start, one.codec, one.video) for one in kept]
            told += [(one.red, descriptor_of(one), begins_key_frame(one)) for one in kept]
            told += [one.sequence for one in self.fan_out._pending.get(log, (None, []))[1]]
            told += [track.ssrc, track.key_frame_wanted]
        return told


def test_a_clock_may_begin_at_zero(inner: Any) -> None:
    """With the time of sending as at any other time."""
    memory = native.Memory(400)
    packet = struct.pack("!BBHII", 0x80, 100, 1, 1, 7) + b"payload of sound"
    memory.view[: len(packet)] = packet
    datagram = bytes(memory.view[: sealing().protect(memory.place, len(packet))])
    for publishing in (Publishing(None), Publishing(inner)):
        publishing.now = -0.005
        publishing.take([datagram], 0.0)
        kept = publishing.tracks[0].cache.get(1)
        assert publishing.now == 0.0
        assert kept is not None
        assert kept.data[16:20] == b"\x22\0\0\0"


def test_packets_are_taken_in_alike(inner: Any) -> None:
    """What was lost, repeated, forged, malformed or sent out of order, too; and nobody is heard by what was forged."""
    chance, sender, sent = random.Random(21), sealing(), list[tuple[bytes, bool]]()
    numbers, wide, ticks, memory = [65530, 65000], 65000, [5, 9], native.Memory(400)
    for _ in range(3000):
        which = chance.randrange(2)
        if chance.random() < 0.5:
            ticks[which] = ticks[which] + chance.choice((960, 3000, -1)) & 0xFFFFFFFF
        numbers[which] += chance.choice((1, 1, 1, 1, 1, 1, 1, 2, 5, -1))
        extension = b""
        if chance.random() < 0.9:
            wide = (wide + chance.choice((*[1] * 40, 0, -1, 2, 5, 300, 5000))) & 0xFFFF
            element = struct.pack("!BHBB", 0x31, wide, 0x10, chance.choice((70, 70, 20)))
            extension = struct.pack("!HH", 0xBEDE, 2) + element + bytes(3)
        second = 100 + which | chance.choice((0, 0x80))
        kind = chance.randrange(60)
        second, ssrc = (110, 17 + which) if kind == 0 else (second, 7 + which)
        second, ssrc = (99, ssrc) if kind == 1 else (second, 27 if kind == 2 else ssrc)
        payload = chance.choice((b"\x10\x00", b"\x10\x01", b"\x90")) + chance.randbytes(chance.choice((4, 9, 200)))
        if kind == 0:
            payload = (numbers[which] - 1 & 0xFFFF).to_bytes(2) + payload
        if kind in (3, 4):
            payload = payload[:-1] + bytes([chance.choice((0, 1, 2, 250))])  # the last byte is how long the padding is
        first = 0x80 | 0x10 * bool(extension) | 0x20 * (kind in (3, 4))
        packet = struct.pack("!BBHII", first, second, numbers[which] & 0xFFFF, ticks[which], ssrc) + extension + payload
        memory.view[: len(packet)] = packet
        datagram = bytearray(memory.view[: sender.protect(memory.place, len(packet))])
        if not datagram:
            continue  # that number was sent already
        is_forged = kind == 5
        if is_forged:
            datagram[chance.randrange(12, len(datagram))] ^= 1
        sent.append((bytes(datagram), is_forged))
    for at in range(0, len(sent) - 20, 40):
        sent[at], sent[at + 5] = sent[at + 5], sent[at]
        sent[at + 20] = sent[at + 19]
    python, in_c, at, by_loop, in_order = Publishing(None), Publishing(inner), 0, 0, 0
    taking = PublishLink._take_run
    while at < len(sent):
        together = [datagram for datagram, _ in sent[at : at + chance.choice((1, 1, 2, 5, 9))] if datagram]
        forged = {number for number, (_, is_forged) in enumerate(sent[at : at + len(together)]) if is_forged}
        waited = chance.choice((0.0, 0.0007))
        python.take(together, waited)

        def counted(*arguments: Any) -> int:
            nonlocal by_loop
            count = taking(*arguments)
            by_loop += count
            return count

        def followed(feedback: FeedbackRecorder, count: int) -> None:
            nonlocal in_order
            feedback._highest += count
            in_order += count

        with (
            patch.object(PublishLink, "_take_run", counted),
            patch.object(FeedbackRecorder, "follow", followed),
        ):
            in_c.take(together, waited)
        assert python.state() == in_c.state(), at
        assert bool(python.heard) is bool(in_c.heard)
        assert not forged & {*python.heard, *in_c.heard}
        python.heard.clear()
        in_c.heard.clear()
        at += len(together)
    assert len(sent) * 0.4 < by_loop < len(sent) * 0.95, "some of both"
    assert by_loop * 0.3 < in_order < by_loop * 0.9, "some of both"
    assert in_c.link.dropped["rtp"] > 20
    assert in_c.link.dropped["srtp"] > 20


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_batch_is_read_alike(inner: Any, host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    read = []
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as sender:
        sender.bind((host, 0))
        for loop in (None, inner):
            with (
                closing(socket.socket(family, socket.SOCK_DGRAM)) as port,
                patch.object(datagrams, "_inner", loop),
                patch.object(datagrams, "Slot", (loop or PYTHON).Slot),
            ):
                port.bind((host, 0))
                inbox, batches = Inbox(4), []
                inbox.open(port)
                begun_ns = time.time_ns()
                for size in (0, 1, 12, 40, DATAGRAM_BYTES - 1, DATAGRAM_BYTES, 3000, 7, 13):
                    sender.sendto(bytes((size * 7 + at) % 256 for at in range(size)), port.getsockname())
                while slots := inbox.read():
                    batches.append(
                        [(s.size, s.first, s.second, s.ssrc, s.key, s.sources.source(s.number)) for s in slots]
                    )
                    passed = (time.time_ns() - begun_ns) / 1e9  # what is longer than a second counts as no wait
                    assert passed >= 1 or all(0 < slot.waited_seconds <= passed for slot in slots)
                    inbox._messages.view[: 64 * len(slots)] = bytes(64 * len(slots))  # as if the kernel wrote there
                assert [len(batch) for batch in batches] == [4, 4, 1]
                assert inbox.read() in ((), [])
                read.append(batches)
    assert read[0] == read[1]


def test_what_comes_from_who_is_known_comes_in_groups(inner: Any) -> None:
    """As far as there is nothing else: a check may move an address from one to another, so what follows it waits."""
    media, check, report = bytes([0x80, *range(23)]), bytes(20), bytes([0x80, 201, *range(23)])
    first, second, cut = (("a", media), ("b", media), ("a", media + bytes(DATAGRAM_BYTES)))
    tried = (
        ([first, first, second, first], [("a", 2, 48), ("b", 1, 24), ("a", 1, 24)]),
        ([second, ("a", check), first], [("b", 1, 24)]),
        ([first, ("?", media), second], [("a", 1, 24)]),
        ([first, cut, second], [("a", 1, 24)]),
        ([first, ("b", b""), second], [("a", 1, 24)]),
        (
            [first, ("a", report), ("a", media[:23]), ("b", report), second, second],
            [("a", 1, 24), ("a", 2, -1), ("b", 1, -1), ("b", 2, 48)],
        ),
        ([("a", bytes([127, *media])), first], []),
        ([("a", bytes([192, *media])), first], []),
    )
    with contextlib.ExitStack() as stack:
        port, *senders = (
            stack.enter_context(closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))) for _ in "123?"
        )
        for sock in (port, *senders):
            sock.bind(("127.0.0.1", 0))
        by_name = dict(zip("ab?", senders, strict=True))
        stack.enter_context(patch.object(datagrams, "_inner", inner))
        stack.enter_context(patch.object(datagrams, "Slot", inner.Slot))
        inbox = Inbox(8)
        inbox.open(port)
        by_key = {inbox.key_of(by_name[name].getsockname()): name for name in "ab"}
        for datagrams_, expected in tried:
            for name, datagram in datagrams_:
                by_name[name].sendto(datagram, port.getsockname())
            count, groups, grouped = inbox.read_grouped(by_key)
            assert count == len(datagrams_)
            assert [(who, len(those), octets) for who, those, octets in groups] == expected
            assert tuple(slot for _, those, _ in groups for slot in those) == inbox.slots[:grouped]
        by_name["a"].sendto(media, port.getsockname())
        inbox.slots = (None, *inbox.slots[1:])  # type: ignore[assignment]
        with pytest.raises(ValueError, match="a slot is none"):
            inbox.read_grouped(by_key)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_messages_are_filled_alike(inner: Any, host: str) -> None:
    chance, filled = random.Random(3), []
    destinations = [Destination((host, port)) for port in (9, 5000, 65535)]
    runs = []
    for number in range(datagrams._MESSAGES):
        size = chance.randrange(1, 60000)
        runs.append((destinations[number % 3], chance.randrange(1000), size, chance.randrange(1, 1400)))
    outbox = Outbox({})
    for loop in (None, inner):
        for memory in (outbox._vectors, outbox._control):
            memory.view[:16] = bytes(16)
        with patch.object(datagrams, "_inner", loop):
            assert outbox._send_first(runs) == -errno.EBADF, "it has no socket"
        filled.append([bytes(memory.view) for memory in (outbox._messages, outbox._vectors, outbox._control)])
        outbox._fill([(destinations[0], 0, 1, 1)] * len(runs))
    assert filled[0][0] == filled[1][0]
    assert filled[0][1:] == [filled[1][1], filled[1][2]]


def test_payloads_become_the_same_canonical_packets(inner: Any) -> None:
    chance = random.Random(5)
    view = memoryview(bytearray(chance.randbytes(1500)))
    header = PacketReader()
    for _ in range(200):
        header.payload_start, header.payload_end = sorted((chance.randrange(1500), chance.randrange(1500)))
        header.marker, header.timestamp, header.payload_type = chance.random() < 0.5, 5, 0
        header.audio_level = chance.choice((-1, 0, 7, 255))
        track = Track(chance.random() < 0.5)
        made = []
        for loop in (None, inner):
            with patch.object(publish, "_inner", loop):
                packet = publish.PublishLink._canonical(Link(), view, track, 9, header, 77.25)  # type: ignore[arg-type]
            made.append((packet.data, packet.payload_start, packet.sequence, packet.timestamp, packet.codec))
        assert made[0] == made[1]


class Track:
    """What a canonical packet depends on."""

    def __init__(self, video: bool) -> None:
        self.video, self.codec = video, VP8 if video else OPUS
        self.red_downs, self.red_payload_type = (), 63


class Link:
    _sent_at = 0.0
    _send_time = b""
    _send_time_of = publish.PublishLink._send_time_of


def test_identifiers_of_extensions_are_those_of_sdp(inner: Any) -> None:
    """They are written in C as numbers; what is sent says them."""
    made = inner.canonical(memoryview(bytearray(4)), 0, 0, 0, b"abc", 9)
    assert made[16:22] == bytes([sdp_write.ABSOLUTE_SEND_TIME_ID << 4 | 2, *b"abc", sdp_write.AUDIO_LEVEL_ID << 4, 9])


ANYTHING = st.one_of(
    st.integers(-(1 << 70), 1 << 70),
    st.integers(-3, 300),
    st.binary(max_size=300),
    st.none(),
    st.text(max_size=3),
    st.booleans(),
    st.lists(st.tuples(st.binary(max_size=40), *[st.integers(-2, 400)] * 3, st.none()), max_size=3),
    st.lists(st.tuples(*[st.integers(-2, 3000)] * 4), max_size=3),
    st.builds(lambda size: memoryview(bytearray(size)), st.integers(0, 5000)),
    st.builds(lambda size: memoryview(bytes(size)), st.integers(0, 30)),
    st.builds(lambda: memoryview(bytearray(64)).cast("Q")),
    st.builds(lambda: memoryview(bytearray(64))[::2]),
)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_argument_makes_it_touch_what_is_not_its(inner: Any, name: str) -> None:
    """The calls are ours; should one ever be wrong, that is an exception for one receiver and nothing worse."""

    pair = sealing()

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(ANYTHING, max_size=21))
    def anything(arguments: list[object]) -> None:
        if name in ("open", "take") and arguments:
            arguments[0] = pair.opener if arguments[0] else (0, 1)  # pointers are the one thing it has to believe
        with pytest.raises((ValueError, TypeError, OverflowError, AttributeError, BufferError)):
            getattr(inner, name)(*arguments)
            raise ValueError("nothing was wrong with that")

    anything()


class Fanning:
    """Calls `fan_out` for one receiver, with whatever is said differently. Whether it was left to Python."""

    def __init__(self, inner: Any, codec: str = VP8) -> None:
        self.inner, self.burst, self.outbox = inner, some_burst(random.Random(2), codec), Outbox({})
        self.receiver = Receiver(inner, 2, self.burst)
        self.pictures_of: object = pictures_of

    def __call__(self, **changed: object) -> bool:
        used, entries, at, others = self.call(**changed)
        assert entries == len(self.outbox.entered) == (0 if others else len(self.burst.runs))
        assert bool(used) is not bool(others)
        assert at == 1
        return bool(others)

    def call(self, **changed: object) -> tuple[int, int, int, list[object]]:
        """What `fan_out` says."""
        burst, outbox = self.burst, self.outbox
        outbox._forget()
        named: dict[str, object] = {
            "table": outbox.table, "view": outbox.view, "used": 0, "entries": 0, "waiting": 0,
            "entered": outbox.entered, "lanes": (self.receiver.forwarder,), "at": 0, "packets": burst.packets,
            "upstream": burst.upstream, "video": True, "red": False, "now": 1.5,
            "pictures_of": self.pictures_of,
        }  # fmt: skip
        told: tuple[int, int, int, list[object]] = self.inner.fan_out(*(named | changed).values())
        return told


def test_a_burst_that_can_not_be_written_has_not_been_begun(inner: Any) -> None:
    """libsrtp counts what it has encrypted as sent. Were that further than what was, it would refuse the rest."""
    fan = Fanning(inner)
    lane, burst = fan.receiver.forwarder, fan.burst
    assert len(burst.parts) > 1
    lane.epoch = inner.Epoch(burst.upstream, 0, 5000, 0, 1, 0)
    lane.last_sequence = burst.newest.sequence + 4999
    assert fan(pictures_of=lambda _: [*[None] * (len(burst.parts) - 1), (1 << 20, 7, 1, 0, 0)])
    lane.epoch = inner.Epoch(burst.upstream, 0, 0, 0, 0, 0)
    assert not fan()
    lane.epoch = inner.Epoch(burst.upstream, 0, 5000, 0, 0, 0)
    assert not fan()
    lane.epoch = inner.Epoch(burst.upstream, 0, 0, 0, 0, 0)
    assert fan(), "not so far that it would be refused"


def test_sizes_that_do_not_fit_are_refused(inner: Any) -> None:
    fan = Fanning(inner)
    burst, lane, outbox = fan.burst, fan.receiver.forwarder, fan.outbox
    size = burst.parts[0][1]
    assert not fan()
    released = memoryview(bytearray(5000))
    released.release()
    names = ("sequence", "timestamp", "data", "payload_start", "codec")
    good: dict[str, Any] = {name: getattr(burst.newest, name) for name in names}
    wrong: list[dict[str, object]] = [
        {"view": memoryview(bytes(burst.size + 500))},
        {"view": released},
        {"used": -1},
        {"used": len(outbox.view) + 1},
        {"entries": -1},
        {"entries": 1},
        {"entries": 161},
        {"waiting": -1},
        {"waiting": 161},
        {"entered": ()},
        {"lanes": fan.receiver.forwarder},
        {"lanes": [fan.receiver.forwarder]},
        {"at": -1},
        {"packets": []},
        {"packets": burst.newest},
        {"packets": [burst.newest] * 65},
        {"now": None},
        {"packets": [SimpleNamespace(**good, red=None)]},
        *(
            {"packets": [burst.newest, inner.Packet(**(good | {name: value}))]}
            for name, value in (
                ("data", None), ("data", bytes(11)), ("data", bytearray(good["data"])), ("data", bytes(1 << 16)),
                ("payload_start", -1), ("payload_start", len(good["data"]) + 1),
            )
        ),
    ]  # fmt: skip
    for changed in wrong:
        with pytest.raises((ValueError, OverflowError, TypeError, BufferError)):
            fan(**changed)
    fan.pictures_of = lambda _: []
    for attribute, value in (
        ("wait", b"123"), ("wait", "1234"), ("payload_type", 128), ("payload_type", -1), ("outlet", None),
        ("outlet", object()), ("epoch", object()), ("epoch", inner.Epoch(burst.upstream, 0, 0, 0, 1, 0)),
        ("epoch", inner.Epoch(burst.upstream, 0, (1 << 63) - 1, 0, 0, 0)), ("last_sequence", (1 << 63) - 1),
        ("numbered", object()),
    ):  # fmt: skip
        before = getattr(lane, attribute)
        setattr(lane, attribute, value)
        assert fan(), (attribute, value)
        setattr(lane, attribute, before)
    lane.numbered, lane.epoch = inner.Numbered(), inner.Epoch(burst.upstream, 0, 0, 0, 0, 0)
    for following, is_left in ((-1, True), (1 << 62, True), (-1 << 63, True), ((1 << 62) - 1, False)):
        lane.numbered.following = following
        assert fan() is is_left, following
    lane.numbered = None
    lane.epoch = inner.Epoch(burst.upstream, 0, 0, 0, 1, 1)
    for picture in ((24, 15, 1), (size - 1, 15, 1, 0, 0), (size, 7, 1, 0, 0), (-1, 15, 1, 0, 0), (24, 15, 1, size, 0)):
        assert fan(pictures_of=lambda _, picture=picture: [picture] * len(burst.parts)), picture
    fan.receiver.forwarder = SimpleNamespace()
    assert fan()
    room = memoryview(bytearray(200))
    table, memory = memoryview(bytearray(256)), memoryview(bytearray(4 * DATAGRAM_BYTES))
    slots = tuple(inner.Slot(None, number, memory, None) for number in range(4))
    for apart, used in ((11, 0), (DATAGRAM_BYTES + 1, 0), (1 << 62, 0), (DATAGRAM_BYTES, 5), (DATAGRAM_BYTES, -1)):
        with pytest.raises(ValueError, match="fit together"):
            inner.receive(-1, table, bytes(256), used, memory, memory, memory, apart, False, slots, {})
    for those in (slots[:3], list(slots)):
        with pytest.raises(ValueError, match="fit together"):
            inner.receive(-1, table, bytes(256), 0, memory, memory, memory, DATAGRAM_BYTES, False, those, {})
    nothing = inner.receive(-1, table, bytes(256), 4, memory, memory, memory, DATAGRAM_BYTES, False, slots, {})
    assert nothing == (0, [], 0)
    one = Destination(("127.0.0.1", 9))
    three = outbox.table[: 64 * 3]
    assert inner.send(-1, three, room, 0, [(one, 0, 5, 1)] * 3) == -errno.EBADF
    assert inner.send(-1, three, room, 1, [(one, 0, 5, 1)] * 2) == -errno.EBADF
    for entries in (-1, 3, 4, 1 << 62):
        with pytest.raises(ValueError, match="more runs"):
            inner.send(-1, three, room, entries, [(one, 0, 5, 1)])
    for runs in (
        [(one, 0, 5, 1)] * 4,
        [(one, len(room) - 4, 5, 1)],
        [(one, -1, 5, 1)],
        [(one, 0, 5, 1 << 16)],
        [(one, 0, 5, -1)],
        [(None, 0, 1, 1)],
        [(SimpleNamespace(name="127.0.0.1"), 0, 1, 1)],
        [(SimpleNamespace(name=bytes(29)), 0, 1, 1)],
        [(one, 2, 3)],
        [(one, 0, 5, 1.0)],
    ):
        with pytest.raises((ValueError, AttributeError)):
            inner.send(-1, three, room, 0, runs)
    pair = sealing()
    wrong_openers = ({"opener": None}, {"opener": (1,)}, {"opener": (0, 1)}, {"opener": (1, 0)}, {"opener": ("", 1)})
    for changed in (*wrong_openers, {"view": bytes(100)}, {"size": 11}, {"size": 101}, {"size": 1 << 40}):
        named = {"opener": pair.opener, "view": memoryview(bytearray(100)), "size": 100} | changed
        with pytest.raises((ValueError, TypeError)):
            inner.open(*named.values(), 1, 2)
    nothing_taken = ([], 0, 0, [], None)
    for changed in (
        *wrong_openers, {"slots": tuple(slots)}, {"at": -1},
        {"ssrc": 1 << 64}, {"codec": b"opus"}, {"now": "1"}, {"now": math.nan}, {"now": -math.inf}, {"arrivals": []},
        {"sequence": 1 << 62}, {"following": 1 << 62}, {"following": 1 << 64},
    ):  # fmt: skip
        named = {"opener": pair.opener, "slots": list(slots), "at": 0, "ssrc": 1}
        named |= {
            "payload_type": 1, "sequence": 1, "sequence_id": 1, "level_id": 2, "second": 1, "codec": "opus", "now": 1.0,
            "timestamp": -1, "arrivals": {}, "following": -1,
        }  # fmt: skip
        assert inner.take(*named.values()) == nothing_taken
        with pytest.raises((ValueError, TypeError, OverflowError)):
            inner.take(*(named | changed).values())
    for wrong_slots in (
        [],
        [None],
        [inner.Slot(None, 1, None, None)],
        [inner.Slot(None, 1, memoryview(bytes(99)), None)],
    ):
        with contextlib.suppress(TypeError, ValueError):
            assert inner.take(*(named | {"slots": wrong_slots}).values()) == nothing_taken
    huge = inner.Slot(None, 1, memoryview(bytearray(30)), None)
    huge.size = 31
    no_numbers = {"ssrc": 0, "payload_type": 0, "sequence": 0}
    assert inner.take(*(named | no_numbers | {"slots": [huge]}).values()) == nothing_taken


class Releasing:
    """A number that lets go of some memory when it is read."""

    def __init__(self, view: memoryview) -> None:
        self.view = view

    def __index__(self) -> int:
        self.view.release()
        return 20


def test_memory_that_is_let_go_of_meanwhile_is_not_touched(inner: Any) -> None:
    pair = sealing()
    for call in (
        lambda view: inner.open(pair.opener, view, Releasing(view), 1, 2),
        lambda view: inner.canonical(view, 0, 0, Releasing(view), b"abc", 9),
        lambda view: inner.send(Releasing(view), view, memoryview(bytearray(9)), 0, []),
    ):
        with pytest.raises(ValueError, match="released"):
            call(memoryview(bytearray(3000)))
    fan = Fanning(inner)
    kept = memoryview(fan.outbox.view)
    with pytest.raises(ValueError, match="released"):
        fan(view=kept, now=Releasing(kept))
    kept = memoryview(fan.outbox.view)
    fan.receiver.forwarder.epoch = inner.Epoch(fan.burst.upstream, 0, 0, 0, 1, 1)
    assert fan(view=kept, pictures_of=lambda _: kept.release())


class Reading:
    """Reads as what it was given, and does something else first."""

    def __init__(self, does: Any, **reads: object) -> None:
        vars(self).update(does=does, reads=reads)

    def __getattr__(self, name: str) -> object:
        vars(self)["does"]()
        return vars(self)["reads"][name]

    def __setattr__(self, name: str, value: object) -> None:
        vars(self)["does"]()


def test_who_is_closed_while_pictures_are_asked_for_is_sent_nothing(inner: Any) -> None:
    """Whatever that runs. And nothing is used that goes away with it."""
    for closed in ("srtp", "destination", "epoch", "outlet", "wait", "numbered"):
        fan = Fanning(inner)
        lane, outlet, burst = fan.receiver.forwarder, fan.receiver.forwarder.outlet, fan.burst
        lane.epoch = inner.Epoch(burst.upstream, 0, 0, 0, 1, 1)
        lane.wait, lane.numbered = bytes(bytearray(b"\x52\x00\x10\x00")), None
        of = outlet if closed in ("srtp", "destination") else lane

        def asked_for(_: object, of: Any = of, name: str = closed, count: int = len(burst.parts)) -> list[None]:
            setattr(of, name, None)
            return [None] * count

        fan.pictures_of = asked_for
        used, entries, _, others = fan.call()
        is_sent = closed in ("wait", "numbered")
        assert (used > 0, entries > 0) == (is_sent, is_sent), closed
        assert bool(others) is (closed in ("epoch", "outlet"))
        assert (lane.packets > 0) is is_sent


def test_an_outlet_that_is_set_while_it_is_set_has_what_came_last(inner: Any) -> None:
    outlet, elsewhere, srtp = inner.Outlet(), Destination(("127.0.0.1", 9)), sealing()
    counted = sys.getrefcount(elsewhere), sys.getrefcount(srtp)
    to_stream = Reading(
        lambda: setattr(outlet, "destination", elsewhere), name=Destination(("127.0.0.1", 10)).name, stream="some"
    )
    by_python = Reading(lambda: setattr(outlet, "srtp", srtp), context=0, protector=0, overhead=16)
    outlet.destination, outlet.srtp = to_stream, by_python
    assert (outlet.destination, outlet.srtp) == (to_stream, by_python)
    assert (sys.getrefcount(elsewhere), sys.getrefcount(srtp)) == counted
    fan = Fanning(inner)
    for kept in ("destination", "srtp"):
        setattr(outlet, kept, getattr(fan.receiver.forwarder.outlet, kept))
        fan.receiver.forwarder.outlet, before = outlet, fan.receiver.forwarder.outlet
        assert fan(), "a connection, or nothing that C encrypts with"
        fan.receiver.forwarder.outlet = before
        outlet.destination, outlet.srtp = to_stream, by_python


def test_runs_and_memory_that_change_while_runs_are_written_are_those_that_were_given(inner: Any) -> None:
    outbox, room, runs, names = Outbox({}), memoryview(bytearray(20)), list[Any](), list[bytes]()
    kept = Destination(("127.0.0.1", 9)).name
    runs.append((Reading(lambda: runs.append(runs[0]), name=kept), 0, 5, 5))
    assert inner.send(-1, outbox.table[:64], room, 0, runs) == -errno.EBADF
    assert len(runs) == 2

    gone = Reading(lambda: None, name=bytes(bytearray(kept)))
    there = weakref.ref(gone)
    runs[:] = [(gone, 0, 5, 5), (Reading(runs.clear, name=kept), 0, 5, 5)]
    runs.append((Reading(lambda: names.append(there().name), name=kept), 0, 5, 5))  # type: ignore[union-attr]
    del gone
    assert inner.send(-1, outbox.table, room, 0, runs) == -errno.EBADF
    assert names == [kept]
    assert there() is None
    for number in (0, 1):
        views = [outbox.table[:64], memoryview(bytearray(20))]
        letting_go = Reading(views[number].release, name=kept)
        with pytest.raises(BufferError):
            inner.send(-1, *views, 0, [(letting_go, 0, 5, 5)])
    anew = type("Anew", (), {"name": property(lambda _: bytes(bytearray(16)))})()
    with pytest.raises(ValueError, match="anew"):
        inner.send(-1, outbox.table[:64], room, 0, [(anew, 0, 5, 5)])


def test_what_lies_beside_the_sources_is_not_taken_for_the_inner_loops(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody has compared it with them."""
    for name in ("inner", "aead"):
        monkeypatch.setitem(sys.modules, f"media_engine.{name}", build(name, tmp_path))
    spec = importlib.util.spec_from_file_location("native_anew", native.__file__)
    assert spec is not None
    assert spec.loader is not None
    for state, is_taken in (("absent", False), ("stale", False), ("off", False), ("compiled", True)):
        monkeypatch.setattr(media_engine, "COMPILED", state)
        anew = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(anew)
        assert [anew.inner is not None, anew.aead is not None] == [is_taken, is_taken], state


def test_a_libsrtp_that_it_was_not_written_for_is_called_by_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_SRTP_FUNCTION", "int(*)(void *)")
    pair = sealing()
    assert (pair.protector, pair.opener) == (0, None)


@pytest.fixture(autouse=True)
def _nothing_left_in_use() -> Iterator[None]:
    yield
    assert fanout._inner is None
