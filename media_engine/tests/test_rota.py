"""What is due for all sessions is spread over the interval in which it is due once."""

import asyncio
import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest import IsolatedAsyncioTestCase, TestCase

from media_engine import Engine, EngineConfig, Source
from media_engine.link import Link
from media_engine.rota import PARTS, Rota
from media_engine.tests.client import Client, ClientTransport, Clock

TICK_SECONDS = 0.05


class RotaTests(TestCase):
    def rota(self, members: int) -> Rota[int]:
        rota: Rota[int] = Rota(lambda member: 1)
        for member in range(members):
            rota.join(member)
        return rota

    def test_everybody_has_a_turn_in_each_interval_and_no_part_more_than_its_share(self) -> None:
        for members in (1, 9, 10, 28, 101):
            rota = self.rota(members)
            for _ in range(3):
                parts = [rota.take() for _ in range(min(members, PARTS))]
                self.assertEqual(sorted(member for part in parts for member in part), list(range(members)))
                self.assertLessEqual(max(map(len, parts)), -(-members // PARTS))

    def test_parts_in_which_nothing_is_due_are_passed_over_but_the_first_is_not(self) -> None:
        rota = self.rota(0)
        self.assertEqual((rota.parts_to_go(), rota.take(), rota.is_first), (PARTS, (), True))
        for member in range(5):
            rota.join(member)
        for member in (0, 1, 3):
            rota.leave(member)
        steps = []
        for _ in range(4):
            steps.append((rota.parts_to_go(), rota.take(), rota.is_first))
        self.assertEqual(steps, [(2, (2,), False), (2, (4,), False), (6, (), True), (2, (2,), False)])

    def test_who_joins_has_the_first_turn_within_an_interval_and_all_others_one_interval_apart(self) -> None:
        for joins_at in range(PARTS):
            rota = self.rota(PARTS)
            for _ in range(joins_at):
                rota.take()
            rota.join(100)
            at, turns = 0, []
            while at < 3 * PARTS:
                at += rota.parts_to_go()
                if 100 in rota.take():
                    turns.append(at)
            self.assertLessEqual(turns[0], PARTS)
            self.assertEqual({later - turn for turn, later in itertools.pairwise(turns)}, {PARTS})

    def test_a_large_one_has_a_part_to_itself(self) -> None:
        rota: Rota[int] = Rota(lambda member: member)
        for weight in (50, *[2] * PARTS):
            rota.join(weight)
        rota.leave(2)
        for other in range(1, PARTS):
            rota.join(other)
        self.assertIn((50,), [rota.take() for _ in range(PARTS)])


class Timer(NamedTuple):
    """A call that is due. Whoever cancels it takes it off the list."""

    when: float
    callback: Callable[[], None]
    timers: list["Timer"]

    def cancel(self) -> None:
        if self in self.timers:
            self.timers.remove(self)


class VirtualLoop:
    """The running loop, but for the time, which passes when the test says so."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = 500.0
        self._timers: list[Timer] = []
        self._soon: list[Timer] = []
        self.wake_ups = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def time(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(when, callback, self._timers)
        self._timers.append(timer)
        return timer

    def call_soon(self, callback: Callable[..., None], *arguments: Any) -> Timer:
        timer = Timer(self._now, functools.partial(callback, *arguments), self._soon)
        self._soon.append(timer)
        return timer

    def run_soon(self) -> int:
        """Run what is to run soon by now; how much that was."""
        soon, self._soon[:] = tuple(self._soon), ()
        for timer in soon:
            timer.callback()
        return len(soon)

    def stall(self, seconds: float) -> None:
        """Nothing runs for so long."""
        self._now += seconds

    def pass_until(self, end: float) -> None:
        """Run what is due until `end`, each at its time or as soon as it can be."""
        while due := [timer for timer in self._timers if timer.when <= end + 1e-9]:
            timer = min(due, key=lambda timer: timer.when)
            timer.cancel()
            self._now = max(self._now, timer.when)
            self.wake_ups += 1
            timer.callback()
            while self.run_soon():
                pass
        self._now = max(self._now, end)


class TickTests(IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.clock = Clock()
        config = EngineConfig(port=0, tick_seconds=TICK_SECONDS, forgotten_after_expiry_seconds=0)
        self.engine = Engine(config, clock=self.clock)
        await self.engine.start()
        self.loop = VirtualLoop()
        self.engine._loop, self.engine._taken_at = self.loop, self.loop.time()  # type: ignore[assignment]
        self.engine._arm()

    async def asyncTearDown(self) -> None:
        await self.engine.aclose()

    def pass_ticks(self, ticks: float) -> None:
        self.clock.advance(ticks * TICK_SECONDS)
        self.loop.pass_until(self.loop.time() + ticks * TICK_SECONDS)

    def publishing(self, sessions: int) -> list[Link]:
        """The transports of one member each of so many sessions."""
        links: list[Link] = []
        for number in range(sessions):
            anna = Client(self.engine, f"session-{number}", "anna")
            anna.grant(seconds=1e6)
            anna.publishing = ClientTransport(self.engine.port)
            self.addAsyncCleanup(anna.close)
            anna.offer_publish(Source.MICROPHONE)
            links += self.engine._sessions[anna.session_id].peers["anna"].links
        return links

    async def test_leases_that_are_over_together_end_within_a_tick_and_not_all_at_once(self) -> None:
        for number in range(30):
            Client(self.engine, f"session-{number}", "anna").grant(seconds=1.0)
        self.pass_ticks(19.5)
        self.assertEqual(len(self.engine._sessions), 30)
        self.clock.advance(1.0)
        begun, at_once = self.loop.time(), []
        while self.engine._sessions:
            before, wake_ups = len(self.engine._sessions), self.loop.wake_ups
            self.loop.pass_until(self.loop.time() + TICK_SECONDS / PARTS)
            self.assertLessEqual(self.loop.wake_ups - wake_ups, 2)
            at_once.append(before - len(self.engine._sessions))
        self.assertLessEqual(self.loop.time() - begun, TICK_SECONDS + 1e-9)
        self.assertLessEqual(max(at_once), 3)

    async def test_a_tick_is_as_long_as_it_is_said_to_be_for_every_session(self) -> None:
        """What a transport may send is filled up by what a tick is worth, with each."""
        links = self.publishing(12)
        a_tick = self.engine.config.max_packets_per_second_per_transport * TICK_SECONDS
        for ticks in (1, 4, 3):
            for link in links:
                link._packets.left = 0
            self.pass_ticks(ticks)
            self.assertEqual({link._packets.left for link in links}, {ticks * a_tick})
        for link in links:
            link._packets.left = 0
        self.loop.stall(20 * TICK_SECONDS)
        self.pass_ticks(1)
        self.assertLessEqual({link._packets.left for link in links}, {a_tick, 2 * a_tick}, "turns made up for at once")

    async def test_a_loop_that_is_late_for_every_part_keeps_nobody_waiting_for_their_turns(self) -> None:
        """Turns that came too seldom would drop media of who sends no more than they may."""
        links = self.publishing(12)
        a_tick = self.engine.config.max_packets_per_second_per_transport * TICK_SECONDS
        for link in links:
            link._packets.left = 0
        for _ in range(10):
            self.loop.stall(0.4 * TICK_SECONDS)
            self.loop.pass_until(self.loop.time())
        self.assertLessEqual({link._packets.left for link in links}, {4 * a_tick})

    async def test_an_idle_engine_wakes_once_in_a_tick_and_a_busy_one_for_each_part(self) -> None:
        self.pass_ticks(20)
        self.assertEqual(self.loop.wake_ups, 20)
        Client(self.engine, "session", "anna").grant(seconds=1e6)
        self.pass_ticks(20)
        self.assertEqual(self.loop.wake_ups, 40)
        for number in range(100):
            Client(self.engine, f"session-{number}", "anna").grant(seconds=1e6)
        self.pass_ticks(20)
        self.assertEqual(self.loop.wake_ups, 40 + 20 * PARTS)
