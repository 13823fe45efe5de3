"""A camera and a voice over a way that becomes narrow and wide again: everything that decides about it, together.

The clock is the test's, the way a seeded lane, and the receiver reports as browsers do.
"""

import random
from collections import deque

import pytest

from media_engine.allocation import PAUSED, Picture, allocate, wanted_more
from media_engine.doubling import Redundancy
from media_engine.feedback import TransportFeedback
from media_engine.tests.network import Lane
from media_engine.way import Way

STEP = 0.005
TICK = 0.05
FRAME = 0.05
RATES = (150_000.0, 650_000.0)
KEY_FRAMES = (7_000, 24_000)
"""Octets."""
KEY_FRAME_SECONDS = 0.08
"""From asking for one until it comes from the publisher."""
SOUND = 40_000.0
SOUND_OCTETS = 100
HEADERS = 64
BACK_SECONDS = 0.02
REPORT_SECONDS = 0.06


class Scene:
    """Who watches a camera in some encodings, and hears a voice, over `lane`. What became of it is in the lists."""

    def __init__(self, *, encodings: int = 2, seed: int = 1, redundant: bool = False) -> None:
        self.lane = Lane(seed, delay_seconds=0.02)
        self.rates, self.chance = RATES[-encodings:], random.Random(seed)
        self.keys = KEY_FRAMES[-encodings:]
        self.way = Way()
        self.redundancy = Redundancy()
        self.redundancy.is_on = self.is_redundant = redundant
        self.now = 100.0
        self.rank = encodings - 1
        self.flows: int | None = self.rank
        self.key_at = float("inf")
        self.sound_delays: list[tuple[float, float]] = []
        self.sound_lost = 0
        self.ranks: list[tuple[float, int | None]] = []
        self.paused_at: list[float] = []
        self._waiting: deque[int] = deque()
        self._left = 0.0
        self._tick_at = self._frame_at = self._sound_at = self._report_at = self.now
        self._coming: dict[int, float] = {}
        self._first = 1
        self._reports: deque[tuple[float, TransportFeedback]] = deque()
        self._sent = self._sent_before = 0
        self._measured_at, self._pictures = self.now, 0.0

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += STEP
            self._speak()
            self._film()
            self._release()
            self._report()
            if self.now >= self._tick_at:
                self._tick_at += TICK
                self._tick()

    @property
    def copies(self) -> int:
        """Of each packet of sound."""
        return 2 if self.redundancy.is_on else 1

    def _speak(self) -> None:
        if self.now >= self._sound_at:
            self._sound_at += 0.02
            at = self.lane.arrives_at(self.copies * SOUND_OCTETS + HEADERS, self.now)
            if at is None:
                self.sound_lost += 1
            else:
                self.sound_delays.append((self.now, at - self.now))

    def _film(self) -> None:
        if self.now >= self._frame_at:
            self._frame_at += FRAME
            if self.now >= self.key_at:
                self.key_at, self.flows = float("inf"), self.rank
                self._leave(self.keys[self.rank])
            elif self.flows is not None:
                self._leave(round(self.rates[self.flows] * FRAME / 8 * self.chance.uniform(0.8, 1.2)))
            self.ranks.append((self.now, self.flows))

    def _leave(self, octets: int) -> None:
        count = -(-octets // 1100)
        self._waiting += [octets // count] * count

    def _release(self) -> None:
        rate = self.way.downlink.picture_pace(self.copies * SOUND, self._pictures, self.now) / 8
        self._left = min(max(2500.0, rate * 0.05), self._left + rate * STEP)
        while self._waiting and self._left > 0:
            octets = self._waiting.popleft()
            self._left -= octets
            self._send(octets)

    def _send(self, octets: int) -> None:
        number = self.way.numbered.note(octets, self.now)
        self._sent += octets
        at = self.lane.arrives_at(octets + HEADERS, self.now)
        if at is not None:
            self._coming[number] = at

    def _report(self) -> None:
        if self.now >= self._report_at:
            self._report_at += REPORT_SECONDS
            came = sorted(number for number, at in self._coming.items() if at <= self.now)
            if came:
                arrivals = tuple((number - self._first, self._coming.pop(number)) for number in came)
                told = TransportFeedback(self._first & 0xFFFF, came[-1] - self._first + 1, arrivals)
                self._reports.append((self.now + BACK_SECONDS, told))
                self._first = came[-1] + 1
        while self._reports and self._reports[0][0] <= self.now:
            self._take(self._reports.popleft()[1])

    def _take(self, told: TransportFeedback) -> None:
        if self.way.on_feedback(told, self.copies * SOUND, self.now):
            self.rank, self.flows, self.key_at = PAUSED, None, float("inf")
            self._waiting.clear()
            self.paused_at.append(self.now)

    def _tick(self) -> None:
        """As `SubscribeLink` does."""
        way, padded = self.way, 0
        octets = way.padding_octets(TICK, self.now) if not self._waiting else 0
        while padded < octets:
            padded += 1000
            self._send(1000)
        way.padded(padded)
        if self.now < way.allocate_at:
            return
        seconds, self._measured_at = self.now - self._measured_at, self.now
        self._pictures = 8 * (self._sent - self._sent_before) / max(seconds, TICK)
        way.downlink.on_sent(self.copies * SOUND + self._pictures, self.now)
        self._sent_before = self._sent
        if self.is_redundant:
            self.redundancy.weigh(2 * SOUND, way.downlink.capacity, had_queue=way.downlink.had_queue(self.now))
        sound = self.copies * SOUND
        picture = Picture(self.rates, len(self.rates) - 1, self.flows if self.flows is not None else PAUSED)
        if way.is_paused(self.now):
            return
        chosen = allocate([picture], way.downlink.capacity - sound, way.downlink.loss_limit - sound)
        media = sound + (self.rates[self.flows] if self.flows is not None else 0.0)
        way.probe(wanted_more([picture], chosen), media, self.now)
        if chosen[0] != self.rank:
            self.rank = chosen[0]
            self.key_at = self.now + KEY_FRAME_SECONDS if self.rank != self.flows else float("inf")


def late(scene: Scene, since: float, seconds: float = 0.2) -> float:
    """The share of sound that came so late, of what left from `since` on."""
    delays = [delay for left_at, delay in scene.sound_delays if left_at >= since]
    return sum(delay > seconds for delay in delays) / len(delays)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_way_that_becomes_narrow_makes_the_picture_small_within_a_second_and_sound_late_for_half_of_one(
    seed: int,
) -> None:
    scene = Scene(seed=seed)
    scene.run(8)
    assert {rank for _, rank in scene.ranks} == {1}
    scene.lane.bits_per_second, scene.lane.queue_seconds = 300_000.0, 1.0
    narrowed = scene.now
    scene.run(20)
    assert next(at for at, rank in scene.ranks if rank == 0) < narrowed + 1.2
    assert {rank for at, rank in scene.ranks if at > narrowed + 1.2} == {0}
    assert late(scene, narrowed) * 20 < 0.8
    assert scene.sound_lost == 0
    scene.lane.bits_per_second = 1e9
    wide = scene.now
    scene.run(15)
    assert next(at for at, rank in scene.ranks if at > wide and rank == 1) < wide + 10
    assert scene.ranks[-1][1] == 1


def test_where_there_is_no_smaller_picture_sound_comes_through_and_pictures_now_and_then() -> None:
    scene = Scene(encodings=1)
    scene.run(8)
    scene.lane.bits_per_second, scene.lane.queue_seconds = 300_000.0, 1.0
    narrowed = scene.now
    scene.run(20)
    shown = [rank is not None for at, rank in scene.ranks if at > narrowed]
    assert sum(shown) > 0.3 * len(shown)
    assert late(scene, narrowed) < 0.2
    assert scene.sound_lost == 0
    scene.lane.bits_per_second = 1e9
    scene.run(5)
    wide = scene.now
    scene.run(10)
    assert {rank for at, rank in scene.ranks if at > wide} == {0}


def test_sound_with_redundancy_goes_without_while_the_way_is_full_and_no_more_of_it_is_late() -> None:
    scene = Scene(redundant=True)
    scene.run(8)
    assert scene.copies == 2
    scene.lane.bits_per_second, scene.lane.queue_seconds = 300_000.0, 1.0
    narrowed = scene.now
    scene.run(20)
    assert scene.copies == 1
    assert scene.sound_lost == 0
    assert late(scene, narrowed) * 20 < 0.9
    scene.lane.bits_per_second = 1e9
    scene.run(40)
    assert scene.copies == 2


@pytest.mark.parametrize(("jitter", "loss"), [(0.03, 0.1), (0.05, 0.2), (0.08, 0.0)])
def test_neither_jitter_nor_loss_stops_or_shrinks_a_picture_on_a_wide_way(jitter: float, loss: float) -> None:
    scene = Scene()
    scene.lane.jitter_seconds, scene.lane.loss = jitter, loss
    scene.run(40)
    assert scene.paused_at == []
    assert {rank for _, rank in scene.ranks} == {1}


def test_moments_in_which_nothing_moves_make_nothing_small() -> None:
    """As a radio link that is busy with somebody else: up to 0.2 s, about once a second."""
    scene, chance = Scene(), random.Random(5)
    scene.lane.bits_per_second = 5e6
    scene.run(8)
    for _ in range(30):
        scene.run(chance.uniform(0.5, 1.5))
        scene.lane.stop_until(scene.now + chance.uniform(0.1, 0.2))
    assert scene.paused_at == []
    assert {rank for _, rank in scene.ranks} == {1}
