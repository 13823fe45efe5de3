"""What hosts and people at the door read when something there is not as it was a moment ago."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.browser.conftest import Portal
from tests.browser.test_room_looks import every_look, looks_right
from tests.browser.test_room_main_job import INGRID, MARCUS, PETER, Seat, eventually, personal_link, schedule

Visitor = Callable[..., BrowserContext]
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def portal(server: Portal) -> Portal:
    server.create_people((INGRID, "Ingrid Sæther", "admin"), (MARCUS, "Marcus Bell", "staff"), tokens=(INGRID, MARCUS))
    return server


@every_look
def test_who_gives_another_name_while_waiting_is_looked_at_again(
    portal: Portal, visitor: Visitor, artifacts: Path, looks: str
) -> None:
    host, guests = Seat(visitor().new_page()), visitor()
    schedule(portal, host, "Trial safety board", PETER)
    host.button("Continue without").click()
    host.button("Join").click()
    host.state("connected")
    link = personal_link(portal, PETER)
    for name in ("Anna Berg", "Boris Berg"):
        guest = Seat(guests.new_page())  # a tab of its own: a page that is loaded again keeps seat and name
        guest.page.goto(link)
        guest.page.get_by_role("textbox", name="Your name").fill(name)
        guest.button("Knock to join").click()
        guest.state("waiting")
        expect(host.page.get_by_role("button", name=f"Let in {name}")).to_be_visible()
    expect(host.page.get_by_text("They gave another name before, at this door.")).to_be_visible()
    looks_right(host.page, "renamed", artifacts, looks)
    host.tool("People").click()
    looks_right(host.page, "renamed-people", artifacts, looks)
    host.button("Let in Boris Berg, let in anyway…").click()
    expect(host.page.get_by_role("dialog", name="Let in Boris Berg anyway?")).to_be_visible()
    looks_right(host.page, "renamed-anyway", artifacts, looks)
    host.page.get_by_role("dialog").get_by_role("button", name="Let in Boris Berg").click()
    guest.state("connected")
    assert [one.wrong for one in (host, guest)] == [[], []]


def came_to(place: Locator, again: Locator) -> bool:
    """Whether this is the place; if it is still the page that offers to try again, that is done."""
    expect(place.or_(again).first).to_be_visible()
    if place.is_visible():
        return True
    with suppress(PlaywrightTimeoutError):  # another page may have come meanwhile
        again.click(timeout=1000)
    return False


def test_where_too_much_was_tried_people_read_so_and_how_long_and_not_that_their_link_is_wrong(
    portal: Portal, visitor: Visitor, artifacts: Path
) -> None:
    host, guests = Seat(visitor().new_page()), visitor()
    schedule(portal, host, "Trial safety board", PETER)
    guest, link = Seat(guests.new_page()), personal_link(portal, PETER)

    def opens_too_late(address: str) -> bool:
        while guests.request.get(f"{portal.url}/m/2222-3333-4444").status != 429:
            pass
        answer = guest.page.goto(address)
        return answer is not None and answer.status == 429

    eventually(lambda: opens_too_late(link), "answer that too much was tried")
    expect(guest.page.get_by_role("heading", name="Too many tries")).to_be_visible()
    looks_right(guest.page, "too-many-links", artifacts)
    unknown = f"{portal.url}/m/2222-3333-4445"
    eventually(lambda: opens_too_late(unknown), "answer that too much was tried")
    expect(guest.page.get_by_role("heading", name="Too many tries")).to_be_visible()
    expect(guest.page.locator("main")).to_have_attribute("data-reason", "too_many")
    expect(guest.page.get_by_text("this says nothing about it")).to_be_visible()
    looks_right(guest.page, "too-many", artifacts)
    closed = guest.page.get_by_role("heading", name="This link doesn’t open a meeting")
    again = guest.button("Try again")

    def looked_up() -> bool:
        return came_to(closed, again)

    eventually(looked_up, "link that is looked up")
    eventually(lambda: opens_too_late(link), "answer that too much was tried")
    expect(guest.page.get_by_role("heading", name="Too many tries")).to_be_visible()

    def opened() -> bool:
        return came_to(guest.button("Knock to join"), guest.page.get_by_role("link", name="Open it again"))

    eventually(opened, "link that opens")


def test_hosts_read_who_needs_a_new_link_since_another_hosts_no_more(
    portal: Portal, visitor: Visitor, artifacts: Path
) -> None:
    page = visitor().new_page()

    def call(who: str, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {portal.tokens[who]}"}
        answer = page.request.fetch(f"{portal.url}/api/v1{path}", method=method, headers=headers, data=body)
        assert answer.ok, answer.text()
        return answer.json()

    portal.forget_mails()
    start = datetime.now(UTC).isoformat()
    made = call(INGRID, "POST", "/meetings", {"title": "Trial safety board", "starts_at": start, "hosts": [MARCUS]})
    for name, email in (("Peter Lindqvist", PETER), ("Leila Haddad", "leila@haddad.example")):
        body = {"email": email, "name": name, "notify": email != PETER}
        call(MARCUS, "POST", f"/meetings/{made['id']}/invitations", body)
    personal_link(portal, "leila@haddad.example")
    call(INGRID, "PATCH", f"/meetings/{made['id']}", {"hosts": [INGRID]})
    portal.sign_in(page, INGRID)
    page.goto(f"{portal.url}/meetings/{made['id']}/")
    expect(page.get_by_text("1 guest has no link that opens.")).to_be_visible()
    row = page.get_by_role("row", name="Peter Lindqvist")
    expect(row.get_by_text("No link that opens. Send a new one.")).to_be_visible()
    looks_right(page, "links-withdrawn", artifacts)
    told = eventually(lambda: [mail for mail in portal.mails() if "need new links" in str(mail["Subject"])], "mail")
    assert [mail["To"] for mail in told] == [INGRID]
    row.get_by_role("button", name="Send again").click()
    personal_link(portal, PETER)
    page.reload()
    expect(page.get_by_text("no link that opens", exact=False)).to_have_count(0)
