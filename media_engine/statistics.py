"""What the engine knows about one peer's media, in webrtc-stats terms, and in few words for people and tests. Pure.

Types and members are those of https://www.w3.org/TR/webrtc-stats/, seen from the engine: `inbound-rtp` is what the peer
publishes, `outbound-rtp` what it is sent, `remote-inbound-rtp` what it reports about that. Sizes are in bytes, times in
seconds, timestamps in milliseconds since 1970. Members that an engine which decodes nothing cannot know are absent.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

from media_engine.codecs import OPUS, PICTURES
from media_engine.events import TransportName
from media_engine.link import Link
from media_engine.peer import Peer
from media_engine.publish import PublishLink
from media_engine.sdp_write import PAYLOAD_TYPES
from media_engine.srtp import SrtpPair
from media_engine.subscribe import SubscribeLink
from media_engine.tracks import DownTrack, UpTrack
from media_engine.voices import SILENCE

Report = dict[str, Any]
"""One stats object: always with `id`, `type` and `timestamp`."""

_HEADER_BYTES = 20
_CODECS: dict[str, Report] = {
    OPUS: {"mimeType": "audio/opus", "payloadType": PAYLOAD_TYPES[OPUS], "clockRate": 48000, "channels": 2},
    **{
        name: {"mimeType": f"video/{name.upper()}", "payloadType": PAYLOAD_TYPES[name], "clockRate": 90000}
        for name in PICTURES
    },
}
_DTLS_STATES = {None: "new", "disconnected": "connected"}
_ICE_STATES = {None: "new", "connecting": "checking"}


def peer_report(links: list[Link], unix_ms: Callable[[float], float], now: float) -> list[Report]:
    """Everything about the transports of one peer. `unix_ms` turns engine time, as is `now`, into milliseconds."""
    found: list[Report] = []
    for link in links:
        objects = [*_transport(link, unix_ms), *_tracks(link, unix_ms)]
        for entry in objects:
            entry.setdefault("timestamp", unix_ms(now))
        found += objects
    return found


def _transport(link: Link, unix_ms: Callable[[float], float]) -> Iterator[Report]:
    name, state = f"T-{link.name}", link.state
    downs = link.downs if isinstance(link, SubscribeLink) else []
    media = sum(down.forwarder.packets + down.retransmitted for down in downs)
    octets = sum(down.forwarder.octets + down.retransmitted_octets for down in downs) + _HEADER_BYTES * media
    pair: Report = {
        "id": f"P-{link.name}",
        "type": "candidate-pair",
        "transportId": name,
        "state": "succeeded" if link.ice.destination is not None and not link.ice.closed else "in-progress",
        "nominated": link.ice.destination is not None,
        "lastPacketReceivedTimestamp": unix_ms(link.ice.last_consent_at),
    }
    if isinstance(link, SubscribeLink):
        if link.round_trip_seconds:
            pair["currentRoundTripTime"] = round(link.round_trip_seconds, 4)
        if link.downlink.available < math.inf:
            pair["availableOutgoingBitrate"] = round(link.downlink.available)
    yield {
        "id": name,
        "type": "transport",
        "packetsReceived": link.packets_in,
        "bytesReceived": link.octets_in,
        "packetsSent": media + link.reports_out,
        "bytesSent": octets + link.report_octets_out,
        "dtlsState": _DTLS_STATES.get(state, state),
        "dtlsRole": "server",
        "iceState": _ICE_STATES.get(state, state),
        "iceRole": "controlled",
        "selectedCandidatePairId": pair["id"],
        **_cipher(link.srtp),
    }
    yield pair


def _cipher(srtp: SrtpPair | None) -> Report:
    return {"srtpCipher": srtp.cipher} if srtp is not None else {}


def _tracks(link: Link, unix_ms: Callable[[float], float]) -> Iterator[Report]:
    if isinstance(link, PublishLink):
        for up in link.tracks.values():
            yield from _codec(link, up.codec)
            yield from _inbound(up, link.name, unix_ms)
    elif isinstance(link, SubscribeLink):
        for down in link.downs:
            if down.key is not None:
                yield from _codec(link, down.codec)
                yield from _outbound(down, link.name, unix_ms)


def _codec(link: Link, codec: str) -> Iterator[Report]:
    yield {"id": f"C-{link.name}-{codec}", "type": "codec", "transportId": f"T-{link.name}", **_CODECS[codec]}


def _inbound(up: UpTrack, link_name: str, unix_ms: Callable[[float], float]) -> Iterator[Report]:
    log, kind = up.log, up.key[1].kind
    entry: Report = {
        "id": f"I-{up.mid}{up.rid and '-' + up.rid}",
        "type": "inbound-rtp",
        "ssrc": up.ssrc,
        "kind": kind,
        "mid": up.mid,
        "trackIdentifier": f"{up.key[0]}:{up.key[1].value}",
        "transportId": f"T-{link_name}",
        "codecId": f"C-{link_name}-{up.codec}",
        "packetsReceived": log.received,
        "packetsLost": log.lost,
        "jitter": round(log.jitter_seconds, 6),
        "bytesReceived": up.octets + up.redundant_octets,
        "headerBytesReceived": _HEADER_BYTES * up.packets,
        "retransmittedPacketsReceived": up.repaired,
        "nackCount": up.nacks,
    }
    if up.packets:
        entry["lastPacketReceivedTimestamp"] = unix_ms(up.last_packet_at)
    if up.video:
        entry["pliCount"] = up.key_frames_asked
    elif up.red_payload_type >= 0:
        entry |= {"fecPacketsReceived": up.redundant, "fecBytesReceived": up.redundant_octets}
    if not up.video and up.loudness.value >= 0:
        entry["audioLevel"] = round(10 ** ((up.loudness.value - SILENCE) / 20), 4)
    if up.rid:
        entry["rid"] = up.rid
    yield entry
    report = up.sender_report
    if report is not None:
        yield {
            "id": f"RO-{up.mid}{up.rid and '-' + up.rid}",
            "type": "remote-outbound-rtp",
            "timestamp": unix_ms(up.report_arrived_at),
            "ssrc": up.ssrc,
            "kind": kind,
            "localId": entry["id"],
            "packetsSent": report.packets,
            "bytesSent": report.octets,
            "remoteTimestamp": _unix_ms_of(report.ntp_time),
        }


def _outbound(down: DownTrack, link_name: str, unix_ms: Callable[[float], float]) -> Iterator[Report]:
    key = down.key
    assert key is not None  # noqa: S101 - see `_tracks`
    entry: Report = {
        "id": f"O-{down.mid}",
        "type": "outbound-rtp",
        "ssrc": down.ssrc,
        "kind": down.kind,
        "mid": down.mid,
        "trackIdentifier": f"{key[0]}:{key[1].value}",
        "transportId": f"T-{link_name}",
        "codecId": f"C-{link_name}-{down.codec}",
        "active": down.up is not None and down.forwarder.epoch is not None,
        "packetsSent": down.forwarder.packets + down.retransmitted,
        "bytesSent": down.forwarder.octets + down.retransmitted_octets,
        "headerBytesSent": _HEADER_BYTES * (down.forwarder.packets + down.retransmitted),
        "retransmittedPacketsSent": down.retransmitted,
        "retransmittedBytesSent": down.retransmitted_octets,
        "nackCount": down.nacks,
    }
    if down.video:
        entry |= {"rtxSsrc": down.rtx_ssrc, "pliCount": down.key_frames_asked}
    yield entry
    report = down.reported
    if report is not None:
        rate = 90000 if down.video else 48000
        yield {
            "id": f"RI-{down.mid}",
            "type": "remote-inbound-rtp",
            "timestamp": unix_ms(down.reported_at),
            "ssrc": down.ssrc,
            "kind": down.kind,
            "localId": entry["id"],
            "packetsLost": report.cumulative_lost,
            "fractionLost": report.fraction_lost / 256,
            "jitter": round(report.jitter / rate, 6),
            **_round_trips(down),
        }


def _round_trips(down: DownTrack) -> Report:
    count, total = down.round_trips, down.round_trips_seconds
    if not count:
        return {"roundTripTimeMeasurements": 0, "totalRoundTripTime": 0.0}
    return {
        "roundTripTimeMeasurements": count,
        "totalRoundTripTime": round(total, 4),
        "roundTripTime": round(down.last_round_trip_seconds, 4),
    }


def _unix_ms_of(ntp_time: int) -> float:
    """32.32 fixed point since 1900 (RFC 3550, section 4) as milliseconds since 1970."""
    return round((ntp_time / (1 << 32) - 2_208_988_800) * 1000, 3)


def peer_packets(peer: Peer) -> dict[str, int]:
    """How many packets have come from a peer's present transports, and have gone to it."""
    downs = peer.subscribe.downs if peer.subscribe is not None else []
    return {
        "packets_in": peer.publish.packets_in if peer.publish is not None else 0,
        "packets_out": sum(down.forwarder.packets for down in downs),
    }


