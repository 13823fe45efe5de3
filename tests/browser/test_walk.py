"""A meeting whose links were passed on, from the invitation to the end: what every screen says to all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Portal
from tests.browser.test_room_main_job import INGRID, PETER, Seat, personal_link, schedule

Visitor = Callable[..., BrowserContext]
pytestmark = pytest.mark.timeout(300)

LEILA = "leila@haddad.example"
YUKI = "yuki@example.net"


@pytest.fixture(scope="module")
def portal(server: Portal) -> Portal:
    server.create_people((INGRID, "Ingrid Sæther", "admin"))
    return server


def picture(page: Page, name: str, artifacts: Path) -> None:
    page.screenshot(path=str(artifacts / f"walk-{name}.png"))


def heading(who: Seat, text: str) -> None:
    expect(who.page.get_by_role("heading", level=1, name=text, exact=True)).to_be_visible()


def knocks(who: Seat, name: str, press: str = "Knock to join") -> None:
    who.page.get_by_role("textbox", name="Your name").fill(name)
    who.button(press).click()
    who.state("waiting")


def test_links_are_passed_on_and_the_host_keeps_the_door(portal: Portal, visitor: Visitor, artifacts: Path) -> None:
    host, eve, mallory = (Seat(visitor().new_page()) for _ in range(3))
    url = schedule(portal, host, "Trial safety board", PETER, LEILA, YUKI)
    host.button("Continue without").click()
    host.button("Join").click()
    host.state("connected")

    # The meeting's own link, passed on, says nothing about the meeting.
    eve.page.goto(url)
    eve.state("refused")
    heading(eve, "This link doesn’t open a meeting")
    picture(eve.page, "forwarded", artifacts)

    # Two personal links, passed on: one comes under a name that looks like the host's, one under its owner's.
    eve.page.goto(personal_link(portal, LEILA))
    knocks(eve, "Ingrid Saether")
    expect(eve.page.get_by_role("status", name="You’re at the door")).to_contain_text("Ingrid Sæther can see that")
    picture(eve.page, "at-the-door", artifacts)
    mallory.page.goto(personal_link(portal, PETER))
    knocks(mallory, "Peter Lindqvist")
    toast = host.page.get_by_role("region", name="At the door")
    expect(toast).to_contain_text(f"Guest, link sent to {LEILA}")
    expect(toast).to_contain_text("Somebody with this name, or one that looks like it, is already inside.")
    expect(toast.get_by_role("button", name="1 more")).to_be_visible()
    picture(host.page, "toast", artifacts)
    host.tool("People").click()
    expect(toast.get_by_role("button", name="Let in Ingrid Saether, let in anyway…")).to_be_visible()
    picture(host.page, "queue", artifacts)
    host.button("Not now Ingrid Saether").click()
    host.page.get_by_role("menuitem", name="Turn away…").click()
    host.page.get_by_label("Reason (optional)").fill("We don’t know you.")
    host.button("Turn away Ingrid Saether").click()
    eve.state("refused")
    heading(eve, "The hosts didn’t let you in")
    card = eve.page.get_by_role("article")
    expect(card).to_contain_text("Ingrid Sæther answered at")
    expect(card).to_contain_text("“We don’t know you.”")
    expect(card.get_by_role("button", name="Knock again in")).to_have_attribute("aria-disabled", "true")
    picture(eve.page, "turned-away", artifacts)
    host.button("Let in Peter Lindqvist").click()
    mallory.state("connected")

    # The real Peter calls. His link is revoked, and whoever came with it is out.
    meeting = host.page.context.new_page()
    meeting.goto(f"{portal.url}/meetings/")
    meeting.get_by_role("link", name="Trial safety board").first.click()
    invited = meeting.get_by_role("region", name="Invitations").get_by_role("row")
    expect(invited.filter(has_text=PETER)).to_contain_text("In the room")
    expect(invited.filter(has_text=LEILA)).to_contain_text("Not let in")
    invited.filter(has_text=PETER).get_by_role("button", name="Revoke").click()
    question = meeting.get_by_role("dialog")
    expect(question).to_contain_text("is in the room. Revoke and remove?")
    picture(meeting, "revoke", artifacts)
    question.get_by_role("button", name="Revoke and remove").click()
    mallory.state("refused")
    heading(mallory, "This link doesn’t open a meeting")
    assert mallory.page.evaluate("connections.every((one) => one.connectionState === 'closed')")
    expect(host.tile("Peter Lindqvist")).to_have_count(0)
    expect(meeting.get_by_role("region", name="History")).to_contain_text("Ingrid Sæther revoked the invitation")
    meeting.close()

    # A third link comes to a locked door.
    host.button("Lock the door").click()
    mallory.page.goto(personal_link(portal, YUKI))
    mallory.state("refused")
    heading(mallory, "The door is locked")
    expect(mallory.page.get_by_role("article")).to_contain_text("Hosts locked this meeting at")
    picture(mallory.page, "locked", artifacts)
    mallory.button("Tell the hosts I’m here").click()
    mallory.state("waiting")
    expect(toast).to_contain_text(f"Guest, link sent to {YUKI}")

    # Suspended: nothing goes on, and nobody new comes in.
    host.tool("Host").click()
    host.button("Suspend the meeting").click()
    stopped = host.page.get_by_role("region", name="The meeting is suspended")
    expect(stopped).to_contain_text("nobody new comes in")
    picture(host.page, "suspended", artifacts)
    stopped.get_by_role("button", name="Resume", exact=True).click()
    expect(stopped).to_have_count(0)
    mallory.state("waiting")

    host.button("End for everyone…").click()
    host.page.get_by_role("dialog").get_by_role("button", name="End for everyone").click()
    for who in (host, mallory):
        who.state("ended")
        heading(who, "The meeting has ended")
    picture(mallory.page, "ended", artifacts)
    assert [who.wrong for who in (host, eve, mallory)] == [[], [], []]
