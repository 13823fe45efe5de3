"""The list of guards that can be taken out fits the code, the tests and the threat model."""

from __future__ import annotations

from datetime import date

import pytest

from tests.mutations.__main__ import run
from tests.mutations.table import DOCUMENT, ROOT, Guard, document, missed, read

GUARDS = read()
SHARE = 12


@pytest.mark.parametrize("guard", GUARDS, ids=str)
def test_what_is_to_be_taken_out_is_there(guard: Guard) -> None:
    """Whoever moves a guard moves its row in tests/mutations/guards.toml with it."""
    for edit in guard.edits:
        text = (ROOT / edit.file).read_text()
        assert text.count(edit.old) == 1, f"{edit.file}: {edit.old}"
        assert edit.old != edit.new
        if edit.file.endswith(".py"):
            compile(text.replace(edit.old, edit.new), edit.file, "exec")


CONCERN_THE_SERVER = [*range(1, 15), 20, *range(27, 39), 42]


@pytest.mark.parametrize("number", CONCERN_THE_SERVER)
def test_every_threat_has_a_test_from_outside_that_fails_without_a_guard(number: int) -> None:
    from_outside = f"tests/intruder/test_t{number:02}_"
    rows = [guard for guard in GUARDS if guard.threat == f"T{number}"]
    assert any(test.startswith(from_outside) for guard in rows for test in guard.tests), from_outside


def test_the_threat_model_has_the_list_as_it_is() -> None:
    """If not: python -m tests.mutations --write"""
    assert DOCUMENT.read_text() == document()


def test_every_guard_has_been_taken_out_since_it_or_its_tests_changed() -> None:
    """If not: python -m tests.mutations --new"""
    assert [str(guard) for guard in GUARDS if guard.digest not in missed()] == []


@pytest.mark.extra
@pytest.mark.timeout(1_200)
def test_guards_are_missed_when_they_are_taken_out(capsys: pytest.CaptureFixture[str]) -> None:
    """A dozenth of them, another one every day; `python -m tests.mutations` takes out all."""
    today = date.today().toordinal() % SHARE
    assert run(GUARDS[today::SHARE]) == 0, capsys.readouterr().out
