"""End-to-end encrypted meetings in real browsers, through the real engine."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.axe import violations
from tests.browser.conftest import ROOT, Portal
from tests.browser.test_room_main_job import (
    MARCUS,
    PETER,
    REDUNDANCY,
    Seat,
    come_in,
    eventually,
    personal_link,
    portal,
    schedule,
    seat,
    server,
    walk_in,
)
from tests.support.sframe import Key, NotSFrame, decode_header
from tests.support.tap import Tap, Tapped

__all__ = ["portal", "seat", "server"]

pytestmark = pytest.mark.timeout(300)
E2EE = "End-to-end encrypted"
MISTAKES = {
    "transforms": (
        "end.transform = new RTCRtpScriptTransform(this.worker, line);",
        "setTimeout(() => (end.transform = new RTCRtpScriptTransform(this.worker, line)));",
    ),
    "peer": ("if (encrypted) configuration", "if (!encrypted) configuration"),
}

HOARD = """
const Pair = MessageChannel;
window.hoard = [];
window.MessageChannel = class {
  constructor() {
    const [near, far] = [new Pair(), new Pair()];
    near.port2.onmessage = ({ data }) => {
      if (data.type === "enter") hoard.push(data.entry.base);
      far.port1.postMessage(data);
    };
    far.port1.onmessage = ({ data }) => near.port2.postMessage(data);
    [this.port1, this.port2] = [near.port1, far.port2];
  }
};
"""
"""A browser that keeps the key of every epoch: what the group's worker gives to the media worker passes by here."""

DERIVE = """async (kids) => {
  const part = async (base, label, kid, bytes) => {
    const info = new Uint8Array([...new TextEncoder().encode(label), ...new Uint8Array(10)]);
    new DataView(info.buffer).setUint32(info.length - 6, kid);
    info[info.length - 1] = 4;
    const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info };
    return [...new Uint8Array(await crypto.subtle.deriveBits(how, base, 8 * bytes))];
  };
  const [secret, salt] = ["SFrame 1.0 Secret key ", "SFrame 1.0 Secret salt "];
  const key = async (base, kid) => [kid, await part(base, secret, kid, 16), await part(base, salt, kid, 12)];
  return Promise.all(hoard.flatMap((base) => kids.map((kid) => key(base, kid))));
}"""
"""RFC 9605 section 4.4.2, from every key that this browser ever had."""

WAITS = """() => connections.some(({ localDescription }) =>
  localDescription.type === "answer" && localDescription.sdp.includes("playout-delay"))"""

MANY = 40
"""Packets of each time that are tried."""


def opened(keeper: Seat, packets: Sequence[Tapped]) -> int:
    """How many of these packets of sound open with any key that this person's browser has ever been given."""
    tried = packets[:MANY]
    kids = sorted({decode_header(packet.payload)[0] for packet in tried})
    keys = [Key(kid, bytes(key), bytes(salt)) for kid, key, salt in keeper.page.evaluate(DERIVE, kids)]
    return sum(any(_opens(key, packet.payload) for key in keys) for packet in tried)


def _opens(key: Key, payload: bytes) -> bool:
    try:
        key.open(b"", payload)
    except NotSFrame:
        return False
    return True


def code_of(who: Seat) -> str:
    """The room code that this person sees; opens the panel if need be."""
    shown = who.page.locator("[data-room-code]")
    if not shown.count():
        who.page.locator("#chip-encryption").click()
    return str(shown.get_attribute("data-room-code"))


def chip(who: Seat) -> Locator:
    return who.page.locator("#chip-encryption")


def served(script: str) -> Callable[[Route], None]:
    return lambda route: route.fulfill(body=script, content_type="text/javascript")