def peer_counts(peer: Peer, is_unheard: Callable[[UpTrack], bool]) -> dict[str, Any]:
    """Counters of one peer; ids only, never names or addresses."""
    links: dict[TransportName, Any] = {}
    for link in peer.links:
        links[link.name] = {
            "state": link.state or "new",
            "packets_in": link.packets_in,
            "octets_in": link.octets_in,
            "dropped": dict(link.dropped),
        }
    publish = peer.publish
    subscribe = peer.subscribe
    return {
        **peer_packets(peer),
        "speaking": peer.said.is_speaking if peer.said is not None else None,
        "links": links,
        "publishes": [
            {
                "source": track.key[1].value,
                "live": track.live,
                "packets": track.packets,
                "octets": track.octets,
                "receivers": len(track.downs),
                "heard": not is_unheard(track),
            }
            for track in (publish.tracks.values() if publish is not None else ())
        ],
        "receives": [
            {
                "publisher": down.key[0],
                "source": down.key[1].value,
                "flows": down.up is not None,
                "packets": down.forwarder.packets,
                "octets": down.forwarder.octets,
                "retransmitted": down.retransmitted,
            }
            for down in (subscribe.downs if subscribe is not None else ())
            if down.key is not None
        ],
        "bandwidth_bits_per_second": _finite(subscribe.downlink.available) if subscribe is not None else 0,
        "round_trip_seconds": round(subscribe.round_trip_seconds, 4) if subscribe is not None else 0.0,
    }


def _finite(bits_per_second: float) -> int:
    return round(bits_per_second) if bits_per_second < math.inf else 0
