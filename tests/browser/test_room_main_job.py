"""The main job in real browsers: schedule, knock, be let in, see and hear each other, share, be removed, come back.

Frames and samples are counted by the browsers (video elements, getStats), never by the server's own counters.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from portal.tests.process import free_port
from tests.browser.conftest import Portal
from tests.support.tap import HEIGHT, WIDTH, Tap

INGRID = "ingrid@nordhavn.example"
MARCUS = "marcus@nordhavn.example"
PETER = "p.lindqvist@medreg.example"
WITHIN_S = 60
Visitor = Callable[..., BrowserContext]
pytestmark = pytest.mark.timeout(300)  # three browsers with cameras on a machine that does other things too

SPY = """
window.connections = [];
const Real = RTCPeerConnection;
window.RTCPeerConnection = class extends Real { constructor(...args) { super(...args); connections.push(this); } };
window.lines = [];
const Line = WebSocket;
window.WebSocket = class extends Line {
  constructor(...args) {
    super(...args);
    lines.push(this);
    this.got = [];
    this.said = [];
    this.shown = [];
    this.addEventListener("message", (event) => this.got.push(JSON.parse(event.data).type));
  }
  send(said) {
    const message = JSON.parse(said);
    this.said.push(message.type);
    if (message.type === "media.show") this.shown = message.tiles;
    super.send(said);
  }
};
"""
"""Keeps the page's own connections within reach; it changes nothing about them."""

STATS = """async () => {
  const sum = {framesDecoded: 0, samples: 0, packetsReceived: 0, connections: connections.length};
  for (const connection of connections) {
    if (connection.connectionState === "closed") continue;
    for (const report of (await connection.getStats()).values()) {
      if (report.type !== "inbound-rtp") continue;
      sum.packetsReceived += report.packetsReceived;
      if (report.kind === "video") sum.framesDecoded += report.framesDecoded;
      else sum.samples += report.totalSamplesReceived - (report.silentConcealedSamples ?? 0);
    }
  }
  return sum;
}"""


ICE_USERS = """() => connections.filter(({connectionState}) => connectionState !== "closed")
  .map(({remoteDescription}) => /a=ice-ufrag:(\\S+)/.exec(remoteDescription.sdp)[1])"""

WITHOUT_UDP = """
const take = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
  return take.call(this, { type, sdp: sdp.replace(/^a=candidate:\\S+ \\d udp .*\\r\\n/gim, "") });
};
"""
"""A network that lets no UDP through, as far as this page can tell: it knows of no way to the server but TCP."""

PAIRS = """async () => {
  const pairs = [];
  for (const connection of connections.filter(({connectionState}) => connectionState === "connected")) {
    const reports = await connection.getStats();
    for (const report of reports.values()) {
      if (report.type !== "transport") continue;
      const pair = reports.get(report.selectedCandidatePairId);
      pairs.push({ local: reports.get(pair.localCandidateId), remote: reports.get(pair.remoteCandidateId) });
    }
  }
  return pairs;
}"""
"""How media come and go: the candidates in use (webrtc-stats, RTCIceCandidateStats) of each connection."""

NEGOTIATIONS = """() => {
  const types = lines.flatMap(({got, said}) => [...got, ...said]);
  return types.filter((type) => type === "media.offer" || type === "media.publish").length;
}"""

PASS_HOLDERS = (
    """() => connections.map((connection) => connection.getConfiguration().iceServers[0]?.username.split(":")[1])"""
)
"""For whom the passes for the relay are."""

CODECS = """async () => {
  const found = [];
  for (const connection of connections) {
    if (connection.connectionState === "closed") continue;
    const stats = await connection.getStats();
    for (const { type, kind, codecId, framesDecoded } of stats.values())
      if (type === "inbound-rtp" && kind === "video" && framesDecoded) found.push(stats.get(codecId)?.mimeType);
  }
  return found;
}"""
"""Of the pictures that this page's browser has decoded."""

REDUNDANCY = """async () => {
  let [agreed, again] = [0, 0];
  for (const connection of connections) {
    if (connection.connectionState === "closed") continue;
    const { currentLocalDescription: ours, currentRemoteDescription: theirs } = connection;
    agreed += [ours, theirs].every((one) => /a=rtpmap:\\d+ red\\/48000/.test(one?.sdp));
    for (const { type, kind, packetsDiscarded } of (await connection.getStats()).values())
      if (type === "inbound-rtp" && kind === "audio") again += packetsDiscarded;
  }
  return { agreed, again };
}"""
"""On how many connections sound may carry what came before; how much has come a second time and wasn't needed."""

