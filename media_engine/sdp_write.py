"""Writes the engine's SDP: answers to publishers, offers to receivers. Pure.

Always ICE-lite, one bundle, rtcp-mux, Opus, in RED where it may be, and one codec of `codecs.py` for each picture, with
RTX. Nothing of a client's text is copied except mids, rids, payload types, profiles and extension numbers that the
parser has checked.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from media_engine import sdp
from media_engine.codecs import AV1, H264, OPUS, PICTURES, VP8, VP9
from media_engine.sdp import Codec, Description, Section

# What every receiver is offered, so that one canonical packet fits all of them.
PAYLOAD_TYPES: Final = {OPUS: 111, VP8: 96, VP9: 98, AV1: 100, H264: 102}
RTX_PAYLOAD_TYPES: Final = {OPUS: -1, VP8: 97, VP9: 99, AV1: 101, H264: 103}
OPUS_PAYLOAD_TYPE: Final = PAYLOAD_TYPES[OPUS]
RED_PAYLOAD_TYPE: Final = 63
_OUR_RED = RED_PAYLOAD_TYPE, OPUS_PAYLOAD_TYPE
"""The payload type of redundancy for receivers, and of what is in it."""
AUDIO_LEVEL_ID: Final = 1
ABSOLUTE_SEND_TIME_ID: Final = 2
TRANSPORT_SEQUENCE_ID: Final = 3
PLAYOUT_DELAY_ID: Final = 5
MAX_ENCODINGS = 3
OFFERED_PROFILE = "42e01f"
"""Constrained baseline, which every browser names. Decoders take what encoders send of higher ones, too."""

# Sound that is repeated keeps its SSRC and number, and so its nonce (RFC 7714, section 8.1): its header must not change
# from one time of sending to the next, as it would with a transport-wide sequence number.
_PUBLISH_EXTENSIONS = {
    "audio": (sdp.MID, sdp.AUDIO_LEVEL),
    "video": (sdp.MID, sdp.TRANSPORT_SEQUENCE),
}
_EXTENSIONS = {
    "audio": {sdp.AUDIO_LEVEL: AUDIO_LEVEL_ID, sdp.ABSOLUTE_SEND_TIME: ABSOLUTE_SEND_TIME_ID},
    "video": {
        sdp.ABSOLUTE_SEND_TIME: ABSOLUTE_SEND_TIME_ID,
        sdp.TRANSPORT_SEQUENCE: TRANSPORT_SEQUENCE_ID,
        sdp.PLAYOUT_DELAY: PLAYOUT_DELAY_ID,
    },
}
"""Of what receivers are sent. A picture has a time of sending, or a number where the receiver counts (`counts`)."""
_FEEDBACK = {
    "audio": ("goog-remb", "nack"),
    "video": ("transport-cc", "goog-remb", "ccm fir", "nack", "nack pli"),
}
_VIDEO_FEEDBACK = ("transport-cc", "ccm fir", "nack", "nack pli")


@dataclass(frozen=True)
class LocalTransport:
    """Our end of one transport as it is printed."""

    ufrag: str
    password: str
    fingerprint: str
    """SHA-256, in upper-case pairs."""
    addresses: tuple[str, ...]
    port: int
    tcp_port: int = 0
    """0 for none."""


@dataclass(frozen=True)
class OfferedSection:
    """One m-line of a subscribe offer. `stream` and `track` are empty when it is inactive."""

    mid: str
    kind: str
    ssrc: int
    rtx_ssrc: int
    stream: str
    track: str
    codec: str = VP8
    is_rejected: bool = False
    """The client has rejected this m-line, which therefore carries nothing, our candidates neither."""
    is_redundant: bool = False
    """Sound may come with redundancy."""


@dataclass(frozen=True)
class AnsweredSection:
    """What we send on one m-line of a receiver's offer. `rtx_ssrc` is 0 where nothing is sent again."""

    ssrc: int
    rtx_ssrc: int


def accepted_rids(section: Section) -> tuple[str, ...]:
    """The encodings that the engine takes of this m-line; one without a name where the client does not layer."""
    return tuple(section.rids[:MAX_ENCODINGS]) if section.kind == "video" and section.rids else ("",)


def accepted_codec(section: Section) -> Codec | None:
    """The payload type that the engine takes from this m-line, if it takes any."""
    return next(iter(accepted_codecs(section)), None)


