"""What hosts can do to a meeting, as the people in it see it: pictures and sound are counted where they arrive."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Portal
from tests.browser.test_room_main_job import (
    INGRID,
    MARCUS,
    PETER,
    Seat,
    Visitor,
    come_in,
    eventually,
    personal_link,
    schedule,
    walk_in,
)

pytestmark = pytest.mark.timeout(300)
MOST_UNDER_WAY = 100  # packets, in a browser that gets no turn

SEND_ALL_THE_SAME = """async () => {
  const {0: track} = (await navigator.mediaDevices.getUserMedia({audio: true})).getAudioTracks();
  for (const connection of connections.filter(({connectionState}) => connectionState !== "closed"))
    for (const {direction, sender, receiver} of connection.getTransceivers())
      if (direction === "sendonly" && receiver.track.kind === "audio") await sender.replaceTrack(track);
  lines.at(-1).send(JSON.stringify({type: "media.state", microphone: true, camera: true, screen: false}));
}"""
"""A page that somebody changed: it sends sound whatever its buttons say, and tells the server that it is on."""

PACKETS = """async ([direction, kind]) => {
  let sum = 0;
  for (const connection of connections.filter(({connectionState}) => connectionState !== "closed"))
    for (const {type, kind: its, packetsSent, packetsReceived} of (await connection.getStats()).values())
      if (type === `${direction}-rtp` && its === kind) sum += packetsSent ?? packetsReceived;
  return sum;
}"""


@pytest.fixture(scope="module")
def portal(server: Portal) -> Portal:
    server.create_people((INGRID, "Ingrid Sæther", "admin"), (MARCUS, "Marcus Bell", "staff"))
    return server


@pytest.fixture
def seat(visitor: Visitor) -> Iterator[Callable[..., Seat]]:
    made: list[Seat] = []

    def make() -> Seat:
        made.append(Seat(visitor().new_page()))
        return made[-1]

    yield make
    assert [wrong for one in made for wrong in one.wrong] == []


def host_and_guest(
    portal: Portal, seat: Callable[..., Seat], title: str, encryption: str = "Encrypted to the server"
) -> tuple[Seat, Seat]:
    """Ingrid hosts, Peter was let in; they see each other."""
    host, guest = seat(), seat()
    schedule(portal, host, title, PETER, encryption=encryption)
    come_in(host)
    host.state("connected")
    guest.page.goto(personal_link(portal, PETER))
    come_in(guest, "Knock to join", "Peter Lindqvist")
    host.button("Let in Peter Lindqvist").click()
    guest.state("connected")
    guest.sees("Ingrid Sæther")
    host.sees("Peter Lindqvist")
    return host, guest


def stands_still(count: Callable[[], int]) -> None:
    """Waits until no more comes. What came meanwhile was on its way: a lease that runs out would let more through."""
    begun = now = count()

    def is_over() -> bool:
        nonlocal now
        before = now
        time.sleep(1)
        now = count()
        return now == before

    eventually(is_over, "end of what arrives")
    assert now - begun < MOST_UNDER_WAY


def arrived(who: Seat) -> int:
    """How many packets of pictures and sound."""
    return int(who.stats()["packetsReceived"])


def packets(who: Seat, direction: str, kind: str) -> int:
    """How many packets of sound or pictures this browser has sent ("outbound") or got ("inbound")."""
    counted: int = who.page.evaluate(PACKETS, [direction, kind])
    return counted


def test_suspend_stops_everything_says_so_and_goes_on_as_it_was(portal: Portal, seat: Callable[..., Seat]) -> None:
    host, guest = host_and_guest(portal, seat, "Suspended and resumed")
    host.tool("Host").click()
    host.button("Suspend the meeting").click()
    for who in (host, guest):
        card = who.page.get_by_role("region", name="The meeting is suspended")
        expect(card).to_contain_text("Ingrid Sæther stopped everything at")
        stands_still(lambda who=who: arrived(who))
        # Nobody's last picture stays on the screen.
        expect(who.tile("Peter Lindqvist").locator("video")).to_be_hidden()
    expect(guest.button("Resume")).to_have_count(0)

    guest.tool("Chat").click()
    expect(guest.page.get_by_role("textbox", name="Message")).to_be_disabled()
    expect(guest.page.get_by_text("Nobody can write while the meeting is suspended.")).to_be_visible()
    guest.button("Mic").click()
    expect(guest.button("Mic")).to_have_attribute("aria-pressed", "false")
    expect(guest.button("Mic")).to_be_disabled()
    guest.page.keyboard.press("Control+d")
    expect(guest.page.get_by_text("Wait until a host resumes it.").first).to_be_visible()
    expect(guest.button("Mic")).to_have_attribute("aria-pressed", "false")

    host.button("Resume").click()
    expect(guest.page.get_by_text("Ingrid Sæther resumed the meeting.").first).to_be_visible()
    expect(guest.page.get_by_role("region", name="The meeting is suspended")).to_have_count(0)
    guest.sees("Ingrid Sæther")
    guest.hears()
    host.sees("Peter Lindqvist")
    # Peter had switched his microphone off meanwhile: it stays off.
    expect(guest.button("Mic")).to_have_attribute("aria-pressed", "false")
    expect(guest.page.get_by_role("textbox", name="Message")).to_be_enabled()

    host.button("Suspend the meeting").click()
    host.page.get_by_role("group", name="What next?").get_by_role("button", name="Resume with everyone").click()
    for who in (host, guest):
        eventually(lambda who=who: who.button("Camera").get_attribute("aria-pressed") == "false", "camera that is off")
    stands_still(lambda: arrived(guest))


def test_a_host_says_who_may_speak_and_whoever_may_not_is_told_and_asks(
    portal: Portal, seat: Callable[..., Seat], artifacts: Path
) -> None:
    host, guest = host_and_guest(portal, seat, "Who may speak")
    peter = host.page.get_by_role("region", name="People").get_by_role("button", name="Actions for Peter Lindqvist")
    host.tool("People").click()
    peter.click()
    host.page.get_by_role("menuitem", name="Mute", exact=True).click()
    expect(guest.page.get_by_text("Ingrid Sæther muted you.").first).to_be_visible()
    guest.button("Mic").click()
    expect(guest.button("Mic")).to_have_attribute("aria-pressed", "true")
    host.hears()

    host.button("Mute everyone").click()
    dialog = host.page.get_by_role("dialog", name="Mute everyone?")
    dialog.get_by_role("checkbox", name="Let people unmute themselves").uncheck()
    dialog.get_by_role("button", name="Mute everyone").click()
    expect(guest.page.get_by_text("You can’t speak now.").first).to_be_visible()
    expect(guest.button("Mic")).to_have_attribute("aria-pressed", "false")
    expect(guest.button("Mic")).to_be_disabled()
    expect(guest.button("Mic")).to_have_accessible_description(
        "Only hosts can speak in this meeting. Raise your hand to ask."
    )
    guest.button("Mic").click(force=True)
    expect(guest.button("Mic")).to_have_attribute("aria-pressed", "false")
    guest.page.screenshot(path=str(artifacts / "room-hosts-only.png"))

    stands_still(lambda: packets(host, "inbound", "audio"))
    heard, seen, sent = (
        packets(host, "inbound", "audio"),
        packets(host, "inbound", "video"),
        packets(guest, "outbound", "audio"),
    )
    guest.page.evaluate(SEND_ALL_THE_SAME)
    eventually(lambda: packets(guest, "outbound", "audio") > sent + 40, "sound that a changed page sends")
    eventually(lambda: packets(host, "inbound", "video") > seen, "picture, which Peter may still show")
    assert packets(host, "inbound", "audio") == heard

    guest.button("Raise hand").click()
    expect(guest.button("Hand")).to_have_attribute("aria-pressed", "true")

    peter.click()
    host.page.get_by_role("menuitem", name="Ask to unmute").click()
    expect(guest.page.get_by_text("Ingrid Sæther asks you to speak").first).to_be_visible()
    guest.page.screenshot(path=str(artifacts / "room-asked.png"))
    guest.button("Turn on microphone").click()
    expect(guest.button("Mic")).to_have_attribute("aria-pressed", "true")
    expect(guest.button("Hand")).to_have_attribute("aria-pressed", "false")
    host.hears()

    peter.click()
    host.page.get_by_role("menuitem", name="What they may do…").click()
    dialog = host.page.get_by_role("dialog", name="What may Peter Lindqvist do?")
    expect(dialog.get_by_role("checkbox", name="Speak")).to_be_checked()
    dialog.get_by_role("checkbox", name="Show video").uncheck()
    host.page.screenshot(path=str(artifacts / "room-what-they-may.png"))
    dialog.get_by_role("button", name="Save").click()
    expect(guest.button("Camera")).to_have_attribute("aria-pressed", "false")
    expect(guest.button("Camera")).to_have_accessible_description(
        "A host has switched video off for you. Raise your hand to ask."
    )

    host.tool("Host").click()
    expect(host.page.get_by_role("combobox", name="Speak")).to_have_value("hosts")
    host.page.get_by_role("combobox", name="Write in the chat").select_option("hosts")
    guest.tool("Chat").click()
    expect(guest.page.get_by_text("Only hosts can write in this chat.", exact=True)).to_be_visible()
    expect(guest.page.get_by_role("textbox", name="Message")).to_be_disabled()


def test_a_co_host_is_made_answers_the_door_and_loses_it_at_once(portal: Portal, seat: Callable[..., Seat]) -> None:
    host, colleague = seat(), seat()
    url = schedule(portal, host, "Two hosts", MARCUS, PETER)
    come_in(host)
    host.state("connected")
    walk_in(portal, colleague, MARCUS, url)
    host.tool("People").click()
    marcus = host.page.get_by_role("region", name="People").get_by_role("button", name="Actions for Marcus Bell")
    marcus.click()
    host.page.get_by_role("menuitem", name="Make host…").click()
    host.button("Make Marcus Bell a host").click()
    expect(colleague.page.get_by_text("Ingrid Sæther made you a host.").first).to_be_visible()

    guest = seat()
    guest.page.goto(personal_link(portal, PETER))
    come_in(guest, "Knock to join", "Peter Lindqvist")
    for who in (host, colleague):
        expect(who.page.get_by_role("region", name="At the door")).to_have_count(1)
    colleague.button("Let in Peter Lindqvist").click()
    guest.state("connected")
    expect(host.page.get_by_text("Marcus Bell let Peter Lindqvist in.").first).to_be_visible()
    colleague.tool("People").click()
    people = colleague.page.get_by_role("region", name="People")
    people.get_by_role("button", name="Actions for Ingrid Sæther").click()
    # Ingrid made the meeting: nobody puts her out of it.
    expect(colleague.page.get_by_role("menuitem", name="Remove…")).to_have_count(0)
    colleague.page.keyboard.press("Escape")

    marcus.click()
    host.page.get_by_role("menuitem", name="Take back the host’s role").click()
    expect(colleague.page.get_by_text("Ingrid Sæther took the host’s role back.").first).to_be_visible()
    expect(colleague.button("Host")).to_be_hidden()
    colleague.state("connected")


def test_a_host_changes_the_door_in_the_room(portal: Portal, seat: Callable[..., Seat], artifacts: Path) -> None:
    host, colleague = seat(), seat()
    url = schedule(portal, host, "The door while it is on")
    host.button("Continue without").click()
    host.button("Join").click()
    host.state("connected")
    portal.sign_in(colleague.page, MARCUS)
    colleague.page.goto(url)
    colleague.button("Continue without").click()
    colleague.button("Join").click()
    colleague.state("connected")
    host.tool("Host").click()
    panel = host.page.locator("#panel")
    guests = panel.get_by_role("group", name="Guests you invited")
    expect(guests.get_by_role("button", name="Knock")).to_have_attribute("aria-pressed", "true")
    panel.get_by_role("group", name="Anyone else with the link").get_by_role("button", name="Walk in").click()
    expect(panel.get_by_text("Also changed: Guests you invited.")).to_be_visible()
    expect(guests.get_by_role("button", name="Walk in")).to_have_attribute("aria-pressed", "true")
    host.page.screenshot(path=str(artifacts / "room-host-door.png"))
    panel.get_by_role("group", name="Others signed in").get_by_role("button", name="Turn away").click()
    question = host.page.get_by_role("dialog", name="Turn away the 1 who is inside?")
    question.get_by_role("button", name="Cancel").click()
    colleague.state("connected")
    panel.get_by_role("group", name="Others signed in").get_by_role("button", name="Turn away").click()
    question.get_by_role("button", name="Turn away").click()
    colleague.state("refused")
    expect(colleague.page.get_by_role("heading", level=1, name="This link doesn’t open a meeting")).to_be_visible()


RECORDED = """async (encoded) => {
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const sound = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(bytes.slice().buffer);
  const heard = sound.getChannelData(0);
  const end = heard.length / 48000;
  const loudness = (from, to) => {
    const part = heard.slice(from * 48000, to * 48000);
    return Math.sqrt(part.reduce((sum, one) => sum + one * one, 0) / Math.max(1, part.length));
  };
  const video = Object.assign(document.createElement("video"), {muted: true});
  video.src = URL.createObjectURL(new Blob([bytes], {type: "video/webm"}));
  const green = async (at) => {
    video.currentTime = at;
    await new Promise((done) => video.addEventListener("seeked", done, {once: true}));
    const canvas = Object.assign(document.createElement("canvas"), {width: 64, height: 36});
    const ground = canvas.getContext("2d");
    ground.drawImage(video, 0, 0, 64, 36);
    const {data} = ground.getImageData(16, 9, 32, 18);
    const mean = (part) => data.filter((_, i) => i % 4 === part).reduce((sum, one) => sum + one, 0) / (data.length / 4);
    return mean(1) - mean(0);
  };
  await new Promise((done) => video.addEventListener("loadeddata", done, {once: true}));
  return {size: [video.videoWidth, video.videoHeight],
    before: {green: await green(1), loudness: loudness(0.2, 1.8)},
    after: {green: await green(end - 1), loudness: loudness(end - 2.5, end)}};
}"""
"""What a recording holds in its first and its last seconds: how green the middle is, as the camera is, and how loud."""


COUNTS_RECORDED = """() => {
  const Real = MediaRecorder;
  window.halfSeconds = 0;
  window.MediaRecorder = class extends Real {
    start() {
      this.addEventListener("dataavailable", () => (halfSeconds += 1));
      super.start(500);
    }
  };
}"""
"""The page's recorder gives what it has recorded away after each half second of it."""


