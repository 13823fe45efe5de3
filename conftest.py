"""How the suite is spread over processes: a file stays together, and so do a few chains of files.

The engine runs as Python reads it, whatever `./run compile` has made; MEDIA_ENGINE_COMPILED=yes tests that instead.
No example of a property test fails for being slow: a busy machine is no fault of the code, and speed is measured.
"""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TestCase
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from portal.tests.process import SHARED_BY_RUN, migrated

os.environ.setdefault("MEDIA_ENGINE_COMPILED", "no")  # of the servers that tests start, too

ORDINARY = "not extra"
settings.register_profile("ordinary", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=100)

ROOMS = ("authorization", "encryption", "room_main_job", "room_powers", "voices", "walk")
CHAINS = ("browsers in a room", "browsers on pages", "intruders")
"""Files that stay together."""
ORDER = (
    *CHAINS[:2],
    *("media_engine/", "meetings/tests/test_live", "portal/tests/test_api", "tests/test_permission_table"),
    CHAINS[2],
)
"""What begins first, by how it begins; the rest comes after. Browsers' chains take the longest. Intruders measure real
seconds: so much comes before them that at most one of the two is still at work, and so much after them that nobody
waits for them at the end.
"""
IN_MEMORY = "file:memorydb_default?mode=memory&cache=shared"
"""What Django calls its database of tests."""


def pytest_configure(config: pytest.Config) -> None:
    """Before any test is read: `./run test --all` takes its time."""
    settings.load_profile("ordinary" if config.option.markexpr == ORDINARY else "thorough")
    if not hasattr(config, "workerinput"):  # this process starts the others, or is the only one
        os.environ[SHARED_BY_RUN] = tempfile.mkdtemp(prefix="lintel-run-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(SHARED_BY_RUN), ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing that is read here goes away before the end: to look for garbage in it over and over is a fifth of it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    request: pytest.FixtureRequest, django_db_modify_db_settings_parallel_suffix: None
) -> Iterator[None]:
    """Where several processes need tables, they are made once: what Django finds there it doesn't make again."""
    if not hasattr(request.config, "workerinput") or "TESTS_DATABASE_URL" in os.environ:
        yield
        return
    with closing(sqlite3.connect(IN_MEMORY, uri=True)) as memory:
        with closing(sqlite3.connect(migrated())) as made:
            made.backup(memory)
        yield


@pytest.fixture(autouse=True)
def _transactions_of_tests_stay_open(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels and the worker put away connections whose transaction is open, as a `TestCase`'s is. In memory that does
    nothing; on PostgreSQL the test would lose what it stored.
    """
    if "TESTS_DATABASE_URL" in os.environ and request.cls is not None and issubclass(request.cls, TestCase):
        monkeypatch.setattr(BaseDatabaseWrapper, "close_if_unusable_or_obsolete", lambda _: None)


def stays_with(nodeid: str) -> str:
    """The file, or the chain of files, whose tests run in one process after each other.

    A browser is started once for its chain, and what intruders attack once for theirs. Several people with cameras are
    never there twice at a time.
    """
    file = nodeid.partition("::")[0]
    if file.startswith("tests/browser/"):
        return CHAINS[0 if Path(file).stem.removeprefix("test_") in ROOMS else 1]
    return CHAINS[2] if file.startswith("tests/intruder/") else file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """See ORDER."""

    def place(item: pytest.Item) -> int:
        own = stays_with(item.nodeid)
        return next((number for number, first in enumerate(ORDER) if own.startswith(first)), len(ORDER))

    items.sort(key=place)


class Together(LoadScopeScheduling):
    """What stays together goes to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return stays_with(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Called where there are several processes."""
    return Together(config, log)
