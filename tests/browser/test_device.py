"""A device by WHIP as people see it: made on the meeting's page, a moving picture in the room, marked as what it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import ROOT, Portal
from tests.browser.test_room_main_job import INGRID, Seat, schedule

Visitor = Callable[..., BrowserContext]


@pytest.fixture(scope="module")
def portal(server: Portal) -> Portal:
    server.create_people((INGRID, "Ingrid Sæther", "admin"))
    return server


@pytest.mark.extra
@pytest.mark.timeout(200)
def test_an_encoder_is_added_on_a_page_and_its_h264_moves_in_the_room(
    portal: Portal, visitor: Visitor, artifacts: Path
) -> None:
    host = Seat(visitor().new_page())
    page = host.page
    door = schedule(portal, host, "Town hall")
    page.goto(f"{portal.url}/meetings/")
    page.get_by_role("link", name="Town hall").first.click()
    page.get_by_role("link", name="Manage the devices").click()
    page.get_by_role("textbox", name="Name").fill("Stage camera")
    page.get_by_role("button", name="Make a token").click()
    token, address = page.locator(".copyline code").all_inner_texts()
    _pictures(page, "devices", artifacts)
    page.goto(door)
    host.button("Allow camera and microphone").click()
    host.button("Join").click()
    host.state("connected")
    program: list[Any] = [sys.executable, "-m", "tests.support.ffmpeg_device", address, token]
    ffmpeg = subprocess.Popen(program, cwd=ROOT)
    try:
        host.sees("Stage camera")
        expect(host.tile("Stage camera")).to_have_attribute("aria-label", "Stage camera, device")
        host.tool("People").click()
        expect(page.get_by_role("region", name="People").get_by_text("Device, added by Ingrid Sæther")).to_be_visible()
        _pictures(page, "device-in-the-room", artifacts)
    finally:
        ffmpeg.kill()
        ffmpeg.wait()
    expect(host.tile("Stage camera")).to_have_count(0, timeout=75_000)  # a minute of silence
    assert host.wrong == []


def _pictures(page: Page, name: str, artifacts: Path) -> None:
    for width, theme in ((1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), f"{name} scrolls at {width}"
        found = [broken["id"] for broken in violations(page)]
        assert found == [], f"{name}, {theme}, {width}"
        page.screenshot(path=str(artifacts / f"{name}-{width}-{theme}.png"), full_page=True)
    page.set_viewport_size({"width": 1440, "height": 900})