SHOWS = """
const real = RTCRtpReceiver.getCapabilities.bind(RTCRtpReceiver);
RTCRtpReceiver.getCapabilities = (kind) => {
  const all = real(kind);
  return { ...all, codecs: all.codecs.filter(({ mimeType }) => !/%s/i.test(mimeType)) };
};
"""

PICTURE = """(video, [width, height]) => {
  const canvas = Object.assign(document.createElement("canvas"), {width, height});
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, width, height);
  const {data} = context.getImageData(0, 0, width, height);
  const grey = (at) => Math.round(0.3 * data[at] + 0.59 * data[at + 1] + 0.11 * data[at + 2]);
  return Array.from({length: width * height}, (_, i) => grey(4 * i));
}"""


class Seat:
    """One person's page, driven by the names that the contract promises."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wrong: list[str] = []
        page.add_init_script(SPY)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self._note(said.text))

    def _note(self, text: str) -> None:
        if "Content Security Policy" in text:
            self.wrong.append(text)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def tool(self, name: str) -> Locator:
        return self.page.get_by_role("toolbar", name="Meeting controls").get_by_role("button", name=name)

    def state(self, wanted: str) -> None:
        expect(self.page.locator("main")).to_have_attribute("data-call-state", wanted)

    def tile(self, name: str, source: str = "camera") -> Locator:
        return self.page.locator(f'[data-participant][data-source="{source}"][aria-label^="{name}"]')

    def stats(self) -> dict[str, Any]:
        counted: dict[str, Any] = self.page.evaluate(STATS)
        return counted

    def frames(self, name: str, source: str = "camera") -> int:
        """Frames that this person's `<video>` has shown, 0 while it is not there or has no size."""
        tile = self.tile(name, source)
        if not tile.count():
            return 0
        shown: int = tile.locator("video").evaluate(
            "video => video.videoWidth ? video.getVideoPlaybackQuality().totalVideoFrames : 0"
        )
        return shown

    def films(self, width: int, height: int, pictures_per_second: int) -> None:
        """From the next page on, this person's camera takes pictures of this size, and no small ones."""
        size = {"width": width, "height": height, "frameRate": pictures_per_second}
        self.page.add_init_script(f"window.film = {json.dumps(size)}")

    def shows_no(self, codec: str) -> None:
        """From the next page on, this person's browser can't decode pictures in `codec`."""
        self.page.add_init_script(SHOWS % codec)

    def sends_as(self, choice: str) -> None:
        """Chooses in the settings what this person's picture is sent as."""
        self.page.keyboard.press("Shift+Slash")
        settings = self.page.get_by_role("dialog", name="Settings")
        settings.get_by_role("button", name="Video", exact=True).click()
        settings.get_by_role("combobox", name="Send my picture as").select_option(choice)
        self.page.keyboard.press("Escape")
        expect(settings).to_have_count(0)

    @property
    def participant(self) -> str:
        """The id of this person, inside."""
        return str(self.page.locator('[data-self="true"][data-source="camera"]').get_attribute("data-participant"))

    def picture(self) -> list[int]:
        """What this person's camera films, as the tap has its pictures."""
        own = self.page.locator('[data-self="true"][data-source="camera"] video')
        seen: list[int] = own.evaluate(PICTURE, [WIDTH, HEIGHT])
        return seen

    def lines(self, name: str) -> int:
        """The height of the picture that comes of this person's camera, in its own pixels."""
        height: int = self.tile(name).locator("video").evaluate("video => video.videoHeight")
        return height

    def asks_for(self, name: str) -> int:
        """How high this person's tile is, as the server was told; 0 for one that is not shown."""
        participant = self.tile(name).get_attribute("data-participant")
        told: list[dict[str, Any]] = self.page.evaluate("lines.at(-1).shown")
        heights = [tile["height"] for tile in told if (tile["participant"], tile["source"]) == (participant, "camera")]
        return int(heights[0]) if heights else 0

    def sees(self, name: str, source: str = "camera") -> None:
        """Waits until frames of `name` advance."""
        first = eventually(lambda: self.frames(name, source), f"a picture of {name}")
        eventually(lambda: self.frames(name, source) >= first + 5, f"moving pictures of {name}")

    def hears(self) -> None:
        """Waits until sound arrives that is not made up for loss."""
        first = self.stats()["samples"]
        eventually(lambda: self.stats()["samples"] > first + 24_000, "half a second of sound")


