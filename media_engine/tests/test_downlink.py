"""What is believed about the way to one receiver."""

import math

from hypothesis import given
from hypothesis import strategies as st

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
    assert down.padding(1e6, 0.0) == 0.0


def test_what_the_receiver_says_is_believed_at_once() -> None:
    down = Downlink()
    down.on_estimate(400_000, 1.0)
    assert down.available == 400_000
    down.on_estimate(900_000, 2.0)
    assert down.available == 900_000


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


def test_the_way_is_filled_up_to_the_estimate_for_a_while_and_not_right_after_it_fell() -> None:
    down = Downlink()
    down.on_estimate(500_000, 0.0)
    down.on_sent(200_000, 0.5)
    assert down.padding(1_000_000, 1.0) == 500_000 * 0.95 - 200_000
    assert down.padding(100_000, 1.5) == 100_000
    down.on_estimate(300_000, 2.0)
    assert down.padding(1_000_000, 3.0) == 0.0
    assert down.padding(1_000_000, 6.5) > 0.0


def test_who_cannot_have_more_is_not_asked_all_the_time() -> None:
    down = Downlink()
    down.on_estimate(500_000, 0.0)
    asked = [second for second in range(1, 120) if down.padding(1_000_000, float(second))]
    assert 40 < len(asked) < 80
    down.padding(0.0, 120.0)
    assert down.padding(0.0, 121.0) == 0.0


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
            padding = down.padding(value, now)
            assert 0 <= padding <= value
            assert not padding or padding + down.sent <= down.available
        assert down.available >= 100_000