def accepted_codecs(section: Section) -> list[Codec]:
    """The payload types of what the engine passes on, one for each codec, in the client's order."""
    if section.kind == "audio":
        opus = section.find_codec(OPUS, 48000)
        return [opus] if opus is not None else []
    found: dict[str, Codec] = {}
    for text in section.formats if section.kind == "video" else ():
        codec = section.codecs.get(int(text)) if text.isdecimal() else None
        if codec is not None and codec.clock_rate == 90000 and _is_passed_on(codec, section):
            found.setdefault(codec.name, codec)
    return list(found.values())


def _is_passed_on(codec: Codec, section: Section) -> bool:
    """Whether everybody who decodes this codec decodes what comes in this payload type."""
    if codec.name == H264:
        return codec.payload_type in section.profiles
    return codec.name in PICTURES and section.profile_numbers.get(codec.payload_type, 0) == 0


def _mapping(codec: Codec, section: Section) -> list[str]:
    """What a picture's payload type stands for. H.264's profile is the client's: it can't be changed in an answer."""
    return _picture_lines(codec.name, codec.payload_type, section.profiles.get(codec.payload_type, ""))


def _picture_lines(codec: str, number: int, h264_profile: str) -> list[str]:
    parameters = {
        VP9: "profile-id=0",
        AV1: "level-idx=5;profile=0;tier=0",
        H264: f"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={h264_profile}",
    }.get(codec)
    lines = [f"a=rtpmap:{number} {codec.upper()}/90000"]
    return [*lines, f"a=fmtp:{number} {parameters}"] if parameters else lines


def counts(section: Section, codec: Codec) -> bool:
    """Whether the receiver says which packets came when, of those that carry a transport-wide number as we number it.

    Sound never does: repeated, it has to be the same packet.
    """
    return (
        section.kind == "video"
        and section.extensions.get(sdp.TRANSPORT_SEQUENCE) == TRANSPORT_SEQUENCE_ID
        and section.gives_feedback(codec, "transport-cc")
    )


def repeats(section: Section, codec: Codec) -> bool:
    """Whether the client sends packets again that we ask for.

    libwebrtc does so for sound as well, but offers only transport-wide feedback there, by which it is recognised:
    GStreamer names that too, without numbering its packets.
    """
    counts_all = section.gives_feedback(codec, "transport-cc") and sdp.TRANSPORT_SEQUENCE in section.extensions
    return section.gives_feedback(codec, "nack") or (section.kind == "audio" and counts_all)


def answer(
    offer: Description,
    receiving: frozenset[str],
    local: LocalTransport,
    session: int,
    version: int,
    *,
    pauses: bool = False,
    redundant: frozenset[str] = frozenset(),
) -> str:
    """The answer to a publisher. m-lines whose mid is not in `receiving` are answered inactive or refused.

    `pauses`: who is silent may send next to nothing (DTX), from which everybody on the way sees who speaks when.
    `redundant`: those of which sound shall come with redundancy, if the client knows it.
    """
    kept = [section for section in offer.sections if not section.is_refused and accepted_codec(section)]
    lines = _head(session, version, [section.mid for section in kept], local)
    if offer.allow_mixed_extensions:
        lines.append("a=extmap-allow-mixed")
    ours = candidates(local)
    for section in offer.sections:
        codec = None if section.is_refused else accepted_codec(section)
        if codec is None:
            lines += _refused(section)
            continue
        red = section.find_red(codec) if section.mid in redundant else None
        lines += _publish_section(section, codec, section.mid in receiving, pauses, red)
        lines += ours
        ours = []
    return "\r\n".join(lines) + "\r\n"


def _publish_section(section: Section, codec: Codec, receiving: bool, pauses: bool, red: Codec | None) -> list[str]:
    number = codec.payload_type
    rtx = section.find_rtx(codec)
    formats = [str(known.payload_type) for known in (red, codec, rtx) if known]  # libwebrtc sends what stands first
    lines = _media(section.kind, section.mid, " ".join(formats), "passive")
    rids = accepted_rids(section) if receiving else ("",)
    layered = rids != ("",)
    for uri in (*_PUBLISH_EXTENSIONS[section.kind], *((sdp.RID, sdp.REPAIRED_RID) if layered else ())):
        if uri in section.extensions:
            lines.append(f"a=extmap:{section.extensions[uri]} {uri}")
    lines += ["a=recvonly" if receiving else "a=inactive", "a=rtcp-mux", "a=rtcp-rsize"]
    if section.kind == "audio":
        lines.append(f"a=rtpmap:{number} opus/48000/2")
        if repeats(section, codec):
            lines.append(f"a=rtcp-fb:{number} nack")
        lines.append(f"a=fmtp:{number} minptime=10;useinbandfec=1;stereo=0;usedtx={pauses:d}")
        if red is not None:
            lines += _red_lines(red.payload_type, number)
    else:
        lines += _mapping(codec, section)
        lines += [f"a=rtcp-fb:{number} {name}" for name in _VIDEO_FEEDBACK if section.gives_feedback(codec, name)]
        if layered:
            lines += [f"a=rid:{rid} recv" for rid in rids]
            lines.append("a=simulcast:recv " + ";".join(rids))
    if rtx:
        lines += [f"a=rtpmap:{rtx.payload_type} rtx/{rtx.clock_rate}", f"a=fmtp:{rtx.payload_type} apt={number}"]
    return lines


