"""A personal link on a second device, and a mailed code, as people meet them: what each page says, and who gets in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from tests.browser.conftest import Portal
from tests.browser.test_room_looks import every_look, looks_right
from tests.browser.test_room_main_job import INGRID, PETER, Seat, eventually, personal_link, schedule

Visitor = Callable[..., BrowserContext]
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def portal(server: Portal) -> Portal:
    server.create_people((INGRID, "Ingrid Sæther", "admin"))
    return server


def mailed_code(portal: Portal) -> str:
    """The digits of the last mail that holds some."""

    def found() -> str:
        bodies = [mail.get_body(("plain",)) for mail in portal.mails()]
        texts = [body.get_content() for body in bodies if body is not None]
        codes = [match[1] for text in texts if (match := re.search(r"^ {4}(\d{6})\s*$", text, re.MULTILINE))]
        return codes[-1] if codes else ""

    code: str = eventually(found, "a mailed code")
    return code


@every_look
def test_a_link_moves_to_a_second_device_by_approval_and_by_the_mailed_code(
    portal: Portal, visitor: Visitor, artifacts: Path, looks: str
) -> None:
    host, laptop, phone = (Seat(visitor().new_page()) for _ in range(3))
    schedule(portal, host, "Trial safety board", PETER)
    host.button("Continue without").click()
    host.button("Join").click()
    host.state("connected")
    link = personal_link(portal, PETER)
    laptop.page.goto(link)
    laptop.page.get_by_role("textbox", name="Your name").fill("Peter Lindqvist")
    laptop.button("Continue without").click()
    laptop.button("Knock to join").click()
    host.button("Let in Peter Lindqvist").click()
    laptop.state("connected")

    phone.page.goto(link)
    expect(phone.page.get_by_role("heading", name="Your link is already inside")).to_be_visible()
    looks_right(phone.page, "link-in-use", artifacts, looks)
    phone.button("Move here").click()
    expect(phone.page.get_by_text("Nobody gets in by holding a link.")).to_be_visible()
    looks_right(phone.page, "link-move", artifacts, looks)
    phone.button("Ask on the other device").click()
    phone.state("waiting")
    expect(phone.page.get_by_role("status", name="You asked for your link")).to_be_visible()
    question = laptop.page.get_by_role("region", name="Another device asks for your link")
    expect(question).to_be_visible()
    looks_right(laptop.page, "link-asked", artifacts, looks)
    host.tool("People").click()
    expect(host.page.get_by_role("region", name="At the door").get_by_text("on a second device from")).to_be_visible()
    looks_right(host.page, "second-device-asks", artifacts, looks)
    question.get_by_role("button", name="Yes, move there").click()
    phone.state("connected")
    expect(laptop.page.get_by_role("heading", name="Your link moved to another device")).to_be_visible()
    looks_right(laptop.page, "link-moved", artifacts, looks)

    laptop.button("Try again").click()
    laptop.button("Move here").click()
    laptop.page.get_by_role("button", name="Send a code to p•••@medreg.example").click()
    field = laptop.page.get_by_label("Code from the email")
    expect(field).to_be_focused()
    looks_right(laptop.page, "link-code", artifacts, looks)
    digits = mailed_code(portal)
    field.fill("000000" if digits != "000000" else "111111")
    field.press("Enter")
    expect(laptop.page.get_by_role("alert").get_by_text("That code doesn’t match. 4 tries left.")).to_be_visible()
    laptop.page.get_by_label("Code from the email").fill(f"{digits[:3]} {digits[3:]}")
    laptop.button("Move here").click()
    laptop.state("connected")
    expect(phone.page.get_by_role("heading", name="Your link moved to another device")).to_be_visible()
    assert [seat.wrong for seat in (host, laptop, phone)] == [[], [], []]


@every_look
def test_a_named_guest_types_the_mailed_code(portal: Portal, visitor: Visitor, artifacts: Path, looks: str) -> None:
    host, guest = Seat(visitor().new_page()), Seat(visitor().new_page())
    schedule(portal, host, "Closed session", "leila@haddad.example", preset="Named people only")
    host.button("Continue without").click()
    host.button("Join").click()
    host.state("connected")
    guest.page.goto(personal_link(portal, "leila@haddad.example"))
    guest.page.get_by_role("textbox", name="Your name").fill("Leila Haddad")
    guest.button("Join").click()
    field = guest.page.get_by_label("Code from the email")
    expect(field).to_be_focused()
    expect(guest.page.get_by_text("We sent six digits to l•••@haddad.example")).to_be_visible()
    expect(guest.page.get_by_role("button", name="Send a new code in")).to_have_attribute("aria-disabled", "true")
    looks_right(guest.page, "mailed-code", artifacts, looks)
    digits = mailed_code(portal)
    field.fill("000000" if digits != "000000" else "111111")
    field.press("Enter")
    expect(guest.page.get_by_role("alert").get_by_text("4 tries left.")).to_be_visible()
    guest.page.get_by_label("Code from the email").fill(digits)
    guest.page.get_by_label("Code from the email").press("Enter")
    guest.state("connected")
    assert [host.wrong, guest.wrong] == [[], []]


@every_look
def test_an_invited_address_opens_a_door_that_asks_for_it(
    portal: Portal, visitor: Visitor, artifacts: Path, looks: str
) -> None:
    host, guest = Seat(visitor().new_page()), Seat(visitor().new_page())
    others = ("Knocks", "after a code mailed to the invited address")
    url = schedule(portal, host, "Hearing", PETER, others=others)
    host.button("Continue without").click()
    host.button("Join").click()
    host.state("connected")
    guest.page.goto(url)
    guest.page.get_by_role("textbox", name="Your name").fill("Peter")
    address = guest.page.get_by_label("Your email address")
    address.fill("peter at medreg")
    guest.button("Send me a code").click()
    expect(guest.page.get_by_role("alert").get_by_text("Enter an email address")).to_be_visible()
    expect(address).to_be_focused()
    looks_right(guest.page, "asked-address", artifacts, looks)
    address.fill("stranger@elsewhere.example")
    address.press("Enter")
    expect(guest.page.get_by_text("If stranger@elsewhere.example can be used here")).to_be_visible()
    guest.button("Use another address").click()
    guest.page.get_by_label("Your email address").fill(PETER)
    field = guest.page.get_by_label("Code from the email")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    guest.page.route("**/arrive", hold, times=1)
    with guest.page.expect_request("**/arrive"):
        guest.button("Send me a code").click()
    # Until the answer is here there is no field for a code: what somebody typed into it would be lost.
    expect(field).to_be_hidden()
    held[0].continue_()
    expect(field).to_be_focused()
    expect(field).to_have_attribute("autocomplete", "one-time-code")
    looks_right(guest.page, "given-address-code", artifacts, looks)
    field.fill(mailed_code(portal))
    guest.button("Knock to join").click()
    guest.state("waiting")
    expect(host.page.get_by_text(f"Guest, link sent to {PETER}").first).to_be_visible()
    host.button("Let in Peter").click()
    guest.state("connected")
    assert [host.wrong, guest.wrong] == [[], []]
