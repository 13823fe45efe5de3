"""What is believed about the way to one receiver."""

import math

from hypothesis import given
from hypothesis import strategies as st

from media_engine.allocation import Picture, allocate, wanted_more
from media_engine.downlink import Downlink

WORDS = st.lists(
    st.one_of(
        st.tuples(st.just("estimate"), st.integers(0, 1 << 62)),
        st.tuples(st.just("loss"), st.floats(0, 1)),
        st.tuples(st.just("sent"), st.floats(0, 1e8)),
        st.tuples(st.just("wanted"), st.floats(0, 1e7)),
    ),
    max_size=60,
)


def test_nothing_is_limited_before_anybody_says_so() -> None:
    down = Downlink()
    assert down.available == math.inf
    assert down.padding(1e6, 5e5, 0.0) == 0.0


def test_what_the_receiver_says_is_believed_at_once() -> None:
    down = Downlink()
    down.on_estimate(400_000, 1.0)
    assert down.available == 400_000
    down.on_estimate(900_000, 2.0)
    assert down.available == 900_000


def test_an_estimate_below_the_least_says_nothing_of_a_queue() -> None:
    """A voice and a small picture: what came of them is all that an estimate can go by."""
    down = Downlink()
    down.on_sent(60_000, 1.0)
    for number, noise in enumerate((40_000, 70_000, 30_000)):
        down.on_estimate(noise, 2.0 + number)
    assert (down.available, down.had_queue(5.0)) == (100_000, False)
    down.on_estimate(400_000, 6.0)
    down.on_estimate(90_000, 7.0)
    assert down.had_queue(7.0)


def test_what_was_sent_without_an_objection_fits_though_the_estimate_is_late() -> None:
    down = Downlink()
    down.on_sent(900_000, 1.0)
    down.on_estimate(750_000, 1.5)
    assert down.available == 900_000
    down.on_estimate(800_000, 2.5)
    assert down.available == 900_000


def test_once_the_estimate_falls_only_the_estimate_counts_for_a_while() -> None:
    down = Downlink()
    down.on_sent(900_000, 1.0)
    down.on_estimate(950_000, 1.5)
    down.on_estimate(300_000, 2.0)
    down.on_sent(900_000, 2.1)  # sent before anybody knew
    assert down.available == 300_000
    down.on_sent(320_000, 7.0)
    assert down.available == 320_000


def test_a_first_estimate_far_below_what_was_sent_is_a_fall() -> None:
    down = Downlink()
    down.on_sent(900_000, 1.0)
    down.on_estimate(300_000, 1.5)
    assert down.available == 300_000


def test_loss_on_a_radio_link_limits_nothing_and_much_of_it_does_until_it_is_over() -> None:
    down = Downlink()
    down.on_estimate(2_000_000, 0.0)
    down.on_sent(1_000_000, 0.5)
    down.on_loss(0.05, 1.0)
    assert down.available == 2_000_000
    down.on_loss(0.4, 2.0)
    assert down.available == 800_000
    down.on_loss(0.05, 3.0)
    assert down.available == 800_000
    for second in range(4, 40):
        down.on_loss(0.0, float(second))
    assert down.available == 2_000_000


def test_where_no_queue_is_seen_a_fifth_may_be_lost_at_random_and_what_fell_for_more_rises_again() -> None:
    down = Downlink()
    down.on_estimate(2_000_000, 0.0)
    down.on_sent(1_000_000, 0.5)
    down.on_loss(0.22, 1.0, is_empty=True)
    assert down.available == 2_000_000
    down.on_loss(0.34, 2.0, is_empty=True)
    assert down.available == 830_000
    down.on_loss(0.28, 3.0, is_empty=True)
    assert down.available == 830_000
    for second in range(4, 20):
        down.on_loss(0.2, float(second), is_empty=True)
    assert down.available == 2_000_000
    down.on_loss(0.2, 21.0)
    assert down.available < 1_000_000


def test_while_more_is_wanted_the_way_is_filled_a_step_further_each_time_and_not_right_after_a_fall() -> None:
    down = Downlink()
    down.on_estimate(500_000, 0.0)
    down.on_sent(500_000, 0.5)
    assert down.padding(1_000_000, 500_000, 1.0) == 100_000
    assert down.padding(60_000, 500_000, 1.5) == 60_000
    down.on_estimate(300_000, 2.0)
    assert down.padding(1_000_000, 200_000, 3.0) == 0.0
    assert down.padding(1_000_000, 200_000, 10.5) > 0.0


def test_who_cannot_have_more_is_asked_less_and_less_often() -> None:
    down, now = Downlink(), 10.0
    down.on_estimate(500_000, now)
    waits = []
    for _ in range(6):
        begun = now
        while not down.padding(1_000_000, 400_000, now):
            now += 0.5
        waits.append(now - begun)
        down.on_loss(0.3, now)
    assert waits == [0.0, 8.0, 10.0, 10.0, 10.0, 10.0]


def test_a_round_trip_that_grows_objects_to_more_than_the_estimate() -> None:
    down = Downlink()
    down.on_estimate(200_000, 0.0)
    down.on_round_trip(0.05, 0.0)
    down.on_sent(400_000, 0.5)
    down.on_round_trip(0.1, 1.0)
    assert down.available == 400_000
    down.on_round_trip(0.3, 2.0)
    assert down.available == 200_000


