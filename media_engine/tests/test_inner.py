"""The inner loops in C do to the byte what the Python beside them does, and take nothing that doesn't fit."""

from __future__ import annotations

import errno
import importlib.util
import random
import shutil
import socket
import struct
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pylibsrtp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import media_engine
from media_engine import datagrams, native, publish, rtp, sdp_write, writing
from media_engine.burst import Burst
from media_engine.codecs import OPUS, VP8
from media_engine.datagrams import MANY, Destination, Inbox, Outbox
from media_engine.forwarder import Epoch
from media_engine.native import DATAGRAM_BYTES
from media_engine.numbered import Numbered
from media_engine.packet_cache import Packet
from media_engine.receive_log import ReceiveLog
from media_engine.rtp import PacketReader, RtpHeader
from media_engine.srtp import InPlaceSrtp
from media_engine.tests.interpreted import interpreted
from media_engine.tests.parsers import seeds
from media_engine.tracks import DownTrack

SOURCE = Path(writing.__file__).with_name("inner.c")
INCLUDE = sysconfig.get_path("include")
FUNCTIONS = ("write", "receive", "send", "open", "outline", "canonical")

pytestmark = [
    interpreted,
    pytest.mark.skipif(not MANY or not native.IN_PLACE, reason="there are no inner loops on this platform"),
    pytest.mark.skipif(
        not shutil.which("cc") or not (Path(INCLUDE) / "Python.h").exists(),
        reason="there is no C compiler: apt-get install -y gcc libc6-dev python3-dev",
    ),
]