def test_three_people_see_hear_write_and_compare(portal: Portal, seat: Callable[..., Seat], artifacts: Path) -> None:
    host, guest, colleague = seat(), seat(), seat()
    colleague.page.add_init_script(HOARD)
    host.page.add_init_script("""localStorage.setItem("lintel:preferences", '{"codec": "av1"}')""")
    url = schedule(portal, host, "Trial safety board", MARCUS, PETER, encryption=E2EE)
    come_in(host)
    host.state("connected")
    expect(chip(host)).to_have_attribute("data-encryption", "e2ee")
    guest.page.goto(personal_link(portal, PETER))
    expect(guest.page.get_by_text("Keys are made on the devices in the room.")).to_be_visible()
    come_in(guest, "Knock to join", "Peter Lindqvist")
    guest.state("waiting")
    host.page.get_by_role("region", name="At the door").get_by_role("button", name="Let in Peter Lindqvist").click()
    guest.state("connected")
    # Whatever this browser chose for other meetings: here frames are sealed, in VP8, and there is nothing to choose.
    host.page.keyboard.press("Shift+Slash")
    settings = host.page.get_by_role("dialog", name="Settings")
    settings.get_by_role("button", name="Video", exact=True).click()
    expect(settings.get_by_role("combobox", name="Camera")).to_be_visible()
    expect(settings.get_by_role("combobox", name="Send my picture as")).to_have_count(0)
    host.page.keyboard.press("Escape")
    guest.sees("Ingrid Sæther")
    guest.hears()
    host.sees("Peter Lindqvist")
    host.hears()
    assert host.page.evaluate(REDUNDANCY)["agreed"] == 0
    alone = code_of(host)
    joined = time.time()
    walk_in(portal, colleague, MARCUS, url)
    for who, others in (
        (host, ("Peter Lindqvist", "Marcus Bell")),
        (guest, ("Ingrid Sæther", "Marcus Bell")),
        (colleague, ("Ingrid Sæther", "Peter Lindqvist")),
    ):
        for other in others:
            who.sees(other)
    codes = {code_of(who) for who in (host, guest, colleague)}
    assert len(codes) == 1
    assert codes != {alone}
    assert all(len(code) == 30 and code.isdigit() for code in codes)
    host.page.screenshot(path=str(artifacts / "encrypted-three.png"))

    host.button("Same for all").click()
    expect(chip(host)).to_have_text("End-to-end encrypted, compared")
    expect(host.page.get_by_text("Compared by you")).to_have_count(2)
    assert host.page.locator(".whose").evaluate(EACH_ON_LINES_OF_ITS_OWN), "people stand side by side"
    expect(colleague.page.get_by_text("Vouched by Nordhavn")).to_have_count(1)
    expect(colleague.page.get_by_text("Not compared", exact=True)).to_have_count(1)
    guest.button("It differs").click()
    expect(chip(guest)).to_have_attribute("data-encryption", "broken")
    guest.page.screenshot(path=str(artifacts / "encrypted-differs.png"))
    # It stands by the code, where no slip of the hand leaves the meeting.
    guest.page.locator("[data-room-code]").get_by_role("button", name="I misread it").click()
    expect(chip(guest)).to_have_attribute("data-encryption", "e2ee")

    colleague.tool("Share").click()
    for who in (host, guest):
        who.sees("Marcus Bell", "screen")
    assert host.page.evaluate(WAITS), "pictures could wait for what is lost"
    guest.tool("Chat").click()
    guest.page.get_by_role("textbox", name="Message").fill("Sealed hello")
    guest.button("Send").click()
    host.tool("Chat").click()
    expect(host.page.get_by_role("log", name="Chat messages")).to_contain_text("Sealed hello")
    expect(guest.page.get_by_role("log", name="Chat messages")).to_contain_text("Sealed hello")
    content = b"The minutes, word for word. " * 4000
    guest.page.locator("#chat-file").set_input_files(
        {"name": "Minutes of the board.txt", "mimeType": "text/plain", "buffer": content}
    )
    expect(guest.page.get_by_text("Passed on, end-to-end encrypted.")).to_be_visible()
    entry = host.page.get_by_role("log", name="Chat messages")
    expect(entry).to_contain_text("Minutes of the board.txt")
    with host.page.expect_download() as saving:
        entry.get_by_role("button", name="Save").click()
    assert saving.value.suggested_filename == "Minutes of the board.txt"
    assert saving.value.path().read_bytes() == content
    host.page.screenshot(path=str(artifacts / "encrypted-file.png"))
    guest.tool("Hand").click()
    expect(host.tile("Peter Lindqvist").get_by_text("1st")).to_be_visible()

    # What whoever controls the server could make of it; test_room_main_job.py has the same tap find all three.
    tap = Tap(portal.data_dir)
    assert tap.packets(guest.participant, "camera")
    assert tap.packets(colleague.participant, "screen")
    assert tap.likeness(guest.participant, "camera", guest.picture()) < 0.5
    assert tap.packets(guest.participant, "microphone")
    assert tap.silence(guest.participant) < 0.1
    assert not tap.holds("Sealed hello")
    assert not tap.holds("Minutes of the board")
    assert not tap.holds("word for word")
    assert not tap.holds("media.speak")  # nor who speaks when: so few microphones are passed on anyway
    assert tap.holds("Trial safety board")  # the title is the server's

    # Soon after a removal nothing is sealed any more with keys that the removed person has: within a second where the
    # machine has nothing else to do, and a busy one is no fault of the code.
    known = tap.epochs(guest.participant)
    removing = time.time()
    host.tool("People").click()
    people = host.page.get_by_role("region", name="People")
    people.get_by_role("button", name="Actions for Marcus Bell").click()
    host.page.get_by_role("menuitem", name="Remove…").click()
    host.button("Remove Marcus Bell").click()
    colleague.state("removed")
    gone = time.time()
    eventually(lambda: tap.epochs(guest.participant, gone) - known, "sound sealed with a new key")
    later = time.time() + 1
    after = eventually(lambda: tap.epochs(guest.participant, later), "sound after the removal")
    assert not after & known
    # So says the removed browser itself, with every key that it ever had and what a server could hand it.
    sound = tap.packets(guest.participant, "microphone")
    eventually(lambda: len(tap.packets(guest.participant, "microphone")) > len(sound) + MANY, "more sound")
    sound = tap.packets(guest.participant, "microphone")
    assert opened(colleague, [packet for packet in sound if packet.at < removing][-MANY:]) > MANY / 2
    assert opened(colleague, [packet for packet in sound if packet.at >= later]) == 0
    assert opened(colleague, [packet for packet in sound if packet.at < joined]) == 0
    host.sees("Peter Lindqvist")
    assert code_of(host) == code_of(guest)
    assert code_of(host) not in codes


