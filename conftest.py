"""How the suite is spread over processes: a file stays together, and so does all that drives a browser.

The engine runs as Python reads it, whatever `./run compile` has made; MEDIA_ENGINE_COMPILED=yes tests that instead.
No example of a property test fails for being slow: a busy machine is no fault of the code, and speed is measured.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

os.environ.setdefault("MEDIA_ENGINE_COMPILED", "no")  # of the servers that tests start, too

ORDINARY = "not extra"
settings.register_profile("ordinary", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=100)

BROWSER = "tests/browser/"


def pytest_configure(config: pytest.Config) -> None:
    """Before any test is read: `./run test --all` takes its time."""
    settings.load_profile("ordinary" if config.option.markexpr == ORDINARY else "thorough")


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
