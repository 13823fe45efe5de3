"""Two people in a portal's room, each in a page of a real Chromium, one of them at the end of a road. Use `page`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import tempfile
import time
import wave
from array import array
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from benchmarks.meeting import COLLEAGUES, HOST, OPEN, PASSWORD, PatientPortal, portal_running
from media_engine.tests.network import Road
from media_engine.tests.test_impaired import FRAMES_PER_SECOND, HEIGHT, WIDTH, moving_pictures
from tests.browser.conftest import FILM, FLAGS, chromium
from tests.browser.test_room_main_job import SPY

DEADLINE_SECONDS = 60.0
RATE = 48_000
VOICE_SECONDS = 6
AS_FILMED = f"window.film = {json.dumps({'width': WIDTH, 'height': HEIGHT, 'frameRate': FRAMES_PER_SECOND})};"
OVER_THE_ROAD = """
const take = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function ({{ type, sdp }}) {{
  return take.call(this, {{ type, sdp: sdp.replaceAll(" {0} typ host", " {1} typ host") }});
}};
"""
"""The server's candidates lead over the road."""
INBOUND = """async (kind) => {
  const found = [];
  for (const [which, connection] of connections.entries())
    for (const report of (await connection.getStats()).values())
      if (report.type === "inbound-rtp" && report.kind === kind && report.packetsReceived)
        found.push({ which, ...report });
  return found;
}"""


COUNTERS = (
    "bytesReceived",
    "concealedSamples",
    "framesDecoded",
    "packetsLost",
    "packetsReceived",
    "pliCount",
    "silentConcealedSamples",
    "totalFreezesDuration",
    "totalSamplesReceived",
)


class InChromium:
    """Ben's page."""

    def __init__(self, shown: Page, road: Road) -> None:
        self.road = road
        self._page = shown
        self._seen: dict[str, dict[tuple[int, str], dict[str, Any]]] = {"audio": {}, "video": {}}

    async def inbound(self, kind: str) -> list[dict[str, Any]]:
        """One stream, though the page may have had several for it, one after another: what they counted is added up."""
        seen = self._seen[kind]
        seen.update({(report["which"], report["id"]): report for report in await self._page.evaluate(INBOUND, kind)})
        if not seen:
            return []
        latest: dict[str, Any] = max(seen.values(), key=lambda report: report["timestamp"])
        together = latest | {name: sum(report.get(name, 0) for report in seen.values()) for name in COUNTERS}
        together["concealedSamples"] -= together["silentConcealedSamples"]  # a pause of who speaks is no loss
        return [together]

    async def is_ready_to_be_narrowed(self) -> None:
        """It is shown as large as it was filmed, and for so long that the engine has looked for more and found none."""
        await self._eventually("video", lambda report: report.get("frameHeight") == HEIGHT)
        (first,) = await self.inbound("video")
        await self._eventually("video", lambda report: report["framesDecoded"] > first["framesDecoded"] + 200)

    async def sees_and_hears(self) -> None:
        """Returns when pictures and sound have come. Raises TimeoutError."""
        await self._eventually("video", lambda report: report.get("framesDecoded", 0) > FRAMES_PER_SECOND)
        await self._eventually("audio", lambda report: report.get("totalSamplesReceived", 0) > RATE)

    async def _eventually(self, kind: str, is_so: Callable[[dict[str, Any]], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            found = await self.inbound(kind)
            if len(found) == 1 and is_so(found[0]):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{kind}: {found}")
            await asyncio.sleep(0.1)

    async def lose_everything(self) -> None:
        """What leads to the pages' server, too."""
        self.road.up.loss = self.road.down.loss = 1.0
        await self._page.context.set_offline(True)

    async def find_everything(self) -> None:
        self.road.up.loss = self.road.down.loss = 0.0
        await self._page.context.set_offline(False)


def film(path: Path) -> Path:
    """A camera for Chromium: the moving pictures that libwebrtc in Python is given, too, as YUV4MPEG2."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_PER_SECOND}:1 Ip A1:1 C420jpeg\n".encode())
        for picture in moving_pictures():
            file.write(b"FRAME\n" + picture)
    return path


def voice(path: Path) -> Path:
    """A microphone for Chromium: a tone with overtones that swells and sinks, and is never silent."""
    samples = array("h")
    for at in range(RATE * VOICE_SECONDS):
        second = at / RATE
        tone = sum(math.sin(2 * math.pi * 150 * n * second) / n for n in range(1, 6))
        samples.append(int(4000 * (1.2 + math.sin(2 * math.pi * 3 * second)) * tone / 2))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, len(samples), "NONE", "not compressed"))
        file.writeframes(samples.tobytes())
    return path


async def _enter(browser: Browser, portal: PatientPortal, email: str, code: str, road: Road | None) -> Page:
    """Signs in and goes through the join page; `road` is the way of this person's media."""
    context: BrowserContext = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    for script in (SPY, FILM, AS_FILMED):
        await context.add_init_script(script)
    if road is not None:
        await context.add_init_script(OVER_THE_ROAD.format(portal.server.media_port, road.port))
    shown = await context.new_page()
    url = f"http://localhost:{portal.server.port}"
    await shown.goto(f"{url}/sign-in/")
    await shown.get_by_role("textbox", name="Email").fill(email)
    await shown.get_by_label("Password").fill(PASSWORD)
    await shown.get_by_role("button", name="Sign in").click()
    await shown.wait_for_url("**/meetings/")
    await shown.goto(f"{url}/m/{code}")
    if email == HOST:
        await shown.get_by_role("button", name="Allow camera and microphone").click()
        await expect(shown.get_by_role("button", name="Allow camera and microphone")).to_be_hidden()
    await shown.get_by_role("button", name="Join", exact=True).click()
    await expect(shown.locator("main")).to_have_attribute("data-call-state", "connected", timeout=60_000)
    return shown


@contextlib.asynccontextmanager
async def page(*, encryption: str, is_road_of_sender: bool) -> AsyncIterator[InChromium]:
    """Ben, who sees and hears Anna in a room of a portal of their own; a road is Ben's way to its media port.

    Anna's if `is_road_of_sender`. Ben has neither camera nor microphone on.
    """
    async with portal_running() as portal, async_playwright() as playing:
        with tempfile.TemporaryDirectory(prefix="lintel-film-") as directory:
            devices = [
                f"--use-file-for-fake-video-capture={film(Path(directory) / 'film.y4m')}",
                f"--use-file-for-fake-audio-capture={voice(Path(directory) / 'voice.wav')}",
            ]
            browser = await playing.chromium.launch(executable_path=chromium(), args=[*FLAGS, *devices])
            road = Road(portal.server.media_port)
            try:
                meeting = await portal.schedule(HOST, door=OPEN, encryption=encryption)
                await _enter(browser, portal, HOST, meeting["code"], road if is_road_of_sender else None)
                ben = await _enter(browser, portal, COLLEAGUES[0], meeting["code"], None if is_road_of_sender else road)
                watcher = InChromium(ben, road)
                await watcher.sees_and_hears()
                yield watcher
            finally:
                road.close()
                await browser.close()
