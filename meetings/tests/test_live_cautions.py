"""Names that pass for one another have one skeleton; names that do not, do not."""

from __future__ import annotations

import pytest

from meetings.live.cautions import is_confusable, skeleton, skeletons


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Ingrid Sæther", "ingrid saether"),
        ("Ingrid Sæther", "Іngrid Ѕæther"),  # Cyrillic І and Ѕ
        ("Marcus Bell", "Marcus Be11"),
        ("Marcus Bell", "Marcus\u200bBell"),
        ("Marcus Bell", "Ｍarcus Bell"),
        ("Marcus Bell", "Márcus  BELL."),
        ("Marcus Bell", "Μarcus Вell"),  # Greek Mu, Cyrillic Ve
    ],
)
def test_look_alikes_are_confusable(name: str, other: str) -> None:
    assert is_confusable(name, skeletons([other]))
    assert is_confusable(other, skeletons([name]))


@pytest.mark.parametrize("other", ["Marcus Bellow", "Marc Bell", "Ingrid", ""])
def test_other_names_are_not(other: str) -> None:
    assert not is_confusable("Marcus Bell", skeletons([other]))


def test_a_name_without_letters_is_like_no_other() -> None:
    assert skeleton("👏👏") == ""
    assert not is_confusable("👏", skeletons(["🎉"]))


def test_a_full_queue_is_compared_with_a_full_room_by_reading_each_name_once() -> None:
    inside = [f"Somebody Inside {number}" for number in range(100)]
    waiting = [f"Somebody Waiting {number}" for number in range(100)]
    skeleton.cache_clear()
    for _ in range(3):
        known = skeletons(inside)
        assert not any(is_confusable(name, known) for name in waiting)
    assert skeleton.cache_info().misses == len(inside) + len(waiting)
