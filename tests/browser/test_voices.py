"""Who is heard in an encrypted meeting of more microphones than are passed on, and than there are m-lines for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Portal
from tests.browser.test_room_main_job import (
    INGRID,
    MARCUS,
    PETER,
    Seat,
    come_in,
    eventually,
    personal_link,
    schedule,
    seat,
    walk_in,
)

__all__ = ["seat"]

pytestmark = pytest.mark.timeout(240)

VOICE = """
const real = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
window.voices = [];
window.speak = (loud) => voices.forEach((voice) => (voice.gain.value = loud ? 0.3 : 0));
if (real) navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
  const stream = video ? await real({ video: { width: 160, height: 90, frameRate: 5 } }) : new MediaStream();
  if (audio) {
    const context = new AudioContext();
    const [voice, microphone] = [new GainNode(context, { gain: 0 }), context.createMediaStreamDestination()];
    const tone = new OscillatorNode(context, { frequency: 300 });
    tone.connect(voice).connect(microphone);
    tone.start();
    voices.push(voice);
    stream.addTrack(microphone.stream.getAudioTracks()[0]);
  }
  return stream;
};
"""
"""A microphone that is silent until its person speaks."""

ARRIVING = """async () => {
  const counted = async () => {
    const found = new Map();
    for (const connection of connections)
      for (const { type, kind, ssrc, totalAudioEnergy } of (await connection.getStats()).values())
        if (type === "inbound-rtp" && kind === "audio") found.set(ssrc, totalAudioEnergy);
    return found;
  };
  const before = await counted();
  await new Promise((later) => setTimeout(later, 400));
  const after = await counted();
  return [...after.keys()].filter((ssrc) => after.get(ssrc) > (before.get(ssrc) ?? 0) + 1e-4);
}"""
"""The microphones of which something is heard."""


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    program = ["-m", "tests.support.one_voice_portal"]
    portal = Portal(tmp_path_factory.mktemp("portal") / "data", program, LINTEL_ORGANISATION="Nordhavn")
    portal.create_people((INGRID, "Ingrid Sæther", "admin"), (MARCUS, "Marcus Bell", "staff"))
    yield portal
    portal.close()


def speaks(who: Seat, *, on: bool) -> None:
    who.page.evaluate("(on) => speak(on)", on)


@pytest.mark.extra
def test_of_three_open_microphones_the_one_that_speaks_is_heard_and_another_who_does_is_shown(
    portal: Portal, seat: Callable[..., Seat]
) -> None:
    host, colleague, guest = seat(), seat(), seat()
    for who in (host, colleague, guest):
        who.page.add_init_script(VOICE)
        # One, where the product has eight: as many as this portal passes on anyway.
        who.page.route(
            "**/own_speech*.js",
            lambda route: route.fulfill(
                body=route.fetch().text().replace("ALWAYS_HEARD = 8", "ALWAYS_HEARD = 1"),
                content_type="text/javascript",
            ),
        )
    url = schedule(portal, host, "One at a time", MARCUS, PETER, encryption="End-to-end encrypted")
    come_in(host)
    host.state("connected")
    guest.page.goto(personal_link(portal, PETER))
    come_in(guest, "Knock to join", "Peter Lindqvist")
    host.button("Let in Peter Lindqvist").click()
    guest.state("connected")
    walk_in(portal, colleague, MARCUS, url)

    marcus, peter = host.tile("Marcus Bell"), host.tile("Peter Lindqvist")
    speaks(colleague, on=True)
    expect(marcus).to_have_attribute("data-speaking", "true")
    expect(peter).to_have_attribute("data-speaking", "false")
    heard = eventually(lambda: len(found := host.page.evaluate(ARRIVING)) == 1 and found, "one voice")

    # The second speaks too, and takes nobody's place; that they speak is shown by the server's word.
    speaks(guest, on=True)
    expect(peter).to_have_attribute("data-speaking", "true")
    expect(marcus).to_have_attribute("data-speaking", "true")
    # A busy machine may leave a sample empty; a voice in the place of the first, or beside it, shows in any that isn't.
    assert eventually(lambda: host.page.evaluate(ARRIVING), "voice that goes on") == heard

    speaks(colleague, on=False)
    eventually(lambda: len(found := host.page.evaluate(ARRIVING)) == 1 and found != heard, "the other voice")
    expect(peter).to_have_attribute("data-speaking", "true")
    expect(marcus).to_have_attribute("data-speaking", "false")
    expect(host.page.locator("#chip-encryption")).to_have_attribute("data-encryption", "e2ee")
