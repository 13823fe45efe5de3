"""From taking a right away to the last packet of media at the one who had it, in a meeting of eight with traffic.

Every cause for which somebody may have to leave, by the server (socket, page, API) and by another process on the same
data. Four people lose their right at a time and come back, so fifty rounds are two hundred revocations. With `--keep`
what was measured is added to a file, a round at a time, and rows are made of all that the file holds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from benchmarks import channel, meeting, process
from benchmarks.load import percentile
from benchmarks.meeting import CLOSED, COLLEAGUES, HOST, INVITED_ONLY, OPEN, Meeting, PatientClient, PatientPortal
from portal.tests.process import ROOT, environment

RUNS = 200
ROUNDS_IN_A_MEETING = 9
"""Whoever is removed comes back by a knock, and an account may knock ten times a minute at one meeting."""
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
    """Django on the same data directory. `does` does something and returns when it began."""

    def __init__(self, running: Meeting) -> None:
        self.running = running

    async def __aenter__(self) -> Self:
        data_dir = self.running.portal.data_dir
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.changer", self.running.meeting["id"],
            cwd=ROOT, env=environment(Path(data_dir)), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        # Nobody chooses a core for a command; on that of the generator it would be measured waiting for it.
        os.sched_setaffinity(self.process.pid, range(os.cpu_count() or 1))
        assert self.process.stdout is not None
        await self.process.stdout.readline()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.process.kill()
        await self.process.wait()

    async def does(self, what: str, whom: Any) -> int:
        return int(await self.tells(what, whom))

    async def tells(self, what: str, whom: Any) -> str:
        """What it answers to an order."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"what": what, "whom": whom}).encode() + b"\n")
        return (await self.process.stdout.readline()).decode().strip()