def eventually(ask: Callable[[], Any], what: str) -> Any:
    """The first true answer. A busy machine lets it wait; what is broken never gives it, and fails by name."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.05)
    pytest.fail(f"no {what} within {WITHIN_S} s")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal that writes down what its server could read."""
    program = ["-m", "tests.support.tapped_portal"]
    # Nothing answers there: whoever needs no relay must not notice that one is named.
    relay = {"LINTEL_TURN_URLS": "turn:127.0.0.1:9?transport=udp", "LINTEL_TURN_SECRET": "seven quiet relays"}
    ways = relay | {"LINTEL_MEDIA_TCP_PORT": str(free_port())}
    portal = Portal(tmp_path_factory.mktemp("portal") / "data", program, LINTEL_ORGANISATION="Nordhavn", **ways)
    yield portal
    portal.close()


@pytest.fixture(scope="module")
def portal(server: Portal) -> Portal:
    server.create_people((INGRID, "Ingrid Sæther", "admin"), (MARCUS, "Marcus Bell", "staff"))
    return server


@pytest.fixture
def seat(visitor: Visitor) -> Iterator[Callable[..., Seat]]:
    """Makes people with a browser profile each; at the end none of their pages may have failed."""
    made: list[Seat] = []

    def make() -> Seat:
        made.append(Seat(visitor().new_page()))
        return made[-1]

    yield make
    assert [wrong for one in made for wrong in one.wrong] == []


def schedule(
    portal: Portal,
    host: Seat,
    title: str,
    *people: str,
    preset: str = "",
    others: tuple[str, str] | None = None,
    encryption: str = "Encrypted to the server",
) -> str:
    """Schedules a meeting that begins in a minute and opens its door page. Returns the address of that page.

    others: the answer to people with nothing but the link, and which code they type first.
    """
    page = host.page
    portal.sign_in(page, INGRID)
    page.get_by_role("link", name="Schedule").click()
    page.get_by_role("textbox", name="Title").fill(title)
    start = datetime.now(UTC) + timedelta(minutes=1)
    page.get_by_label("Date").fill(start.date().isoformat())
    page.get_by_label("Starts").fill(start.strftime("%H:%M"))
    page.get_by_role("combobox", name="Time zone").select_option("UTC")
    expect(page.locator(".chips")).to_have_count(2)  # the field takes Enter as soon as the script has made it chips
    invite = page.get_by_role("textbox", name="People and guests")
    for person in people:
        invite.fill(person)
        invite.press("Enter")
    if preset:
        page.get_by_role("radio", name=preset).check()
    if others:
        page.locator("#row-anyone").get_by_text(others[0], exact=True).click()
        page.get_by_role("combobox", name="Others with the link").select_option(others[1])
    page.get_by_role("radio", name=encryption, exact=True).check()
    portal.forget_mails()
    page.get_by_role("button", name="Schedule and send invitations").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.get_by_role("button", name="Open the room").or_(page.get_by_role("link", name="Open the room")).click()
    page.wait_for_url("**/m/*")
    return page.url


def personal_link(portal: Portal, address: str) -> str:
    links: list[str] = eventually(lambda: portal.personal_links(address), f"mail to {address}")
    return links[-1]


def come_in(who: Seat, press: str = "Join", name: str = "") -> None:
    """Through the join page with camera and microphone."""
    if name:
        who.page.get_by_role("textbox", name="Your name").fill(name)
    who.button("Allow camera and microphone").click()
    expect(who.button("Allow camera and microphone")).to_be_hidden()
    who.button(press).click()


def walk_in(portal: Portal, who: Seat, address: str, url: str) -> None:
    portal.sign_in(who.page, address)
    who.page.goto(url)
    come_in(who)
    who.state("connected")


