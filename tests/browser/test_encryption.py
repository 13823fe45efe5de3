"""End-to-end encrypted meetings in real browsers, through the real engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from portal.tests.process import run_manage
from tests.browser.conftest import Portal
from tests.browser.test_room_main_job import (
    MARCUS,
    PETER,
    Seat,
    come_in,
    personal_link,
    portal,
    schedule,
    seat,
    walk_in,
)

__all__ = ["portal", "seat"]

pytestmark = pytest.mark.timeout(300)


def encrypted(portal: Portal) -> None:
    done = run_manage(
        portal.data_dir,
        "shell",
        "-c",
        "from meetings.models import Meeting; Meeting.objects.update(encryption='e2ee')",
        **portal.settings,
    )
    assert done.returncode == 0, done.stderr


def test_three_people_see_hear_and_write_each_other(portal: Portal, seat: Callable[..., Seat], artifacts: Path) -> None:
    host, guest, colleague = seat(), seat(), seat()
    for who in (host, guest, colleague):
        who.page.on("console", lambda said: print("CONSOLE", said.text))
    url = schedule(portal, host, "Trial safety board", MARCUS, PETER)
    encrypted(portal)
    host.page.reload()
    come_in(host)
    host.state("connected")
    guest.page.goto(personal_link(portal, PETER))
    come_in(guest, "Knock to join", "Peter Lindqvist")
    guest.state("waiting")
    host.page.get_by_role("region", name="At the door").get_by_role("button", name="Let in Peter Lindqvist").click()
    guest.state("connected")
    guest.sees("Ingrid Sæther")
    guest.hears()
    host.sees("Peter Lindqvist")
    host.hears()
    walk_in(portal, colleague, MARCUS, url)
    for who, others in (
        (host, ("Peter Lindqvist", "Marcus Bell")),
        (guest, ("Ingrid Sæther", "Marcus Bell")),
        (colleague, ("Ingrid Sæther", "Peter Lindqvist")),
    ):
        for other in others:
            who.sees(other, within_s=60)
    colleague.tool("Share").click()
    for who in (host, guest):
        who.sees("Marcus Bell", "screen", within_s=60)
    guest.tool("Chat").click()
    guest.page.get_by_role("textbox", name="Message").fill("Sealed hello")
    guest.button("Send").click()
    host.tool("Chat").click()
    expect(host.page.get_by_role("log", name="Chat messages")).to_contain_text("Sealed hello")
    host.page.screenshot(path=str(artifacts / "encrypted-three.png"))
