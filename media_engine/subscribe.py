"""The subscribing transport of one peer: what it asks and reports, and what of each source it is sent.

What is on which m-line is `lines.py`'s.
"""

import math
from collections.abc import Mapping, Sequence

from media_engine import feedback, rtcp
from media_engine.allocation import PAUSED, Picture, allocate, largest_needed, thinned, wanted_more
from media_engine.allowance import Allowance
from media_engine.doubling import Doubling
from media_engine.grants import Source
from media_engine.lines import Lines, SubscribeOwner
from media_engine.repairs import Repairs
from media_engine.thinning import ALL
from media_engine.tracks import DownTrack, TrackKey
from media_engine.waiting import Waiting, element
from media_engine.wiring import Wiring

_REPORT_MEMORY = 8
_FULL_HEIGHTS = {Source.CAMERA: 720, Source.SCREEN: 1080}
_MEASURE_SECONDS = 0.4
_MOST_DOUBLED = 8
"""Packets of one voice in a tick."""
_LEAST_REPORTED, _MOST_REPORTED = 20, 5000
"""Packets of all streams together that a share of losses is taken of: two of five say nothing about the way."""


class SubscribeLink(Lines):
    """Server to client."""

    def __init__(self, owner: SubscribeOwner, peer_id: str, wiring: Wiring) -> None:
        super().__init__(owner, peer_id, wiring)
        self.downlink = self.way.downlink
        self.round_trip_seconds = 0.0
        self.waiting = Waiting()
        self.doubling = Doubling()
        self.repairs = Repairs(self.config.max_retransmissions_per_second_per_peer)
        self._feedback = Allowance(self.config.max_feedback_per_second_per_peer)
        self._references = Allowance(self.config.max_references_per_second_per_peer)
        self._sent_octets = self._sent_again = 0
        self._media = self._measured_at = self._sound = 0.0
        self._expected, self._lost = 0, 0.0
        self._asked = self._asked_before = self._shown = 0

    @property
    def allocate_at(self) -> float:
        """When to ask anew which encodings fit."""
        return self.way.allocate_at

    def on_rtcp(self, item: rtcp.Item, now: float) -> None:
        """Requests of the receiver, for m-lines that it is being sent."""
        if isinstance(item, rtcp.UnreadFeedback):
            self._on_feedback(item, now)
            return
        if isinstance(item, rtcp.BandwidthEstimate):
            self.way.on_receivers_estimate(item.bits_per_second, now)
            return
        if isinstance(item, rtcp.ReferenceTime):
            # Who only receives learns the round trip by nothing else, and waits with pictures as long as repairs take.
            if self._references.take():
                self.send_rtcp(rtcp.delay_since_reference(self.ssrc, item))
            return
        if isinstance(item, rtcp.ReportBlock):
            self._on_report(item, now)
            return
        if not isinstance(item, rtcp.Nack | rtcp.KeyFrameRequest):
            return
        down = self._by_ssrc.get(item.ssrc)
        if down is None or down.up is None:
            return
        if isinstance(item, rtcp.KeyFrameRequest):
            down.key_frames_asked += 1
            if down.video and not self.subscribe_owner.request_key_frame(self.peer_id, down.up, now):
                self.dropped["key_frame_asked"] += 1
        elif down.rtx_payload_type >= 0 or not down.video:
            down.nacks += 1
            due = self.repairs.due(item.ssrc, item.sequences, self.round_trip_seconds, now)
            self._asked += len(due) if down.video else 0
            self.repairs.left_octets -= self.fan_out.retransmit(down, due, now)

    def _on_feedback(self, unread: rtcp.UnreadFeedback, now: float) -> None:
        if not self._feedback.take():
            return
        try:
            told = feedback.decode(unread.body)
        except ValueError:
            self.dropped["rtcp"] += 1
            return
        if self.way.on_feedback(told, self._sound, now):
            self._pause_pictures()

    def _pause_pictures(self) -> None:
        """Now, not with the next tick: they fill the way, and sound waits behind them."""
        for down in self.downs:
            if down.video:
                down.rank = PAUSED
                down.disconnect()
        self.pace.clear()

    def _on_report(self, block: rtcp.ReportBlock, now: float) -> None:
        down = self._by_ssrc.get(block.ssrc)
        if down is None:
            return
        if down.reported is not None:
            expected = (block.highest_sequence - down.reported.highest_sequence) & 0xFFFFFFFF
            if expected < _MOST_REPORTED:
                self._expected += expected
                self._lost += expected * block.fraction_lost / 256
                if self.doubling.on_lost(block.fraction_lost / 256, now):
                    self._begin_doubling()
        down.reported, down.reported_at = block, now
        sent_at = down.reports_sent.get(block.last_report, math.inf)
        if sent_at < math.inf:
            self.round_trip_seconds = round_trip = max(0.0, now - sent_at - block.delay / 65536)
            self.downlink.on_round_trip(round_trip, now)
            down.round_trips += 1
            down.round_trips_seconds += round_trip
            down.last_round_trip_seconds = round_trip

    def send_due_reports(self, now: float) -> None:
        """Sender reports for the m-lines that have a new one, or have begun: the publisher's clock, our numbers."""
        compound = []
        for down in self.downs:
            if not down.wants_report:  # nearly always
                continue
            up, lane = down.up, down.forwarder
            epoch = lane.epoch
            if up is None or epoch is None or up.sender_report is None or not lane.packets:
                continue
            down.wants_report = False
            report = up.sender_report
            if epoch.upstream is not up.log:
                continue
            rtp_time = report.rtp_time + epoch.timestamp_offset
            compound.append(rtcp.sender_report(lane.ssrc, report.ntp_time, rtp_time, lane.packets, lane.octets))
            compound.append(rtcp.source_description(lane.ssrc, up.key[0]))
            _note_report(down.reports_sent, report.ntp_time >> 16 & 0xFFFFFFFF, now)
            if len(compound) >= 16:
                self.send_rtcp(b"".join(compound))
                compound = []
        self.send_rtcp(b"".join(compound))

    def allocate(self, rates: Mapping[TrackKey, tuple[float, ...]], now: float) -> bool:
        """Choose the encoding of every picture for the bandwidth that is left beside sound.

        `rates` are the bits per second of each source's encodings (`tracks.coming`). Returns whether connections have
        to follow: something else was chosen, or what was chosen has taken its place.
        """
        self._measure(now)
        downs, pictures, sounds = [], [], []
        for down in sorted(self.downs, key=self._place):
            key = down.key
            if key is None or key not in rates:
                continue
            coming = rates[key]
            if down.video:
                largest = largest_needed(len(coming), _FULL_HEIGHTS[key[1]], self._tile_height(key))
                pictures.append(Picture(coming, largest, down.rank if down.up is not None else PAUSED))
                downs.append(down)
            elif down.up is not None:
                sounds.append((down, coming[0], down.up.redundant_bits_per_second))
        self._sound, changed = self._weigh_redundancy(sounds, now)
        sound = self._sound
        left = self.downlink.available - sound
        least = sum(min(filter(None, picture.rates), default=0.0) for picture in pictures)
        if least > left or any([down.thinning is not None for down in downs]):
            pictures = [_in_layers(picture, down) for picture, down in zip(pictures, downs, strict=True)]
        if self.way.is_paused(now):
            chosen = [PAUSED] * len(pictures)
        else:
            chosen = allocate(pictures, self.downlink.capacity - sound, self.downlink.loss_limit - sound)
        most = thinned(pictures, chosen, left)
        self.way.probe(wanted_more(pictures, chosen, most), self._media, now)
        for down, index, layer in zip(downs, chosen, most, strict=True):
            is_thinned_anew = down.thin(layer)
            changed |= is_thinned_anew or down.rank != index or down.switched
            down.rank, down.switched = index, False
        return changed

    def _weigh_redundancy(self, sounds: Sequence[tuple[DownTrack, float, float]], now: float) -> tuple[float, bool]:
        """How much sound is sent, and whether some of it in another form from now on.

        `sounds` are m-lines that are sent some, with its rate and the rate of what it carries a second time.
        """
        plain = sum(rate for _, rate, _ in sounds)
        redundant = sum(again for down, _, again in sounds if down.takes_red)
        self.redundancy.weigh(plain + redundant, self.downlink.capacity, had_queue=self.downlink.had_queue(now))
        changed = False
        for down, _, _ in sounds:
            is_red = down.takes_red and self.redundancy.is_on
            changed |= down.is_red is not is_red
            down.is_red = is_red
        return plain + redundant * self.redundancy.is_on, changed

    def _measure(self, now: float) -> None:
        seconds = now - self._measured_at
        if seconds >= _MEASURE_SECONDS:
            octets = sum(down.forwarder.octets for down in self.downs)
            again = sum(down.retransmitted_octets for down in self.downs)
            self._media = max(0.0, 8 * (octets - self._sent_octets) / seconds)
            self.downlink.on_sent(self._media + max(0.0, 8 * (again - self._sent_again) / seconds), now)
            self._sent_octets, self._sent_again, self._measured_at = octets, again, now
            self._hold_pictures(now)
        if self._expected >= _LEAST_REPORTED:
            self.way.on_loss(self._lost / self._expected, now)
            self._expected, self._lost = 0, 0.0

    def _hold_pictures(self, now: float) -> None:
        """Have pictures shown later where what is lost of them takes long to come again."""
        shown, asked = sum(down.forwarder.packets for down in self.downs if down.video), self._asked
        if shown >= self._shown + _LEAST_REPORTED:
            fraction = (asked - self._asked_before) / (shown - self._shown)
            self.waiting.on_lost(min(1.0, fraction), self.round_trip_seconds, now)
            self._shown, self._asked_before = shown, asked
        elif shown < self._shown:  # an m-line began anew, and counts from its beginning
            self._shown, self._asked_before = shown, asked
        for down in self.downs:
            seconds = self.waiting.seconds + (down.up.waiting.seconds if down.up is not None else 0.0)
            if down.video and (seconds or down.forwarder.wait):
                down.forwarder.wait = element(seconds)

    def tick(self, now: float) -> None:
        """Refill the retransmission allowance and send the reports that are due."""
        super().tick(now)
        self._references.refill(self.config.tick_seconds)
        self._feedback.refill(self.config.tick_seconds)
        self.repairs.refill(self.config.tick_seconds, self.downlink.available)
        self.pace.refill(self.downlink.picture_pace(self._sound, self._media - self._sound, now) / 8, now)
        if self.srtp is not None:
            self.send_due_reports(now)
            self._double(now)
            self._pad(now)

    def close(self) -> None:
        """End the transport, and what waits for its turn."""
        self.pace.clear()
        super().close()

    def _begin_doubling(self) -> None:
        """Of what was sent before nothing is sent twice."""
        for down in self.downs:
            down.doubled = down.forwarder.last_sequence

    def _double(self, now: float) -> None:
        """Send the sound of the last tick once more, where that helps and nothing else does it."""
        if not self.doubling.is_on:
            return
        fits = self.doubling.fits(self._sound, self.downlink.available, had_queue=self.downlink.had_queue(now))
        for down in self.downs:
            up, newest = down.up, down.forwarder.last_sequence
            is_twice = up is not None and down.is_red and up.redundant_bits_per_second > 0
            if fits and up is not None and not down.video and not is_twice and self.repairs.left_octets > 0:
                again = range(max(down.doubled, newest - _MOST_DOUBLED) + 1, newest + 1)
                octets = self.fan_out.retransmit(down, [sequence & 0xFFFF for sequence in again], now)
                self.repairs.left_octets -= octets
            down.doubled = newest

    def _pad(self, now: float) -> None:
        """Send again, as retransmissions, what was sent lately: padding that a receiver knows how to drop."""
        left = octets = self.way.padding_octets(self.config.tick_seconds, now) if not self.pace.is_waiting else 0
        if not octets:
            return
        for down in self.downs:
            if left > 0 and down.video and down.up is not None and down.rtx_payload_type >= 0:
                left -= self.fan_out.repeat(down, left, now)
        self.way.padded(octets - left)


def _in_layers(picture: Picture, down: DownTrack) -> Picture:
    """The same, with how much of it is in which temporal layer."""
    up, thinning = down.up, down.thinning
    if up is None:
        return picture
    return picture._replace(shares=up.layer_shares(), most=thinning.most if thinning is not None else ALL)


def _note_report(sent: dict[int, float], name: int, now: float) -> None:
    """Note when a report was sent. Its publisher chose its `name`: by one that was there before nothing is measured."""
    sent[name] = math.inf if sent.pop(name, None) is not None else now
    if len(sent) > _REPORT_MEMORY:
        del sent[next(iter(sent))]
