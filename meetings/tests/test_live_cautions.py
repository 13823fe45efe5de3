"""Names that pass for one another have one skeleton; names that do not, do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from meetings.live import cautions
from meetings.live.cautions import Named, is_confusable, name_cautions, skeleton, skeletons
from meetings.live.seats import Person


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Ingrid Sæther", "ingrid saether"),
        ("Ingrid Sæther", "Іngrid Ѕæther"),  # Cyrillic І and Ѕ
        ("Marcus Bell", "Marcus Be11"),
        ("Marcus Bell", "Marcus\u200bBell"),
        ("Marcus Bell", "Mar\u3164cus\u115f Be\u1160ll\uffa0"),  # letters that are drawn as nothing
        ("Marcus Bell", "Ｍarcus Bell"),
        ("Marcus Bell", "Márcus  BELL."),
        ("Marcus Bell", "Μarcus Вell"),  # Greek Mu, Cyrillic Ve
        ("Marcus Bell", "ꓟarcus ᗷell"),  # Lisu Ma, Canadian syllabic
        ("Marcus Bell", "𝓜𝓪𝓻𝓬𝓾𝓼 𝓑𝓮𝓵𝓵"),
        ("Marcus Bell", "Ｍａｒｃｕｓ　Ｂｅｌｌ"),
        ("Marcus Bell", "ⓜⓐⓡⓒⓤⓢ ⓑⓔⓛⓛ"),
        ("Marcus Bell", "rnarcus bell"),
        ("Ingrid Sæther", "lngrid Sæther"),
        ("Walter Ørn", "VValter 0rn"),
        ("Лена", "Лeнa"),  # Latin e and a
        ("Νίκος", "Nικοϲ".replace("ϲ", "ς")),
        ("José", "José"),
    ],
)
def test_look_alikes_are_confusable(name: str, other: str) -> None:
    assert is_confusable(name, skeletons([other]))
    assert is_confusable(other, skeletons([name]))


@pytest.mark.parametrize("other", ["Marcus Bellow", "Marc Bell", "Ingrid", ""])
def test_other_names_are_not(other: str) -> None:
    assert not is_confusable("Marcus Bell", skeletons([other]))


def test_every_character_of_the_table_passes_for_what_it_looks_like() -> None:
    table = Path(cautions.__file__).with_name("confusables.txt").read_text(encoding="utf-8")
    lines = [line.split(" ", 1) for line in table.splitlines() if not line.startswith("#")]
    assert len(lines) > 900
    for shape, characters in lines:
        for character in characters:
            assert skeleton(f"a{character}") == skeleton(f"a{shape}"), (shape, character)


def test_a_name_without_letters_is_like_no_other() -> None:
    assert skeleton("👏👏") == ""
    assert not is_confusable("👏", skeletons(["🎉"]))


def person(name: str, *, kind: str = "anyone", user_id: str | None = None, invitation_id: str | None = None) -> Person:
    return Person(
        participant_id="", name=name, kind=kind, is_guest=user_id is None, provenance="", provenance_for_hosts="",
        email=None, network="", invitation_id=invitation_id, user_id=user_id, may_know=False, organiser=False,
        knocked_at=None, entered_at=None, host_message="",
    )  # fmt: skip


def test_whose_name_looks_like_whose() -> None:
    inside = {
        "host": person("Ingrid Sæther", kind="host", user_id="1"),
        "false host": person("lngrid Sæther"),
        "Marcus": person("Marcus Bell", kind="colleague", user_id="2"),
        "Marcus's tablet": person("Marcus Bell", kind="colleague", user_id="2"),
        "Leila": person("Leila", kind="guest", invitation_id="L"),
        "Peter": person("Peter"),
        "👏": person("👏"),
    }
    waiting = {
        "Marcus's phone": person("Marcus Bell", kind="colleague", user_id="2"),
        "false Leila": person("Leila"),
        "another false Leila": person("LEILA"),
        "false Ada": person("Ada"),
        "👏 too": person("👏"),
    }
    expected = [Named("Leila", "L", ""), Named("Ada", "A", ""), Named("Peter", "P", "")]
    found = name_cautions(waiting, inside, ["Ingrid Sæther", "Ada"], expected)
    assert {key: told for key, told in found.items() if told} == {
        "false host": ["name_in_use"],
        "Peter": ["name_expected"],
        "false Leila": ["name_in_use", "name_at_door", "name_expected"],
        "another false Leila": ["name_in_use", "name_at_door", "name_expected"],
        "false Ada": ["name_in_use", "name_expected"],
    }
    assert found.keys() == waiting.keys() | inside.keys()


def test_a_full_queue_is_compared_with_a_full_room_by_reading_each_name_once() -> None:
    inside = [f"Somebody Inside {number}" for number in range(100)]
    waiting = [f"Somebody Waiting {number}" for number in range(100)]
    skeleton.cache_clear()
    for _ in range(3):
        known = skeletons(inside)
        assert not any(is_confusable(name, known) for name in waiting)
    assert skeleton.cache_info().misses == len(inside) + len(waiting)