EACH_ON_LINES_OF_ITS_OWN = "(list) => [...list.children].every((row) => row.clientWidth === list.clientWidth)"
SECRET = re.compile(r"#sealed=1\.\d+\.([\w-]{43})$")


def listen(page: Page, sent: list[str]) -> None:
    """Notes everything that a page sends to its server."""
    page.on("request", lambda request: sent.append(f"{request.url} {request.headers} {request.post_data}"))
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(str(frame))))


def test_a_sealed_meeting_opens_with_its_complete_link_alone(
    portal: Portal, seat: Callable[..., Seat], artifacts: Path
) -> None:
    host, colleague = seat(), seat()
    sent: list[str] = []
    for who in (host, colleague):
        listen(who.page, sent)
    url = schedule(portal, host, "Closed session", MARCUS, encryption="Sealed")
    host.page.go_back()
    shown = host.page.locator("[data-shown]")
    expect(shown).to_contain_text("#sealed=1.1.")
    complete = f"http://{shown.inner_text()}"
    host.button("QR code").click()
    expect(host.page.get_by_role("img", name="Complete link as a QR code")).to_be_visible()
    host.page.screenshot(path=str(artifacts / "sealed-meeting-page.png"))
    host.button("Close").click()
    host.button("Open the room").click()
    come_in(host)
    host.state("connected")
    expect(chip(host)).to_have_attribute("data-encryption", "sealed")
    assert "#" not in host.page.url

    page = colleague.page
    portal.sign_in(page, MARCUS)
    page.goto(url)
    expect(page.get_by_role("heading", name="This link is missing its key")).to_be_visible()
    page.goto(f"{portal.url}/meetings/")
    wrong = complete[:-3] + ("AAA" if complete[-3:] != "AAA" else "BBA")
    page.get_by_label("Meeting code or link").fill(wrong.removeprefix("http://"))
    colleague.button("Go").click()
    expect(page.get_by_role("heading", name="The key in this link doesn’t fit")).to_be_visible()
    colleague.state("refused")
    page.screenshot(path=str(artifacts / "sealed-wrong-key.png"))
    page.get_by_label("Complete link").fill(url)
    colleague.button("Use this link").click()
    expect(page.get_by_text("This isn’t a complete link: it has no key behind the #.")).to_be_visible()
    page.get_by_label("Complete link").fill(complete)
    colleague.button("Use this link").click()
    come_in(colleague)
    colleague.state("connected")
    colleague.sees("Ingrid Sæther")
    host.sees("Marcus Bell")
    expect(chip(colleague)).to_have_text("Sealed, end-to-end encrypted")

    # Another key: members follow without a break, and whoever shares the link sees the new one.
    chip(host).click()
    host.button("New key for the link").click()
    expect(host.page.get_by_text("The link has a new key.").first).to_be_visible()
    colleague.tool("Chat").click()
    expect(page.get_by_text("The link has a new key. Who comes from now on needs")).to_be_visible()
    host.page.screenshot(path=str(artifacts / "sealed-new-key.png"))
    page.reload()
    colleague.state("connected")
    colleague.sees("Ingrid Sæther")

    renewed = str(page.evaluate("Object.values(sessionStorage).find((value) => /^1\\.2\\./.test(value))")).split(".")[2]
    secrets = [str(SECRET.search(complete)[1]), renewed]  # type: ignore[index]
    assert len(set(secrets)) == 2
    raw = [base64.urlsafe_b64decode(secret + "=") for secret in secrets]
    kept = [path for path in portal.data_dir.rglob("*") if path.is_file()]
    assert any(path.suffix == ".sqlite3" for path in kept), kept
    for path in kept:
        stored = path.read_bytes()
        for secret in (*(text.encode() for text in secrets), *raw, *(one.hex().encode() for one in raw)):
            assert secret not in stored, path
    assert len(sent) > 50
    assert not any(secret in line for secret in secrets for line in sent)
    assert not any("sealed=1." in line for line in sent)


