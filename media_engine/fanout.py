"""The hot path out: one canonical packet to many receivers.

One object, so that a native sender can take its place. It renumbers, encrypts and sends; it never waits, never logs,
makes no object per receiver, and one receiver's trouble never stops the others.
"""

import struct
from collections.abc import Callable

from media_engine.forwarder import Epoch, rewrite_picture
from media_engine.ice import Address
from media_engine.packet_cache import Packet
from media_engine.srtp import SEND_SLOTS, send_buffer, send_slots
from media_engine.tracks import DownTrack, UpTrack

_NUMBERS = struct.Struct("!HII")
_SEND_TIME_START = 17
_SEND_TIME_END = 20


def absolute_send_time(now: float) -> bytes:
    """`now` in seconds as 24 bits of 6.18 fixed point, the abs-send-time extension."""
    return (int(now * 262144) & 0xFFFFFF).to_bytes(3, "big")


class FanOut:
    """Sends what one wake-up of the port has brought, receiver by receiver.

    `send(datagram, address)` and `send_run(datagrams, size, address)` must not block and must not raise for a full or
    refusing socket. `collect` remembers; `flush` sends. Both run in the same callback of the loop, and `flush` asks
    each track for its receivers anew, so that a grant that has ended in between counts.
    """

    def __init__(
        self,
        send: Callable[[memoryview, Address], None],
        send_run: Callable[[list[memoryview], int, Address], None],
    ) -> None:
        self._send = send
        self._send_run = send_run
        self._pending: dict[object, tuple[UpTrack, list[Packet]]] = {}
        self._now = 0.0

    def collect(self, packet: Packet, track: UpTrack, now: float) -> None:
        """Send `packet` of `track` with the next `flush`."""
        pending = self._pending.get(track.log)
        if pending is None:
            self._pending[track.log] = (track, [packet])
        else:
            pending[1].append(packet)
        self._now = now

    def flush(self) -> None:
        """Send everything collected to every receiver that may have it now and has begun, or can begin here."""
        if not self._pending:
            return
        pending, self._pending = self._pending, {}
        for upstream, (track, packets) in pending.items():
            if len(packets) == 1:
                self._forward_one(packets[0], upstream, track.downs)
            else:
                for down in track.downs:
                    self._forward(packets, upstream, down)

    def _forward_one(self, packet: Packet, upstream: object, downs: tuple[DownTrack, ...]) -> None:
        """One packet to all receivers of its track."""
        buffer, send, numbers, now = send_buffer, self._send, _NUMBERS.pack_into, self._now
        data = packet.data
        size = len(data)
        sequence, timestamp = packet.sequence, packet.timestamp
        for down in downs:
            forwarder = down.forwarder
            epoch = forwarder.epoch
            if epoch is None or epoch.upstream is not upstream:
                epoch = self._begin(packet, upstream, down)
                if epoch is None:
                    continue
            elif sequence < epoch.first_sequence:
                continue
            link = down.link
            srtp, address = link.srtp, link.ice.address
            if srtp is None or address is None:
                continue
            buffer[:size] = data
            out = sequence + epoch.sequence_offset
            numbers(buffer, 2, out & 0xFFFF, (timestamp + epoch.timestamp_offset) & 0xFFFFFFFF, down.ssrc)
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

    def _begin(self, packet: Packet, upstream: object, down: DownTrack) -> Epoch | None:
        """A picture starts for a receiver at a key frame; sound starts anywhere."""
        if down.video and not packet.key_frame_start:
            return None
        down.begun()
        return down.forwarder.begin(upstream, packet, self._now)

    def _forward(self, packets: list[Packet], upstream: object, down: DownTrack) -> None:
        """The packets of one track to one receiver, in runs of equal size that the kernel cuts into datagrams."""
        link = down.link
        srtp, address = link.srtp, link.ice.address
        if srtp is None or address is None:
            return
        forwarder = down.forwarder
        epoch = forwarder.epoch
        protect, numbers, slots, ssrc = srtp.protect, _NUMBERS.pack_into, send_slots, down.ssrc
        run: list[memoryview] = []
        run_size = slot = 0
        for packet in packets:
            sequence = packet.sequence
            if epoch is None or epoch.upstream is not upstream:
                epoch = self._begin(packet, upstream, down)
                if epoch is None:
                    continue
            elif sequence < epoch.first_sequence:
                continue
            data = packet.data
            size = len(data)
            buffer = slots[slot]
            buffer[:size] = data
            out = sequence + epoch.sequence_offset
            numbers(buffer, 2, out & 0xFFFF, (packet.timestamp + epoch.timestamp_offset) & 0xFFFFFFFF, ssrc)
            if epoch.picture_id_offset or epoch.tl0_offset:
                rewrite_picture(buffer, packet, epoch)
            protected = protect(size, slot)
            if not protected:
                down.refused += 1
                continue
            if out > forwarder.last_sequence:
                forwarder.last_sequence = out
                forwarder.last_packet = packet
                forwarder.last_at = self._now
            down.packets += 1
            down.octets += size
            # Of a run, only the last datagram may be shorter than the others.
            if run and (protected > run_size or slot == SEND_SLOTS - 1 or len(run[-1]) < run_size):
                self._send_run(run, run_size, address)
                slots[0][:protected] = buffer[:protected]
                buffer, run, slot = slots[0], [], 0
            if not run:
                run_size = protected
            run.append(buffer[:protected])
            slot += 1
        if run:
            self._send_run(run, run_size, address)

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