@pytest.fixture(scope="module")
def inner(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The module, built for this test alone: warnings are mistakes."""
    made = tmp_path_factory.mktemp("inner") / "inner.so"
    strict = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter")
    subprocess.run(["cc", "-O1", *strict, "-shared", "-fPIC", f"-I{INCLUDE}", SOURCE, "-o", made], check=True)
    spec = importlib.util.spec_from_file_location("media_engine.inner", made)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    native.bind(module)
    return module


@pytest.fixture
def pair() -> tuple[InPlaceSrtp, InPlaceSrtp]:
    """Two that encrypt alike."""
    return sealing(), sealing()


def sealing() -> InPlaceSrtp:
    policies = [
        pylibsrtp.Policy(
            key=bytes(range(28)), ssrc_type=way, srtp_profile=pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM
        )
        for way in (pylibsrtp.Policy.SSRC_ANY_INBOUND, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
    ]
    return InPlaceSrtp(*map(pylibsrtp.Session, policies), "SRTP_AEAD_AES_128_GCM")


def some_burst(chance: random.Random, codec: str) -> Burst:
    first, packets = chance.choice((1, 0xFFF0, 0x1FFF8)), []
    for number in range(chance.randrange(1, 12)):
        descriptors = (b"\x10", b"\x80\x80\x7f", b"\x90\x80\x7f\x00", b"\x80\xe0\xff\xfe\x09\x20\x01", b"\x90\xe0\x81")
        descriptor = chance.choice(descriptors)
        payload = descriptor[: chance.choice((1, 9, 9))] + chance.randbytes(chance.choice((0, 5, 700, 701)))
        head = struct.pack("!BBHIIHHB3s4x", 0x90, chance.choice((96, 224)), 0, 0, 0, 0xBEDE, 2, 0x22, b"abc")
        packets.append(Packet(first + number, chance.randrange(1 << 32), head + payload, len(head), codec))
    return Burst(ReceiveLog(90000, wants_nack=True), packets)


def some_receiver(chance: random.Random, burst: Burst) -> tuple[DownTrack, Epoch]:
    down = DownTrack(None, "0", "video", chance.randrange(1, 1 << 32), 2)  # type: ignore[arg-type]
    down.payload_type = chance.choice((0, 0, 99))
    down.wait = chance.choice((None, b"", b"\x52\x00\x10\x00"))
    if chance.random() < 0.5:
        down.numbered = Numbered()
        down.numbered.following = chance.choice((1, 0xFFFE, 0x12345))
    moves = chance.choice(((0, 0), (3, 0), (0, -5), (-70000, 300)))
    offset, ticks = chance.choice((0, 5, 1 << 17)), chance.randrange(1 << 32)
    return down, Epoch(burst.upstream, burst.first_sequence, offset, ticks, *moves)


def test_bursts_are_written_alike(inner: Any) -> None:
    chance = random.Random(7)
    for number in range(400):
        burst = some_burst(chance, chance.choice((VP8, OPUS)))
        down, epoch = some_receiver(chance, burst)
        written = []
        for loop in (None, inner):
            outbox = Outbox({})
            at = outbox.reserve(burst.size + 2000, len(burst.packets)) + number % 3
            with patch.object(writing, "_inner", loop):
                end = writing.write(outbox, at, burst, down, epoch, sealing())
            assert end == at + burst.size + 16 * len(burst.packets)
            written.append(bytes(outbox.view[: end + 200]))
        assert written[0] == written[1], number


def test_what_libsrtp_refuses_is_told_alike(inner: Any, pair: tuple[InPlaceSrtp, InPlaceSrtp]) -> None:
    burst = some_burst(random.Random(1), VP8)
    down, epoch = some_receiver(random.Random(4), burst)
    for srtp, loop in zip(pair, (None, inner), strict=True):
        with patch.object(writing, "_inner", loop):
            ahead = Epoch(burst.upstream, 0, epoch.sequence_offset + 5000, 0, 0, 0)
            assert writing.write(Outbox({}), 0, burst, down, ahead, srtp) > 0
            assert writing.write(Outbox({}), 0, burst, down, epoch, srtp) == 0, "older than libsrtp remembers"


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
    for loop in (None, inner):
        srtp, reader, seen = sealing(), PacketReader(), list[object]()
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
    assert told[0] == told[1]
    refused = [one for one in told[0] if one == (0, None)]
    assert (len(refused), sum(isinstance(one, str) for one in told[0])) == (14, 5)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_batch_is_read_alike(inner: Any, host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    read = []
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as sender:
        sender.bind((host, 0))
        for loop in (None, inner):
            with closing(socket.socket(family, socket.SOCK_DGRAM)) as port, patch.object(datagrams, "_inner", loop):
                port.bind((host, 0))
                inbox, batches = Inbox(4), []
                inbox.open(port)
                begun_ns = time.time_ns()
                for size in (0, 1, 12, 40, DATAGRAM_BYTES - 1, DATAGRAM_BYTES, 3000, 7, 13):
                    sender.sendto(bytes((size * 7 + at) % 256 for at in range(size)), port.getsockname())
                while slots := inbox.read():
                    batches.append([(s.size, s.first, s.second, s.ssrc, s.key, s.source) for s in slots])
                    passed = (time.time_ns() - begun_ns) / 1e9  # what is longer than a second counts as no wait
                    assert passed >= 1 or all(0 < slot.waited_seconds <= passed for slot in slots)
                    inbox._messages.view[: 64 * len(slots)] = bytes(64 * len(slots))  # as if the kernel wrote there
                assert [len(batch) for batch in batches] == [4, 4, 1]
                assert inbox.read() in ((), [])
                read.append(batches)
    assert read[0] == read[1]


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

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(ANYTHING, max_size=16))
    def anything(arguments: list[object]) -> None:
        if name in ("write", "open") and arguments:
            arguments[0] = sealing().context if arguments[0] else 0  # a pointer is the one thing it has to believe
        with pytest.raises((ValueError, TypeError, OverflowError, AttributeError, BufferError)):
            getattr(inner, name)(*arguments)
            raise ValueError("nothing was wrong with that")

    anything()


class Writing:
    """Calls `write` for one receiver, with whatever is said differently."""

    def __init__(self, inner: Any) -> None:
        self.burst = some_burst(random.Random(2), VP8)
        self.data, self.srtp, self.inner = self.burst.laid_out(16), sealing(), inner
        self.room = memoryview(bytearray(len(self.data) + 200))

    def __call__(self, **changed: object) -> int:
        named: dict[str, object] = {
            "context": self.srtp.context, "view": self.room, "at": 0, "data": self.data, "parts": self.burst.parts,
            "overhead": 16, "sequence": 0, "timestamp": 0, "ssrc": 1, "number": 1, "payload_type": 0, "wait": None,
            "pictures": None, "picture_id": 0, "tl0": 0,
        }  # fmt: skip
        return int(self.inner.write(*(named | changed).values()))


def test_a_burst_that_can_not_be_written_has_not_been_begun(inner: Any) -> None:
    """libsrtp counts what it has encrypted as sent. Were that further than what was, it would refuse the rest."""
    write = Writing(inner)
    ahead = [(data, size, sequence + 5000, time, one) for data, size, sequence, time, one in write.burst.parts]
    assert len(ahead) > 1
    pictures = [*[None] * (len(ahead) - 1), (1 << 20, 7, 1, 0, 0)]
    with pytest.raises(ValueError, match="outside"):
        write(parts=ahead, pictures=pictures, picture_id=1)
    assert write() > 0
    assert write(parts=ahead) > 0
    assert write() == 0, "not so far that it would be refused"


def test_sizes_that_do_not_fit_are_refused(inner: Any) -> None:
    write = Writing(inner)
    burst, data, room, size = write.burst, write.data, write.room, write.burst.parts[0][1]
    assert write() == len(data) + 16
    released = memoryview(bytearray(len(room)))
    released.release()
    wrong: list[dict[str, object]] = [
        {"view": room[: len(data) + 100]},
        {"view": memoryview(bytes(len(data) + 200))},
        {"view": released},
        {"at": 100},
        {"at": -1},
        {"overhead": -1},
        {"overhead": 200},
        {"context": 0},
        {"parts": [(b"", 23, 1, 1, None)]},
        {"parts": [(b"", len(data) + 1, 1, 1, None)]},
        {"parts": [(b"", -5, 1, 1, None)]},
        {"parts": [(b"", size, 1, 1)]},
        {"parts": [(b"", float(size), 1, 1, None)]},
        {"wait": b"123"},
        {"pictures": []},
        {"pictures": [(24, 15, 1)] * len(burst.parts)},
        {"pictures": [(size - 1, 15, 1, 0, 0)] * len(burst.parts), "picture_id": 1},
        {"pictures": [(size, 7, 1, 0, 0)] * len(burst.parts), "picture_id": 1},
        {"pictures": [(size, 15, 1, 0, 0)] * len(burst.parts), "picture_id": 1},
        {"pictures": [(-1, 15, 1, 0, 0)] * len(burst.parts), "picture_id": 1},
        {"pictures": [(24, 15, 1, size, 0)] * len(burst.parts), "tl0": 1},
    ]
    for changed in wrong:
        with pytest.raises((ValueError, OverflowError)):
            write(**changed)
    table, memory = memoryview(bytearray(256)), memoryview(bytearray(4 * DATAGRAM_BYTES))
    for apart, used in ((11, 0), (DATAGRAM_BYTES + 1, 0), (1 << 62, 0), (DATAGRAM_BYTES, 5), (DATAGRAM_BYTES, -1)):
        with pytest.raises(ValueError, match="fit together"):
            inner.receive(-1, table, bytes(256), used, memory, memory, memory, apart, False)
    assert inner.receive(-1, table, bytes(256), 4, memory, memory, memory, DATAGRAM_BYTES, False) == []
    outbox, one = Outbox({}), Destination(("127.0.0.1", 9))
    three = outbox._table[: 64 * 3]
    assert inner.send(-1, three, room, [(one, 0, 5, 1)] * 3) == -errno.EBADF
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
            inner.send(-1, three, room, runs)
    for changed in ({"context": 0}, {"view": bytes(100)}, {"size": 11}, {"size": 101}, {"size": 1 << 40}):
        named = {"context": sealing().rx_context, "view": memoryview(bytearray(100)), "size": 100} | changed
        with pytest.raises((ValueError, TypeError)):
            inner.open(*named.values(), 1, 2)


def test_what_lies_beside_the_sources_is_not_taken_for_the_inner_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has compared it with them."""
    monkeypatch.setitem(sys.modules, "media_engine.inner", SimpleNamespace(bind=max))
    spec = importlib.util.spec_from_file_location("native_anew", native.__file__)
    assert spec is not None
    assert spec.loader is not None
    for state, is_taken in (("absent", False), ("stale", False), ("off", False), ("compiled", True)):
        monkeypatch.setattr(media_engine, "COMPILED", state)
        anew = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(anew)
        assert (anew.inner is not None) is is_taken, state


def test_without_the_libsrtp_it_was_written_for_there_are_no_inner_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_SRTP_FUNCTION", "int(*)(void *)")
    with pytest.raises(ImportError, match="libsrtp"):
        native.bind(object())


@pytest.fixture(autouse=True)
def _nothing_left_in_use() -> Iterator[None]:
    yield
    assert writing._inner is None