def _red_lines(number: int, carried: int) -> list[str]:
    return [f"a=rtpmap:{number} red/48000/2", f"a=fmtp:{number} {carried}/{carried}"]


def takes_red(section: Section) -> bool:
    """Whether a receiver kept redundancy as it was offered."""
    opus = accepted_codec(section) if section.kind == "audio" and not section.is_refused else None
    red = section.find_red(opus) if opus is not None else None
    return opus is not None and red is not None and (red.payload_type, opus.payload_type) == _OUR_RED


def watch_answer(
    offer: Description, answered: Mapping[str, AnsweredSection], local: LocalTransport, session: int, version: int
) -> str:
    """The answer to a receiver's offer. m-lines whose mid is not in `answered` are refused.

    Payload types are the client's (RFC 3264, section 6.1); header extensions are ours, and named where the client
    numbers them as we do. Sound and picture belong to no common stream: they may come from two people's clocks.
    """
    kept = [section.mid for section in offer.sections if section.mid in answered]
    lines = _head(session, version, kept, local)
    ours = candidates(local)
    for section in offer.sections:
        sent = answered.get(section.mid)
        if sent is None:
            lines += _refused(section)
            continue
        lines += _watched_section(section, sent)
        lines += ours
        ours = []
    return "\r\n".join(lines) + "\r\n"


def _watched_section(section: Section, sent: AnsweredSection) -> list[str]:
    audio, codecs = section.kind == "audio", accepted_codecs(section)
    again = {codec.payload_type: section.find_rtx(codec) for codec in codecs} if sent.rtx_ssrc else {}
    formats = []
    for codec in codecs:
        rtx = again.get(codec.payload_type)
        formats += [str(codec.payload_type)] + ([str(rtx.payload_type)] if rtx else [])
    lines = _media(section.kind, section.mid, " ".join(formats), "passive")
    known = _EXTENSIONS[section.kind]
    lines += [f"a=extmap:{ours} {uri}" for uri, ours in known.items() if section.extensions.get(uri) == ours]
    lines += ["a=sendonly", "a=rtcp-mux", "a=rtcp-rsize"]
    feedback = _FEEDBACK[section.kind]
    for codec in codecs:
        number, rtx = codec.payload_type, again.get(codec.payload_type)
        lines += [f"a=rtpmap:{number} opus/48000/2"] if audio else _mapping(codec, section)
        lines += [f"a=rtcp-fb:{number} {name}" for name in feedback if section.gives_feedback(codec, name)]
        if audio:
            lines.append(f"a=fmtp:{number} minptime=10;useinbandfec=1")
        if rtx:
            lines += [f"a=rtpmap:{rtx.payload_type} rtx/90000", f"a=fmtp:{rtx.payload_type} apt={number}"]
    lines.append(f"a=msid:{section.kind}-{section.mid} {section.mid}")
    ssrcs = [sent.ssrc]
    if any(again.values()):
        lines.append(f"a=ssrc-group:FID {sent.ssrc} {sent.rtx_ssrc}")
        ssrcs.append(sent.rtx_ssrc)
    return lines + [f"a=ssrc:{ssrc} cname:{section.kind}-{section.mid}" for ssrc in ssrcs]


def _refused(section: Section) -> list[str]:
    return [
        f"m={section.kind} 0 {section.protocol} {section.formats[0]}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{section.mid}",
        "a=setup:passive",
        "a=inactive",
    ]