def records(who: Seat, seconds: int) -> None:
    """Waits until another so many seconds are recorded, however long that takes."""
    until = who.page.evaluate("halfSeconds") + 2 * seconds
    eventually(lambda: who.page.evaluate("halfSeconds") >= until, f"{seconds} recorded seconds")


def test_a_recording_holds_only_those_who_agreed_and_everybody_knows_of_it(
    portal: Portal, seat: Callable[..., Seat], artifacts: Path
) -> None:
    host, guest = host_and_guest(portal, seat, "For the record", encryption="End-to-end encrypted")
    host.button("Mic").click()
    expect(host.button("Mic")).to_have_attribute("aria-pressed", "false")
    guest.tool("More").click()
    expect(guest.page.get_by_role("menuitem", name="Record on this device…")).to_have_count(0)
    guest.page.keyboard.press("Escape")

    host.page.evaluate(COUNTS_RECORDED)
    host.tool("More").click()
    host.page.get_by_role("menuitem", name="Record on this device…").click()
    host.page.get_by_role("dialog", name="Record this meeting?").get_by_role("button", name="Record").click()
    expect(host.page.get_by_text("The other person hasn’t agreed to be in it.")).to_be_visible()
    expect(guest.page.get_by_text("Ingrid Sæther is recording on their device.").first).to_be_visible()
    records(host, 2)  # before anybody agrees
    guest.page.screenshot(path=str(artifacts / "room-asked-to-be-recorded.png"))
    guest.button("Agree").click()
    expect(host.page.get_by_text("The other person agreed to be in it.")).to_be_visible()
    records(host, 3)
    host.hears()
    host.sees("Peter Lindqvist")
    host.page.screenshot(path=str(artifacts / "room-recording.png"))

    with host.page.expect_download() as saved:
        host.button("Stop recording").click()
    assert saved.value.suggested_filename.endswith("For the record.webm")
    content = base64.b64encode(saved.value.path().read_bytes()).decode()
    found = host.page.evaluate(RECORDED, content)
    assert found["size"] == [1280, 720]
    assert found["before"]["green"] < 40 < found["after"]["green"]
    assert found["before"]["loudness"] < 0.001 < found["after"]["loudness"]
    expect(guest.page.locator("[data-banner^=recording]")).to_have_count(0)
