"""One running server for all intruders at the door: starting it is most of what such a test costs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from meetings.tests.answering_service import Service, answer, served
from tests.intruder.case import COLLEAGUE, HOST
from tests.support.portal import Portal


@pytest.fixture(scope="package")
def intruded_portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    # One host makes all the meetings of all tests, and nobody leaves them.
    many = {"LINTEL_LIVE_MEETINGS_PER_ACCOUNT": "1000"}
    portal = Portal(tmp_path_factory.mktemp("intruder") / "data", LINTEL_ORGANISATION="Nordhavn Institute", **many)
    try:
        portal.create_people((HOST, "Ingrid Sæther", "admin"), (COLLEAGUE, "Marcus Bell", "staff"), tokens=[HOST])
        yield portal
    finally:
        portal.close()


@pytest.fixture(scope="class")
def portal_of_class(request: pytest.FixtureRequest, intruded_portal: Portal) -> None:
    """Gives the server to a class of `unittest`, whose tests can't ask for fixtures."""
    request.cls.portal = intruded_portal


@pytest.fixture(scope="package")
def asking_portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Portal, list[Service], str]]:
    """A second server, whose organisation asks an authorization service; services to take, and the secret.

    Each test takes a service of its own: one that failed is left in peace for a while.
    """
    with contextlib.ExitStack() as stack:
        services = [stack.enter_context(served(answer(200, {"result": True}))) for _ in range(10)]
        allowed = ",".join(service.url for service in services)
        portal = Portal(tmp_path_factory.mktemp("asking") / "data", LINTEL_OUTGOING_ALLOW=allowed)
        stack.callback(portal.close)
        portal.create_people((HOST, "Ingrid Sæther", "admin"), tokens=[HOST])
        yield portal, services, portal.manage("authorization", "secret").strip().splitlines()[-1]


@pytest.fixture(scope="class")
def asking_portal_of_class(request: pytest.FixtureRequest, asking_portal: tuple[Portal, list[Service], str]) -> None:
    request.cls.portal, request.cls.services, request.cls.secret = asking_portal
