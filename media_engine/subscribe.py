"""The subscribing transport of one peer: its m-lines, its offers, and what it asks back.

m-lines are never removed: one that has lost its publisher is offered inactive first and may carry another afterwards.
One offer is in flight at a time; changes in between go into the next.
"""

import math
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Protocol

from media_engine import feedback, rtcp, sdp, sdp_write
from media_engine.allocation import PAUSED, Picture, allocate, largest_needed, wanted_more
from media_engine.allowance import Allowance
from media_engine.codecs import OPUS, VP8
from media_engine.doubling import Doubling, Redundancy
from media_engine.errors import OfferRejected
from media_engine.events import OfferedTrack, UnplayableTrack
from media_engine.grants import Source
from media_engine.link import Link, LinkOwner
from media_engine.pacing import Pace
from media_engine.repairs import Repairs
from media_engine.sdp import Description
from media_engine.sdp_write import OfferedSection
from media_engine.tracks import DownTrack, TrackKey, UpTrack
from media_engine.waiting import Waiting, element
from media_engine.way import Way
from media_engine.wiring import Wiring

_REPORT_MEMORY = 8
_FULL_HEIGHTS = {Source.CAMERA: 720, Source.SCREEN: 1080}
_MEASURE_SECONDS = 0.4
_LAST = 1 << 30
_MOST_DOUBLED = 8
"""Packets of one voice in a tick."""
_LEAST_REPORTED, _MOST_REPORTED = 20, 5000
"""Packets of all streams together that a share of losses is taken of: two of five say nothing about the way."""


class SubscribeOwner(LinkOwner, Protocol):
    """What a subscribing transport needs of its session."""

    sealed: bool
    """Whether frames are sealed, so that nothing but them may be in a packet."""

    def request_key_frame(self, receiver_id: str, track: UpTrack, now: float) -> bool:
        """Ask now or as soon as allowed; False where this receiver has asked too often."""


