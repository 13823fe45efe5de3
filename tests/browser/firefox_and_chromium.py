"""Chromium and Firefox in one encrypted room. Run by test_firefox.py, in a network of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, Portal
from tests.browser.test_encryption import E2EE, chip, code_of
from tests.browser.test_firefox import ADDRESS
from tests.browser.test_room_main_job import (
    CODECS,
    ICE_USERS,
    INGRID,
    MARCUS,
    SPY,
    STATS,
    Seat,
    come_in,
    eventually,
    schedule,
    seat,
)
from tests.support.firefox import Firefox

__all__ = ["seat"]

SENT = """(async () => {
  const sent = {};
  for (const connection of connections) for (const report of (await connection.getStats()).values()) {
    if (report.type !== "outbound-rtp" || report.kind !== "video" || !report.framesEncoded) continue;
    sent[report.rid ?? report.ssrc] = report.framesEncoded;
  }
  return sent;
})()"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """Media don't take the loopback interface, which Firefox leaves out."""
    settings = {"LINTEL_ORGANISATION": "Nordhavn", "LINTEL_MEDIA_PUBLIC_ADDRESSES": ADDRESS}
    portal = Portal(tmp_path_factory.mktemp("portal") / "data", **settings)
    portal.create_people((INGRID, "Ingrid Sæther", "admin"), (MARCUS, "Marcus Bell", "staff"))
    yield portal
    portal.close()


@pytest.fixture
def colleague(tmp_path: Path) -> Iterator[Firefox]:
    with Firefox(tmp_path / "firefox") as running:
        running.before_every_page(SPY)
        yield running


def press(page: Firefox, button: str) -> None:
    """By its id or its words, once it can be seen."""
    named = f'one.id === "{button}" || one.textContent.trim() === "{button}"'
    find = f"""[...document.querySelectorAll("button")].find((one) => one.getClientRects().length && ({named}))"""
    eventually(lambda: page.ask(f"Boolean({find})"), f"the button {button}")
    page.ask(f"{find}.click()")


def state(page: Firefox, wanted: str) -> None:
    ask = 'document.querySelector("main")?.dataset.callState'
    eventually(lambda: page.ask(ask) == wanted, f"{wanted}, and not {page.ask(ask)}")


def shown(page: Firefox, name: str) -> dict[str, Any]:
    """What Firefox makes of this person's camera: decoded pictures, and how far their `<video>` has played."""
    tile = f"""document.querySelector('[data-participant][data-source="camera"][aria-label^="{name}"] video')"""
    playing = f"{{width: {tile}?.videoWidth ?? 0, at: {tile}?.currentTime ?? 0, paused: {tile}?.paused}}"
    found: dict[str, Any] = page.ask(f"({STATS})().then((stats) => ({{...stats, ...{playing}}}))")
    return found


def sees(page: Firefox, name: str) -> None:
    """More and more pictures of this person, on their tile."""
    deadline = time.monotonic() + 60
    first = shown(page, name)
    while time.monotonic() < deadline:
        now = shown(page, name)
        if now["width"] and now["at"] > first["at"] and now["framesDecoded"] > first["framesDecoded"] + 10:
            return
        time.sleep(0.5)
    pytest.fail(f"no picture of {name} in Firefox: {shown(page, name)}")


def test_both_see_hear_and_read_each_other(
    portal: Portal, seat: Callable[..., Seat], colleague: Firefox, artifacts: Path
) -> None:
    host = seat()
    host.films(640, 360, 10)
    url = schedule(portal, host, "Two browsers", MARCUS, encryption=E2EE)
    come_in(host)
    host.state("connected")
    sign_in(colleague, portal)
    colleague.goto(url)
    press(colleague, "allow")
    press(colleague, "Join")
    state(colleague, "connected")

    host.sees("Marcus Bell")
    host.hears()
    sees(colleague, "Ingrid Sæther")
    heard: Any = lambda: colleague.ask(f"({STATS})()")["samples"]  # noqa: E731
    before = heard()
    eventually(lambda: heard() > before + 24_000, "half a second of sound in Firefox")
    assert chip(host).get_attribute("data-encryption") == "e2ee"
    eventually(lambda: colleague.ask('document.querySelector("#chip-encryption").dataset.encryption') == "e2ee", "e2ee")
    press(colleague, "chip-encryption")
    room_code = 'document.querySelector("[data-room-code]")?.dataset.roomCode'
    assert eventually(lambda: colleague.ask(room_code), "the room code") == code_of(host)
    sent = {"Chromium": host.page.evaluate(SENT), "Firefox": colleague.ask(SENT)}
    assert all(len(encodings) > 1 for encodings in sent.values()), sent  # simulcast, sealed

    # The page takes its line for cut and comes back: both transports look for the server anew, under the same keys.
    ways = set(colleague.ask(f"({ICE_USERS})()"))
    made = shown(colleague, "Ingrid Sæther")["connections"]
    colleague.ask("lines.at(-1).onclose({code: 1006})")
    eventually(lambda: not ways & set(colleague.ask(f"({ICE_USERS})()")), "restart of ICE in Firefox")
    state(colleague, "connected")
    sees(colleague, "Ingrid Sæther")
    host.sees("Marcus Bell")
    host.hears()
    assert shown(colleague, "Ingrid Sæther")["connections"] == made
    assert len(colleague.ask(SENT)) > 1

    host.tool("Chat").click()
    host.page.get_by_role("textbox", name="Message").fill("From Chromium")
    host.button("Send").click()
    press(colleague, "bar-chat")
    log = 'document.querySelector("[role=log]")?.textContent ?? ""'
    eventually(lambda: "From Chromium" in colleague.ask(log), "what Chromium wrote")
    write(colleague, "From Firefox")
    expect(host.page.get_by_role("log", name="Chat messages")).to_contain_text("From Firefox")
    colleague.picture(artifacts / "firefox.png")


def test_each_shows_what_the_other_sends_in_another_codec(
    portal: Portal, seat: Callable[..., Seat], colleague: Firefox
) -> None:
    host = seat()
    url = schedule(portal, host, "Two codecs", MARCUS)
    come_in(host)
    host.state("connected")
    sign_in(colleague, portal)
    colleague.ask("""localStorage.setItem("lintel:preferences", '{"codec": "av1"}')""")
    colleague.goto(url)
    press(colleague, "allow")
    press(colleague, "Join")
    state(colleague, "connected")
    eventually(lambda: "video/AV1" in host.page.evaluate(CODECS), "picture in AV1 of Firefox")
    host.sees("Marcus Bell")
    for codec in ("VP9", "AV1"):
        host.sends_as(codec)
        eventually(lambda codec=codec: f"video/{codec}" in colleague.ask(f"({CODECS})()"), f"{codec} in Firefox")
        sees(colleague, "Ingrid Sæther")


def sign_in(page: Firefox, portal: Portal) -> None:
    page.goto(f"{portal.url}/sign-in/")
    page.ask(
        f"""(() => {{
          document.querySelector("input[type=email], input[name=login]").value = "{MARCUS}";
          document.querySelector("input[type=password]").value = "{PASSWORD}";
          document.querySelector("input[type=password]").form.requestSubmit();
        }})()"""
    )
    eventually(lambda: page.ask("location.pathname") == "/meetings/", "signed in")


def write(page: Firefox, text: str) -> None:
    page.ask(
        f"""(() => {{
          const field = document.querySelector("#chat-text");
          field.value = "{text}";
          field.form.requestSubmit();
        }})()"""
    )
