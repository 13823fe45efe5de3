"""More people than there are m-lines for: who is heard and seen has one, and whoever has one keeps it among equals."""

from media_engine import EngineConfig, Source
from media_engine.tests.client import Client, EngineTestCase, eventually


class CrowdTests(EngineTestCase):
    config = EngineConfig(port=0, max_subscribe_sections=4, max_voices=2, tick_seconds=0.01)

    async def members(self, names: str, source: Source) -> dict[str, Client]:
        made = {name: await self.publisher(name, source) for name in names}
        for member in made.values():
            member.grant(seconds=1e6)
        self.ben = await self.listener("ben")
        self.ben.grant(publish=frozenset(), seconds=1e6)
        return made

    async def carries(self, names: str) -> None:
        await eventually(lambda: self.carried() == names and self.ben.answered == len(self.ben.offers), self.carried())
        await self.ben.connected()

    async def flows(self, name: str) -> None:
        await eventually(lambda: name in {one["publisher"] for one in self.receives("ben") if one["flows"]})

    def carried(self) -> str:
        offered = self.ben.offers[-1].tracks if self.ben.offers else ()
        return "".join(sorted(track.publisher_id for track in offered))

    async def test_who_speaks_up_gets_a_line_of_somebody_whose_microphone_is_off(self) -> None:
        members = await self.members("acd", Source.MICROPHONE)
        for name in "acd":
            members[name].level = -1  # nobody has the floor where nobody knows who speaks
            members[name].send_audio()
        await eventually(lambda: len(self.carried()) == 2)
        members["a"].grant(publish=frozenset(), seconds=1e6)
        await self.carries("cd")
        await self.flows("d")
        members["d"].send_audio()
        await eventually(lambda: self.ben.packets_of("d", Source.MICROPHONE))
        members["a"].grant(seconds=1e6)
        members["a"].send_audio()
        members["c"].send_audio()
        await eventually(lambda: self.ben.packets_of("c", Source.MICROPHONE))
        self.assertEqual(self.carried(), "cd", "whoever has a line keeps it")

    async def test_who_gets_the_floor_gets_a_line_of_somebody_who_lost_it(self) -> None:
        members = await self.members("acd", Source.MICROPHONE)
        for _ in range(8):
            for name, level in {"a": 20, "c": 20, "d": 120}.items():
                members[name].level = level
                members[name].send_audio()
        await eventually(lambda: not self.engine.stats("session")["d"]["publishes"][0]["heard"])
        await self.carries("ac")
        self.clock.advance(3)
        for _ in range(8):
            for name, level in {"a": 20, "c": 120, "d": 20}.items():
                members[name].level = level
                members[name].send_audio()
        await self.carries("ad")
        await self.flows("d")
        members["d"].send_audio()
        await eventually(lambda: self.ben.packets_of("d", Source.MICROPHONE))

    async def test_pictures_on_the_screen_have_the_lines_and_sound_keeps_its_half(self) -> None:
        members = await self.members("acd", Source.CAMERA)
        for member in members.values():
            member.send_video()
        await eventually(lambda: len(self.carried()) == 2)
        self.engine.show("session", "ben", {("d", Source.CAMERA): 360, ("c", Source.CAMERA): 180})
        await self.carries("cd")
        await self.flows("d")
        members["d"].send_video()
        await eventually(lambda: self.ben.packets_of("d", Source.CAMERA))
        speaker = await self.publisher("e", Source.MICROPHONE)
        speaker.send_audio()
        await self.carries("cde")
        self.assertEqual(len(self.ben.offers[-1].tracks), 3)