def test_pictures_leave_much_faster_than_they_come_and_hardly_where_the_way_was_full_lately() -> None:
    down = Downlink()
    assert down.picture_pace(50_000, 0.0, 0.0) == math.inf
    down.on_estimate(400_000, 1.0)
    assert down.picture_pace(50_000, 0.0, 1.0) == 3_000_000
    down.on_estimate(2_000_000, 2.0)
    assert down.picture_pace(50_000, 0.0, 2.0) == 2.5 * 1_950_000
    down.on_estimate(300_000, 3.0)
    assert down.picture_pace(50_000, 0.0, 3.0) == 1.25 * 250_000
    assert down.picture_pace(250_000, 0.0, 3.0) == 1.25 * 100_000
    assert down.picture_pace(50_000, 700_000, 3.0) == 1.25 * 700_000
    assert down.picture_pace(50_000, 0.0, 34.0) == 3_000_000
    down.on_loss(0.5, 35.0)
    assert down.picture_pace(50_000, 0.0, 80.0) == 3_000_000


class Way:
    """A bottleneck with a queue, and a browser behind it that estimates as libwebrtc does (AimdRateControl)."""

    queue_seconds = 1.0

    def __init__(self, bits_per_second: float) -> None:
        self.bits_per_second = bits_per_second
        self.queued = 0.0
        self.estimate = 0.0
        self.dropped = self.offered = 0.0
        self.longest_wait = 0.0

    def carry(self, rate: float, seconds: float) -> None:
        """Take `rate` for so long."""
        before = self.queued
        waiting = self.queued + rate * seconds
        out = min(waiting, self.bits_per_second * seconds)
        kept = min(waiting - out, self.queue_seconds * self.bits_per_second)
        self.dropped += waiting - out - kept
        self.offered += rate * seconds
        self.queued = kept
        self.longest_wait = max(self.longest_wait, self.wait)
        through = out / seconds
        if kept > before and self.wait > 0.05:
            self.estimate = min(self.estimate, 0.85 * through) if self.estimate else 0.85 * through
        elif self.estimate:
            self.estimate = max(self.estimate, min(self.estimate * 1.08**seconds, 1.5 * through + 10_000))
        else:
            self.estimate = through

    @property
    def wait(self) -> float:
        return self.queued / self.bits_per_second


LADDER = (100_000.0, 350_000.0, 1_100_000.0)


def drive(down: Downlink, way: Way, rank: int, now: float, seconds: float) -> list[tuple[float, int]]:
    """Serve one camera for so long. When it was sent which encoding."""
    ranks = []
    for _ in range(int(seconds / 0.5)):
        picture = Picture(LADDER, 2, rank)
        (rank,) = allocate([picture], down.capacity, down.loss_limit)
        more = down.padding(wanted_more([picture], [rank]), LADDER[rank], now)
        way.dropped = way.offered = 0.0
        way.carry(LADDER[rank] + more, 0.5)
        now += 0.5
        down.on_sent(LADDER[rank] + more, now)
        down.on_estimate(way.estimate, now)
        down.on_round_trip(0.04 + way.wait, now)
        down.on_loss(way.dropped / way.offered, now)
        ranks.append((now, rank))
    return ranks


def test_the_picture_shrinks_within_five_seconds_of_a_narrowing_and_is_back_fifteen_seconds_after_it_has_gone() -> None:
    down, way = Downlink(), Way(5e6)
    wide = drive(down, way, 2, 0.0, 10.0)
    assert {rank for _, rank in wide} == {2}  # an estimate that lags makes nothing small
    way.bits_per_second = 300_000.0
    narrow = drive(down, way, 2, 10.0, 60.0)
    assert {rank for now, rank in narrow if now > 15.0} == {0}
    way.bits_per_second = 5e6
    again = drive(down, way, 0, 70.0, 30.0)
    assert min(now for now, rank in again if rank == 2) < 70.0 + 15.0
    assert again[-1][1] == 2


def test_a_narrow_way_that_stays_narrow_is_full_for_moments_only() -> None:
    down, way = Downlink(), Way(300_000.0)
    drive(down, way, 0, 0.0, 30.0)
    waits = []
    now, rank = 30.0, 0
    for _ in range(240):
        ((now, rank),) = drive(down, way, rank, now, 0.5)
        waits.append(way.wait)
    assert max(waits) < 0.3
    assert sum(wait > 0.1 for wait in waits) < 0.1 * len(waits)


@given(WORDS)
def test_whatever_is_said_it_stays_above_the_least_and_padding_below_the_estimate(
    words: list[tuple[str, float]],
) -> None:
    down, now = Downlink(), 0.0
    for word, value in words:
        now += 0.5
        if word == "estimate":
            down.on_estimate(int(value), now)
        elif word == "loss":
            down.on_loss(value, now)
        elif word == "sent":
            down.on_sent(value, now)
        else:
            assert 0 <= down.padding(value, down.sent, now) <= value
        assert down.available >= 100_000
