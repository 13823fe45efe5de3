"""The loudest few of many microphones: who is heard, who takes whose place, and what receivers see of it."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from media_engine import EngineConfig, Source
from media_engine.tests.client import Client, EngineTestCase, eventually
from media_engine.voices import Loudness, Stage


def heard(stage: Stage, levels: dict[str, float], now: float) -> str:
    return "".join(sorted(stage.choose(levels, now)))


def test_the_loudest_are_heard_and_somebody_a_little_louder_takes_no_place() -> None:
    stage = Stage(2)
    assert heard(stage, {"a": 60.0, "b": 50.0, "c": 20.0, "d": 0.0}, 0.0) == "ab"
    assert heard(stage, {"a": 60.0, "b": 50.0, "c": 55.0, "d": 0.0}, 10.0) == "ab"
    assert heard(stage, {"a": 60.0, "b": 50.0, "c": 57.0, "d": 0.0}, 10.1) == "ac"


def test_whoever_has_come_stays_for_two_seconds() -> None:
    stage = Stage(1)
    assert heard(stage, {"a": 60.0, "b": 0.0}, 0.0) == "a"
    assert heard(stage, {"a": 0.0, "b": 80.0}, 1.9) == "a"
    assert heard(stage, {"a": 0.0, "b": 80.0}, 2.1) == "b"


def test_a_place_that_is_left_is_taken_at_once() -> None:
    stage = Stage(2)
    assert heard(stage, {"a": 60.0, "b": 50.0, "c": 20.0}, 0.0) == "ab"
    assert heard(stage, {"b": 50.0, "c": 20.0}, 0.1) == "bc"


@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 127), max_size=6), max_size=40))
def test_as_many_as_there_are_places_are_heard_and_nobody_else(rounds: list[dict[str, float]]) -> None:
    stage = Stage(3)
    for number, levels in enumerate(rounds):
        chosen = stage.choose(levels, number * 0.3)
        assert chosen <= levels.keys()
        assert len(chosen) == min(3, len(levels))


def test_a_word_is_loud_at_once_and_a_pause_between_words_is_not_silence() -> None:
    voice = Loudness()
    assert voice.value < 0
    for _ in range(5):
        voice.hear(0x80 | 30)  # the highest bit says that it is speech
    assert voice.value > 85
    for _ in range(25):  # half a second
        voice.hear(127)
    assert voice.value > 50


def test_who_sends_hardly_anything_in_a_pause_grows_as_quiet_as_who_sends_silence() -> None:
    pausing, silent = Loudness(), Loudness()
    for voice in (pausing, silent):
        for _ in range(5):
            voice.hear(30)
    for _ in range(50):
        silent.hear(127)
    assert abs(pausing.faded(1.0) - silent.value) < 2
    assert pausing.value == pausing.faded(0.02)  # packets of talk are further apart than nothing
    pausing.hear(127, after=1.0)
    assert abs(pausing.value - silent.value) < 2


class VoicesTests(EngineTestCase):
    config = EngineConfig(port=0, max_voices=2, tick_seconds=0.01)

    async def speakers(self, names: str) -> list[Client]:
        made = [await self.publisher(name, Source.MICROPHONE) for name in names]
        for member in made:
            member.grant(seconds=1e6)
        return made

    def say(self, members: Sequence[Client], levels: dict[str, int], times: int = 8) -> None:
        for _ in range(times):
            for member in members:
                if member.peer_id in levels:
                    member.level = levels[member.peer_id]
                    member.send_audio()

    def flowing(self) -> str:
        return "".join(sorted(str(entry["publisher"]) for entry in self.receives("ben") if entry["flows"]))

    async def test_the_loudest_two_of_three_are_sent_and_another_who_speaks_up_takes_a_place_without_a_gap(
        self,
    ) -> None:
        members = await self.speakers("acd")
        ben = await self.listener("ben")
        ben.grant(publish=frozenset(), seconds=1e6)
        self.say(members, {"a": 20, "c": 30, "d": 120})
        await eventually(lambda: ben.offers and len(ben.offers[-1].tracks) == 3)
        await ben.connected()
        await eventually(lambda: self.flowing() == "ac")
        self.clock.advance(3)
        self.say(members, {"a": 20, "c": 30, "d": 100})
        await eventually(lambda: len(ben.packets_of("a", Source.MICROPHONE)) >= 8)
        self.assertEqual(ben.packets_of("d", Source.MICROPHONE), [])
        self.say(members, {"d": 10}, 20)
        await eventually(lambda: self.flowing() == "ad")
        self.say(members, {"d": 10})
        await eventually(lambda: len(ben.packets_of("d", Source.MICROPHONE)) >= 8)
        numbers = [header.sequence for header, _ in ben.packets_of("d", Source.MICROPHONE)]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))

    async def test_who_says_nothing_about_loudness_is_always_passed_on(self) -> None:
        members = await self.speakers("acd")
        ben = await self.listener("ben")
        ben.grant(publish=frozenset(), seconds=1e6)
        quiet = await self.publisher("q", Source.MICROPHONE)
        self.say([*members, quiet], {"a": 20, "c": 30, "d": 120, "q": -1})
        await eventually(lambda: self.flowing() == "acq")

    async def test_when_one_of_three_is_muted_both_others_are_sent(self) -> None:
        members = await self.speakers("acd")
        ben = await self.listener("ben")
        ben.grant(publish=frozenset(), seconds=1e6)
        self.say(members, {"a": 20, "c": 30, "d": 120})
        await eventually(lambda: self.flowing() == "ac")
        members[0].grant(publish=frozenset(), seconds=1e6)
        await eventually(lambda: self.flowing() == "cd")