def test_three_people_meet_from_invitation_to_the_end(
    portal: Portal, seat: Callable[..., Seat], artifacts: Path
) -> None:
    host, guest, colleague = seat(), seat(), seat()
    for who in (host, guest, colleague):
        who.films(640, 360, 15)
    guest.shows_no("av1")
    url = schedule(portal, host, "Trial safety board", MARCUS, PETER)
    come_in(host)
    host.state("connected")
    expect(host.page.get_by_role("heading", name="You’re the only one here")).to_be_visible()
    host.page.screenshot(path=str(artifacts / "room-alone.png"))

    guest.page.goto(personal_link(portal, PETER))
    assert "/i/" not in guest.page.url
    come_in(guest, "Knock to join", "Peter Lindqvist")
    guest.state("waiting")
    expect(guest.page.get_by_role("status", name="You’re at the door")).to_be_visible()
    at_the_door = host.page.get_by_role("region", name="At the door")
    expect(at_the_door).to_have_count(1)
    expect(at_the_door).to_contain_text(PETER)
    # Whoever waits has no connection that media could come through, and was told about the door only.
    assert guest.stats()["connections"] == 0
    assert guest.page.evaluate("lines.flatMap((line) => line.got).filter((type) => type !== 'door')") == []
    guest.page.screenshot(path=str(artifacts / "room-waiting.png"))
    host.page.screenshot(path=str(artifacts / "room-at-the-door.png"))
    at_the_door.get_by_role("button", name="Let in Peter Lindqvist").click()
    guest.state("connected")
    guest.sees("Ingrid Sæther")
    guest.hears()
    host.sees("Peter Lindqvist")
    host.hears()
    assert host.page.evaluate(REDUNDANCY)["agreed"] == 2
    eventually(lambda: host.page.evaluate(REDUNDANCY)["again"] > 20, "sound that came twice")
    expect(at_the_door).to_have_count(0)

    walk_in(portal, colleague, MARCUS, url)
    for who, others in (
        (host, ("Peter Lindqvist", "Marcus Bell")),
        (guest, ("Ingrid Sæther", "Marcus Bell")),
        (colleague, ("Ingrid Sæther", "Peter Lindqvist")),
    ):
        for other in others:
            who.sees(other)
    expect(guest.tile("Marcus Bell")).to_have_attribute("data-self", "false")
    expect(guest.page.locator('[data-encryption="transport"]')).to_have_count(1)
    host.page.screenshot(path=str(artifacts / "room-three.png"))

    # Another codec reaches who decodes it; to who doesn't, the page says so in the place of the picture.
    for codec, those in (("VP9", (host, guest)), ("AV1", (host,))):
        colleague.sends_as(codec)
        for who in those:
            decoded = lambda who=who, codec=codec: f"video/{codec}" in who.page.evaluate(CODECS)  # noqa: E731
            eventually(decoded, f"picture in {codec}")
            who.sees("Marcus Bell")
    expect(guest.tile("Marcus Bell")).to_contain_text(
        "Your browser can’t show Marcus Bell’s picture: it is sent as AV1."
    )
    guest.page.screenshot(path=str(artifacts / "room-cant-show.png"))
    colleague.page.screenshot(path=str(artifacts / "room-unseen.png"))
    expect(colleague.page.get_by_text("1 person can’t see your picture (AV1).").first).to_be_visible()
    colleague.button("Use Automatic").click()
    guest.sees("Marcus Bell")

    colleague.tool("Share").click()
    for who in (host, guest):
        who.sees("Marcus Bell", "screen")
    host.page.screenshot(path=str(artifacts / "room-share.png"))
    # Cameras beside the share are small now, and what comes of them is no larger than that.
    eventually(lambda: 0 < guest.asks_for("Ingrid Sæther") < 300, "word about a small tile")
    eventually(lambda: guest.lines("Ingrid Sæther") <= 180, "small picture in a small tile")
    colleague.button("Stop sharing").click()
    eventually(lambda: guest.asks_for("Ingrid Sæther") > 300, "word about a larger tile")
    eventually(lambda: guest.lines("Ingrid Sæther") == 360, "whole picture in a large tile")
    guest.sees("Ingrid Sæther")
    expect(host.tile("Marcus Bell", "screen")).to_have_count(0)

    guest.tool("Chat").click()
    guest.page.get_by_role("textbox", name="Message").fill("See https://medreg.example/annex-3.")
    guest.button("Send").click()
    host.tool("Chat").click()
    messages = host.page.get_by_role("log", name="Chat messages")
    expect(messages.get_by_role("link")).to_have_attribute("href", "https://medreg.example/annex-3")
    expect(messages.get_by_role("link")).to_have_attribute("rel", "noopener noreferrer")

    # Whoever controls the server of such a meeting can see, hear and read it; see test_encryption.py for the others.
    tap = Tap(portal.data_dir)
    assert tap.likeness(guest.participant, "camera", guest.picture()) > 0.8
    assert tap.silence(guest.participant) > 0.5
    assert tap.holds("See https://medreg.example/annex-3.")
    assert tap.holds("media.speakers")

    host.tool("Host").click()
    host.button("End for everyone…").click()
    host.page.get_by_role("dialog").get_by_role("button", name="End for everyone").click()
    for who in (host, guest, colleague):
        who.state("ended")
        eventually(
            lambda who=who: who.page.evaluate("connections.every((c) => c.connectionState === 'closed')"),
            "end of media",
        )


