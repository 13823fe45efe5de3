"""coturn with our configuration and our passes: media go both ways for somebody whose network lets no UDP through."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import IsolatedAsyncioTestCase, skipIf

import pytest
from aioice.stun import TransactionFailed
from aioice.turn import TurnClientUdpProtocol

from media_engine.tests import test_real_client as real
from meetings.live.relays import Relays

CONFIGURATION = Path(__file__).parents[1] / "deploy" / "coturn.conf"
SECRET = "seven quiet relays"

pytestmark = [pytest.mark.extra, pytest.mark.timeout(120)]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as sock:
        return not sock.connect_ex(("127.0.0.1", port))


def here(text: str, port: int) -> str:
    """Our file for this machine: no certificate, everything on loopback, and Lintel's media address let through."""
    text = re.sub(r"(?m)^(tls-listening-port|cert|pkey|min-port|max-port)=.*\n", "", text)
    text = text.replace("CHANGE-ME-to-what-LINTEL_TURN_SECRET-is", SECRET)
    text = text.replace("listening-port=3478", f"listening-port={port}")
    text = text.replace("CHANGE-ME-to-the-media-address-of-Lintel", "127.0.0.1")
    return text + "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nallow-loopback-peers\nno-tls\nno-dtls\nlog-file=stdout\n"


@skipIf(shutil.which("turnserver") is None, "no coturn: apt-get install -y coturn")
class Coturn(IsolatedAsyncioTestCase):
    """A relay of its own for each test."""

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.port, where = free_port(), Path(directory.name)
        (where / "turnserver.conf").write_text(here(CONFIGURATION.read_text(), self.port))
        self.begin(where)
        end = time.monotonic() + 10
        while not is_open(self.port):
            self.assertLess(time.monotonic(), end, (where / "log").read_text())
            await asyncio.sleep(0.05)

    def begin(self, where: Path) -> None:
        command = ["turnserver", "-c", "turnserver.conf", "--pidfile", "pid", "--userdb", "users"]
        with (where / "log").open("wb") as log:
            server = subprocess.Popen(command, cwd=where, stdout=log, stderr=subprocess.STDOUT)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)


class PassTests(Coturn):
    async def test_a_pass_leads_to_the_media_address_and_nowhere_else(self) -> None:
        (server,) = Relays(("turn:127.0.0.1",), SECRET).servers_for("seat-7", time.time())
        client: Any = TurnClientUdpProtocol(
            ("127.0.0.1", self.port), server["username"], server["credential"], lifetime=600, channel_refresh_time=500
        )
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: client, remote_addr=("127.0.0.1", self.port))
        await client.connect()
        self.addAsyncCleanup(client.delete)
        await client.channel_bind(0x4000, ("127.0.0.1", 8801))
        for number, elsewhere in enumerate(("9.9.9.9", "198.51.100.7", "10.0.0.1", "169.254.169.254", "127.0.0.2"), 1):
            with self.assertRaises(TransactionFailed, msg=elsewhere) as refused:
                await client.channel_bind(0x4000 + number, (elsewhere, 53))
            self.assertEqual(refused.exception.response.attributes["ERROR-CODE"][0], 403)


@skipIf(real.webrtc is None, "the wrtc package is not installed")
class TurnServerTests(Coturn, real.ClientTestCase):
    def relayed(self, name: str, secret: str = SECRET, ended_seconds_ago: float = 0.0) -> real.Browser:
        """Somebody who can't send UDP: TCP to the relay is all there is."""
        relays = Relays((f"turn:127.0.0.1:{self.port}?transport=tcp",), secret)
        passed = 301.0 + ended_seconds_ago if ended_seconds_ago else 0.0
        (server,) = relays.servers_for("seat-7", time.time() - passed)
        browser = self.browser(name)
        browser.configuration = real.webrtc.RTCConfiguration(
            ice_servers=[real.webrtc.RTCIceServer(**server)], ice_transport_policy="relay"
        )
        return browser

    async def test_sound_and_picture_go_both_ways_through_the_relay(self) -> None:
        anna, ben = self.relayed("anna"), self.browser("ben")
        for one in (anna, ben):
            await one.publish(self.sound, self.generator.track)
            one.open()
        for one in (anna, ben):
            await self.decodes(one, 1)
            self.assertGreater((await self.heard(one))["packetsReceived"], 0)

    async def test_a_pass_of_another_secret_and_one_that_is_over_open_no_relay(self) -> None:
        for number, options in enumerate(({"secret": "another"}, {"ended_seconds_ago": 60.0})):
            with self.subTest(**options):
                browser = self.relayed(f"anna-{number}", **options)  # type: ignore[arg-type]
                await browser.publish(self.sound, self.generator.track)
                await asyncio.sleep(1)
                self.assertEqual(await self.relays_of(browser.publishing), [])

    async def relays_of(self, connection: Any) -> list[dict[str, Any]]:
        found = await real._stats(connection, "local-candidate")
        return [candidate for candidate in found if candidate.get("candidateType") == "relay"]
