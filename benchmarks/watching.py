"""Somebody who watches somebody else film, one of them at the end of a road that can be made bad. Use `watching`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from benchmarks.watching_page import page
from media_engine import EngineConfig
from media_engine.tests import test_real_client as real
from media_engine.tests.network import Lane, Road
from media_engine.tests.test_impaired import ImpairedTests

REAL_PAGES = ("chromium", "e2ee")


class Watcher(Protocol):
    """Who watches. Sees and hears the other from the beginning."""

    road: Road

    async def inbound(self, kind: str) -> list[dict[str, Any]]:
        """What comes as "video" or "audio", by the field names of webrtc-stats (RTCInboundRtpStreamStats)."""

    async def is_ready_to_be_narrowed(self) -> None:
        """Returns when the largest picture comes, and the ends know what the way carries."""

    async def lose_everything(self) -> None:
        """From now on nothing passes, in either direction."""

    async def find_everything(self) -> None:
        """From now on it passes, and this person can tell."""


class InPython:
    """libwebrtc beside the engine, in this process: nothing but the two of them takes part."""

    def __init__(self, scene: ImpairedTests, browser: real.Browser) -> None:
        self.road = scene.road
        self.inbound = browser.inbound
        self._scene, self._browser = scene, browser

    async def is_ready_to_be_narrowed(self) -> None:
        await self._scene.until_estimated(self._browser)
        await self._scene.sees(self._browser, self._scene.height)

    async def lose_everything(self) -> None:
        for lane in lanes(self):
            lane.loss = 1.0

    async def find_everything(self) -> None:
        for lane in lanes(self):
            lane.loss = 0.0
        self._scene.engine.open_subscribe("session", self._browser.peer_id, False)


class Voices(ImpairedTests):
    """A voice beside a small still picture."""

    width, height, frames_per_second = 160, 90, 50

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.pictures = [bytes([128]) * (self.width * self.height * 3 // 2)]


def lanes(watcher: Watcher) -> tuple[Lane, Lane]:
    """Both directions of the road."""
    return watcher.road.up, watcher.road.down


@contextlib.asynccontextmanager
async def watching(*rids: str, how: AbstractSet[str] = frozenset()) -> AsyncIterator[Watcher]:
    """Ben, who sees and hears Anna over a road; between Anna and the engine for "up".

    "chromium" and "e2ee": pages of a portal's room, encrypted to the server and end to end; else libwebrtc in Python,
    where `rids` are the encodings of the picture.
    """
    if not how.isdisjoint(REAL_PAGES):
        async with page(encryption="e2ee" if "e2ee" in how else "transport", is_road_of_sender="up" in how) as ben:
            yield ben
        return
    scene = (Voices if "voice" in how else ImpairedTests)("watching")
    scene.is_road_of_sender = "up" in how
    scene.config = EngineConfig(port=0, redundancy="plain" not in how)
    await scene.asyncSetUp()
    try:
        yield InPython(scene, await scene.watching(rids))
    finally:
        await scene.asyncTearDown()
        scene.doCleanups()
