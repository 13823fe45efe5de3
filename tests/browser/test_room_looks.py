"""Every state of the room in both themes, wide and narrow: nothing that axe finds, nothing cut off, one queue."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from portal.tests.first_view import modules
from tests.browser.axe import violations
from tests.browser.conftest import Portal
from tests.browser.test_room_main_job import INGRID, PETER, Seat, eventually, personal_link, schedule

Visitor = Callable[..., BrowserContext]
LOOKS: dict[str, tuple[tuple[int, int, Literal["dark", "light"]], ...]] = {
    "across": ((1440, 900, "dark"), (320, 640, "light")),
    "the other way": ((1440, 900, "light"), (390, 844, "dark")),
}
every_look = pytest.mark.parametrize("looks", ["across", pytest.param("the other way", marks=pytest.mark.extra)])
"""What axe looks at: both themes, wide and narrow. `./run test --all` takes each theme in the other width, too."""

CARD_BELOW_NAME = """() => {
  const [name, card] = [".tile .plate", ".alone"].map((part) => document.querySelector(part).getBoundingClientRect());
  return name.bottom < card.top && card.bottom < innerHeight;
}"""


@pytest.fixture(scope="module")
def portal(server: Portal) -> Portal:
    server.create_people((INGRID, "Ingrid Sæther", "admin"))
    return server


def looks_right(page: Page, name: str, artifacts: Path, looks: str = "across") -> None:
    """Nothing is cut off at any size, and axe finds nothing. Pictures of this state stay in the artefacts."""
    for look in (*LOOKS["across"], *LOOKS["the other way"]):
        width, height, theme = look
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), f"{name} scrolls at {width}"
        cut = page.evaluate(
            """() => [...document.querySelectorAll("button, a.btn, input, select, textarea")]
              .filter((control) => control.checkVisibility() && !control.closest(".tile, nav"))
              .filter((control) => { const box = control.getBoundingClientRect();
                return box.left < -1 || box.right > innerWidth + 1; })
              .map((control) => control.outerHTML.slice(0, 120))"""
        )
        assert cut == [], f"{name}, {width}"
        if look in LOOKS[looks]:
            found = [f"{broken['id']}: {broken['nodes'][0]['html']}" for broken in violations(page)]
            assert found == [], f"{name}, {theme}, {width}"
            page.screenshot(path=str(artifacts / f"room-{name}-{width}-{theme}.png"))
    page.set_viewport_size({"width": 1440, "height": 900})


@every_look
@pytest.mark.timeout(300)
def test_every_state_of_the_door_and_the_room_looks_right(
    portal: Portal, visitor: Visitor, artifacts: Path, looks: str
) -> None:
    host, guest = Seat(visitor().new_page()), Seat(visitor(timezone_id="Europe/Oslo").new_page())
    guest.shows_no("vp9")
    schedule(portal, host, "A meeting whose title is longer than a phone is wide", PETER)
    expect(host.button("Join")).to_be_visible()
    host.button("Allow camera and microphone").click()
    host.button("Join").click()
    host.state("connected")
    looks_right(host.page, "alone", artifacts, looks)
    host.page.set_viewport_size({"width": 390, "height": 844})
    eventually(lambda: host.page.evaluate(CARD_BELOW_NAME), "card that leaves the own name in sight")
    host.page.set_viewport_size({"width": 1440, "height": 900})

    guest.page.goto(personal_link(portal, PETER))
    expect(guest.button("Knock to join")).to_be_visible()
    expect(guest.page.get_by_text(re.compile(r"\d\d:\d\d to \d\d:\d\d CES?T\."))).to_be_visible()
    looks_right(guest.page, "prejoin", artifacts, looks)
    assert scripts(guest.page) == modules("js/room/main.js"), "before anybody touches the page"
    guest.page.route("**/js/room/visit.*.js", lambda route: route.abort())
    with guest.page.expect_request("**/js/room/visit.*.js"):  # what is filled in for them is a touch
        guest.page.get_by_role("textbox", name="Your name").fill("Peter Lindqvist")
    guest.button("Knock to join").click()
    expect(guest.page.get_by_role("alert").get_by_text("The server didn’t answer. Try again.")).to_be_visible()
    guest.page.unroute_all()
    guest.button("Knock to join").click()
    guest.state("waiting")
    looks_right(guest.page, "door", artifacts, looks)

    queue = host.page.get_by_role("region", name="At the door")
    expect(queue).to_have_count(1)
    looks_right(host.page, "toast", artifacts, looks)
    host.tool("People").click()
    expect(queue).to_have_count(1)
    looks_right(host.page, "queue", artifacts, looks)
    host.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    host.page.locator("#panel").get_by_role("button", name="Copy link").click()
    expect(host.page.locator("#say")).to_have_text("Link copied")
    assert host.page.evaluate("navigator.clipboard.readText()") == host.page.url.rstrip("?")
    host.button("Not now Peter Lindqvist").click()
    looks_right_once(host.page, "not-now")
    host.page.keyboard.press("Escape")
    host.button("Let in Peter Lindqvist").click()
    guest.state("connected")

    host.page.locator("#chip-network").click()
    host.button("Hide other people’s cameras").click()
    eventually(lambda: not host.asks_for("Peter Lindqvist"), "hidden camera")
    host.button("Show other people’s cameras").click()
    eventually(lambda: host.asks_for("Peter Lindqvist"), "shown camera")
    looks_right(host.page, "network", artifacts, looks)
    host.sends_as("VP9")
    expect(guest.tile("Ingrid Sæther")).to_contain_text("it is sent as VP9")
    looks_right(guest.page, "cant-show", artifacts, looks)
    expect(host.button("Use Automatic")).to_be_visible()
    host.tool("Chat").click()
    looks_right(host.page, "chat", artifacts, looks)
    host.button("Use Automatic").click()
    host.tool("Host").click()
    looks_right(host.page, "host", artifacts, looks)
    host.button("Suspend the meeting").click()
    expect(host.button("Resume")).to_be_visible()
    looks_right(host.page, "suspended-host", artifacts, looks)
    looks_right(guest.page, "suspended", artifacts, looks)
    host.button("Resume").click()
    host.page.keyboard.press("Shift+Slash")
    settings = host.page.get_by_role("dialog", name="Settings")
    expect(settings).to_be_visible()
    hand = host.page.locator("#bar-hand")
    expect(hand).to_have_attribute("title", "Raise your hand (Alt+Shift+H)")
    settings.get_by_role("checkbox", name="Use these keys").uncheck()
    expect(hand).to_have_attribute("title", "Raise your hand")
    expect(hand).not_to_have_attribute("aria-keyshortcuts", re.compile("."))
    settings.get_by_role("checkbox", name="Use these keys").check()
    looks_right(host.page, "settings", artifacts, looks)
    host.page.keyboard.press("Escape")
    host.tool("Leave").click()
    looks_right(host.page, "leave", artifacts, looks)
    host.button("Stay").click()
    host.state("connected")
    guest.tool("Leave").click()
    guest.state("left")
    looks_right(guest.page, "left", artifacts, looks)


def scripts(page: Page) -> set[str]:
    """Those that the page has fetched, by their names in our sources."""
    fetched: list[str] = page.evaluate("performance.getEntriesByType('resource').map(({name}) => name)")
    names = [url.partition("/static/")[2] for url in fetched if url.endswith(".js")]
    return {re.sub(r"\.[0-9a-f]{12}\.js$", ".js", name) for name in names}


def looks_right_once(page: Page, name: str) -> None:
    """For what closes when the window changes its size: menus."""
    found = [f"{broken['id']}: {broken['nodes'][0]['html']}" for broken in violations(page)]
    assert found == [], name


@every_look
def test_a_stranger_gets_one_page_that_says_nothing(
    portal: Portal, visitor: Visitor, artifacts: Path, looks: str
) -> None:
    stranger = Seat(visitor().new_page())
    stranger.page.goto(f"{portal.url}/m/aaaa-bbbb-cccc")
    stranger.state("refused")
    expect(stranger.page.locator("main")).to_have_attribute("data-reason", "closed")
    expect(stranger.page.get_by_role("link", name="Sign in to join")).to_be_visible()
    looks_right(stranger.page, "closed", artifacts, looks)
