"""Which encodings a receiver gets for its bandwidth and its tiles."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_engine.allocation import PAUSED, Picture, allocate, largest_needed, thinned, wanted_more
from media_engine.thinning import ALL

LADDER = (100_000.0, 300_000.0, 1_000_000.0)

pictures = st.lists(
    st.builds(
        Picture,
        st.lists(st.sampled_from((0.0, 1e5, 3e5, 1e6, 2.5e6)), min_size=1, max_size=3).map(tuple),
        st.integers(-1, 2),
        st.integers(-1, 2),
        st.sampled_from(((1.0,), (0.4, 0.6, 1.0))),
        st.just(ALL),
    ),
    max_size=12,
)


def _taken(some: list[Picture], chosen: list[int], left: float) -> float:
    most = thinned(some, chosen, left)
    return sum(
        picture.rates[index] * picture.shares[min(layer, len(picture.shares) - 1)]
        for picture, index, layer in zip(some, chosen, most, strict=True)
        if index != PAUSED
    )


@given(pictures, st.floats(0, 2e7))
def test_never_more_than_there_is_but_for_the_first_never_what_is_not_shown_and_never_what_does_not_come(
    some: list[Picture], bits_per_second: float
) -> None:
    chosen = allocate(some, math.inf, bits_per_second)
    sent = [(picture, index) for picture, index in zip(some, chosen, strict=True) if index != PAUSED]
    if len(sent) > 1 or (sent and sent[0][1] != next(i for i, rate in enumerate(sent[0][0].rates) if rate)):
        assert _taken(some, chosen, bits_per_second) <= bits_per_second + 1e-3
    for picture, index in zip(some, chosen, strict=True):
        assert index == PAUSED or picture.rates[index] > 0
        if picture.largest == PAUSED:
            assert index == PAUSED


@given(pictures, st.floats(0, 2e7))
def test_what_fits_stays(some: list[Picture], bits_per_second: float) -> None:
    """Asked again with what it answered, it answers the same: nothing swings without a cause."""
    chosen = allocate(some, bits_per_second, math.inf)
    again = [picture._replace(sent=index) for picture, index in zip(some, chosen, strict=True)]
    settled = allocate(again, bits_per_second, math.inf)
    assert settled == allocate(
        [picture._replace(sent=index) for picture, index in zip(some, settled, strict=True)],
        bits_per_second,
        math.inf,
    )


@pytest.mark.parametrize(
    ("bits_per_second", "expected"),
    [
        (float("inf"), [2, 1, PAUSED]),
        (1_500_000.0, [2, 1, PAUSED]),
        (1_300_000.0, [2, 0, PAUSED]),
        (500_000.0, [1, 0, PAUSED]),
        (240_000.0, [0, 0, PAUSED]),
        (150_000.0, [0, PAUSED, PAUSED]),
        (50_000.0, [0, PAUSED, PAUSED]),
    ],
)
def test_the_most_important_picture_grows_first_and_shrinks_last(bits_per_second: float, expected: list[int]) -> None:
    some = [Picture(LADDER, 2, PAUSED), Picture(LADDER, 1, PAUSED), Picture(LADDER, PAUSED, PAUSED)]
    assert allocate(some, math.inf, bits_per_second) == expected


def test_an_estimate_makes_pictures_small_and_takes_none_away() -> None:
    some = [Picture(LADDER, 2, 2), Picture(LADDER, 1, 1), Picture(LADDER, 0, 0)]
    assert allocate(some, 50_000.0, math.inf) == [0, 0, 0]


def test_what_flows_needs_no_margin_and_what_is_larger_does() -> None:
    assert allocate([Picture(LADDER, 2, 2)], 1_050_000.0, math.inf) == [2]
    assert allocate([Picture(LADDER, 2, 1)], 1_050_000.0, math.inf) == [1]


def test_a_layer_that_does_not_come_is_passed_over() -> None:
    assert allocate([Picture((0.0, 3e5, 0.0), 2, PAUSED)], 1e6, math.inf) == [1]
    assert allocate([Picture((0.0, 0.0, 1e6), 0, PAUSED)], 2e6, math.inf) == [2]


def test_how_much_more_the_next_step_would_take() -> None:
    assert wanted_more([Picture(LADDER, 2, 0)], [0]) == pytest.approx(245_000.0)
    assert wanted_more([Picture(LADDER, 0, 0)], [0]) == 0.0
    assert wanted_more([Picture(LADDER, 1, PAUSED)], [PAUSED]) == pytest.approx(115_000.0)


@pytest.mark.parametrize(
    ("tile", "index"), [(0, PAUSED), (90, 0), (180, 0), (181, 1), (360, 1), (361, 2), (720, 2), (2000, 2)]
)
def test_the_smallest_encoding_that_fills_a_tile(tile: int, index: int) -> None:
    assert largest_needed(3, 720, tile) == index