def test_a_host_mutes_and_removes_somebody_whose_frames_stop(
    portal: Portal, seat: Callable[..., Seat], artifacts: Path
) -> None:
    host, colleague = seat(), seat()
    url = schedule(portal, host, "Remove", MARCUS)
    come_in(host)
    host.state("connected")
    walk_in(portal, colleague, MARCUS, url)
    for who, other in ((host, "Marcus Bell"), (colleague, "Ingrid Sæther")):
        who.sees(other)
        who.hears()
    negotiated = [who.page.evaluate(NEGOTIATIONS) for who in (host, colleague)]
    host.tool("People").click()
    people = host.page.get_by_role("region", name="People")
    people.get_by_role("button", name="Actions for Marcus Bell").click()
    host.page.get_by_role("menuitem", name="Mute").click()
    microphone = colleague.tool("Mic").first
    expect(microphone).to_have_attribute("aria-pressed", "false")
    expect(colleague.page.get_by_text("Ingrid Sæther muted you.").first).to_be_visible()
    # Heard again at once, and by nothing that has to be negotiated.
    microphone.click()
    expect(microphone).to_have_attribute("aria-pressed", "true")
    host.hears()
    assert [who.page.evaluate(NEGOTIATIONS) for who in (host, colleague)] == negotiated

    people.get_by_role("button", name="Actions for Marcus Bell").click()
    host.page.get_by_role("menuitem", name="Move back to the door").click()
    colleague.state("waiting")
    expect(colleague.page.get_by_role("heading", name="A host moved you to the door")).to_be_visible()
    expect(host.tile("Marcus Bell")).to_have_count(0)
    assert colleague.page.evaluate("connections.every((c) => c.connectionState === 'closed')")
    host.button("Let in Marcus Bell").click()
    colleague.state("connected")
    host.sees("Marcus Bell")
    colleague.sees("Ingrid Sæther")

    people.get_by_role("button", name="Actions for Marcus Bell").click()
    host.page.get_by_role("menuitem", name="Remove…").click()
    # Not the words, which bring a phone's keyboard over the question.
    expect(host.page.get_by_role("dialog").get_by_role("radio", name="Wrong meeting")).to_be_focused()
    host.page.screenshot(path=str(artifacts / "room-remove.png"))
    before = colleague.stats()["packetsReceived"]
    assert before > 0
    host.button("Remove Marcus Bell").click()
    colleague.state("removed")
    expect(colleague.page.get_by_role("heading", name="A host removed you")).to_be_visible()
    assert colleague.page.evaluate("connections.every((c) => c.connectionState === 'closed')")
    assert colleague.page.evaluate("document.querySelectorAll('video').values().every((v) => !v.srcObject)")
    expect(host.tile("Marcus Bell")).to_have_count(0)
    colleague.page.screenshot(path=str(artifacts / "room-removed.png"))
    colleague.page.reload()
    colleague.state("removed")


