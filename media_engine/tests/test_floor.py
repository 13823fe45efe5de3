"""Who has the floor: who is heard of many who say that they speak, who is said to speak, and whom nobody locks out."""

import asyncio
import unittest

from hypothesis import given
from hypothesis import strategies as st

from media_engine import EngineConfig, Source, Speakers
from media_engine.floor import Floor, Turn
from media_engine.tests.client import Client, EngineTestCase, eventually
from media_engine.voices import SPEECH, Said

LOUD = 100.0


class Room:
    """Microphones that say whether somebody speaks there, looked at twenty times a second."""

    def __init__(self, places: int, names: str) -> None:
        self.floor: Floor[str] = Floor(places)
        self.now = 1000.0
        self.said = {name: Said(self.now) for name in names}
        self.off = ""

    def say(self, speaking: str, seconds: float = 0.0) -> str:
        """These speak from now on, and nobody else, for so long. Returns who is heard then."""
        for name, said in self.said.items():
            said.say(name in speaking, self.now)
        for _ in range(max(1, round(seconds * 20))):
            on = {name: said.loudness(self.now) for name, said in self.said.items() if name not in self.off}
            self.floor.listen(on, self.now)
            self.now += 0.05
        return "".join(sorted(self.heard))

    @property
    def heard(self) -> frozenset[str]:
        return self.floor.heard if self.floor.heard is not None else frozenset(self.said) - set(self.off)


class FloorTests(unittest.TestCase):
    def test_while_there_are_no_more_microphones_than_places_all_are_heard_whatever_they_say(self) -> None:
        room = Room(3, "abc")
        self.assertEqual(room.say("", 3), "abc")
        self.assertEqual(room.say("a", 3), "abc")

    def test_of_more_those_are_heard_who_speak_and_after_a_pause_who_spoke(self) -> None:
        room = Room(2, "abcd")
        room.say("", 3)
        self.assertEqual(room.say("cd", 0.05), "cd")
        self.assertEqual(room.say("", 5), "cd")
        self.assertEqual(room.say("a", 0.05)[0], "a")

    def test_who_begins_to_speak_is_heard_at_once_where_a_place_is_held_by_somebody_silent(self) -> None:
        room = Room(2, "abcd")
        room.say("ab", 3)
        room.say("a", 3)
        self.assertEqual(room.say("ac", 0.05), "ac")

    def test_who_says_for_ever_that_they_speak_gives_way_to_people(self) -> None:
        room = Room(2, "abcd")
        room.say("ab", 60)
        self.assertIn("c", room.say("abc", 0.05))
        room.say("abc", 5)
        self.assertIn("d", room.say("abd", 0.05))

    def test_switching_a_microphone_off_and_on_makes_nobody_a_new_voice(self) -> None:
        room = Room(1, "abc")
        room.say("a", 60)
        room.off = "a"
        room.say("b", 5)
        room.off = ""
        self.assertEqual(room.say("ab", 3), "b")

    def test_stopping_now_and_then_makes_nobody_a_new_voice(self) -> None:
        room = Room(1, "abc")
        for _ in range(20):
            room.say("a", 4)
            room.say("", 1)
        self.assertEqual(room.say("a", 3), "a")
        self.assertEqual(room.say("ab", 0.05), "b")

    def test_nobody_who_speaks_stands_behind_somebody_who_does_not(self) -> None:
        talker, fan = Turn(0.0), Turn(0.0)
        for step in range(2000):
            spoken, noise = talker.look(SPEECH, step / 10), fan.look(SPEECH - 0.1, step / 10)
            self.assertGreaterEqual(spoken, noise + 6)
        self.assertGreater(talker.share, 0.99)
        self.assertEqual(fan.share, 0.0)

    def test_what_was_said_by_people_who_left_is_forgotten(self) -> None:
        room = Room(2, "abcd")
        room.say("abcd", 30)
        room.said = {"a": room.said["a"]}
        room.say("", 200)
        self.assertEqual(list(room.floor._turns), ["a"])

    def test_who_speaks_is_named_and_the_lead_changes_as_seldom_as_a_place(self) -> None:
        room = Room(8, "abc")
        room.say("", 1)
        self.assertEqual(room.floor.speakers, ())
        room.say("b", 1)
        self.assertEqual(room.floor.speakers, ("b",))
        room.say("abc", 1)
        self.assertEqual(room.floor.speakers[0], "b")
        self.assertEqual(set(room.floor.speakers), set("abc"))
        room.say("ac", 0.7)
        self.assertEqual(set(room.floor.speakers), set("abc"), "a pause between two sentences")
        room.say("ac", 0.5)
        self.assertEqual(room.floor.speakers, ("a", "c"))
        room.say("", 1.2)
        self.assertEqual(room.floor.speakers, ())

    def test_while_all_are_heard_it_is_asked_seldom_who_is_loud(self) -> None:
        floor: Floor[str] = Floor(2)
        floor.listen(dict.fromkeys("ab", LOUD), 0.0)
        self.assertEqual([floor.is_due(2, now) for now in (0.1, 0.2)], [False, True])
        self.assertTrue(floor.is_due(3, 0.1), "there may be more of them than places")
        floor.listen(dict.fromkeys("abc", LOUD), 0.1)
        self.assertTrue(floor.is_due(2, 0.2), "those who were not heard are to be heard at once")

    def test_a_crowd_that_speaks_is_named_as_far_as_there_is_room(self) -> None:
        floor: Floor[int] = Floor(8)
        floor.listen(dict.fromkeys(range(100), LOUD), 0.0)
        self.assertLessEqual(len(floor.speakers), 17)

    @given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 127), max_size=6), max_size=30))
    def test_nobody_is_heard_or_named_who_may_not_be(self, rounds: list[dict[str, float]]) -> None:
        floor: Floor[str] = Floor(3)
        for number, levels in enumerate(rounds):
            floor.listen(levels, number * 0.25)
            heard = floor.heard
            if len(levels) > 3:
                assert heard is not None
                self.assertEqual(len(heard), 3)
                self.assertLessEqual(heard, levels.keys())
            else:
                self.assertIsNone(heard)
            self.assertLessEqual(set(floor.speakers), levels.keys())
            self.assertEqual(len(set(floor.speakers)), len(floor.speakers))


