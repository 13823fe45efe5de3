"""The hot path out: the packets of one wake-up to all who may have them.

One object, so that a native sender can take its place. It renumbers, encrypts and sends; it never waits, never logs,
makes no object per receiver, and one receiver's trouble never stops the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from media_engine import native
from media_engine.burst import MOST_TOGETHER, Burst, pictures_of
from media_engine.datagrams import Outbox
from media_engine.forwarder import rewrite_picture
from media_engine.pacing import REPAIR_OCTETS, Pace
from media_engine.packet import begins_key_frame, form_of
from media_engine.packet_trace import PacketTrace
from media_engine.receive_log import ReceiveLog
from media_engine.records import Epoch, Packet
from media_engine.srtp import SENT_WINDOW, TRAILER_BYTES
from media_engine.tracks import DownTrack, UpTrack, elapsed_ticks
from media_engine.writing import NUMBER_ELEMENT, NUMBERS, WAIT_END, WAIT_START, suit, write

if TYPE_CHECKING:
    from media_engine.lines import Lines

_inner: Final[Any] = native.inner
_SEND_TIME_START: Final = 17
_SEND_TIME_END: Final = 20
_LARGEST_TAG_BYTES: Final = 16
_RTX_HEADER_BYTES: Final = 2
_MOST_REPEATED: Final = 64
_FURTHEST: Final = 0x7FFF
"""How far a number may be ahead of the newest that was sent."""
_FURTHEST_APART: Final = SENT_WINDOW - 1
"""How far apart the numbers of a burst may be: were it more, libsrtp would refuse the oldest after the newest."""


def absolute_send_time(now: float) -> bytes:
    """`now` in seconds as 24 bits of 6.18 fixed point, the abs-send-time extension."""
    return (int(now * 262144) & 0xFFFFFF).to_bytes(3, "big")


class FanOut:
    """Sends what one wake-up of the port has brought, receiver by receiver, in as few system calls as can be.

    `collect` remembers; `flush` sends. Both run in the same callback of the loop, and `flush` asks each track for its
    receivers anew, so that a grant that has ended in between counts. Between the writing of a packet and its sending
    nothing else runs.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._pending: dict[ReceiveLog, tuple[UpTrack, list[Packet]]] = {}
        self._paced: dict[Pace, Lines] = {}
        """Those of which something waits, and whose they are."""
        self._now = 0.0
        self.failures = 0
        """How often sending to one receiver has raised; the others got theirs."""
        self.trace: PacketTrace | None = None
        """Where the headers of one session's packets are noted, while somebody wants to see them."""

    def collect(self, packets: list[Packet], track: UpTrack, now: float) -> None:
        """Send `packets` of `track` with the next `flush`. The list is no longer the caller's."""
        pending = self._pending.get(track.log)
        if pending is None:
            self._pending[track.log] = (track, packets)
        else:
            pending[1].extend(packets)
        self._now = now

    def flush(self) -> None:
        """Send everything collected to every receiver that may have it now and has begun, or can begin here."""
        if not self._pending:
            return
        pending, self._pending = self._pending, {}
        try:
            for upstream, (track, packets) in pending.items():
                for start in range(0, len(packets), MOST_TOGETHER):
                    together = packets[start : start + MOST_TOGETHER]
                    self._send(upstream, together, track.plain_downs, is_red=False)
                    self._send(upstream, together, track.red_downs, is_red=True)
                    for down in track.thinned_downs:
                        self._send_thinned(upstream, together, down)
            if self._paced:
                self.release(self._now)
        finally:  # whatever goes wrong: with the next it might leave to somebody who has been removed in between
            self._outbox.send()

    def _send(
        self, upstream: ReceiveLog, packets: Sequence[Packet], downs: Sequence[DownTrack], *, is_red: bool
    ) -> None:
        """Renumber and encrypt `packets` for every one of `downs`.

        One by one, where their numbers are too far apart for one stretch. That is seen here, once: seen for each
        receiver (`_leap`), a publisher whose numbers jump with every packet would have as many bursts made as packets
        are sent.
        """
        if downs and _inner is not None and self._outbox.segments and self.trace is None:
            downs = self._send_by_inner_loop(upstream, packets, downs, is_red=is_red)
        if not downs:
            return
        burst = Burst(upstream, packets, is_red=is_red)
        if burst.newest.sequence - burst.first_sequence <= _FURTHEST_APART:
            self._send_to_each(burst, downs)
            return
        for packet in packets:
            self._send(upstream, (packet,), downs, is_red=is_red)

    def _send_thinned(self, upstream: ReceiveLog, packets: Sequence[Packet], down: DownTrack) -> None:
        """Send of `packets` what a receiver is sent that is not sent all pictures of this upstream."""
        lane, thinning = down.forwarder, down.thinning
        epoch = lane.epoch
        if thinning is None or epoch is None or epoch.upstream is not upstream:
            self._send(upstream, packets, (down,), is_red=False)  # it begins with a key frame, or not at all
            if thinning is not None and lane.epoch is not epoch:
                thinning.begin()
            return
        taken = []
        for packet in packets:
            if thinning.takes(packet):
                taken.append(packet)
            else:
                lane.leave_out(packet)
        if not taken:
            return
        if down.link.pace.is_waiting:
            down.link.pace.put(down, epoch, taken, self._now)
        else:
            self._close_up(upstream, taken, down)

    def _close_up(self, upstream: ReceiveLog, packets: Sequence[Packet], down: DownTrack) -> None:
        """Send `packets` under numbers without gaps for what was left out between them."""
        lane, start = down.forwarder, 0
        for index, packet in enumerate(packets):
            if lane.has_left_out(packet.sequence):
                if index > start:
                    self._send(upstream, packets[start:index], (down,), is_red=False)
                lane.close_up(packet)
                start = index
        self._send(upstream, packets[start:], (down,), is_red=False)

    def _send_to_each(self, burst: Burst, downs: Sequence[DownTrack]) -> None:
        outbox, runs = self._outbox, burst.runs
        sent = outbox.runs
        upstream, first, newest, now = burst.upstream, burst.first_sequence, burst.newest, self._now
        count, octets, is_picture, lump, is_red = len(burst.parts), burst.octets, newest.video, burst.size, burst.is_red
        room = burst.size + _LARGEST_TAG_BYTES * count + TRAILER_BYTES
        for down in downs:
            lane = down.forwarder
            outlet, epoch = lane.outlet, lane.epoch
            srtp, destination = outlet.srtp, outlet.destination
            if srtp is None or destination is None:
                continue
            try:
                if (
                    epoch is None
                    or epoch.upstream is not upstream
                    or first < epoch.first_sequence
                    or epoch.is_red is not is_red
                ):
                    self._begin(burst, down)
                    continue
                if newest.sequence + epoch.sequence_offset > lane.last_sequence + _FURTHEST:
                    self._leap(burst, down, epoch)
                    continue
                if is_picture:
                    if lump > outlet.left:
                        self._hold(burst, down, epoch)
                        continue
                    outlet.left -= lump
                start = outbox.reserve(room, count)
                overhead, numbered = srtp.overhead, lane.numbered
                end = write(outbox, start, burst, lane, epoch, srtp)
                if not end:
                    self._send_apart(burst, down, epoch)
                    continue
                outbox.used = end
                if self.trace is not None:
                    self._note(self.trace, burst, down, start)
                for packets, total, largest in runs:
                    run = total + packets * overhead
                    sent.append((destination, start, run, largest + overhead))
                    start += run
            except Exception:  # noqa: BLE001 - whatever is wrong with one receiver, the others get theirs
                self.failures += 1
                continue
            if numbered is not None:
                numbered.note(octets, now, count)
            lane.packets += count
            lane.octets += octets
            if newest.sequence + epoch.sequence_offset > lane.last_sequence:
                lane.note(newest, now)

    def _send_by_inner_loop(
        self, upstream: ReceiveLog, packets: Sequence[Packet], downs: Sequence[DownTrack], *, is_red: bool
    ) -> Sequence[DownTrack]:
        """Have the loop in C write a burst for everybody for whom nothing is to be decided. For whom something is."""
        outbox, left, at = self._outbox, list[DownTrack](), 0
        lanes = tuple([down.forwarder for down in downs])
        while at < len(downs):
            before, was_empty = at, not outbox.used
            try:
                # fmt: off
                outbox.used, outbox.entries, at, others = _inner.fan_out(
                    outbox.table, outbox.view, outbox.used, outbox.entries, len(outbox.runs), outbox.entered,
                    lanes, at, packets, upstream, packets[0].video, is_red, self._now, pictures_of,
                )
                # fmt: on
            except Exception:  # noqa: BLE001 - whatever is wrong with one burst, what else is to be sent is
                self.failures += len(downs) - at
                break
            left += [downs[number] for number in others]
            if at < len(downs):
                if was_empty and at == before:  # there will never be room
                    return [*left, *downs[at:]]
                outbox.send()
        return left

    def _hold(self, burst: Burst, down: DownTrack, epoch: Epoch) -> None:
        """Let what is more than may leave at once wait for its turn."""
        down.link.pace.put(down, epoch, list(burst.packets), self._now)
        self._paced[down.link.pace] = down.link

    def release(self, now: float) -> None:
        """Send what has waited and whose turn has come, to whoever may have it now. Call with every tick, too.

        A lease may have ended while it waited, and nothing of that session have come since that would have shown it.
        """
        self._now = now = max(now, self._now)
        for pace, link in tuple(self._paced.items()):
            if now >= link.owner.lease_floor:
                link.owner.expire(now)
            turns, left = pace.due(now), pace.left
            pace.left = math.inf
            for down, epoch, packets, sequence in turns:
                if epoch is None:
                    self._retransmit(down, sequence, now)
                else:
                    if turns[0].epoch is None and self._outbox.runs:
                        self._outbox.send()  # repairs go first; what the loop in C enters would overtake them
                    self._close_up(epoch.upstream, packets, down)
            pace.left = left
            if not pace.is_waiting:
                del self._paced[pace]
        self._outbox.send()

    def _note(self, trace: PacketTrace, burst: Burst, down: DownTrack, start: int) -> None:
        link = down.link
        if link.session is trace.session and link.srtp is not None:
            for _, size, _, _, _ in burst.parts:
                trace.note(self._now, "out", link.peer_id, self._outbox.view[start : start + size], size)
                start += size + link.srtp.overhead

    def _send_apart(self, burst: Burst, down: DownTrack, epoch: Epoch) -> None:
        """Send what is good of a burst of which libsrtp has refused a packet: too old, most likely.

        Those are left out together. Tried one by one, they would cost each receiver more than what they are late for;
        and a publisher can send as many as there are numbers it has left out.
        """
        oldest = down.forwarder.last_sequence - epoch.sequence_offset - _FURTHEST_APART
        good = [packet for packet in burst.packets if packet.sequence >= oldest]
        if len(good) < len(burst.packets):
            down.refused += len(burst.packets) - len(good)
            if good:
                self._send(burst.upstream, good, (down,), is_red=burst.is_red)
        elif len(good) == 1:
            down.refused += 1
        else:
            for packet in good:
                self._send(burst.upstream, (packet,), (down,), is_red=burst.is_red)

    def _leap(self, burst: Burst, down: DownTrack, epoch: Epoch) -> None:
        """Begin another stretch rather than leave out so many numbers.

        libsrtp is told 16 bits of a number and takes what is nearest to the newest (RFC 3711, section 3.3.1). What a
        receiver was not sent it has not counted: a turn further it would use a nonce again.
        """
        if len(burst.packets) > 1:
            self._send_apart(burst, down, epoch)
            return
        down.forwarder.leave()
        self._begin(burst, down)
        if down.video and down.up is not None and down.forwarder.epoch is None:
            down.link.subscribe_owner.request_key_frame(down.link.peer_id, down.up, self._now)

    def _begin(self, burst: Burst, down: DownTrack) -> None:
        """Send of `burst` what a receiver gets who has not begun with its upstream and form, or began within it.

        A picture starts for a receiver at a key frame; sound starts anywhere. From then on another encoding of the same
        picture, which flowed until now, is over.
        """
        forwarder, packets = down.forwarder, burst.packets
        epoch, up, following = forwarder.epoch, down.up, down.next_up
        if up is None or up.log is not burst.upstream:
            if following is None or following.log is not burst.upstream:
                return
        else:
            following = None
        if epoch is None or epoch.upstream is not burst.upstream or epoch.is_red is not burst.is_red:
            start = next((i for i, packet in enumerate(packets) if not down.video or begins_key_frame(packet)), None)
            if start is None:
                return
            packets = packets[start:]
            down.begun()
            ticks, last = None, forwarder.last_packet
            if following is not None:
                if up is not None and last is not None and epoch is not None and epoch.upstream is up.log:
                    ticks = elapsed_ticks(up, last.timestamp, following, packets[0].timestamp)
                down.up, down.next_up, down.switched = following, None, True
            epoch = forwarder.begin(burst.upstream, packets[0], self._now, ticks, is_red=burst.is_red)
        since = epoch.first_sequence
        packets = [packet for packet in packets if packet.sequence >= since]
        if packets:
            self._send(burst.upstream, packets, (down,), is_red=burst.is_red)

    def retransmit(self, down: DownTrack, sequences: Iterable[int], now: float) -> int:
        """Answer a request for the receiver's 16-bit `sequences`, as far as they are still there.

        Pictures go by RTX (RFC 4588), of which sound knows nothing. Returns how many octets that took.
        """
        before, pace, waiting = down.retransmitted_octets, down.link.pace, 0
        for sequence in sequences:
            if not down.video:
                self._retransmit(down, sequence, now)
            elif pace.left > 0:
                pace.left -= self._retransmit(down, sequence, now)
            else:
                pace.put_repair(down, sequence, now)
                self._paced[pace] = down.link
                waiting += REPAIR_OCTETS
        self._outbox.send()
        return down.retransmitted_octets - before + waiting

    def repeat(self, down: DownTrack, octets: int, now: float) -> int:
        """Send again what `down` was sent last, newest first, until `octets` are spent. Returns how many were."""
        before, newest = down.retransmitted_octets, down.forwarder.last_sequence
        for sequence in range(newest, max(newest - _MOST_REPEATED, -1), -1):
            if down.retransmitted_octets - before >= octets:
                break
            self._retransmit(down, sequence & 0xFFFF, now)
        self._outbox.send()
        return down.retransmitted_octets - before

    def _retransmit(self, down: DownTrack, sequence: int, now: float) -> int:
        """Send one packet again; how many octets of payload that took."""
        found = down.forwarder.find(sequence)
        up, lane = down.up, down.forwarder
        if found is None or up is None:
            return 0
        epoch, upstream_sequence = found
        packet = up.cache.get(upstream_sequence) if epoch.upstream is up.log else None
        srtp, destination = lane.outlet.srtp, lane.outlet.destination
        if packet is None or srtp is None or destination is None or (down.video and down.rtx_payload_type < 0):
            return 0
        data, head = form_of(packet, epoch.is_red), packet.payload_start
        size = len(data) + (_RTX_HEADER_BYTES if down.video else 0)
        outbox = self._outbox
        start = outbox.reserve(size + TRAILER_BYTES, 1)
        view = outbox.view[start : start + size]
        timestamp = (packet.timestamp + epoch.timestamp_offset) & 0xFFFFFFFF
        if down.video:
            self._wrap(view, packet, down, epoch, sequence, now)
            NUMBERS.pack_into(view, 2, down.next_rtx_sequence(), timestamp, down.rtx_ssrc)
        else:
            # The same number means the same nonce (RFC 7714, section 8.1), so it has to be the same packet: what is
            # written here is what `_send` wrote, the time of sending included, which came with the packet, and in the
            # form of its stretch.
            view[:] = data
            suit(view, 0, lane)
            NUMBERS.pack_into(view, 2, sequence & 0xFFFF, timestamp, down.ssrc)
        datagram = srtp.protect(outbox.place + start, size)
        if datagram:
            outbox.used = start + datagram
            outbox.runs.append((destination, start, datagram, datagram))
            down.retransmitted += 1
            down.retransmitted_octets += len(data) - head
        return len(data) - head

    @staticmethod
    def _wrap(view: memoryview, packet: Packet, down: DownTrack, epoch: Epoch, sequence: int, now: float) -> None:
        """Write `packet` as an RTX packet, but for its numbers."""
        data, head = packet.data, packet.payload_start
        view[_RTX_HEADER_BYTES:] = data
        rewrite_picture(view[_RTX_HEADER_BYTES:], packet, epoch)
        # The original sequence number goes between the headers and the payload: move the headers, not the payload.
        view[:head] = data[:head]
        view[head : head + _RTX_HEADER_BYTES] = (sequence & 0xFFFF).to_bytes(_RTX_HEADER_BYTES, "big")
        view[1] = data[1] & 0x80 | down.rtx_payload_type
        numbered, wait = down.forwarder.numbered, down.forwarder.wait
        if numbered is None:
            view[_SEND_TIME_START:_SEND_TIME_END] = absolute_send_time(now)
        else:
            number = numbered.note(len(data) - head, now)
            view[_SEND_TIME_START - 1 : _SEND_TIME_END] = bytes((NUMBER_ELEMENT, number >> 8, number & 0xFF, 0))
        if wait:
            view[WAIT_START:WAIT_END] = wait
