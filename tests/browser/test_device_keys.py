"""Whose key a browser shows in encrypted meetings, where several people use it one after the other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import APIRequestContext, Page, Playwright, expect

from tests.browser.conftest import Portal
from tests.browser.test_room_main_job import INGRID, MARCUS, PETER, Seat, come_in, eventually, seat

__all__ = ["seat"]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def portal(server: Portal) -> Portal:
    server.create_people((INGRID, "Ingrid Sæther", "admin"), (MARCUS, "Marcus Bell", "staff"))
    server.make_token(INGRID)
    return server


@pytest.fixture(scope="module")
def api(portal: Portal, playwright_: Playwright) -> APIRequestContext:
    headers = {"Authorization": f"Bearer {portal.tokens[INGRID]}"}
    return playwright_.request.new_context(base_url=portal.url, extra_http_headers=headers)


def schedule(api: APIRequestContext, *guests: tuple[str, str], door: str = "guests_knock") -> tuple[str, list[str]]:
    """An encrypted meeting that is about to begin: its address, and a personal link for each guest."""
    starts_at = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    wanted = {"title": "Board", "starts_at": starts_at, "door": door, "encryption": "e2ee"}
    meeting = api.post("/api/v1/meetings", data=wanted).json()
    invitations = f"/api/v1/meetings/{meeting['id']}/invitations"
    api.post(invitations, data={"email": MARCUS, "notify": False})
    links = [
        api.post(invitations, data={"email": email, "name": name, "notify": False}).json()["join_url"]
        for email, name in guests
    ]
    return meeting["url"], links


def sign_out(portal: Portal, page: Page) -> None:
    page.goto(f"{portal.url}/sign-out/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    page.wait_for_url(lambda url: "sign-out" not in url)


def expect_somebody_else(who: Seat) -> None:
    who.state("refused")
    expect(who.page.get_by_role("heading", name="The sign-in has changed")).to_be_visible()


def test_a_page_brings_nobody_in_but_the_one_it_was_loaded_for(
    portal: Portal, api: APIRequestContext, seat: Callable[..., Seat]
) -> None:
    url, (link,) = schedule(api, (PETER, "Peter Lindqvist"))
    who = seat()
    other = who.page.context.new_page()
    portal.sign_in(other, MARCUS)
    who.page.goto(url)
    # Whoever has signed out may be somebody's guest here: not with an account's key.
    sign_out(portal, other)
    guest = Seat(other)
    other.goto(link)
    come_in(guest, "Knock to join")
    guest.state("waiting")
    come_in(who)
    expect_somebody_else(who)
    guest.state("waiting")

    portal.sign_in(other, MARCUS)
    who.page.goto(url)
    sign_out(portal, other)
    portal.sign_in(other, INGRID)
    come_in(who)
    expect_somebody_else(who)
    # The page that is loaded then is of the one who is signed in.
    who.button("Load again").click()
    come_in(who)
    who.state("connected")
    expect(who.page.locator('[data-self="true"]').get_by_text("Ingrid Sæther").first).to_be_visible()


KEPT = """() => new Promise((resolve) => {
  const opening = indexedDB.open("lintel-identity");
  opening.onsuccess = () => {
    const reading = opening.result.transaction("keys").objectStore("keys").getAllKeys();
    reading.onsuccess = () => {
      opening.result.close();
      resolve(reading.result.map((name) => name.split(" ")[0]).sort());
    };
  };
})"""
"""Whose keys this browser keeps: of accounts or guests."""

YESTERDAY = """() => new Promise((resolve) => {
  const opening = indexedDB.open("lintel-identity");
  opening.onsuccess = () => {
    const writing = opening.result.transaction("keys", "readwrite");
    const walking = writing.objectStore("keys").openCursor();
    walking.onsuccess = () => {
      if (!walking.result) return;
      walking.result.update({ ...walking.result.value, usedAt: Date.now() - 25 * 3600 * 1000 });
      walking.result.continue();
    };
    writing.oncomplete = () => {
      opening.result.close();
      resolve();
    };
  };
})"""


def test_two_guests_at_one_browser_are_two_people_and_leave_no_key_behind(
    portal: Portal, api: APIRequestContext, seat: Callable[..., Seat]
) -> None:
    url, links = schedule(
        api, (PETER, "Peter Lindqvist"), ("j.hale@medreg.example", "Jo Hale"), door="anyone_with_link"
    )
    _, (elsewhere,) = schedule(api, (PETER, "Peter Lindqvist"))
    host, guest = seat(), seat()
    portal.sign_in(host.page, INGRID)
    host.page.goto(url)
    come_in(host)
    host.state("connected")
    other = Seat(guest.page.context.new_page())
    for who, link in zip((guest, other), links, strict=True):
        who.page.goto(link)
        come_in(who)
        who.state("connected")
    for who, name in ((guest, "Jo Hale"), (other, "Peter Lindqvist"), (host, "Jo Hale"), (host, "Peter Lindqvist")):
        expect(who.tile(name)).to_be_visible()
    for who in (host, guest, other):
        expect(who.page.locator("#chip-encryption")).to_have_attribute("data-encryption", "e2ee")
    host.page.locator("#chip-encryption").click()
    expect(host.page.get_by_text("Not compared", exact=True)).to_have_count(2)
    assert guest.page.evaluate(KEPT) == ["guest", "guest"]

    # Who leaves may come again, as the device that a host let in.
    other.tool("Leave").click()
    other.state("left")
    assert guest.page.evaluate(KEPT) == ["guest", "guest"]
    host.tool("Host").click()
    host.button("End for everyone…").click()
    host.page.get_by_role("dialog").get_by_role("button", name="End for everyone").click()
    guest.state("ended")
    eventually(lambda: guest.page.evaluate(KEPT) == ["guest"], "guest’s key that went")
    assert host.page.evaluate(KEPT) == ["account"]
    # Who had left heard of no end: the door of any meeting clears up, on another day.
    guest.page.evaluate(YESTERDAY)
    guest.page.goto(elsewhere)
    eventually(lambda: guest.page.evaluate(KEPT) == [], "key that was left behind and went")
