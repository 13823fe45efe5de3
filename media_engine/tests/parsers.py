"""Every function of the engine that reads bytes from outside, as something that may be given anything.

Each takes bytes, checks what must hold of whatever comes out, and knows which errors are an answer. Used on the corpus,
by hypothesis, and by `fuzz.py`.
"""

from collections.abc import Callable
from pathlib import Path

from media_engine import av1, feedback, fragment, h264, red, rtcp, sdp, stun, vp8, vp9
from media_engine.descriptor import PictureDescriptor
from media_engine.errors import OfferRejected
from media_engine.return_check import ReturnChecks
from media_engine.rtp import PacketReader, decode_extensions, decode_header
from media_engine.streams import whole_frames

CORPUS = Path(__file__).parent / "corpus"

_reader = PacketReader()
_reader.number_extensions(3, 1)


def read_stun(data: bytes) -> None:
    try:
        message = stun.decode(data)
    except ValueError:
        return
    assert len(message.transaction) == 12
    assert len(message.attributes) <= 24
    assert isinstance(message.username, str)
    stun.integrity_holds(data, message, b"password")


def read_answer(data: bytes) -> None:
    """What comes to an address that was asked, as if it were the answer. Without the password nothing is."""
    checks: ReturnChecks[str] = ReturnChecks()
    address = ("192.0.2.1", 9)
    request = stun.StunMessage(stun.BINDING_REQUEST, bytes(12), 100, {stun.USERNAME: b"ours:theirs"})
    check = checks.begin("", address, request, b"a password that nobody has guessed", 0.0)
    answer = data[:8] + check.transaction + data[20:]
    for datagram in (data, answer):
        try:
            message = stun.decode(datagram)
        except ValueError:
            continue
        assert checks.find(datagram, message, address) is None
    assert len(checks) == 1


def read_rtp(data: bytes) -> None:
    try:
        slow = decode_header(data, len(data))
    except ValueError:
        slow = None
    try:
        _reader.read(data, len(data))
    except ValueError:
        assert slow is None
        return
    assert slow is not None
    assert 12 <= _reader.payload_start <= _reader.payload_end <= len(data)
    assert (_reader.payload_start, _reader.payload_end) == (slow.payload_start, slow.payload_end)
    extensions = decode_extensions(data, slow)
    sequence, level = extensions.get(3, b""), extensions.get(1, b"")
    assert _reader.transport_sequence == (int.from_bytes(sequence) if len(sequence) == 2 else -1)
    assert _reader.audio_level == (level[0] if len(level) == 1 else -1)


def read_vp8(data: bytes) -> None:
    try:
        check_descriptor(vp8.decode_descriptor(data, 0, len(data)), data)
    except ValueError:
        return


def read_vp9(data: bytes) -> None:
    try:
        check_descriptor(vp9.decode_descriptor(data, 0, len(data)), data)
    except ValueError:
        return


def check_descriptor(descriptor: PictureDescriptor, data: bytes) -> None:
    assert descriptor.picture_id_bits in (0, 7, 15)
    assert descriptor.picture_id < 1 << max(1, descriptor.picture_id_bits)
    if descriptor.picture_id_bits:
        assert descriptor.picture_id_offset + descriptor.picture_id_bits // 8 < len(data)
    if descriptor.tl0_offset:
        assert descriptor.tl0_offset < len(data)


def read_rtcp(data: bytes) -> None:
    try:
        items = rtcp.decode(data)
    except ValueError:
        return
    assert len(items) <= 32 * 34
    for item in items:
        if isinstance(item, rtcp.Nack):
            assert len(item.sequences) <= 512 + 16
        if isinstance(item, rtcp.BandwidthEstimate):
            assert item.bits_per_second >= 0
        if isinstance(item, rtcp.UnreadFeedback):
            read_feedback(item.body)


def read_feedback(data: bytes) -> None:
    try:
        told = feedback.decode(data)
    except ValueError:
        return
    assert len(told.came) <= min(told.count, len(data))
    offsets = [offset for offset, _ in told.came]
    assert offsets == sorted(set(offsets))
    assert not offsets or 0 <= offsets[0] <= offsets[-1] < told.count


def read_frames(data: bytes) -> None:
    try:
        frames = whole_frames(data, 8)
    except ValueError:
        return
    at = 0
    for start, end in frames:
        assert start == at + 2
        assert end == start + int.from_bytes(data[at:start])
        at = end
    assert at <= len(data)
    assert len(frames) <= 8


def read_sdp(data: bytes) -> None:
    try:
        description = sdp.decode(data.decode("utf-8", "replace"), max_bytes=64 * 1024, max_sections=32)
    except OfferRejected as refusal:
        assert refusal.code == "bad_sdp"
        return
    assert len(description.sections) <= 32


def read_fragment(data: bytes) -> None:
    try:
        found = fragment.decode(data.decode("utf-8", "replace"))
    except OfferRejected as refusal:
        assert refusal.code == "bad_sdp"
        return
    assert bool(found.ufrag) == bool(found.password)
    assert len(found.ufrag) <= 256 and len(found.password) <= 256


def read_h264(data: bytes) -> None:
    assert h264.starts_key_frame(data, 0, len(data)) in (True, False)


def read_av1(data: bytes) -> None:
    assert av1.starts_key_frame(data, 0, len(data)) in (True, False)


def read_red(data: bytes) -> None:
    try:
        blocks = red.decode(data, 0, len(data), 111)
    except ValueError:
        return
    at = 4 * (len(blocks) - 1) + 1
    for ticks, start, end in blocks:
        assert 0 <= ticks < 1 << 14
        assert start == at <= end < start + 1024 or (start, end) == blocks[-1][1:]
        at = end
    assert blocks[-1][0] == 0
    assert blocks[-1][1] < blocks[-1][2] == len(data)
    assert len(blocks) <= 9
    assert bytes(red.relabelled(data, blocks, 111)) == data
    assert red.decode(red.relabelled(data, blocks, 96), 0, len(data), 96) == blocks


PARSERS: dict[str, Callable[[bytes], None]] = {
    "stun": read_stun,
    "answer": read_answer,
    "rtp": read_rtp,
    "vp8": read_vp8,
    "vp9": read_vp9,
    "av1": read_av1,
    "rtcp": read_rtcp,
    "sdp": read_sdp,
    "fragment": read_fragment,
    "h264": read_h264,
    "frames": read_frames,
    "red": read_red,
}


def seeds(parser: str) -> list[bytes]:
    """The corpus of one parser, in a stable order."""
    return [path.read_bytes() for path in sorted((CORPUS / parser).iterdir())]
