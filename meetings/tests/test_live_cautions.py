"""Names that pass for one another have one skeleton; names that do not, do not."""

from __future__ import annotations

import pytest

from meetings.live.cautions import is_confusable, skeleton


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
    assert is_confusable(name, [other])
    assert is_confusable(other, [name])


@pytest.mark.parametrize("other", ["Marcus Bellow", "Marc Bell", "Ingrid", ""])
def test_other_names_are_not(other: str) -> None:
    assert not is_confusable("Marcus Bell", [other])


def test_a_name_without_letters_is_like_no_other() -> None:
    assert skeleton("👏👏") == ""
    assert not is_confusable("👏", ["🎉"])
