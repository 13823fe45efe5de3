"""What a receiver is sent again, and how often."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from media_engine.receive_log import ReceiveLog
from media_engine.repairs import Repairs


def test_what_was_sent_again_is_not_sent_once_more_before_it_can_have_arrived() -> None:
    repairs = Repairs(500)
    assert repairs.due(7, [1, 2], 0.08, 10.0) == [1, 2]
    assert repairs.due(7, [1, 2, 3], 0.08, 10.05) == [3]
    assert repairs.due(7, [1, 2, 3], 0.08, 10.09) == [1, 2]
    assert repairs.due(8, [1], 0.08, 10.09) == [1]
    assert repairs.refused == 3


def test_before_a_round_trip_is_known_it_counts_as_a_tenth_of_a_second() -> None:
    repairs = Repairs(500)
    assert repairs.due(7, [1], 0.0, 10.0) == [1]
    assert repairs.due(7, [1], 0.0, 10.07) == []
    assert repairs.due(7, [1], 0.0, 10.08) == [1]


class Looked(list[int]):
    """Counts who looks at its numbers."""

    looked = 0

    def __iter__(self) -> Iterator[int]:
        for number in super().__iter__():
            self.looked += 1
            yield number


def test_what_cannot_be_answered_any_more_is_not_even_looked_at() -> None:
    """A member that asks for everything, again and again, must not keep the loop from everybody's media."""
    repairs, asked = Repairs(40), Looked(range(500))
    assert repairs.due(7, asked, 0.08, 10.0) == list(range(10))  # the burst
    assert (asked.looked, repairs.refused) == (11, 490)
    repairs.left_octets, asked.looked = 0.0, 0
    assert repairs.due(7, asked, 0.08, 11.0) == []
    assert (asked.looked, repairs.refused) == (0, 990)


def test_on_a_full_way_repairs_take_half_of_it_and_no_more() -> None:
    repairs, sent, number = Repairs(5000), 0, 0
    repairs.refill(0.05, 200_000.0)
    for tick in range(200):  # ten seconds
        for _ in range(20):
            number += 1
            if repairs.due(7, [number & 0xFFFF], 0.05, tick * 0.05):
                repairs.left_octets -= 1200
                sent += 1200
        repairs.refill(0.05, 200_000.0)
    assert 0.9 * 100_000 < sent * 8 / 10 < 1.1 * 100_000


@given(st.lists(st.tuples(st.lists(st.integers(0, 0xFFFF), max_size=80), st.floats(0, 2)), max_size=60))
def test_memory_is_bounded_and_nothing_is_answered_that_nobody_asked_for(asked: list[tuple[list[int], float]]) -> None:
    repairs, now = Repairs(500), 0.0
    for sequences, seconds in asked:
        now += seconds
        assert set(repairs.due(7, sequences, 0.05, now)) <= set(sequences)
        repairs.refill(0.05, 1e6)
    assert len(repairs._answered) <= 1024


def test_a_way_longer_than_we_wait_for_answers_is_known_all_the_same() -> None:
    log = ReceiveLog(90000, wants_nack=True)
    log.add(0, 0.0)
    for number in range(1, 40):
        now = number * 1.0
        log.add(2 * number, now)
        asked, at = [], now
        while at < now + 0.16:
            asked += log.due_requests(at)
            at += 0.02
        log.add(2 * number - 1, now + 0.165)
    assert 0.15 < log.round_trip < 0.18
    assert len(asked) == 1  # by now nothing is asked for twice
    assert log.asked == 39
