"""Connections that are kept: taken again as they were, and only where nothing of their last use is left. And the turn
of the one writer: who waits looks often, and not for ever.
"""

from __future__ import annotations

import sqlite3
import threading
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


def begin(database: DatabaseWrapper) -> None:
    database.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def another_process(file: Path) -> sqlite3.Connection:
    """Which begins to write."""
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    return writer


def test_whoever_waits_for_another_process_looks_again_and_again(file: Path) -> None:
    waiting = wrapper(file)
    say(waiting, "one")
    writer, looks = another_process(file), list[str]()

    def look(statement: str) -> None:
        if statement.startswith("BEGIN"):
            looks.append(statement)
        if len(looks) == 5 and writer.in_transaction:
            writer.rollback()

    waiting.connection.set_trace_callback(look)
    waiting.settings_dict["OPTIONS"]["timeout"] = 60
    begin(waiting)
    waiting.connection.set_trace_callback(None)
    assert len(looks) >= 5
    say(waiting, "two")
    waiting.commit()
    waiting.set_autocommit(True)
    assert not waiting.errors_occurred  # a wait harms no connection
    assert words(waiting) == ["one", "two"]


def test_threads_of_one_process_stand_in_line_and_look_only_when_it_is_their_turn(file: Path) -> None:
    holder, looks, met = wrapper(file), list[str](), list[list[str]]()
    begin(holder)
    say(holder, "one")
    ready = threading.Event()

    def wait_and_write() -> None:
        waiting = wrapper(file)
        waiting.settings_dict["OPTIONS"]["timeout"] = 60
        assert words(waiting) == []
        waiting.connection.set_trace_callback(looks.append)
        ready.set()
        begin(waiting)
        say(waiting, "two")
        met.append(words(waiting))
        waiting.commit()
        waiting.close()

    thread = threading.Thread(target=wait_and_write)
    thread.start()
    assert ready.wait(30)
    thread.join(0.05)
    assert (thread.is_alive(), looks) == (True, [])
    holder.commit()
    thread.join(30)
    assert met == [["one", "two"]]
    holder.close()


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_a_turn_ends_with_the_transaction_however_that_ends(file: Path, end: str) -> None:
    first, second = wrapper(file), wrapper(file)
    begin(first)
    getattr(first, end)()
    begin(second)
    second.rollback()
    second.close()
    first.close()


def test_whoever_waits_to_write_gives_up_in_the_end_and_can_begin_later(file: Path) -> None:
    waiting, holder = wrapper(file), wrapper(file)
    say(waiting, "one")
    waiting.settings_dict["OPTIONS"]["timeout"] = 0.02
    writer = another_process(file)
    with pytest.raises(OperationalError, match="locked"):
        begin(waiting)
    writer.rollback()
    begin(holder)
    with pytest.raises(OperationalError, match="locked"):
        begin(waiting)
    holder.rollback()
    begin(waiting)
    with waiting.cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (20,)
    waiting.rollback()
    holder.close()