class Causes:
    """`CAUSES` by name: how the right is taken, and what the door says meanwhile. `set_up` gives it to all four."""

    def __init__(self, running: Meeting, other: OtherProcess) -> None:
        self.running = running
        self.other = other
        self.program = running.portal.client()
        self.accounts: dict[str, str] = {}
        self._signed_out = False

    async def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer; `program.sent_ns` is when it was asked for."""
        where = f"/meetings/{self.running.meeting['id']}{path}"
        answer = await self.running.portal.try_api(HOST, method, where, body, program=self.program)
        assert 200 <= answer.status < 300, (answer.status, answer.body)
        return answer.json if answer.body else None

    async def post(self, browser: PatientClient, path: str) -> int:
        """Sends a page's form, which leads elsewhere. Returns when."""
        form = urllib.parse.urlencode({"csrfmiddlewaretoken": browser.cookie("lintel-csrf")}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": browser.origin}
        answer = await browser.request("POST", path, form, headers)
        assert answer.status == HTTPStatus.FOUND, answer.status
        return browser.sent_ns

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
            await self.reactivate()
            await asyncio.gather(*map(self.running.sign_in, COLLEAGUES))
        self._signed_out = cause.startswith(("account", "session"))
        door = CLOSED if cause.startswith("role") else INVITED_ONLY if cause.startswith("invitation") else OPEN
        await self.api("PATCH", "", {"door": door})

    async def reactivate(self) -> None:
        for email in COLLEAGUES:
            await self.other.does("reactivate", email)

    async def one_by_one(self, take: Callable[[str], Awaitable[int]]) -> Takes:
        return {email: await take(email) for email in COLLEAGUES}

    async def removed(self) -> Takes:
        async def take(email: str) -> int:
            begun = time.time_ns()
            who = self.running.members[email].id
            await self.running.host.socket.ask("host.remove", participant=who, block=False)
            return begun

        return await self.one_by_one(take)

    async def rule(self) -> Takes:
        await self.api("PATCH", "", {"door": CLOSED})
        return dict.fromkeys(COLLEAGUES, self.program.sent_ns)

    async def rule_by_another(self) -> Takes:
        return dict.fromkeys(COLLEAGUES, await self.other.does("set_door", CLOSED))

    async def invitation(self) -> Takes:
        ids = {one["email"]: one["id"] for one in (await self.api("GET", "/invitations"))["items"]}

        async def take(email: str) -> int:
            await self.api("POST", f"/invitations/{ids[email]}/revoke")
            return self.program.sent_ns

        return await self.one_by_one(take)

    async def role(self) -> Takes:
        left = [HOST, *COLLEAGUES]

        async def take(email: str) -> int:
            left.remove(email)
            await self.api("PATCH", "", {"hosts": left})
            return self.program.sent_ns

        return await self.one_by_one(take)

    async def account(self) -> Takes:
        """On the People page, by an administrator."""
        for email in COLLEAGUES:
            if email not in self.accounts:
                self.accounts[email] = await self.other.tells("account", email)
        host = self.running.browsers[HOST]
        return await self.one_by_one(lambda email: self.post(host, f"/people/{self.accounts[email]}/deactivate/"))

    async def session(self) -> Takes:
        return await self.one_by_one(lambda email: self.post(self.running.browsers[email], "/sign-out/"))

    async def by_another(self, what: str) -> Takes:
        return await self.one_by_one(lambda email: self.other.does(what, email))


CAUSES: dict[str, Callable[[Causes], Awaitable[Takes]]] = {
    "removed by a host": Causes.removed,
    "rule changed, API": Causes.rule,
    "rule changed, another process": Causes.rule_by_another,
    "invitation revoked, API": Causes.invitation,
    "invitation revoked, another process": lambda causes: causes.by_another("revoke"),
    "account deactivated, People page": Causes.account,
    "account deactivated, another process": lambda causes: causes.by_another("deactivate"),
    "session ended, signing out": Causes.session,
    "session ended, another process": lambda causes: causes.by_another("end_sessions"),
    "role lost, API": Causes.role,
    "role lost, another process": lambda causes: causes.by_another("take_host"),
}


async def measure_revocation(causes: Sequence[str], runs: int) -> AsyncIterator[tuple[str, list[float]]]:
    """The causes one after the other: what each round measured, in milliseconds."""
    async with meeting.portal_running() as portal:
        for cause in causes:
            rounds = -(-runs // len(COLLEAGUES))
            each = ROUNDS_IN_A_MEETING if CAUSES[cause] is Causes.removed else rounds
            for begun in range(0, rounds, each):
                async for late in _in_a_meeting(portal, cause, min(each, rounds - begun)):
                    yield cause, late


async def _in_a_meeting(portal: PatientPortal, cause: str, rounds: int) -> AsyncIterator[list[float]]:
    async with meeting.of_eight(portal) as running, OtherProcess(running) as other:
        known = Causes(running, other)
        for _ in range(rounds):
            await known.set_up(cause)
            await come_in(running)
            yield await once(running, lambda: CAUSES[cause](known))
        await known.reactivate()


def row(cause: str, late: Sequence[float]) -> Row:
    ordered = sorted(late)
    p50, p99 = (percentile(ordered, share) for share in (0.5, 0.99))
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


def kept(file: Path | None) -> dict[str, list[float]]:
    """What earlier runs have measured, by cause."""
    found: dict[str, list[float]] = {}
    for line in file.read_text().splitlines() if file is not None and file.exists() else []:
        one = json.loads(line)
        found.setdefault(one["cause"], []).extend(one["ms"])
    return found


async def measure(causes: Sequence[str], runs: int, file: Path | None) -> None:
    """Prints a row as soon as a cause is done."""
    found = kept(file)
    counts = dict.fromkeys(causes, 0)
    async for cause, late in measure_revocation(causes, runs):
        found.setdefault(cause, []).extend(late)
        if file is not None:
            with file.open("a") as lines:
                lines.write(json.dumps({"cause": cause, "ms": late}) + "\n")
        counts[cause] += len(late)
        if counts[cause] >= runs:
            print(json.dumps(asdict(row(cause, found[cause]))), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.revocation", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="causes that contain one of these; all when left out")
    parser.add_argument("--runs", type=int, default=RUNS, help="of each cause; 0 only prints what was kept")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="add what is measured to this file")
    chosen = parser.parse_args()
    causes = [cause for cause in CAUSES if not chosen.words or any(word in cause for word in chosen.words)]
    if not chosen.runs:
        for cause, late in kept(chosen.keep).items():
            print(json.dumps(asdict(row(cause, late))))
        return
    process.leave_the_last_core()
    with suppress(KeyboardInterrupt):
        channel.run(lambda: measure(causes, chosen.runs, chosen.keep))


if __name__ == "__main__":
    main()
