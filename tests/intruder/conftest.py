"""One running server for all intruders at the door: starting it is most of what such a test costs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.intruder.case import COLLEAGUE, HOST
from tests.support.portal import Portal


@pytest.fixture(scope="package")
def intruded_portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    portal = Portal(tmp_path_factory.mktemp("intruder") / "data", LINTEL_ORGANISATION="Nordhavn Institute")
    try:
        portal.create_person(HOST, "Ingrid Sæther", role="admin")
        portal.create_person(COLLEAGUE, "Marcus Bell")
        portal.make_token(HOST)
        yield portal
    finally:
        portal.close()


@pytest.fixture(scope="class")
def portal_of_class(request: pytest.FixtureRequest, intruded_portal: Portal) -> None:
    """Gives the server to a class of `unittest`, whose tests can't ask for fixtures."""
    request.cls.portal = intruded_portal