class SubscribeLink(Link):
    """Server to client."""

    name = "subscribe"

    def __init__(self, owner: SubscribeOwner, peer_id: str, wiring: Wiring) -> None:
        super().__init__(owner, peer_id, wiring)
        self.subscribe_owner = owner
        self.downs: list[DownTrack] = []
        self.offer_id = 0
        self.in_flight: tuple[TrackKey | None, ...] | None = None
        self.way = Way()
        self.downlink = self.way.downlink
        self.pace = Pace()
        self._feedback = Allowance(self.config.max_feedback_per_second_per_peer)
        self.tiles: Mapping[TrackKey, int] | None = None
        """Height in device pixels of each picture shown, most important first; None before the client has said."""
        self.decodes: AbstractSet[str] | None = None
        """The codecs of pictures that the client says it can show; None where it has not said."""
        self.unplayable: tuple[UnplayableTrack, ...] = ()
        """What it may receive and can't show."""
        self._rejected: set[tuple[TrackKey, str]] = set()
        self._places: dict[TrackKey, int] = {}
        self._sent_octets = self._sent_again = 0
        self._media = self._measured_at = 0.0
        self._expected, self._lost = 0, 0.0
        self.round_trip_seconds = 0.0
        self._offered: tuple[TrackKey | None, ...] = ()
        self._by_ssrc: dict[int, DownTrack] = {}
        self._past: Counter[str] = Counter()
        self._references = Allowance(self.config.max_references_per_second_per_peer)
        self.waiting = Waiting()
        self.doubling = Doubling()
        self.redundancy = Redundancy()
        self._sound = 0.0
        self._asked = self._asked_before = self._shown = 0
        self.repairs = Repairs(self.config.max_retransmissions_per_second_per_peer)

    @property
    def allocate_at(self) -> float:
        """When to ask anew which encodings fit."""
        return self.way.allocate_at

    def want(
        self,
        keys: Sequence[TrackKey],
        live: AbstractSet[TrackKey],
        unheard: AbstractSet[TrackKey],
        codecs: Mapping[TrackKey, str],
    ) -> None:
        """Carry `keys`, each on its own m-line, keeping those that are already carried where they are.

        `live`: those of which packets come; `unheard`: those of them who don't have the floor; `codecs`: in which codec
        each is. An m-line has one while it carries something. What the client can't decode is not carried.
        """
        self._rejected = {(key, codec) for key, codec in self._rejected if codecs.get(key) == codec}
        plays = {key: self._can_play(key, codecs[key]) for key in keys}
        self.unplayable = tuple(UnplayableTrack(*key, codecs[key]) for key in keys if not plays[key])
        missing = self._fitting([key for key in keys if plays[key]], live, unheard)
        for down in self.downs:
            if down.key is None:
                continue
            if down.key in missing and down.codec == codecs[down.key]:
                missing.remove(down.key)
            else:
                down.key = None
                down.disconnect()
                down.forwarder.pause()
        for key in missing:
            free = self._free(key[1].kind, codecs[key])
            if free is not None:
                free.key, free.freed = key, False

    def _can_play(self, key: TrackKey, codec: str) -> bool:
        said = self.decodes is None or codec in self.decodes or codec == OPUS
        return said and (key, codec) not in self._rejected

    def _fitting(
        self, keys: Sequence[TrackKey], live: AbstractSet[TrackKey], unheard: AbstractSet[TrackKey]
    ) -> list[TrackKey]:
        """All, or as many as there are m-lines for: half of them for sound, first of who is heard, half for pictures,
        first those that are on the screen. Whoever is carried goes before equals.
        """
        most = self.config.max_subscribe_sections // 2
        sounds, pictures = ([key for key in keys if key[1].kind == kind] for kind in ("audio", "video"))
        if len(sounds) > most or len(pictures) > most:
            carried = {down.key for down in self.downs}
            sounds.sort(key=lambda key: (key not in live, key in unheard, key not in carried))
            pictures.sort(key=lambda key: (key not in live, not self._tile_height(key), key not in carried))
        return sounds[:most] + pictures[:most]

    def _free(self, kind: str, codec: str) -> DownTrack | None:
        """An m-line for this codec: one that is free, or else another one, of which each kind has half of the most.

        Where there can be no other, one that is free changes its codec: m-lines don't run out over who tries codecs.
        """
        those = [down for down in self.downs if down.kind == kind]
        free = [down for down in those if down.key is None and down.freed]
        found = next((down for down in free if down.codec == codec), None)
        is_full = len(those) >= self.config.max_subscribe_sections // 2
        if found is None and is_full:
            found = next((down for down in free if not down.is_rejected), None)
        if found is not None:
            self._renumber(found)
            found.speak(codec)
        if found is not None or is_full:
            return found
        down = DownTrack(self, str(len(self.downs)), kind, *self._new_ssrcs())
        down.speak(codec)
        self.downs.append(down)
        self._by_ssrc[down.ssrc] = down
        return down

    def _renumber(self, down: DownTrack) -> None:
        """Fresh SSRCs for an m-line that was inactive. Chromium makes a new receive stream for it, and connects that to
        the page's track only when the SSRC has changed: with the old one it decodes frames that nobody sees.
        """
        self._past.update(_counted(down))
        self._by_ssrc.pop(down.ssrc, None)
        if self.srtp is not None:
            self.srtp.retire((down.ssrc, down.rtx_ssrc))
        down.ssrc, down.rtx_ssrc = self._new_ssrcs()
        down.renumber()
        self._by_ssrc[down.ssrc] = down

    def _new_ssrcs(self) -> tuple[int, int]:
        ssrcs: list[int] = []
        while len(ssrcs) < 2:
            ssrc = secrets.randbits(32)
            if ssrc and ssrc not in self._by_ssrc and ssrc not in ssrcs:
                ssrcs.append(ssrc)
        return ssrcs[0], ssrcs[1]

    @property
    def needs_offer(self) -> bool:
        """Whether the m-lines differ from what was last offered, and no offer is in flight."""
        return self.in_flight is None and tuple(down.key for down in self.downs) != self._offered

    def offer_again(self) -> None:
        """Consider nothing offered: the socket that carried the last offer may have been cut."""
        self.in_flight, self._offered = None, ()

    def make_offer(self, offer_id: int) -> tuple[str, tuple[OfferedTrack, ...]]:
        """Offer the m-lines as they are now. The offer is in flight until `accept` or the next `make_offer`.

        `offer_id` is never used twice in a session, so that an answer to a transport that has been replaced is told
        from one to its successor.
        """
        self.offer_id = offer_id
        self.sdp_version += 1
        self.in_flight = self._offered = tuple(down.key for down in self.downs)
        sections = []
        tracks = []
        is_red = self._may_be_red
        for down in self.downs:
            stream = track = ""
            if down.key is not None:
                stream, track = down.key[0], f"{down.key[0]}:{down.key[1].value}"
                tracks.append(OfferedTrack(down.mid, *down.key))
            ssrcs = down.ssrc, down.rtx_ssrc
            section = OfferedSection(down.mid, down.kind, *ssrcs, stream, track, down.codec, down.is_rejected)
            sections.append(replace(section, is_redundant=is_red and not down.video))
        text = sdp_write.offer(sections, self.local(), self.sdp_session, self.sdp_version, "-")
        return text, tuple(tracks)

    @property
    def _may_be_red(self) -> bool:
        return self.config.redundancy and not self.subscribe_owner.sealed

    def accept(self, offer_id: int, answer: Description) -> None:
        """Take the answer to the offer in flight. Raises OfferRejected before anything has changed."""
        if self.in_flight is None or offer_id != self.offer_id:
            raise OfferRejected("wrong_state", "this is not the answer to the current offer")
        if [section.mid for section in answer.sections] != [down.mid for down in self.downs][: len(self.in_flight)]:
            raise OfferRejected("bad_sdp", "the answer has other m-lines than the offer")
        if any(section.kind != down.kind for section, down in zip(answer.sections, self.downs, strict=False)):
            raise OfferRejected("bad_sdp", "the answer has m-lines of another kind")
        if answer.setup:
            if answer.setup != "active":
                raise OfferRejected("bad_sdp", "the client must be the active side of DTLS")
            if self.fingerprints and set(answer.fingerprints) != set(self.fingerprints):
                raise OfferRejected("bad_sdp", "the fingerprint has changed; ask for a fresh transport")
        for down, section, key in zip(self.downs, answer.sections, self.in_flight, strict=False):
            accepted = (
                section.port != 0 and section.direction in ("recvonly", "sendrecv") and self._agrees(section, down)
            )
            down.negotiated, down.is_rejected = key if accepted else None, section.is_refused
            down.takes_red = accepted and self._may_be_red and sdp_write.takes_red(section)
            down.is_red = down.takes_red and self.redundancy.is_on
            if key is not None and down.codec not in (OPUS, VP8) and not self._agrees(section, down):
                # Everybody can decode VP8 (RFC 7742, section 5): who rejects that has other reasons.
                self._rejected.add((key, down.codec))
            if down.video:
                self._number(down, section)
                number = sdp_write.RTX_PAYLOAD_TYPES[down.codec]
                rtx = section.codecs.get(number)
                down.rtx_payload_type = number if rtx is not None and rtx.name == "rtx" else -1
            if key is None and down.key is None:
                down.freed = True
        self.in_flight = None
        if answer.ufrag:
            self.ice.follow(answer.ufrag, answer.password)
        if self.state is None and answer.fingerprints:
            self.start(answer.fingerprints)

    def _number(self, down: DownTrack, section: sdp.Section) -> None:
        """Have the packets of `down` counted, if the client says which of them came."""
        counts = [sdp_write.counts(section, codec) for codec in sdp_write.accepted_codecs(section)]
        down.numbered = self.way.numbered if counts and all(counts) else None

    @staticmethod
    def _agrees(section: sdp.Section, down: DownTrack) -> bool:
        """Whether the client kept the payload type that packets will carry."""
        expected = sdp_write.PAYLOAD_TYPES[down.codec]
        kept = [] if section.is_refused else sdp_write.accepted_codecs(section)
        return any((codec.payload_type, codec.name) == (expected, down.codec) for codec in kept)

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
                self.doubling.on_lost(block.fraction_lost / 256, now)
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
            up, epoch = down.up, down.forwarder.epoch
            if not down.wants_report or up is None or epoch is None or up.sender_report is None or not down.packets:
                continue
            down.wants_report = False
            report = up.sender_report
            if epoch.upstream is not up.log:
                continue
            rtp_time = report.rtp_time + epoch.timestamp_offset
            compound.append(rtcp.sender_report(down.ssrc, report.ntp_time, rtp_time, down.packets, down.octets))
            compound.append(rtcp.source_description(down.ssrc, up.key[0]))
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
        if self.way.is_paused(now):
            chosen = [PAUSED] * len(pictures)
        else:
            chosen = allocate(pictures, self.downlink.capacity - sound, self.downlink.loss_limit - sound)
        self.way.probe(wanted_more(pictures, chosen), self._media, now)
        for down, index in zip(downs, chosen, strict=True):
            changed |= down.rank != index or down.switched
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

    def show(self, tiles: Mapping[TrackKey, int]) -> bool:
        """Take what the client shows, most important first. Whether that is something else than before."""
        keys = list(tiles)
        if self.tiles == tiles and list(self.tiles) == keys:
            return False
        self.tiles = dict(tiles)
        self._places = {key: place for place, key in enumerate(keys)}
        return True

    def _tile_height(self, key: TrackKey) -> float:
        return math.inf if self.tiles is None else self.tiles.get(key, 0)

    def _place(self, down: DownTrack) -> int:
        """Its place in the order of importance; screens first while the client has said nothing."""
        key = down.key
        if key is None:
            return _LAST
        return self._places.get(key, _LAST) if self.tiles is not None else int(key[1] is not Source.SCREEN)

    def _measure(self, now: float) -> None:
        seconds = now - self._measured_at
        if seconds >= _MEASURE_SECONDS:
            octets = sum(down.octets for down in self.downs)
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
        shown, asked = sum(down.packets for down in self.downs if down.video), self._asked
        if shown >= self._shown + _LEAST_REPORTED:
            fraction = (asked - self._asked_before) / (shown - self._shown)
            self.waiting.on_lost(min(1.0, fraction), self.round_trip_seconds, now)
            self._shown, self._asked_before = shown, asked
        elif shown < self._shown:  # an m-line began anew, and counts from its beginning
            self._shown, self._asked_before = shown, asked
        for down in self.downs:
            seconds = self.waiting.seconds + (down.up.waiting.seconds if down.up is not None else 0.0)
            if down.video and (seconds or down.wait):
                down.wait = element(seconds)

    def counted(self) -> Counter[str]:
        """See `Link.counted`."""
        counted = super().counted() + self._past
        counted["dropped_paced"] = self.pace.dropped
        for down in self.downs:
            counted.update(_counted(down))
        return counted

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

    def close(self, *, farewell: bool = True) -> None:
        """End the transport, and what waits for its turn."""
        self.pace.clear()
        super().close(farewell=farewell)

    def _double(self, now: float) -> None:
        """Send the sound of the last tick once more, where that helps and nothing else does it."""
        fits = self.doubling.fits(self._sound, self.downlink.available)
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
        for down in self.downs:
            if left > 0 and down.video and down.up is not None and down.rtx_payload_type >= 0:
                left -= self.fan_out.repeat(down, left, now)
        self.way.padded(octets - left)


def _note_report(sent: dict[int, float], name: int, now: float) -> None:
    """Note when a report was sent. Its publisher chose its `name`: by one that was there before nothing is measured."""
    sent[name] = math.inf if sent.pop(name, None) is not None else now
    if len(sent) > _REPORT_MEMORY:
        del sent[next(iter(sent))]


def _counted(down: DownTrack) -> dict[str, int]:
    return {
        "packets_out": down.packets,
        "octets_out": down.octets,
        "retransmitted": down.retransmitted,
        "nacks_in": down.nacks,
        "key_frames_asked_in": down.key_frames_asked,
        "dropped_refused": down.refused,
    }
