"""T38: another process that passes for a part of this one: a node, a worker, whoever knows the way inside."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import stat
from pathlib import Path

from tests.intruder.case import HOST, IntruderCase
from tests.intruder.media_case import MediaCase


class T38WaysIn(IntruderCase):
    def test_the_process_listens_where_it_was_told_and_nowhere_else(self) -> None:
        """Guard: one TCP port, one UDP port, the bell and an operator's questions: no other trusts whoever comes."""
        server = self.portal.server
        descriptors = Path(f"/proc/{server.process.pid}/fd").iterdir()
        ours = {link[8:-1] for link in map(link_of, descriptors) if link.startswith("socket:[")}
        self.assertEqual(listening("tcp", ours, "0A") | listening("tcp6", ours, "0A"), {server.port})
        self.assertEqual(listening("udp", ours, "07") | listening("udp6", ours, "07"), {server.media_port})
        lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
        named = {line[7] for line in lines if len(line) > 7 and line[6] in ours}
        self.assertEqual({Path(path).name for path in named}, {"wake.sock", "diagnosis.sock"})

    def test_nobody_else_on_the_machine_reaches_data_secrets_or_a_socket(self) -> None:
        """Guards: `portal.files`; `bell`; `diagnosis`: who enters the directory is this server's own user."""
        data = self.portal.data_dir
        self.assertEqual(stat.S_IMODE(data.stat().st_mode), 0o700)
        for name in ("wake.sock", "diagnosis.sock"):
            self.assertEqual(stat.S_IMODE((data / name).stat().st_mode), 0o600, name)
        for path in (data / "secrets").iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path.name)

    async def test_a_ticket_is_for_this_node_alone(self) -> None:
        """Guard: tickets live in the memory of who issued them; none can be made outside, signed or not."""
        meeting = await self.portal.schedule(HOST)
        client, _ = await self.guest_with_link(meeting)
        real = (await client.arrive(meeting["code"], "Peter")).json["ticket"]
        for forged in (real[:-1] + ("A" if real[-1] != "A" else "B"), real[::-1], "A" * len(real)):
            thief = await self.open(client)
            await thief.send("hello", protocol=1, ticket=forged)
            self.assertEqual((await thief.closed(), thief.messages), (4401, []))


class T38FalseRings(MediaCase):
    async def test_false_rings_say_nothing_and_stop_nothing(self) -> None:
        """Guard: a ring carries no order: what it brings is not even looked at."""
        path = str(self.portal.data_dir / "wake.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
            bell.setblocking(False)
            for number in range(2_000):
                try:
                    bell.sendto(b'{"type":"host.end"}' * (number % 40 + 1), path)
                except BlockingIOError:
                    await asyncio.sleep(0.001)
        before = self.peter.heard(self.ingrid)
        await self.until(lambda: self.peter.heard(self.ingrid) > before + 10)
        self.assertEqual((await self.ingrid.socket.ask("ping"))["type"], "ok")
        self.assertEqual(self.peter.socket.count("refused"), 0)


def link_of(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:  # closed in the meantime
        return ""


def listening(kind: str, inodes: set[str], state: str) -> set[int]:
    """The ports of these sockets that take strangers: listening (TCP) or unconnected (UDP)."""
    lines = [line.split() for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]]
    return {int(re.split(":", line[1])[1], 16) for line in lines if line[9] in inodes and line[3] == state}
