"""What hosts can do to a meeting, as the people in it see it: pictures and sound are counted where they arrive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Portal
from tests.browser.test_room_main_job import (
    INGRID,
    MARCUS,
    PETER,
    Seat,
    Visitor,
    come_in,
    eventually,
    personal_link,
    schedule,
)

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def portal(server: Portal) -> Portal:
    server.create_person(INGRID, "Ingrid Sæther", role="admin")
    server.create_person(MARCUS, "Marcus Bell")
    return server


@pytest.fixture
def seat(visitor: Visitor) -> Iterator[Callable[..., Seat]]:
    made: list[Seat] = []

    def make() -> Seat:
        made.append(Seat(visitor().new_page()))
        return made[-1]

    yield make
    assert [wrong for one in made for wrong in one.wrong] == []


def host_and_guest(portal: Portal, seat: Callable[..., Seat], title: str) -> tuple[Seat, Seat]:
    """Ingrid hosts, Peter was let in; they see each other."""
    host, guest = seat(), seat()
    schedule(portal, host, title, PETER)
    come_in(host)
    host.state("connected")
    guest.page.goto(personal_link(portal, PETER))
    come_in(guest, "Knock to join", "Peter Lindqvist")
    host.button("Let in Peter Lindqvist").click()
    guest.state("connected")
    guest.sees("Ingrid Sæther")
    host.sees("Peter Lindqvist")
    return host, guest


def stands_still(who: Seat, seconds: float = 1.0) -> None:
    """No picture and no sound arrives that was not on its way already."""
    time.sleep(0.3)
    before = who.stats()["packetsReceived"]
    time.sleep(seconds)
    assert who.stats()["packetsReceived"] == before


def test_suspend_stops_everything_says_so_and_goes_on_as_it_was(portal: Portal, seat: Callable[..., Seat]) -> None:
    host, guest = host_and_guest(portal, seat, "Suspended and resumed")
    host.tool("Host").click()
    host.button("Suspend the meeting").click()
    for who in (host, guest):
        card = who.page.get_by_role("region", name="The meeting is suspended")
        expect(card).to_contain_text("Ingrid Sæther stopped everything at")
        stands_still(who)
        # Nobody's last picture stays on the screen.
        expect(who.tile("Peter Lindqvist").locator("video")).to_be_hidden()
    expect(guest.button("Resume")).to_have_count(0)

    guest.tool("Chat").click()
    expect(guest.page.get_by_role("textbox", name="Message")).to_be_disabled()
    expect(guest.page.get_by_text("Nobody can write while the meeting is suspended.")).to_be_visible()
    guest.button("Mic").click()
    expect(guest.button("Mic")).to_have_attribute("aria-pressed", "false")
    expect(guest.button("Mic")).to_be_disabled()
    guest.page.keyboard.press("Control+d")
    expect(guest.page.get_by_text("Wait until a host resumes it.").first).to_be_visible()
    expect(guest.button("Mic")).to_have_attribute("aria-pressed", "false")

    host.button("Resume").click()
    expect(guest.page.get_by_text("Ingrid Sæther resumed the meeting.").first).to_be_visible()
    expect(guest.page.get_by_role("region", name="The meeting is suspended")).to_have_count(0)
    guest.sees("Ingrid Sæther")
    guest.hears()
    host.sees("Peter Lindqvist")
    # Peter had switched his microphone off meanwhile: it stays off.
    expect(guest.button("Mic")).to_have_attribute("aria-pressed", "false")
    expect(guest.page.get_by_role("textbox", name="Message")).to_be_enabled()

    host.button("Suspend the meeting").click()
    host.page.get_by_role("group", name="What next?").get_by_role("button", name="Resume with everyone").click()
    for who in (host, guest):
        eventually(
            lambda who=who: who.button("Camera").get_attribute("aria-pressed") == "false", 10, "camera that is off"
        )
    stands_still(guest)
