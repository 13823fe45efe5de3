"""How the suite is spread over processes: a file stays together, and so does all that drives a browser.

The engine runs as Python reads it, whatever `./run compile` has made; MEDIA_ENGINE_COMPILED=yes tests that instead.
No example of a property test fails for being slow: a busy machine is no fault of the code, and speed is measured.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from portal.tests.process import SHARED_BY_RUN, migrated

os.environ.setdefault("MEDIA_ENGINE_COMPILED", "no")  # of the servers that tests start, too

ORDINARY = "not extra"
settings.register_profile("ordinary", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=100)

BROWSER = "tests/browser/"
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


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    request: pytest.FixtureRequest, django_db_modify_db_settings_parallel_suffix: None
) -> Iterator[None]:
    """Where several processes need tables, they are made once: what Django finds there it doesn't make again."""
    if not hasattr(request.config, "workerinput"):
        yield
        return
    with closing(sqlite3.connect(IN_MEMORY, uri=True)) as memory:
        with closing(sqlite3.connect(migrated())) as made:
            made.backup(memory)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest chain first."""
    items.sort(key=lambda item: not item.nodeid.startswith(BROWSER))


class FilesTogether(LoadScopeScheduling):
    """A file in one process: what it starts is started once. All browsers in one: two would disturb each other."""

    def _split_scope(self, nodeid: str) -> str:
        return BROWSER if nodeid.startswith(BROWSER) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Called where there are several processes."""
    return FilesTogether(config, log)