def test_a_browser_that_goes_past_the_encryption_is_stopped_and_says_so(
    portal: Portal, seat: Callable[..., Seat]
) -> None:
    """The page is changed as a mistake of ours would: transforms come a moment late, to connections that don't wait."""
    host, colleague = seat(), seat()
    for script, (right, wrong) in MISTAKES.items():
        source = (ROOT / f"static/js/media/{script}.js").read_text()
        assert source.count(right) == 1
        body = source.replace(right, wrong)
        colleague.page.route(f"**/js/media/{script}*.js", served(body))
    url = schedule(portal, host, "Late", MARCUS, encryption=E2EE)
    come_in(host)
    host.state("connected")
    walk_in(portal, colleague, MARCUS, url)
    expect(chip(colleague)).to_have_text("Not encrypted")
    expect(colleague.page.get_by_text("This browser sent it past the encryption.").first).to_be_visible()
    expect(chip(host)).to_have_attribute("data-encryption", "e2ee")
    assert host.frames("Marcus Bell") == 0
    # What had left until then was plain: the tap can find such a thing, and does.
    assert Tap(portal.data_dir).likeness(colleague.participant, "camera", host.picture()) > 0.8


def test_a_browser_that_cant_encrypt_is_not_let_in(portal: Portal, seat: Callable[..., Seat]) -> None:
    host = seat()
    host.page.add_init_script(
        "delete window.RTCRtpScriptTransform; delete RTCRtpSender.prototype.createEncodedStreams;"
    )
    schedule(portal, host, "Only sealed", encryption=E2EE)
    host.state("refused")
    expect(host.page.get_by_role("heading", name="This browser can’t keep the meeting encrypted")).to_be_visible()
    expect(host.page.get_by_text("We won’t let you in unencrypted.")).to_be_visible()
    expect(host.button("Join")).to_have_count(0)


@pytest.mark.parametrize(("width", "height", "theme"), [(1440, 900, "dark"), (390, 844, "light")])
def test_the_panel_is_accessible(
    portal: Portal, seat: Callable[..., Seat], artifacts: Path, width: int, height: int, theme: str
) -> None:
    host = seat()
    host.page.emulate_media(color_scheme=theme)
    schedule(portal, host, "Looked at", MARCUS, encryption=E2EE)
    come_in(host)
    host.state("connected")
    host.page.set_viewport_size({"width": width, "height": height})
    expect(chip(host)).to_have_attribute("data-encryption", "e2ee")
    chip(host).click()
    expect(host.page.locator("[data-room-code]")).to_be_visible()
    host.page.screenshot(path=str(artifacts / f"encryption-panel-{width}-{theme}.png"))
    assert violations(host.page) == []
    host.button("It differs").click()
    assert violations(host.page) == []
    host.page.screenshot(path=str(artifacts / f"encryption-differs-{width}-{theme}.png"))
