"""An authorization service in a real browser: a link with a token, waiting for the answer, a no, its word inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from meetings.tests.answering_service import Service, answer, served, stall
from tests.browser.conftest import Portal

INGRID = "ingrid@nordhavn.example"
Visitor = Callable[..., BrowserContext]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with served(answer(200, {"result": True})) as running:
        yield running


@pytest.fixture(scope="module")
def portal(server: Portal, service: Service) -> Portal:
    server.create_people((INGRID, "Ingrid Sæther", "admin"))
    return server


def ask(page: Page, portal: Portal, service: Service) -> None:
    """The administration's page, from nothing to a service that has been tried."""
    page.goto(f"{portal.url}/organisation/authorization/")
    page.get_by_role("textbox", name="Network, host").fill(service.url)
    page.get_by_role("button", name="Add").click()
    page.get_by_label("Ask an authorization service").check()
    page.get_by_role("textbox", name="Address of the service").fill(f"{service.url}/rta")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text("Yes: they may.")).to_be_visible()


def state(page: Page, wanted: str) -> None:
    expect(page.locator("main")).to_have_attribute("data-call-state", wanted)


def join(page: Page) -> None:
    page.get_by_role("button", name="Allow camera and microphone").click()
    page.get_by_role("button", name="Join", exact=True).click()


def test_a_service_decides_who_is_inside_and_what_they_may_show(
    portal: Portal, service: Service, visitor: Visitor, artifacts: Path
) -> None:
    page = visitor().new_page()
    portal.sign_in(page, INGRID)
    ask(page, portal, service)
    page.goto(f"{portal.url}/meetings/")
    page.get_by_role("button", name="Start now").click()
    page.wait_for_url("**/m/**")
    address = page.url

    service.reply = stall
    page.goto("about:blank")
    page.goto(f"{address}#authorization=ticket-7")
    expect(page.get_by_role("button", name="Allow camera and microphone")).to_be_visible()
    assert page.evaluate("location.hash") == "", "the token has left the address bar"
    page.reload()
    join(page)
    state(page, "waiting")
    expect(page.get_by_text("The authorization service has not agreed yet.")).to_be_visible()
    page.screenshot(path=artifacts / "authorization-waiting.png")
    assert service.requests[-1].json["token"] == "ticket-7"

    no = answer(200, {"result": False, "reason": "Cameras stay off in this hall."})
    yes = answer(200, {"result": True, "ttl": 3600, "grants": ["audio", "video", "screen", "data"]})

    async def cameras_off(request: Any, writer: Any) -> None:
        await (no if request.json["streamID"].endswith("/camera") else yes)(request, writer)

    service.reply = cameras_off
    state(page, "connected")
    told = page.locator("[data-banner=authorization]")
    expect(told).to_contain_text("Your camera is not allowed here. “Cameras stay off in this hall.”")
    expect(page.get_by_role("button", name="Camera", exact=True)).to_have_attribute("aria-pressed", "false")
    page.screenshot(path=artifacts / "authorization-camera.png")

    service.reply = answer(200, {"result": False, "reason": "Your ticket was returned."})
    page.get_by_role("button", name="Leave", exact=True).click()
    state(page, "left")
    page.goto(address)
    join(page)
    state(page, "refused")
    expect(page.locator("main")).to_have_attribute("data-reason", "not_authorized")
    expect(page.get_by_role("heading", name="You may not be in this meeting")).to_be_visible()
    expect(page.get_by_text("“Your ticket was returned.”")).to_be_visible()
    page.screenshot(path=artifacts / "authorization-refused.png")
