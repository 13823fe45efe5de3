"""Reads the SDP of clients (RFC 8866, RFC 8829), strictly. Pure.

Knows only what the engine negotiates: bundled audio and video over DTLS-SRTP with rtcp-mux. Attributes it does not
know are skipped, attributes it knows must be well formed. `sdp_write.py` is the other direction.
"""

import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal

from media_engine.errors import OfferRejected

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABSOLUTE_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
TRANSPORT_SEQUENCE = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

_DIGEST_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_MAX_LINE = 2048
_MAX_LINES = 4000
_MAX_FORMATS = 96
_MAX_SSRCS = 8
_LINE = re.compile(r"[a-z]=[^\x00-\x08\x0b-\x1f\x7f]*", re.ASCII)
_MEDIA = re.compile(r"([a-z]{1,16}) (\d{1,5}) ([A-Z/]{3,24})((?: [\w-]{1,32}){1,96})", re.ASCII)
_ORIGIN = re.compile(r"\S{1,64} (\d{1,20}) \d{1,20} IN IP[46] \S{1,64}", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+.^_`{|}~\w-]{1,32}", re.ASCII)
_ICE = re.compile(r"[A-Za-z0-9+/=_-]{4,256}", re.ASCII)
_FINGERPRINT = re.compile(r"([A-Za-z0-9-]{3,16}) ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})+)", re.ASCII)
_RTPMAP = re.compile(r"(\d{1,3}) ([\w.+-]{1,32})/(\d{1,6})(?:/(\d))?", re.ASCII)
_FMTP = re.compile(r"(\d{1,3}) (.{1,512})")
_APT = re.compile(r"(?:^|;) *apt=(\d{1,3})(?: *;|$)", re.ASCII)
_PROFILE = re.compile(r"(?:^|;) *profile-level-id=([0-9A-Fa-f]{6})(?: *;|$)", re.ASCII)
_PROFILE_NUMBER = re.compile(r"(?:^|;) *profile(?:-id)?=(\d+)(?: *;|$)", re.ASCII)
_NON_INTERLEAVED = re.compile(r"(?:^|;) *packetization-mode=1(?: *;|$)", re.ASCII)
_REDUNDANT = re.compile(r"\d{1,3}(?:/\d{1,3}){1,32}", re.ASCII)
_FEEDBACK = re.compile(r"(\d{1,3}|\*) ([ -~]{1,64})", re.ASCII)
_EXTMAP = re.compile(r"(\d{1,3})(?:/(?:sendrecv|sendonly|recvonly|inactive))? ([!-~]{1,256})(?: .*)?", re.ASCII)
_SSRC = re.compile(r"(\d{1,10}) .{0,512}")
_FID = re.compile(r"FID (\d{1,10}) (\d{1,10})", re.ASCII)
_RID = re.compile(r"([A-Za-z0-9_-]{1,16}) send(?: .*)?", re.ASCII)
_SIMULCAST = re.compile(r"(?:recv \S{1,256} )?send ([A-Za-z0-9_~,;-]{1,256})(?: recv \S{1,256})?", re.ASCII)


@dataclass
class Codec:
    """One payload type of a section. `name` is lower case."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int


@dataclass
class Section:
    """One m-line. `formats` keeps the client's preference; `ssrcs` maps a media SSRC to its RTX SSRC or None."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    mid: str = ""
    direction: Direction = "sendrecv"
    rtcp_mux: bool = False
    bundle_only: bool = False
    """Port 0 and yet no refusal: it is sent over the transport of the bundle or not at all (RFC 9143 section 6)."""
    codecs: dict[int, Codec] = field(default_factory=dict)
    repaired: dict[int, int] = field(default_factory=dict)
    """RTX payload type to the one it repairs (apt)."""
    redundant: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Payload types to what they may carry several of in one packet (RFC 2198, section 5)."""
    profiles: dict[int, str] = field(default_factory=dict)
    """H.264 payload types in the non-interleaved mode (RFC 6184, section 8.1) to their profile-level-id."""
    profile_numbers: dict[int, int] = field(default_factory=dict)
    """Payload types to what they say of their profile by a number, as VP9 (profile-id) and AV1 (profile) do."""
    feedback: set[tuple[str, str]] = field(default_factory=set)
    """Payload type, or "*", and feedback name."""
    extensions: dict[str, int] = field(default_factory=dict)
    ssrcs: dict[int, int | None] = field(default_factory=dict)
    rids: list[str] = field(default_factory=list)
    """Encodings that the client wants to send, in the order of a=simulcast where it has one."""

    @property
    def sends(self) -> bool:
        """Whether the client wants to send on this m-line."""
        return not self.is_refused and self.direction in ("sendonly", "sendrecv")

    @property
    def is_refused(self) -> bool:
        return self.port == 0 and not self.bundle_only

    def find_codec(self, name: str, clock_rate: int) -> Codec | None:
        """The client's most preferred payload type of this codec."""
        for text in self.formats:
            codec = self.codecs.get(int(text)) if text.isdigit() else None
            if codec is not None and codec.name == name and codec.clock_rate == clock_rate:
                return codec
        return None

    def find_red(self, codec: Codec) -> Codec | None:
        """The payload type of packets that carry `codec`, and nothing else, more than once (RFC 2198)."""
        for candidate in self.codecs.values():
            carried = set(self.redundant.get(candidate.payload_type, ()))
            if candidate.name == "red" and candidate.clock_rate == codec.clock_rate and carried == {codec.payload_type}:
                return candidate
        return None

    def restrict(self, names: AbstractSet[str]) -> None:
        """Pass over every codec that is not among `names`, as if the client had not named it."""
        self.codecs = {number: codec for number, codec in self.codecs.items() if codec.name in names}

    def gives_feedback(self, codec: Codec, name: str) -> bool:
        """Whether the client listens to this kind of RTCP feedback for `codec`."""
        return (str(codec.payload_type), name) in self.feedback or ("*", name) in self.feedback

    def find_rtx(self, codec: Codec) -> Codec | None:
        """The retransmission payload type that belongs to `codec` (RFC 4588)."""
        for candidate in self.codecs.values():
            if candidate.name == "rtx" and self.repaired.get(candidate.payload_type) == codec.payload_type:
                return candidate
        return None


@dataclass
class Description:
    """A whole offer or answer."""

    session: str
    sections: list[Section]
    ufrag: str = ""
    password: str = ""
    fingerprints: tuple[tuple[str, str], ...] = ()
    setup: str = ""
    bundle: tuple[str, ...] = ()
    allow_mixed_extensions: bool = False


@dataclass
class _Transport:
    """Transport attributes as they stand at the session or in one section."""

    ufrag: str = ""
    password: str = ""
    fingerprints: list[tuple[str, str]] = field(default_factory=list)
    setup: str = ""


def decode(text: str, *, max_bytes: int, max_sections: int) -> Description:
    """Parse an offer or answer. Raises OfferRejected("bad_sdp") with a reason; never anything else."""
    if len(text) > max_bytes or len(text.encode("utf-8", "replace")) > max_bytes:
        raise _bad(f"larger than {max_bytes} bytes")
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(lines) > _MAX_LINES or lines[0] != "v=0":
        raise _bad("does not begin with v=0" if lines[0] != "v=0" else "too many lines")
    description = Description("", [])
    common = _Transport()
    own: list[_Transport] = []
    for line in lines[1:]:
        if len(line) > _MAX_LINE or not _LINE.fullmatch(line):
            raise _bad("malformed line")
        kind, value = line[0], line[2:]
        if kind == "m":
            if len(description.sections) == max_sections:
                raise _bad(f"more than {max_sections} m-lines")
            description.sections.append(_decode_media(value))
            own.append(_Transport())
        elif kind == "o":
            description.session = _match(_ORIGIN, value, "o=")[1]
        elif kind == "a":
            name, _, argument = value.partition(":")
            if _decode_transport(name, argument, own[-1] if own else common):
                continue
            if description.sections:
                _decode_attribute(name, argument, description.sections[-1])
            elif name == "group" and argument.startswith("BUNDLE"):
                description.bundle = tuple(_match(_TOKEN, mid, "a=group")[0] for mid in argument.split()[1:])
            elif name == "extmap-allow-mixed":
                description.allow_mixed_extensions = True
    _check(description, common, own)
    return description


def _bad(reason: str) -> OfferRejected:
    return OfferRejected("bad_sdp", reason)


def _match(pattern: re.Pattern[str], value: str, where: str) -> re.Match[str]:
    match = pattern.fullmatch(value)
    if match is None:
        raise _bad(f"malformed {where}")
    return match


def _number(text: str, limit: int, where: str) -> int:
    value = int(text)
    if value > limit:
        raise _bad(f"{where} out of range")
    return value


def _decode_media(value: str) -> Section:
    match = _match(_MEDIA, value, "m=")
    formats = tuple(match[4].split())
    if len(formats) > _MAX_FORMATS or len(set(formats)) != len(formats):
        raise _bad("malformed m= formats")
    return Section(match[1], _number(match[2], 65535, "port"), match[3], formats)


def _decode_transport(name: str, argument: str, target: _Transport) -> bool:
    if name == "ice-ufrag":
        target.ufrag = _match(_ICE, argument, "a=ice-ufrag")[0]
    elif name == "ice-pwd":
        target.password = _match(_ICE, argument, "a=ice-pwd")[0]
        if len(target.password) < 22:
            raise _bad("a=ice-pwd is too short")
    elif name == "fingerprint":
        match = _match(_FINGERPRINT, argument, "a=fingerprint")
        algorithm, value = match[1].lower(), match[2].upper()
        if algorithm in _DIGEST_BYTES:
            if len(value) != _DIGEST_BYTES[algorithm] * 3 - 1:
                raise _bad("a=fingerprint has the wrong length")
            if (algorithm, value) not in target.fingerprints:
                target.fingerprints.append((algorithm, value))
            if len(target.fingerprints) > 4:
                raise _bad("too many fingerprints")
    elif name == "setup":
        if argument not in ("active", "passive", "actpass", "holdconn"):
            raise _bad("malformed a=setup")
        target.setup = argument
    else:
        return False
    return True


def _on_mid(argument: str, section: Section) -> None:
    section.mid = _match(_TOKEN, argument, "a=mid")[0]


def _on_rtcp_mux(_argument: str, section: Section) -> None:
    section.rtcp_mux = True


def _on_rtpmap(argument: str, section: Section) -> None:
    match = _match(_RTPMAP, argument, "a=rtpmap")
    payload_type = _number(match[1], 127, "payload type")
    if match[1] not in section.formats:
        return
    section.codecs[payload_type] = Codec(payload_type, match[2].lower(), int(match[3]), int(match[4] or 1))


def _on_fmtp(argument: str, section: Section) -> None:
    match = _match(_FMTP, argument, "a=fmtp")
    apt = _APT.search(match[2])
    if apt is not None and match[1] in section.formats:
        section.repaired[int(match[1])] = int(apt[1])
    if _REDUNDANT.fullmatch(match[2]) and match[1] in section.formats:
        section.redundant[int(match[1])] = tuple(int(number) for number in match[2].split("/"))
    profile = _PROFILE.search(match[2])
    if profile is not None and _NON_INTERLEAVED.search(match[2]) and match[1] in section.formats:
        section.profiles[int(match[1])] = profile[1].lower()
    number = _PROFILE_NUMBER.search(match[2])
    if number is not None and match[1] in section.formats:
        section.profile_numbers[int(match[1])] = int(number[1])


def _on_feedback(argument: str, section: Section) -> None:
    match = _match(_FEEDBACK, argument, "a=rtcp-fb")
    if match[1] == "*" or match[1] in section.formats:
        section.feedback.add((match[1], match[2]))


def _on_extmap(argument: str, section: Section) -> None:
    match = _match(_EXTMAP, argument, "a=extmap")
    identifier = _number(match[1], 255, "extension id")
    if not identifier or identifier in section.extensions.values():
        raise _bad("extension id used twice or zero")
    section.extensions.setdefault(match[2], identifier)


def _on_ssrc(argument: str, section: Section) -> None:
    ssrc = _number(_match(_SSRC, argument, "a=ssrc")[1], 0xFFFFFFFF, "SSRC")
    if ssrc not in section.ssrcs:
        if len(section.ssrcs) == _MAX_SSRCS:
            raise _bad("too many SSRCs in one section")
        section.ssrcs[ssrc] = None


def _on_ssrc_group(argument: str, section: Section) -> None:
    match = _FID.fullmatch(argument)
    if match is not None:
        media = _number(match[1], 0xFFFFFFFF, "SSRC")
        if media not in section.ssrcs and len(section.ssrcs) == _MAX_SSRCS:
            raise _bad("too many SSRCs in one section")
        section.ssrcs[media] = _number(match[2], 0xFFFFFFFF, "SSRC")


def _on_bundle_only(argument: str, section: Section) -> None:
    section.bundle_only = section.port == 0


def _on_rid(argument: str, section: Section) -> None:
    match = _RID.fullmatch(argument)
    if match is not None and len(section.rids) < 8:
        section.rids.append(match[1])


def _on_simulcast(argument: str, section: Section) -> None:
    """RFC 8853, section 5.1. Of alternatives the first counts; what is not a rid of this section is passed over."""
    match = _SIMULCAST.fullmatch(argument)
    if match is not None:
        order = [stream.split(",")[0].lstrip("~") for stream in match[1].split(";")]
        section.rids.sort(key=lambda rid: order.index(rid) if rid in order else len(order))


_ATTRIBUTES: dict[str, Callable[[str, Section], None]] = {
    "mid": _on_mid,
    "rtcp-mux": _on_rtcp_mux,
    "rtpmap": _on_rtpmap,
    "fmtp": _on_fmtp,
    "rtcp-fb": _on_feedback,
    "extmap": _on_extmap,
    "ssrc": _on_ssrc,
    "ssrc-group": _on_ssrc_group,
    "bundle-only": _on_bundle_only,
    "rid": _on_rid,
    "simulcast": _on_simulcast,
}


def _decode_attribute(name: str, argument: str, section: Section) -> None:
    if name in ("sendrecv", "sendonly", "recvonly", "inactive"):
        section.direction = name  # type: ignore[assignment]  # the test above narrows it
        return
    decoder = _ATTRIBUTES.get(name)
    if decoder is not None and section.kind in ("audio", "video"):
        decoder(argument, section)
    elif name == "mid":
        _on_mid(argument, section)


def _check(description: Description, common: _Transport, own: list[_Transport]) -> None:
    """Everything that has to hold between the lines: unique mids, one bundle, one transport."""
    if not description.session:
        raise _bad("no o= line")
    mids = [section.mid for section in description.sections]
    if not mids or "" in mids or len(set(mids)) != len(mids):
        raise _bad("there must be m-lines, each with a mid of its own")
    chosen: _Transport | None = None
    for section, transport in zip(description.sections, own, strict=True):
        if section.is_refused or section.kind not in ("audio", "video"):
            continue
        _check_section(section, description.bundle)
        # A section that has no transport but the bundle's need not repeat it.
        base = chosen if section.bundle_only and chosen is not None else common
        merged = _Transport(
            transport.ufrag or base.ufrag,
            transport.password or base.password,
            transport.fingerprints or base.fingerprints,
            transport.setup or base.setup,
        )
        if chosen is not None and merged != chosen:
            raise _bad("bundled m-lines name different transports")
        chosen = merged
    if chosen is not None:
        _check_transport(chosen)
        description.ufrag, description.password, description.setup = chosen.ufrag, chosen.password, chosen.setup
        description.fingerprints = tuple(chosen.fingerprints)


def _check_section(section: Section, bundle: tuple[str, ...]) -> None:
    if section.protocol != "UDP/TLS/RTP/SAVPF":
        raise _bad("only UDP/TLS/RTP/SAVPF is spoken")
    if not section.rtcp_mux and not section.bundle_only:
        raise _bad("rtcp-mux is required")
    if section.mid not in bundle:
        raise _bad("every m-line must be bundled")
    # An RTX SSRC has an a=ssrc line of its own; it is no media SSRC.
    for rtx in [ssrc for ssrc in section.ssrcs.values() if ssrc is not None]:
        section.ssrcs.pop(rtx, None)


def _check_transport(transport: _Transport) -> None:
    if not transport.ufrag or not transport.password:
        raise _bad("no ICE credentials")
    if not transport.fingerprints:
        raise _bad("no fingerprint of a supported hash")
    if not transport.setup:
        raise _bad("no a=setup")