def test_a_cut_a_reload_and_a_killed_server_keep_the_seat(
    portal: Portal, seat: Callable[..., Seat], artifacts: Path
) -> None:
    host, colleague = seat(), seat()
    url = schedule(portal, host, "Come back", MARCUS)
    come_in(host)
    host.state("connected")
    walk_in(portal, colleague, MARCUS, url)
    host.sees("Marcus Bell")
    colleague.sees("Ingrid Sæther")

    # The network panel says what arrives at the server, so that it is plain on which way something is lost.
    host.page.get_by_role("button", name="Your network").click()
    host.page.get_by_text("Details", exact=True).click()
    numbers = host.page.locator("dl.numbers")
    expect(numbers).to_contain_text(re.compile(r"Arrives at the server\s*[\d.]+ Mbit/s"))
    expect(numbers).to_contain_text(re.compile(r"Missing at the server\s*[\d.]+ %"))
    expect(numbers).to_contain_text(re.compile(r"Sent to you by the server\s*[\d.]+ Mbit/s"))
    host.page.screenshot(path=str(artifacts / "room-network.png"))
    own = colleague.page.locator('[data-self="true"]').get_attribute("data-participant")

    # Five seconds without network: the same media connections go on afterwards.
    made = colleague.stats()["connections"]
    ways = set(colleague.page.evaluate(ICE_USERS))
    colleague.page.context.set_offline(True)
    colleague.state("reconnecting")
    time.sleep(5)
    colleague.page.context.set_offline(False)
    colleague.state("connected")
    colleague.sees("Ingrid Sæther")
    host.sees("Marcus Bell")
    assert colleague.stats()["connections"] == made
    # Both looked for the server anew: the network may have been another one.
    eventually(lambda: not ways & set(colleague.page.evaluate(ICE_USERS)), "restart of ICE")
    assert colleague.page.evaluate(PASS_HOLDERS) == [own, own]

    # A reload comes back by itself, without a question and without a knock; this one in a network without UDP.
    assert {pair["remote"]["protocol"] for pair in colleague.page.evaluate(PAIRS)} == {"udp"}
    colleague.page.add_init_script(WITHOUT_UDP)
    colleague.page.reload()
    colleague.state("connected")
    colleague.sees("Ingrid Sæther")
    colleague.hears()
    host.sees("Marcus Bell")
    host.hears()
    assert {pair["remote"]["protocol"] for pair in colleague.page.evaluate(PAIRS)} == {"tcp"}
    assert colleague.page.locator('[data-self="true"]').get_attribute("data-participant") == own

    portal.kill_and_restart()
    for who, other in ((host, "Marcus Bell"), (colleague, "Ingrid Sæther")):
        eventually(lambda who=who: who.page.evaluate("lines.length") > 1, "second line")
        who.state("connected")
        who.sees(other)
    assert colleague.page.locator('[data-self="true"]').get_attribute("data-participant") == own


def test_somebody_who_is_turned_away_reads_who_and_why(portal: Portal, seat: Callable[..., Seat]) -> None:
    host, guest = seat(), seat()
    schedule(portal, host, "Not now", PETER)
    host.button("Join").click()
    host.state("connected")
    guest.page.goto(personal_link(portal, PETER))
    guest.page.get_by_role("textbox", name="Your name").fill("Peter Lindqvist")
    guest.button("Knock to join").click()
    guest.state("waiting")
    host.button("Not now Peter Lindqvist").click()
    host.page.get_by_role("menuitem", name="Turn away…").click()
    host.page.get_by_role("textbox", name="Reason").fill("This session is for panel members.")
    host.button("Turn away Peter Lindqvist").click()
    guest.state("refused")
    expect(guest.page.locator("main")).to_have_attribute("data-reason", "not_let_in")
    expect(guest.page.get_by_text("“This session is for panel members.”")).to_be_visible()
    expect(guest.page.get_by_role("button", name="Knock again in")).to_be_visible()
    assert guest.stats()["connections"] == 0


def test_two_key_presses_answer_a_knock(portal: Portal, seat: Callable[..., Seat]) -> None:
    host, guest = seat(), seat()
    schedule(portal, host, "Two keys", PETER)
    host.button("Join").click()
    host.state("connected")
    guest.page.goto(personal_link(portal, PETER))
    guest.page.get_by_role("textbox", name="Your name").fill("Peter Lindqvist")
    guest.button("Knock to join").click()
    expect(host.page.get_by_role("region", name="At the door")).to_have_count(1)
    host.page.keyboard.press("Alt+Shift+KeyA")
    host.page.keyboard.press("Enter")
    guest.state("connected")
