"""The hot path out: one canonical packet to many receivers.

One object, so that a native sender can take its place. It renumbers, encrypts and sends; it never waits, never logs,
makes no object per receiver, and one receiver's trouble never stops the others.
"""

import struct
from collections.abc import Callable, Sequence

from media_engine.forwarder import rewrite_picture
from media_engine.ice import Address
from media_engine.packet_cache import Packet
from media_engine.srtp import send_buffer
from media_engine.tracks import DownTrack

_NUMBERS = struct.Struct("!HII")
_SEND_TIME_START = 17
_SEND_TIME_END = 20


def absolute_send_time(now: float) -> bytes:
    """`now` in seconds as 24 bits of 6.18 fixed point, the abs-send-time extension."""
    return (int(now * 262144) & 0xFFFFFF).to_bytes(3, "big")


class FanOut:
    """Sends by `send(datagram, address)`, which must not block and must not raise for a full or refusing socket."""

    def __init__(self, send: Callable[[memoryview, Address], None]) -> None:
        self._send = send

    def forward(self, packet: Packet, upstream: object, downs: Sequence[DownTrack], now: float) -> None:
        """Send `packet` of `upstream` to every one of `downs` that has begun, or can begin here."""
        buffer, send, numbers = send_buffer, self._send, _NUMBERS.pack_into
        data = packet.data
        size = len(data)
        sequence = packet.sequence
        for down in downs:
            forwarder = down.forwarder
            epoch = forwarder.epoch
            if epoch is None or epoch.upstream is not upstream:
                # A receiver's picture starts at a key frame; sound starts anywhere.
                if down.video and not packet.key_frame_start:
                    continue
                epoch = forwarder.begin(upstream, packet, now)
                down.begun()
            elif sequence < epoch.first_sequence:
                continue
            link = down.link
            srtp, address = link.srtp, link.ice.address
            if srtp is None or address is None:
                continue
            buffer[:size] = data
            out = sequence + epoch.sequence_offset
            numbers(buffer, 2, out & 0xFFFF, (packet.timestamp + epoch.timestamp_offset) & 0xFFFFFFFF, down.ssrc)
            if epoch.picture_id_offset or epoch.tl0_offset:
                rewrite_picture(buffer, packet, epoch)
            protected = srtp.protect(size)
            if not protected:
                down.refused += 1
                continue
            send(buffer[:protected], address)
            if out > forwarder.last_sequence:
                forwarder.last_sequence = out
                forwarder.last_packet = packet
                forwarder.last_at = now
            down.packets += 1
            down.octets += size

    def retransmit(self, down: DownTrack, sequence: int, now: float) -> bool:
        """Answer a request for the receiver's 16-bit `sequence` by RTX (RFC 4588), when it is still there."""
        found = down.forwarder.find(sequence)
        up, link = down.up, down.link
        if found is None or up is None:
            return False
        epoch, upstream_sequence = found
        packet = up.cache.get(upstream_sequence) if epoch.upstream is up.log else None
        srtp, address = link.srtp, link.ice.address
        if packet is None or srtp is None or address is None:
            return False
        buffer, data, start = send_buffer, packet.data, packet.payload_start
        size = len(data) + 2
        buffer[2 : 2 + len(data)] = data
        rewrite_picture(buffer[2:], packet, epoch)
        # The original sequence number goes between the headers and the payload: move the headers, not the payload.
        buffer[:start] = data[:start]
        buffer[start : start + 2] = (sequence & 0xFFFF).to_bytes(2, "big")
        buffer[1] = data[1] & 0x80 | down.rtx_payload_type
        timestamp = (packet.timestamp + epoch.timestamp_offset) & 0xFFFFFFFF
        _NUMBERS.pack_into(buffer, 2, down.next_rtx_sequence(), timestamp, down.rtx_ssrc)
        buffer[_SEND_TIME_START:_SEND_TIME_END] = absolute_send_time(now)
        protected = srtp.protect(size)
        if protected:
            self._send(buffer[:protected], address)
            down.retransmitted += 1
        return bool(protected)
