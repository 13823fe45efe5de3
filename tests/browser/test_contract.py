"""What scripts from outside rely on: addresses, accessible names, data attributes. Renaming one breaks them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import APIRequestContext, BrowserContext, ConsoleMessage, Locator, Page, Playwright, expect

from portal.tests.process import run_manage
from tests.browser.conftest import Portal

INGRID = "ingrid@nordhavn.example"
PETER = "p.lindqvist@medreg.example"
DOORS = ("Named people only", "Guests knock", "Everyone knocks", "Anyone with the link")
TOOLS = ("Mic", "Camera", "Share", "Hand", "React", "More", "Leave", "People", "Chat", "Host")
Visitor = Callable[..., BrowserContext]
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def portal(server: Portal) -> Portal:
    server.create_people((INGRID, "Ingrid Sæther", "admin"))
    return server


@pytest.fixture(scope="module")
def api(portal: Portal, playwright_: Playwright) -> APIRequestContext:
    """The HTTP API with a token of Ingrid's: the last line that `apitoken` prints."""
    made = run_manage(portal.data_dir, "apitoken", INGRID, "--name", "contract", **portal.settings)
    assert made.returncode == 0, made.stderr
    token = made.stdout.splitlines()[-1]
    return playwright_.request.new_context(base_url=portal.url, extra_http_headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def complaints(portal: Portal, visitor: Visitor) -> tuple[list[str], Callable[[], Page]]:
    """What browsers complain about, and requests that leave the portal; with a way to open a page of a new profile."""
    found: list[str] = []

    def complain(said: ConsoleMessage) -> None:
        found.append(f"{said.text} ({said.location['url']})")

    def opened() -> Page:
        page = visitor().new_page()
        page.on("pageerror", lambda error: found.append(str(error)))
        page.on("console", lambda said: complain(said) if said.type in ("warning", "error") else None)
        ours = (portal.url, portal.url.replace("http", "ws"), "blob:", "data:")
        page.on("request", lambda request: None if request.url.startswith(ours) else found.append(request.url))
        return page

    return found, opened


def named(place: Page | Locator, role: str, name: str) -> Locator:
    """By role and name; ", detail" may follow the name."""
    return place.get_by_role(role, name=re.compile(rf"^{re.escape(name)}(,|$)"))  # type: ignore[arg-type]


def has(place: Page | Locator, role: str, *names: str) -> None:
    for name in names:
        expect(named(place, role, name), f"{role} “{name}”").to_have_count(1)


def state(page: Page, wanted: str) -> None:
    expect(page.locator("main")).to_have_attribute("data-call-state", wanted)


def made_by_api(api: APIRequestContext) -> tuple[str, str, str]:
    """A meeting that begins in a minute, with a guest: its id, its address, the guest's personal link."""
    starts_at = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    meeting = api.post("/api/v1/meetings", data={"title": "Made by a program", "starts_at": starts_at}).json()
    guest = api.post(f"/api/v1/meetings/{meeting['id']}/invitations", data={"email": PETER, "notify": False})
    return meeting["id"], meeting["url"], guest.json()["join_url"]


def test_pages_keep_their_addresses_and_names(
    portal: Portal, api: APIRequestContext, complaints: tuple[list[str], Callable[[], Page]]
) -> None:
    found, opened = complaints
    page = opened()
    page.goto(f"{portal.url}/sign-in/")
    has(page, "textbox", "Email")
    expect(page.get_by_label("Password", exact=True)).to_have_count(1)
    portal.sign_in(page, INGRID)
    has(page, "link", "Schedule")
    has(page, "button", "Start now")

    named(page, "link", "Schedule").click()
    expect(page).to_have_url(f"{portal.url}/meetings/new/")
    has(page, "textbox", "Title", "People and guests")
    for label in ("Date", "Starts"):
        expect(page.get_by_label(label, exact=True)).to_have_count(1)
    has(page, "combobox", "Length", "Time zone")
    has(page, "radio", *DOORS)
    has(page, "group", "Encryption")
    has(page, "button", "Schedule and send invitations")

    id_, url, join_url = made_by_api(api)
    assert re.fullmatch(rf"{portal.url}/m/[\w-]+", url)
    assert re.fullmatch(rf"{portal.url}/i/[\w-]+", join_url)
    page.goto(f"{portal.url}/meetings/")
    has(page, "link", "Join")
    page.goto(f"{portal.url}/meetings/{id_}/")
    has(page, "button", "Open the room")
    has(page, "region", "Invitations", "History", "The door")
    invited = named(page, "region", "Invitations").get_by_role("row").filter(has_text=PETER)
    has(invited, "button", "Copy link", "Send again", "Revoke")
    for path in (f"/meetings/{id_}/edit/", "/people/", "/audit/", "/account/", "/api/v1/docs"):
        answer = page.goto(f"{portal.url}{path}")
        assert answer is not None
        assert answer.status == 200, path
    # Not opened as pages: for a document without an icon Chromium asks for /favicon.ico, which isn't there.
    for path in ("/livez", "/readyz", "/api/v1/openapi.json"):
        assert page.request.get(f"{portal.url}{path}").status == 200, path
    assert found == []


def test_door_and_room_keep_their_names_and_say_their_state(
    portal: Portal, api: APIRequestContext, complaints: tuple[list[str], Callable[[], Page]], visitor: Visitor
) -> None:
    found, opened = complaints
    host, guest = opened(), opened()
    id_, url, join_url = made_by_api(api)
    live = f"/api/v1/meetings/{id_}"
    portal.sign_in(host, INGRID)
    host.goto(url)
    state(host, "prejoin")
    has(host, "button", "Allow camera and microphone", "Join")
    named(host, "button", "Allow camera and microphone").click()
    named(host, "button", "Join").click()
    state(host, "connected")
    toolbar = named(host, "toolbar", "Meeting controls")
    has(toolbar, "button", *TOOLS)
    for name in ("Mic", "Camera"):
        expect(named(toolbar, "button", name)).to_have_attribute("aria-pressed", "true")
    named(toolbar, "button", "Mic").click()
    expect(named(toolbar, "button", "Mic")).to_have_attribute("aria-pressed", "false")
    expect(host.locator('[data-encryption="transport"]')).to_have_count(1)

    stranger = visitor().new_page()
    unknown = stranger.goto(url)  # without the personal link
    assert unknown is not None
    assert unknown.status == 404
    expect(stranger.get_by_role("link", name="Sign in to join")).to_be_visible()
    guest.goto(join_url)
    named(guest, "textbox", "Your name").fill("Peter Lindqvist")
    named(guest, "button", "Allow camera and microphone").click()
    named(guest, "button", "Knock to join").click()
    state(guest, "waiting")
    has(guest, "status", "You’re at the door")
    has(guest, "button", "Stop waiting")
    for _ in range(2):  # once as a card, once among People: one region at a time
        has(host, "region", "At the door")
        has(named(host, "region", "At the door"), "button", "Let in Peter Lindqvist", "Not now Peter Lindqvist")
        named(toolbar, "button", "People").click()
    has(toolbar, "button", "People")
    waiting = [one for one in api.get(f"{live}/participants").json()["items"] if one["state"] == "waiting"]
    assert [one["name"] for one in waiting] == ["Peter Lindqvist"]
    assert api.post(f"{live}/participants/{waiting[0]['id']}/admit").status == 200
    state(guest, "connected")

    tile = host.locator(f'[data-participant="{waiting[0]["id"]}"][data-self="false"][data-source="camera"]')
    expect(tile).to_have_attribute("aria-label", re.compile("^Peter Lindqvist"))
    expect(tile.locator("video")).to_have_count(1)
    assert tile.evaluate("tile => tile.localName") in ("li", "article")
    host.wait_for_function("tile => tile.querySelector('video').videoWidth > 0", arg=tile.element_handle())
    expect(host.locator('[data-self="true"][data-source="camera"]')).to_have_count(1)
    expect(tile).to_have_attribute("data-speaking", "true")  # the fake microphone beeps every second
    named(toolbar, "button", "Chat").click()
    has(host, "log", "Chat messages")
    has(host, "textbox", "Message")
    has(host, "button", "Send")
    named(toolbar, "button", "People").click()
    has(host, "region", "People")
    has(named(host, "region", "People"), "button", "Actions for Peter Lindqvist")
    named(named(host, "region", "People"), "button", "Actions for Peter Lindqvist").click()
    host.get_by_role("menuitem", name="Remove…").click()
    named(host.get_by_role("dialog"), "button", "Remove Peter Lindqvist").click()
    state(guest, "removed")
    expect(guest.locator("main")).to_have_attribute("data-reason", "removed")
    assert api.post(f"{live}/end").status == 200
    state(host, "ended")
    assert found == []
