"""Session descriptions as a browser would write and read them (RFC 8829), for the scripted client.

Independent of the engine's SDP on purpose. Offers look like Chromium's for one VP8 camera or screen
and one Opus microphone per m-line; answers take over what was offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
OFFERED_EXTENSIONS = {1: AUDIO_LEVEL, 2: ABS_SEND_TIME, 3: TRANSPORT_CC, 4: MID}

OPUS_PAYLOAD_TYPE = 111
VP8_PAYLOAD_TYPE = 96
RTX_PAYLOAD_TYPE = 97


@dataclass(frozen=True)
class Secrets:
    """What the transport part of a description says about one end."""

    ufrag: str
    password: str
    fingerprint: str  # "AB:CD:…", of the sha-256 kind


@dataclass(frozen=True)
class UpMedia:
    """One m-line that the client sends on."""

    mid: str
    kind: str  # "audio" or "video"
    ssrc: int
    rtx_ssrc: int | None = None
    active: bool = True


@dataclass
class Media:
    """One m-line of a description that was read."""

    kind: str
    mid: str = ""
    port: int = 0
    direction: str = "sendrecv"
    codecs: dict[int, str] = field(default_factory=dict)
    formats: dict[int, str] = field(default_factory=dict)
    extensions: dict[str, int] = field(default_factory=dict)
    feedback: list[str] = field(default_factory=list)
    ssrcs: list[int] = field(default_factory=list)
    stream_id: str = ""
    track_id: str = ""
    lines: list[str] = field(default_factory=list)

    def payload_type(self, codec: str) -> int:
        """The number for "VP8", "opus" or "rtx". Raises KeyError when the m-line has none."""
        for number, name in self.codecs.items():
            if name.split("/")[0].lower() == codec.lower():
                return number
        raise KeyError(codec)


@dataclass
class Description:
    secrets: Secrets
    candidates: list[tuple[str, int]]
    media: list[Media]
    setup: str
    ice_lite: bool

    def by_mid(self, mid: str) -> Media:
        return next(media for media in self.media if media.mid == mid)


def read_description(sdp: str) -> Description:
    """Raises KeyError when credentials or fingerprint are missing: such a description is of no use."""
    found: dict[str, str] = {}
    candidates: list[tuple[str, int]] = []
    media: list[Media] = []
    ice_lite = False
    for line in sdp.replace("\r\n", "\n").split("\n"):
        kind, _, value = line.partition("=")
        if kind == "m":
            parts = value.split()
            media.append(Media(kind=parts[0], port=int(parts[1])))
            continue
        if kind != "a":
            continue
        name, _, rest = value.partition(":")
        if name in ("ice-ufrag", "ice-pwd", "setup"):
            found.setdefault(name, rest)
        elif name == "fingerprint" and rest.lower().startswith("sha-256 "):
            found.setdefault(name, rest.split()[1].upper())
        elif name == "ice-lite":
            ice_lite = True
        elif name == "candidate":
            parts = rest.split()
            if parts[2].lower() == "udp" and (parts[4], int(parts[5])) not in candidates:
                candidates.append((parts[4], int(parts[5])))
        elif media:
            _read_media_attribute(media[-1], name, rest, value)
    secrets = Secrets(found["ice-ufrag"], found["ice-pwd"], found["fingerprint"])
    return Description(secrets, candidates, media, found.get("setup", ""), ice_lite)


def _read_media_attribute(media: Media, name: str, rest: str, whole: str) -> None:
    media.lines.append(whole)
    if name in ("sendrecv", "sendonly", "recvonly", "inactive"):
        media.direction = name
    elif name == "mid":
        media.mid = rest
    elif name == "rtpmap":
        number, codec = rest.split(None, 1)
        media.codecs[int(number)] = codec
    elif name == "fmtp":
        number, parameters = rest.split(None, 1)
        media.formats[int(number)] = parameters
    elif name == "rtcp-fb":
        media.feedback.append(rest)
    elif name == "extmap":
        number, uri = rest.split()[:2]
        media.extensions[uri] = int(number.split("/")[0])
    elif name == "ssrc":
        ssrc = int(rest.partition(" ")[0])
        if ssrc not in media.ssrcs:
            media.ssrcs.append(ssrc)
    elif name == "msid":
        media.stream_id, _, media.track_id = rest.partition(" ")


def write_publish_offer(secrets: Secrets, media: Sequence[UpMedia], cname: str = "scripted") -> str:
    """What a browser's `createOffer` says for send-only transceivers."""
    lines = _head([m.mid for m in media], offering=True)
    for m in media:
        lines += _offered_audio(m) if m.kind == "audio" else _offered_video(m)
        lines += _transport(secrets, "actpass", m.mid)
        lines += [f"a=extmap:{number} {uri}" for number, uri in OFFERED_EXTENSIONS.items()]
        lines += ["a=sendonly" if m.active else "a=inactive", f"a=msid:{cname} {cname}-{m.mid}"]
        if m.active:
            if m.rtx_ssrc is not None:
                lines.append(f"a=ssrc-group:FID {m.ssrc} {m.rtx_ssrc}")
            lines += [f"a=ssrc:{ssrc} cname:{cname}" for ssrc in (m.ssrc, m.rtx_ssrc) if ssrc is not None]
    return "\r\n".join(lines) + "\r\n"


