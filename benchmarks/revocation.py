"""From taking a right away to the last packet of media at the one who had it, in a meeting of eight with traffic.

Every cause for which somebody may have to leave, by the server (socket, page, API) and by another process on the same
data. Four people lose their right at a time and come back, so fifty rounds are two hundred revocations.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks import channel, meeting, process
from benchmarks.meeting import CLOSED, COLLEAGUES, HOST, INVITED_ONLY, OPEN, Meeting
from portal.tests.process import ROOT, environment

RUNS = 200
QUIET_SECONDS = 0.3
Takes = dict[str, int]
"""By whose right it was, when taking it away began: nanoseconds on the real-time clock."""


@dataclass(frozen=True)
class Row:
    """One cause: milliseconds over all runs."""

    cause: str
    runs: int
    p50_ms: float
    p99_ms: float
    most_ms: float


class OtherProcess:
    """Django on the same data directory. `does` returns when it began."""

    def __init__(self, running: Meeting) -> None:
        self.running = running

    async def __aenter__(self) -> Self:
        data_dir = self.running.portal.data_dir
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.changer", self.running.meeting["id"],
            cwd=ROOT, env=environment(Path(data_dir)), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        await self.process.stdout.readline()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.process.kill()
        await self.process.wait()

    async def does(self, what: str, whom: Any) -> int:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"what": what, "whom": whom}).encode() + b"\n")
        return int(await self.process.stdout.readline())


class Causes:
    """`CAUSES` by name: how the right is taken, and what the door says meanwhile. `set_up` gives it to all four."""

    def __init__(self, running: Meeting, other: OtherProcess) -> None:
        self.running = running
        self.other = other
        self._signed_out = False

    async def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        where = f"/meetings/{self.running.meeting['id']}{path}"
        return await self.running.portal.api(HOST, method, where, body)

    async def set_up(self, cause: str) -> None:
        """Colleagues may be inside for one reason only: the one that is about to be taken away."""
        await self.api("PATCH", "", {"hosts": [HOST, *COLLEAGUES] if cause.startswith("role") else [HOST]})
        invited = {one["email"]: one for one in (await self.api("GET", "/invitations"))["items"]}
        for email in COLLEAGUES:
            if email in invited and invited[email]["revoked_at"]:
                await self.api("POST", f"/invitations/{invited[email]['id']}/restore")
            elif email not in invited and cause.startswith("invitation"):
                await self.api("POST", "/invitations", {"email": email, "notify": False})
        if self._signed_out:
            for email in COLLEAGUES:
                await self.other.does("reactivate", email)
            await asyncio.gather(*map(self.running.sign_in, COLLEAGUES))
        self._signed_out = cause.startswith(("account", "session"))
        door = CLOSED if cause.startswith("role") else INVITED_ONLY if cause.startswith("invitation") else OPEN
        await self.api("PATCH", "", {"door": door})

    async def one_by_one(self, take: Callable[[str], Awaitable[int | None]]) -> Takes:
        found = {}
        for email in COLLEAGUES:
            begun = time.time_ns()
            found[email] = await take(email) or begun
        return found

    async def removed(self) -> Takes:
        async def take(email: str) -> None:
            who = self.running.members[email].id
            await self.running.host.socket.ask("host.remove", participant=who, block=False)

        return await self.one_by_one(take)

    async def rule(self) -> Takes:
        begun = time.time_ns()
        await self.api("PATCH", "", {"door": CLOSED})
        return dict.fromkeys(COLLEAGUES, begun)

    async def rule_by_another(self) -> Takes:
        return dict.fromkeys(COLLEAGUES, await self.other.does("set_door", CLOSED))

    async def invitation(self) -> Takes:
        ids = {one["email"]: one["id"] for one in (await self.api("GET", "/invitations"))["items"]}

        async def take(email: str) -> None:
            await self.api("POST", f"/invitations/{ids[email]}/revoke")

        return await self.one_by_one(take)

    async def role(self) -> Takes:
        left = [HOST, *COLLEAGUES]

        async def take(email: str) -> None:
            left.remove(email)
            await self.api("PATCH", "", {"hosts": left})

        return await self.one_by_one(take)

    async def session(self) -> Takes:
        async def take(email: str) -> None:
            browser = self.running.browsers[email]
            form = urllib.parse.urlencode({"csrfmiddlewaretoken": browser.cookie("lintel-csrf")}).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": browser.origin}
            answer = await browser.request("POST", "/sign-out/", form, headers)
            assert answer.status == 302, answer.status

        return await self.one_by_one(take)

    async def by_another(self, what: str) -> Takes:
        return await self.one_by_one(lambda email: self.other.does(what, email))


CAUSES: dict[str, Callable[[Causes], Awaitable[Takes]]] = {
    "removed by a host": Causes.removed,
    "rule changed, API": Causes.rule,
    "rule changed, another process": Causes.rule_by_another,
    "invitation revoked, API": Causes.invitation,
    "invitation revoked, another process": lambda causes: causes.by_another("revoke"),
    "account deactivated, another process": lambda causes: causes.by_another("deactivate"),
    "session ended, signing out": Causes.session,
    "session ended, another process": lambda causes: causes.by_another("end_sessions"),
    "role lost, API": Causes.role,
    "role lost, another process": lambda causes: causes.by_another("take_host"),
}


async def measure_revocation(causes: Sequence[str] = tuple(CAUSES), runs: int = RUNS) -> list[Row]:
    """The causes in turn, so that a busy minute of the machine does not hit one of them only.

    Whoever was removed comes back by a host's word, which outweighs rules: that has a meeting of its own.
    """
    alone = [cause for cause in causes if CAUSES[cause] is Causes.removed]
    others = [cause for cause in causes if cause not in alone]
    return [row for group in (alone, others) if group for row in await _measure(group, runs)]


async def _measure(causes: Sequence[str], runs: int) -> list[Row]:
    found: dict[str, list[float]] = {cause: [] for cause in causes}
    async with meeting.running() as running, OtherProcess(running) as other:
        known = Causes(running, other)
        while any(len(late) < runs for late in found.values()):
            for cause in causes:
                await known.set_up(cause)
                await come_in(running)
                found[cause] += await once(running, lambda take=CAUSES[cause]: take(known))
    return [_row(cause, late[:runs]) for cause, late in found.items()]


def _row(cause: str, late: list[float]) -> Row:
    ordered = sorted(late)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99))
    return Row(cause, len(ordered), round(p50, 1), round(p99, 1), round(ordered[-1], 1))


async def come_in(running: Meeting) -> None:
    """Whoever is not inside comes in, and everybody hears everybody."""
    outside = [email for email in COLLEAGUES if email not in running.members or running.members[email].is_out]
    await asyncio.gather(*map(running.enter, outside))
    await running.everybody_hears()


async def once(running: Meeting, take: Callable[[], Awaitable[Takes]]) -> list[float]:
    """Takes the right of the four away and waits until nothing comes any more: milliseconds to each one's last packet.

    What arrived before it began is not late.
    """
    begun = await take()
    victims = {email: running.members[email] for email in COLLEAGUES}
    for victim in victims.values():
        await victim.socket.closed()
    await asyncio.sleep(QUIET_SECONDS)
    return [max(0, victim.media.last_arrival_ns - begun[email]) / 1e6 for email, victim in victims.items()]


def as_json(rows: list[Row]) -> list[dict[str, object]]:
    return [asdict(row) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.revocation", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="causes that contain one of these; all when left out")
    parser.add_argument("--runs", type=int, default=RUNS)
    chosen = parser.parse_args()
    causes = [cause for cause in CAUSES if not chosen.words or any(word in cause for word in chosen.words)]
    process.leave_the_last_core()

    async def body() -> None:
        for row in await measure_revocation(causes, chosen.runs):
            print(json.dumps(asdict(row)))

    with suppress(KeyboardInterrupt):
        channel.run(body)


if __name__ == "__main__":
    main()
