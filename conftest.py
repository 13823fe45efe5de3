"""How the suite is spread over processes: a file stays together, and so does all that drives a browser.

No example of a property test fails for being slow: a busy machine is no fault of the code, and speed is measured.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("lintel", deadline=None)
settings.load_profile("lintel")

BROWSER = "tests/browser/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest chain first: two browsers at a time would disturb each other."""
    items.sort(key=lambda item: not item.nodeid.startswith(BROWSER))
    for item in items:
        file = item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group("browser" if item.nodeid.startswith(BROWSER) else file))