def offer(sections: list[OfferedSection], local: LocalTransport, session: int, version: int, cname: str) -> str:
    """The offer to a receiver. m-lines are never removed, only inactive, and after they were rejected they stay so.

    A client looks for candidates in the first m-line that it doesn't reject.
    """
    dead = {section.mid for section in sections if section.is_rejected and not section.track}
    lines = _head(session, version, [section.mid for section in sections if section.mid not in dead], local)
    alive = sorted((section for section in sections if section.mid not in dead), key=lambda one: one.is_rejected)
    place = alive[0].mid if alive else None
    for section in sections:
        if section.mid in dead:
            lines += _media(section.kind, section.mid, str(PAYLOAD_TYPES[section.codec]), "actpass", port=0)
            lines.append("a=inactive")
            continue
        lines += _subscribe_section(section, cname)
        if section.mid == place:
            lines += candidates(local)
    return "\r\n".join(lines) + "\r\n"


def _subscribe_section(section: OfferedSection, cname: str) -> list[str]:
    audio = section.kind == "audio"
    number, rtx = PAYLOAD_TYPES[section.codec], RTX_PAYLOAD_TYPES[section.codec]
    formats = str(OPUS_PAYLOAD_TYPE) if audio else f"{number} {rtx}"
    if section.is_redundant:
        formats += f" {RED_PAYLOAD_TYPE}"
    lines = _media(section.kind, section.mid, formats, "actpass")
    lines += [f"a=extmap:{number} {uri}" for uri, number in _EXTENSIONS[section.kind].items()]
    lines += ["a=sendonly" if section.track else "a=inactive", "a=rtcp-mux", "a=rtcp-rsize", "a=rtcp-xr:rcvr-rtt=all"]
    if audio:
        lines.append(f"a=rtpmap:{OPUS_PAYLOAD_TYPE} opus/48000/2")
        lines += [f"a=rtcp-fb:{OPUS_PAYLOAD_TYPE} {name}" for name in _FEEDBACK["audio"]]
        lines.append(f"a=fmtp:{OPUS_PAYLOAD_TYPE} minptime=10;useinbandfec=1")
        if section.is_redundant:
            lines += _red_lines(*_OUR_RED)
    else:
        lines += _picture_lines(section.codec, number, OFFERED_PROFILE)
        lines += [f"a=rtcp-fb:{number} {name}" for name in _FEEDBACK["video"]]
        lines += [f"a=rtpmap:{rtx} rtx/90000", f"a=fmtp:{rtx} apt={number}"]
    if section.track:
        lines.append(f"a=msid:{section.stream} {section.track}")
        ssrcs = [section.ssrc]
        if not audio:
            lines.append(f"a=ssrc-group:FID {section.ssrc} {section.rtx_ssrc}")
            ssrcs.append(section.rtx_ssrc)
        lines += [f"a=ssrc:{ssrc} cname:{section.stream or cname}" for ssrc in ssrcs]
    return lines


def _head(session: int, version: int, bundle: list[str], local: LocalTransport) -> list[str]:
    lines = ["v=0", f"o=- {session} {version} IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if bundle:
        lines.append("a=group:BUNDLE " + " ".join(bundle))
    lines += ["a=ice-lite", "a=msid-semantic: WMS *"]
    return [
        *lines,
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
    ]


def _media(kind: str, mid: str, formats: str, setup: str, port: int = 9) -> list[str]:
    """How an m-line begins. The role in DTLS stands in each, as browsers write it: GStreamer looks nowhere else."""
    head = f"m={kind} {port} UDP/TLS/RTP/SAVPF {formats}"
    return [head, "c=IN IP4 0.0.0.0", f"a=mid:{mid}", f"a=setup:{setup}"]


def candidates(local: LocalTransport) -> list[str]:
    """The lines that say where we are reached; there will be no more of them."""
    lines = []
    for index, address in enumerate(local.addresses):
        # RFC 8445, section 5.1.2.1: host type preference 126, one local preference per address, component 1.
        priority = 126 << 24 | (65535 - index) << 8 | 255
        version = ipaddress.ip_address(address).version
        foundation = f"{version}{index}"
        lines.append(f"a=candidate:{foundation} 1 udp {priority} {address} {local.port} typ host")
    if local.tcp_port:
        for index, address in enumerate(local.addresses):
            # RFC 6544, section 4.2: below UDP; direction preference 4 for a passive host candidate.
            priority = 90 << 24 | (4 << 13 | 8191 - index) << 8 | 255
            foundation = f"{ipaddress.ip_address(address).version}{index}9"
            lines.append(
                f"a=candidate:{foundation} 1 tcp {priority} {address} {local.tcp_port} typ host tcptype passive"
            )
    return [*lines, "a=end-of-candidates"]