class SaidTests(EngineTestCase):
    """Packets say nothing about loudness, as in encrypted meetings; their owners do."""

    config = EngineConfig(port=0, max_voices=2, tick_seconds=0.01)

    async def members(self, names: str) -> list[Client]:
        made = [await self.publisher(name, Source.MICROPHONE) for name in names]
        for member in made:
            member.grant(seconds=1e6)
            member.level = -1
        self.ben = await self.listener("ben")
        self.ben.grant(publish=frozenset(), seconds=1e6)
        for member in made:
            member.send_audio()
        await eventually(lambda: self.flowing() == names)
        return made

    def say(self, **speaking: bool | None) -> None:
        for name, speaks in speaking.items():
            self.engine.set_speaking("session", name, speaks)
        self.clock.advance(0.31)

    def flowing(self) -> str:
        return "".join(sorted(str(entry["publisher"]) for entry in self.receives("ben") if entry["flows"]))

    def arrived(self) -> set[int]:
        """How many packets each member's microphone has sent."""
        return {one["packets"] for peer in self.engine.stats("session").values() for one in peer["publishes"]}

    def told(self, name: str) -> list[tuple[str, ...]]:
        return [event.speakers for event in self.events if isinstance(event, Speakers) and event.peer_id == name]

    async def test_of_those_who_say_whether_they_speak_the_few_who_do_are_sent(self) -> None:
        members = await self.members("acd")
        self.say(a=True, c=True)
        self.assertEqual(self.flowing(), "acd", "of whom nobody knows whether they speak nothing is held back")
        self.say(d=False)
        await eventually(lambda: self.flowing() == "ac")
        self.clock.advance(3)
        self.say(a=False, d=True)
        await eventually(lambda: self.flowing() == "cd")
        for _ in range(3):
            members[2].send_audio()
        await eventually(lambda: len(self.ben.packets_of("d", Source.MICROPHONE)) >= 3)
        self.say(d=None)  # their socket is gone, say
        await eventually(lambda: self.flowing() == "acd")

    async def test_who_says_nothing_any_more_is_heard_like_who_never_did(self) -> None:
        members = await self.members("acde")
        self.say(a=True, c=True, d=False, e=False)
        await eventually(lambda: self.flowing() == "ac")
        self.say(e=None)
        await eventually(lambda: self.flowing() == "ace")
        self.say(e=False)
        await eventually(lambda: self.flowing() == "ac")
        for sent in range(2, 6):  # and their microphones are still on
            self.clock.advance(8)
            for member in members:
                member.send_audio()
            await eventually(lambda sent=sent: self.arrived() == {sent})  # type: ignore[misc]
            self.say(a=True, c=True, e=False)
        await eventually(lambda: self.flowing() == "acd", self.flowing())

    async def test_no_more_microphones_than_places_are_all_sent_though_nobody_speaks(self) -> None:
        await self.members("ac")
        self.say(a=False, c=False)
        self.clock.advance(1)
        await eventually(lambda: self.flowing() == "ac")
        members = [await self.publisher("d", Source.MICROPHONE)]
        members[0].level = -1
        members[0].send_audio()
        await eventually(lambda: self.flowing() == "acd")

    async def test_what_packets_say_outweighs_what_their_owner_says(self) -> None:
        await self.members("acd")
        self.say(a=False, c=True, d=True)
        loud = await self.publisher("e", Source.MICROPHONE)
        loud.grant(seconds=1e6)
        for _ in range(10):
            loud.level = 120
            loud.send_audio()
        self.say(e=True)
        self.clock.advance(3)
        self.say(a=True, c=False)
        await eventually(lambda: self.flowing() == "ad")

    async def test_saying_that_one_speaks_gives_no_right_and_nobody_is_made_by_it(self) -> None:
        members = await self.members("ac")
        members[0].grant(publish=frozenset(), seconds=1e6)
        self.say(a=True, c=True, nobody=True)
        self.engine.set_speaking("elsewhere", "a", True)
        await eventually(lambda: self.told("ben") == [("c",)])
        self.assertEqual(self.flowing(), "c")
        self.assertNotIn("nobody", self.engine.stats("session"))

    async def test_everybody_is_told_of_those_speakers_whom_they_may_hear(self) -> None:
        await self.members("ac")
        dora = await self.listener("dora")
        dora.grant(publish=frozenset(), receive=frozenset({("c", Source.MICROPHONE)}), seconds=1e6)
        (await self.listener("eve")).grant(publish=frozenset(), subscribe=False, seconds=1e6)
        self.say(a=True)
        await eventually(lambda: self.told("ben"))
        self.say(c=True)
        await eventually(lambda: self.told("dora"))
        await eventually(lambda: len(self.told("ben")) == 2)
        self.assertEqual(self.told("ben"), [("a",), ("a", "c")])
        self.assertEqual(self.told("dora"), [("c",)])
        self.assertEqual(self.told("eve"), [])
        await eventually(lambda: self.told("c") == [("a",)])
        self.assertEqual(self.told("a"), [("c",)], "nobody is told of themselves")

    async def test_who_speaks_is_told_at_most_three_times_a_second_and_anew_to_whoever_begins_again(self) -> None:
        await self.members("ac")
        self.say(a=True)
        await eventually(lambda: self.told("ben") == [("a",)])
        self.engine.set_speaking("session", "c", True)
        self.clock.advance(0.25)
        await asyncio.sleep(0.05)  # several ticks
        self.assertEqual(self.told("ben"), [("a",)])
        self.clock.advance(0.06)
        await eventually(lambda: self.told("ben")[-1] == ("a", "c"))
        self.engine.open_subscribe("session", "ben", fresh=True)
        self.clock.advance(0.31)
        await eventually(lambda: self.told("ben")[-2:] == [("a", "c"), ("a", "c")])

    async def test_whoever_is_held_or_has_no_right_any_more_speaks_no_longer(self) -> None:
        await self.members("ac")
        self.say(a=True)
        await eventually(lambda: self.told("ben") == [("a",)])
        self.engine.hold("session")
        self.clock.advance(0.4)
        await eventually(lambda: self.told("ben")[-1] == ())
        self.engine.release("session")
        self.clock.advance(0.4)
        await eventually(lambda: self.told("ben")[-1] == ("a",))
        self.engine.revoke("session", "a")
        self.clock.advance(0.4)
        await eventually(lambda: self.told("ben")[-1] == ())
