"""libwebrtc behind narrow and lossy ways: what becomes of picture and sound there, and when the way is good again."""

import asyncio
import math
import random
from dataclasses import replace
from unittest import skipIf

import pytest

from media_engine import SubscribeOffer
from media_engine.tests import test_real_client as real
from media_engine.tests.client import eventually
from media_engine.tests.network import Road

WIDTH, HEIGHT, FRAMES_PER_SECOND = 640, 360, 20

pytestmark = [pytest.mark.extra, pytest.mark.timeout(120)]


def moving_pictures(count: int = 40) -> list[bytes]:
    """Waves that sway, with a spot of noise: what costs a camera's encoder some hundred kilobits a second."""
    chance = random.Random(3)
    wave = bytes(int(128 + 60 * math.sin(x / 23) + 40 * math.sin(x / 7.1)) for x in range(4 * WIDTH))
    colour = bytes([110]) * (WIDTH * HEIGHT // 4) + bytes([150]) * (WIDTH * HEIGHT // 4)
    made = []
    for number in range(count):
        sway = 60 * math.sin(2 * math.pi * number / count)
        starts = [int(WIDTH + sway + 40 * math.sin(y / 31) + y // 2) for y in range(HEIGHT)]
        rows = bytearray(b"".join(wave[start : start + WIDTH] for start in starts))
        for y in range(100, 132):
            rows[y * WIDTH + 100 : y * WIDTH + 132] = chance.randbytes(32)
        made.append(bytes(rows) + colour)
    return made


@skipIf(real.webrtc is None, "the wrtc package is not installed")
class ImpairedTests(real.ClientTestCase):
    width, height, frames_per_second = WIDTH, HEIGHT, FRAMES_PER_SECOND
    is_road_of_sender = False
    """Anna's way leads over the road, and not Ben's."""

    async def asyncSetUp(self) -> None:
        self.pictures = moving_pictures()
        await super().asyncSetUp()
        self.road = Road(self.engine.port)
        self.addCleanup(self.road.close)

    def on_offer(self, offer: SubscribeOffer) -> None:
        is_long = not self.is_road_of_sender
        super().on_offer(replace(offer, sdp=self.road.through(offer.sdp)) if is_long else offer)

    async def watching(self, rids: tuple[str, ...]) -> real.Browser:
        """Ben, who gets Anna's sound and picture over the road."""
        anna, ben = self.browser("anna"), self.browser("ben")
        if self.is_road_of_sender:
            anna.way = self.road.through
        await anna.publish(self.sound, self.generator.track, rids=rids)
        ben.open()
        await self.decodes(ben, 1)
        await self.heard(ben)
        return ben

    async def test_a_narrow_way_makes_the_picture_small_and_leaves_the_sound_whole_until_it_is_wide_again(self) -> None:
        ben = await self.watching(("q", "h"))
        await self.until_estimated(ben)
        self.assertEqual(await self.lines(ben), HEIGHT)
        before = await self.heard(ben)
        self.road.down.bits_per_second, self.road.down.queue_seconds = 300_000, 1.0
        await self.sees(ben, HEIGHT // 2)
        await asyncio.sleep(5)
        self.road.down.bits_per_second = 1e9
        await self.sees(ben, HEIGHT)
        after = await self.heard(ben)
        lost, came = (after[name] - before[name] for name in ("packetsLost", "packetsReceived"))
        self.assertLess(lost, 0.01 * came)

    async def test_loss_of_a_twentieth_stops_no_picture(self) -> None:
        self.road.down.delay_seconds = self.road.up.delay_seconds = 0.025
        ben = await self.watching(())
        self.road.down.loss = self.road.up.loss = 0.05
        (before,) = await ben.inbound("video")
        filmed = self.filmed
        await eventually(lambda: self.filmed >= filmed + 8 * FRAMES_PER_SECOND)
        (after,) = await ben.inbound("video")
        shown = after["framesDecoded"] - before["framesDecoded"]
        self.assertGreater(after["packetsLost"], before["packetsLost"])
        self.assertGreater(shown, 0.9 * 8 * FRAMES_PER_SECOND)
        # What repair had not mended in time, whole pictures would have to.
        self.assertLessEqual(after["pliCount"] - before["pliCount"], 1)

    async def test_libwebrtc_sends_lost_sound_again_as_the_same_bytes(self) -> None:
        """A nonce that is used for two packets gives the key of the tags away, and libwebrtc lets it happen."""
        anna = self.browser("anna")
        way = Road(self.engine.port, 7)
        self.addCleanup(way.close)
        anna.way = way.through
        way.up.delay_seconds = way.down.delay_seconds = 0.02
        seen: dict[tuple[bytes, bytes], list[bytes]] = {}

        def note(datagram: bytes) -> None:
            if 128 <= datagram[0] < 192 and not 192 <= datagram[1] <= 223:  # RTP (RFC 7983, RFC 5761)
                seen.setdefault((datagram[8:12], datagram[2:4]), []).append(datagram)

        way.on_up = note
        await anna.publish(self.sound, self.generator.track)
        ben = self.browser("ben")
        ben.open()
        await self.decodes(ben, 1)
        way.up.loss = 0.2

        def again() -> list[list[bytes]]:
            return [copies for copies in seen.values() if len(copies) > 1]

        await eventually(lambda: len(again()) > 20)
        (sound,) = await anna.outbound("audio")
        self.assertGreater(sound["retransmittedPacketsSent"], 10)
        self.assertEqual([copies for copies in again() if len(set(copies)) > 1], [])

    async def test_behind_a_nat_that_forgets_libwebrtc_proves_where_it_is_and_goes_on(self) -> None:
        """It answers our requests though we are lite, at both of its connections, and nobody has signalled anything."""
        anna, ben = self.browser("anna"), self.browser("ben")
        anna.way = self.road.through
        await anna.publish(self.sound, self.generator.track)
        ben.open()
        await self.decodes(ben, 1)
        peers = self.engine._sessions["session"].peers
        links = [peers["anna"].links[0], peers["ben"].links[0]]
        before = [link.ice.address for link in links]
        self.road.rebind()
        await eventually(lambda: all(link.ice.address != address for link, address in zip(links, before, strict=True)))
        (picture,) = await ben.inbound("video")
        await self.counts(ben, "video", "framesDecoded", picture["framesDecoded"] + 20)
        self.assertEqual([link.state for link in links], ["connected", "connected"])

    async def lines(self, ben: real.Browser) -> int:
        (picture,) = await ben.inbound("video")
        return int(picture["frameHeight"])

    async def until_estimated(self, ben: real.Browser) -> None:
        """Until Ben's browser has said what its way carries; before, nothing is known that could fall."""
        await eventually(lambda: self.engine.stats("session")["ben"]["bandwidth_bits_per_second"], "no estimate came")
