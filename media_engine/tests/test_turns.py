"""What is due for many is taken in steps, and the port is looked at between them."""

import math
from collections.abc import Iterator
from unittest import IsolatedAsyncioTestCase
from unittest.mock import patch

from media_engine import Engine, EngineConfig, Grants, Source, turns
from media_engine.tests.client import EVERYTHING, Client, ClientTransport, Clock
from media_engine.tests.test_rota import VirtualLoop
from media_engine.turns import Turns


class TurnsTests(IsolatedAsyncioTestCase):
    """Two steps are as much as is done at once."""

    async def asyncSetUp(self) -> None:
        self.loop = VirtualLoop()
        self.steps: list[str] = []
        self.over: list[str] = []
        self.turns: Turns[str] = Turns(self.turn, self.over.append)
        self.seconds = 0.0
        clock = patch.object(turns, "perf_counter", lambda: self.seconds)
        clock.start()
        self.addCleanup(clock.stop)

    def turn(self, member: str) -> Iterator[None]:
        for number in range(4):
            self.seconds += 0.000125
            self.steps.append(f"{member}{number}")
            if member == "broken":
                raise ValueError("a step fails")
            yield

    async def test_after_a_moment_the_loop_has_its_turn_and_the_rest_follows_in_order(self) -> None:
        self.turns.begin(["a", "b"], self.loop)  # type: ignore[arg-type]
        self.assertEqual(self.steps, ["a0", "a1"])
        looks = 0
        while self.loop.run_soon():
            looks += 1
        self.assertEqual(self.steps, ["a0", "a1", "a2", "a3", "b0", "b1", "b2", "b3"])
        self.assertEqual((looks, self.over), (4, ["a", "b"]))

    async def test_who_is_due_again_before_the_last_turn_is_over_is_kept_waiting_no_longer(self) -> None:
        self.turns.begin(["a", "b"], self.loop)  # type: ignore[arg-type]
        self.turns.begin(["c"], self.loop)  # type: ignore[arg-type]
        self.assertEqual(self.steps, ["a0", "a1"])
        self.turns.begin(["b", "d"], self.loop)  # type: ignore[arg-type]
        self.assertEqual(self.over, ["a", "b", "c"])
        while self.loop.run_soon():
            pass
        self.assertEqual(self.over, ["a", "b", "c", "b", "d"])

    async def test_one_whose_turn_fails_keeps_nobody_from_theirs(self) -> None:
        with self.assertLogs("media_engine.turns", "ERROR"):
            self.turns.begin(["broken", "a"], self.loop)  # type: ignore[arg-type]
        while self.loop.run_soon():
            pass
        self.assertEqual(self.over, ["broken", "a"])

    async def test_after_the_end_there_are_no_more_steps(self) -> None:
        self.turns.begin(["a"], self.loop)  # type: ignore[arg-type]
        self.turns.stop()
        self.assertEqual((self.loop.run_soon(), self.steps), (0, ["a0", "a1"]))


class SessionTurnTests(IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.clock = Clock()
        self.engine = Engine(EngineConfig(port=0, forgotten_after_expiry_seconds=5), clock=self.clock)
        await self.engine.start()
        self.addAsyncCleanup(self.engine.aclose)

    def member(self, name: str) -> None:
        client = Client(self.engine, "session", name)
        client.grant(seconds=1000.0)
        client.publishing = ClientTransport(self.engine.port)
        self.addAsyncCleanup(client.close)
        client.offer_publish(Source.MICROPHONE)

    def until(self, seconds: float) -> Grants:
        return Grants(EVERYTHING, True, self.clock() + seconds)

    async def test_each_transport_is_a_step(self) -> None:
        for name in ("anna", "ben", "cleo"):
            self.member(name)
        self.assertEqual(len(list(self.engine._sessions["session"].turn())), 3 + 1)

    async def test_who_came_back_between_two_steps_is_not_sent_away_for_the_lease_of_before(self) -> None:
        for name in ("anna", "ben"):
            self.member(name)
        session = self.engine._sessions["session"]
        self.engine.set_grants("session", "ben", self.until(1.0))
        self.clock.advance(7.0)
        turn = session.turn()
        next(turn)  # Anna's
        self.engine.revoke("session", "ben")
        self.engine.set_grants("session", "ben", self.until(1000.0))
        for _ in turn:
            pass
        self.assertEqual(list(session.peers), ["anna", "ben"])
        self.engine.set_grants("session", "ben", self.until(1.0))
        self.clock.advance(7.0)
        for _ in session.turn():
            pass
        self.assertEqual(list(session.peers), ["anna"])

    async def test_a_lease_that_ends_between_two_steps_is_over_in_the_next(self) -> None:
        self.member("anna")
        session = self.engine._sessions["session"]
        self.engine.set_grants("session", "anna", self.until(1.0))
        turn = session.turn()
        next(turn)
        self.clock.advance(2.0)
        for _ in turn:
            pass
        self.assertEqual(session.lease_floor, math.inf)

    async def test_a_session_that_was_closed_during_its_turn_and_made_anew_is_not_forgotten_for_the_old_one(
        self,
    ) -> None:
        self.member("anna")
        old = self.engine._sessions["session"]
        self.engine.close_session("session")
        self.engine.set_grants("session", "ben", self.until(1000.0))
        self.engine._after_turn(old)
        self.assertIn("session", self.engine._sessions)
