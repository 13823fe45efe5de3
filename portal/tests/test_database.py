"""Connections that are kept: taken again as they were, and only where nothing of their last use is left. And the turn
of the one writer: who waits looks often, and not for ever.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db.utils import OperationalError

from portal.database.base import DatabaseWrapper, shelf

pytestmark = pytest.mark.django_db

OPTIONS = {"transaction_mode": "IMMEDIATE", "timeout": 1, "init_command": "PRAGMA journal_mode=WAL;"}
DEFAULTS = {"ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}


def wrapper(file: Path) -> DatabaseWrapper:
    settings = DEFAULTS | {"NAME": file, "OPTIONS": dict(OPTIONS), "TIME_ZONE": None, "TEST": {}}
    return DatabaseWrapper(settings, alias="kept")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "kept.sqlite3"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE words (word TEXT)")
    made.close()
    yield path
    shelf.close()


def say(database: DatabaseWrapper, word: str) -> None:
    with database.cursor() as cursor:
        cursor.execute("INSERT INTO words VALUES (%s)", [word])


def words(database: DatabaseWrapper) -> list[str]:
    with database.cursor() as cursor:
        return [word for (word,) in cursor.execute("SELECT word FROM words").fetchall()]


def test_a_connection_that_was_closed_is_the_next_ones(file: Path) -> None:
    first, second = wrapper(file), wrapper(file)
    say(first, "one")
    used = first.connection
    first.close()
    assert words(second) == ["one"]
    assert second.connection is used
    assert words(first) == ["one"]
    assert first.connection is not used


def test_nobody_sees_what_was_true_when_somebody_else_began_to_read(file: Path) -> None:
    first, second, writer = wrapper(file), wrapper(file), wrapper(file)
    for word in ("one", "two", "three"):
        say(writer, word)
    reading = first.cursor()
    reading.execute("SELECT word FROM words")
    reading.fetchone()  # and no more: the view that it reads is held
    used = first.connection
    first.close()
    say(writer, "four")
    assert words(second) == ["one", "two", "three", "four"]
    assert second.connection is used


def test_a_transaction_that_was_left_open_ends_with_its_connection(file: Path) -> None:
    first, second = wrapper(file), wrapper(file)
    with first.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("INSERT INTO words VALUES ('half')")
    used = first.connection
    first.close()
    assert words(second) == []
    assert second.connection is not used


def test_a_connection_with_an_error_is_not_kept(file: Path) -> None:
    first, second = wrapper(file), wrapper(file)
    assert words(first) == []
    used = first.connection
    first.errors_occurred = True
    first.close()
    assert words(second) == []
    assert second.connection is not used


def test_a_file_in_the_place_of_another_is_another(file: Path, tmp_path: Path) -> None:
    first, second = wrapper(file), wrapper(file)
    say(first, "old")
    first.close()
    restored = tmp_path / "restored.sqlite3"
    with sqlite3.connect(restored) as made:
        made.execute("CREATE TABLE words (word TEXT)")
    made.close()
    for name in ("kept.sqlite3-wal", "kept.sqlite3-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    restored.replace(file)
    assert words(second) == []


def test_at_the_end_everything_is_in_the_file_itself(file: Path, tmp_path: Path) -> None:
    first = wrapper(file)
    say(first, "kept")
    first.close()
    assert (tmp_path / "kept.sqlite3-wal").exists()
    shelf.close()
    assert not (tmp_path / "kept.sqlite3-wal").exists()
    assert sqlite3.connect(f"file:{file}?immutable=1", uri=True).execute("SELECT word FROM words").fetchall() == [
        ("kept",)
    ]


def test_who_waits_to_write_looks_again_and_again(file: Path) -> None:
    holder, waiting = wrapper(file), wrapper(file)
    say(waiting, "one")
    holder.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    looks: list[str] = []

    def look(statement: str) -> None:
        if statement.startswith("BEGIN"):
            looks.append(statement)
        if len(looks) == 5 and holder.connection.in_transaction:
            holder.rollback()

    waiting.connection.set_trace_callback(look)
    waiting.settings_dict["OPTIONS"]["timeout"] = 60
    waiting.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    waiting.connection.set_trace_callback(None)
    assert len(looks) >= 5
    say(waiting, "two")
    waiting.commit()
    waiting.set_autocommit(True)
    assert not waiting.errors_occurred  # a wait harms no connection
    holder.close()
    assert words(holder) == ["one", "two"]


def test_who_waits_to_write_gives_up_in_the_end_and_waits_as_long_the_next_time(file: Path) -> None:
    holder, waiting = wrapper(file), wrapper(file)
    say(waiting, "one")
    waiting.settings_dict["OPTIONS"]["timeout"] = 0.02
    holder.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    with pytest.raises(OperationalError, match="locked"):
        waiting.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    holder.rollback()
    with waiting.cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (20,)
    holder.close()