def write_subscribe_answer(secrets: Secrets, offer: Description) -> str:
    """Accepts everything offered, receive-only, as the DTLS client."""
    lines = _head([m.mid for m in offer.media], offering=False)
    for m in offer.media:
        numbers = " ".join(str(number) for number in m.codecs)
        lines += [f"m={m.kind} 9 UDP/TLS/RTP/SAVPF {numbers}", "c=IN IP4 0.0.0.0"]
        lines += [f"a=rtpmap:{number} {codec}" for number, codec in m.codecs.items()]
        lines += [f"a=fmtp:{number} {parameters}" for number, parameters in m.formats.items()]
        lines += [f"a=rtcp-fb:{feedback}" for feedback in m.feedback]
        lines += _transport(secrets, "active", m.mid)
        lines += [f"a=extmap:{number} {uri}" for uri, number in m.extensions.items()]
        lines.append("a=recvonly" if m.direction in ("sendonly", "sendrecv") else "a=inactive")
    return "\r\n".join(lines) + "\r\n"


def _head(mids: Sequence[str], offering: bool) -> list[str]:
    return [
        "v=0",
        f"o=- {4611731400430051336 + offering} 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {' '.join(mids)}",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS",
    ]


def _transport(secrets: Secrets, setup: str, mid: str) -> list[str]:
    return [
        f"a=ice-ufrag:{secrets.ufrag}",
        f"a=ice-pwd:{secrets.password}",
        "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {secrets.fingerprint}",
        f"a=setup:{setup}",
        f"a=mid:{mid}",
        "a=rtcp-mux",
        "a=rtcp-rsize",
    ]


def _offered_audio(m: UpMedia) -> list[str]:
    pt = OPUS_PAYLOAD_TYPE
    return [
        f"m=audio 9 UDP/TLS/RTP/SAVPF {pt}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=rtpmap:{pt} opus/48000/2",
        f"a=rtcp-fb:{pt} transport-cc",
        f"a=fmtp:{pt} minptime=10;useinbandfec=1",
    ]


def _offered_video(m: UpMedia) -> list[str]:
    pt, rtx = VP8_PAYLOAD_TYPE, RTX_PAYLOAD_TYPE
    feedback = ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")
    return [
        f"m=video 9 UDP/TLS/RTP/SAVPF {pt} {rtx}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=rtpmap:{pt} VP8/90000",
        *(f"a=rtcp-fb:{pt} {name}" for name in feedback),
        f"a=rtpmap:{rtx} rtx/90000",
        f"a=fmtp:{rtx} apt={pt}",
    ]
