"""Chromium where no UDP gets out at all: by a TURN server over TCP people see and hear each other all the same."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright

from tests.browser.conftest import FLAGS, Portal, chromium
from tests.browser.test_room_main_job import INGRID, MARCUS, PAIRS, Seat, come_in, eventually, schedule, seat, walk_in
from tests.test_turn_server import CONFIGURATION, SECRET, free_port, here, is_open

__all__ = ["seat"]

pytestmark = [pytest.mark.extra, pytest.mark.timeout(240)]


def by_relay(page: Page) -> set[tuple[str, str]]:
    return {(pair["local"]["candidateType"], pair["local"]["relayProtocol"]) for pair in page.evaluate(PAIRS)}


@pytest.fixture(scope="module")
def browser(playwright_: Playwright) -> Iterator[Browser]:
    """It sends nothing by UDP, whoever asks it to."""
    blocked = [*FLAGS, "--force-webrtc-ip-handling-policy=disable_non_proxied_udp"]
    launched = playwright_.chromium.launch(executable_path=chromium(), args=blocked)
    yield launched
    launched.close()


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """coturn with our configuration; its port."""
    if shutil.which("turnserver") is None:
        pytest.skip("no coturn: apt-get install -y coturn")
    port, where = free_port(), tmp_path_factory.mktemp("coturn")
    (where / "turnserver.conf").write_text(here(Path(CONFIGURATION).read_text(), port))
    command = ["turnserver", "-c", "turnserver.conf", "--pidfile", "pid", "--userdb", "users"]
    with (where / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=where, stdout=log, stderr=subprocess.STDOUT)
    end = time.monotonic() + 10
    while not is_open(port):
        assert time.monotonic() < end, (where / "log").read_text()
        time.sleep(0.05)
    yield port
    server.terminate()
    server.wait()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, relay: int) -> Iterator[Portal]:
    ways = {"LINTEL_TURN_URLS": f"turn:127.0.0.1:{relay}?transport=tcp", "LINTEL_TURN_SECRET": SECRET}
    portal = Portal(tmp_path_factory.mktemp("portal") / "data", LINTEL_ORGANISATION="Nordhavn", **ways)
    portal.create_people((INGRID, "Ingrid Sæther", "admin"), (MARCUS, "Marcus Bell", "staff"))
    yield portal
    portal.close()


def test_two_who_reach_nothing_but_the_relay_see_and_hear_each_other(portal: Portal, seat: Callable[..., Seat]) -> None:
    host, colleague = seat(), seat()
    url = schedule(portal, host, "By the relay", MARCUS)
    come_in(host)
    walk_in(portal, colleague, MARCUS, url)
    host.sees("Marcus Bell")
    colleague.sees("Ingrid Sæther")
    for who in (host, colleague):
        who.hears()
        eventually(lambda page=who.page: by_relay(page) == {("relay", "tcp")}, "relay over TCP")
