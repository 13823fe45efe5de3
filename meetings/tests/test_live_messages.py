"""What messages do, and above all what they do not do: for guests, people at the door, floods and nonsense."""

from __future__ import annotations

import json
from typing import Any

from asgiref.sync import async_to_sync
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisMixin

from media_engine import Source
from meetings.models import Occurrence, Participant
from meetings.signaling.protocol import CLIENT_MESSAGES, ERROR_CODES, PERSON_FIELDS, SERVER_MESSAGES, Close
from meetings.tests.live_case import Browser, Json, LiveCase, Talk, running_live

NOBODY = "00000000-0000-4000-8000-000000000000"


def example(kind: str, participant: str) -> Json:
    """Fields that make a message of this type well-formed."""
    values: Json = {
        "participant": participant,
        "protocol": 1,
        "ticket": "x",
        "raised": True,
        "emoji": "👏",
        "text": "hello",
        "on": True,
        "tiles": [],
        "generation": 1,
        "check": "A" * 11,
        "size": 1,
        "file": NOBODY,
        "number": 0,
        "data": "AA",
        "agrees": True,
        "locked": True,
        "source": "microphone",
        "fresh": True,
        "speaking": True,
        "sdp": "v=0",
        "sources": {},
        "offer": 1,
        "microphone": True,
        "camera": True,
        "host": True,
        "wish": "1",
        "row": "guests",
        "way": "knocks",
        "allow": True,
        "version": 1,
        "key": "A" * 43,
        "group": "A" * 22,
        "epoch": 0,
        "seq": 0,
        "code": "commit",
        "class": "chat",
        "add": [],
        "remove": [],
        "offers": [],
        "more": False,
        **dict.fromkeys(("key_package", "commit", "message", "word"), "AA"),
    }
    return {name: values[name] for name, field in CLIENT_MESSAGES[kind].items() if field.default is ...}


class GuestTests(LiveCase):
    async def inside(self, live: Any, name: str = "Peter") -> tuple[Talk, Talk, str]:
        """A host and a guest who was let in, and the guest's id."""
        host = await self.host_inside(live)
        guest = await Browser(live).join(self.code, name)
        who = (await host.message("waiting"))["waiting"][0]["participant"]
        await host.ask("door.admit", participant=who)
        await guest.message("room")
        return host, guest, who

    async def test_no_host_message_works_from_a_guests_socket(self) -> None:
        async with running_live() as live:
            host, guest, who = await self.inside(live)
            me = live.rooms[self.id].hosts()[0].id
            knocker = await Browser(live).join(self.code, "Leila")
            await knocker.message("door")
            leila = next(seat.id for seat in live.rooms[self.id].waiting())
            for kind in (kind for kind in CLIENT_MESSAGES if kind.startswith(("door.", "host.", "e2ee.word"))):
                for target in (me, who, leila, NOBODY) if "participant" in CLIENT_MESSAGES[kind] else (NOBODY,):
                    answer = await guest.ask(kind, **example(kind, target))
                    self.assertEqual((kind, answer.get("code")), (kind, "not_a_host"))
            occurrence = await Occurrence.objects.aget(pk=self.id)
            self.assertIsNone(occurrence.locked_at)
            self.assertIsNone(occurrence.ended_at)
            states = {str(seat.pk): seat.state async for seat in Participant.objects.all()}
            self.assertEqual(states, {me: "inside", who: "inside", leila: "waiting"})
            self.assertNotIn("refused", [message["type"] for message in host.heard])

    async def test_a_host_who_is_none_any_more_can_do_nothing_even_before_the_room_knows(self) -> None:
        async with running_live() as live:
            host, _guest, who = await self.inside(live)
            await self.occurrence.meeting.hosts.aclear()
            self.assertTrue(live.rooms[self.id].host_inside)
            for kind in ("door.lock", "host.end", "host.mute_all", "host.lower_hand", "host.remove"):
                answer = await host.ask(kind, **example(kind, who))
                self.assertEqual((kind, answer.get("code")), (kind, "not_a_host"))
            self.assertEqual((await Participant.objects.aget(pk=who)).state, "inside")
            await live.reconcile(self.id)
            self.assertIn(who, live.rooms[self.id].seats)

    async def test_at_the_door_nothing_works_but_leaving(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            guest = await Browser(live).join(self.code, "Peter")
            await guest.message("door")
            for kind in CLIENT_MESSAGES:
                if kind not in {"ping", "leave", "hello", "e2ee.identify"}:
                    answer = await guest.ask(kind, **example(kind, NOBODY))
                    code = "wrong_state" if kind == "link.answer" else "not_inside"
                    self.assertEqual((kind, answer.get("code")), (kind, code))
            self.assertEqual((await guest.ask("ping"))["type"], "ok")
            self.assertEqual({m["type"] for m in guest.heard}, {"door", "error", "ok"})
            self.assertNotIn("Ingrid", json.dumps(guest.heard))

    async def test_targets_that_do_not_exist_or_do_not_fit_have_codes(self) -> None:
        async with running_live() as live:
            host, _guest, who = await self.inside(live)
            me = live.rooms[self.id].hosts()[0].id
            for kind, target, code in (
                ("door.admit", NOBODY, "no_such_participant"),
                ("door.admit", "x", "no_such_participant"),
                ("door.admit", who, "wrong_state"),
                ("door.refuse", who, "wrong_state"),
                ("door.message", who, "wrong_state"),
                ("host.remove", NOBODY, "no_such_participant"),
                ("host.remove", me, "wrong_state"),
                ("host.mute", NOBODY, "no_such_participant"),
                ("host.lower_hand", NOBODY, "no_such_participant"),
                ("host.spotlight", NOBODY, "no_such_participant"),
            ):
                answer = await host.ask(kind, **example(kind, target))
                self.assertEqual((kind, answer.get("code")), (kind, code))

    async def test_chat_goes_to_everybody_inside_with_the_name_that_the_server_knows(self) -> None:
        async with running_live() as live:
            host, guest, who = await self.inside(live)
            outside = await Browser(live).join(self.code, "Leila")
            await outside.message("door")
            await guest.ask("chat", text="Can we see the table?")
            said = await host.message("chat")
            self.assertEqual((said["participant"], said["name"], said["text"]), (who, "Peter", "Can we see the table?"))
            self.assertEqual((await outside.ask("ping"))["type"], "ok")
            self.assertNotIn("chat", [message["type"] for message in outside.heard])

    async def test_chat_that_is_off_is_refused(self) -> None:
        async with running_live() as live:
            self.occurrence.meeting.may_chat = "hosts"
            await self.occurrence.meeting.asave()
            _host, guest, _who = await self.inside(live)
            self.assertEqual((await guest.ask("chat", text="hello"))["code"], "not_allowed")

    async def test_hands_and_reactions_are_seen(self) -> None:
        async with running_live() as live:
            host, guest, who = await self.inside(live)
            await guest.ask("hand", raised=True)
            self.assertIsNotNone((await host.message("person"))["person"])
            await host.ask("host.lower_hand", participant=who)
            self.assertIsNone(live.rooms[self.id].seats[who].hand_at)
            await guest.ask("reaction", emoji="🎉")
            self.assertEqual((await host.message("reaction"))["participant"], who)

    async def test_a_mute_holds_until_the_muted_switches_on_again(self) -> None:
        async with running_live() as live:
            host, guest, who = await self.inside(live)
            seat = live.rooms[self.id].seats[who]
            await guest.ask("media.state", microphone=True, camera=True)
            self.assertEqual(seat.open_sources(), {Source.MICROPHONE, Source.CAMERA})
            await host.ask("host.mute", participant=who, source="microphone")
            self.assertEqual((await guest.message("muted"))["by"], "Ingrid Sæther")
            self.assertEqual(seat.open_sources(), {Source.CAMERA})
            await guest.ask("media.state", microphone=True, camera=True)
            self.assertEqual(seat.open_sources(), {Source.MICROPHONE, Source.CAMERA})
            await host.ask("host.mute_all")
            self.assertEqual(seat.open_sources(), {Source.CAMERA})

    async def test_bad_sdp_is_an_error_and_nothing_else(self) -> None:
        async with running_live() as live:
            _host, guest, _who = await self.inside(live)
            for sdp in ("", "v=0", "v=0\r\n" * 5_000, "\0", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 100):
                answer = await guest.ask("media.publish", sdp=sdp, sources={"0": "camera"})
                self.assertEqual(answer.get("code"), "bad_sdp")
            self.assertIn((await guest.ask("media.answer", offer=7, sdp="v=0"))["code"], {"bad_sdp", "wrong_state"})

    async def test_every_message_that_was_told_is_in_the_protocol(self) -> None:
        async with running_live() as live:
            host, guest, who = await self.inside(live)
            await guest.ask("media.state", microphone=True, camera=False)
            await host.ask("door.lock", locked=True)
            await host.message("meeting")
            await host.ask("host.remove", participant=who)
            await guest.closed()
            self.assertIn("gone", [message["type"] for message in host.heard])
            for message in host.heard + guest.heard:
                self.assertLessEqual(SERVER_MESSAGES[message["type"]], message.keys())
                if message["type"] == "person":
                    self.assertEqual(message["person"].keys(), PERSON_FIELDS)


class SocketTests(LiveCase):
    async def test_the_first_message_must_be_hello(self) -> None:
        async with running_live() as live:
            for kind in CLIENT_MESSAGES:
                if kind != "hello":
                    talk = await Browser(live).socket()
                    await talk.send(kind, **example(kind, NOBODY))
                    self.assertEqual((kind, await talk.closed()), (kind, Close.NOT_THIS_PROTOCOL))

    async def test_tickets_that_are_unknown_used_or_anothers_open_nothing(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            browser, other = Browser(live), Browser(live)
            answer = await browser.arrive(self.code, "Peter")
            await other.arrive(self.code, "Other")
            for thief, ticket in ((other, answer["ticket"]), (browser, answer["ticket"]), (browser, "x" * 32)):
                talk = await thief.socket()
                await talk.send("hello", protocol=1, ticket=ticket)
                self.assertEqual(await talk.closed(), Close.TICKET)
                self.assertEqual([m["type"] for m in talk.heard], [])

    async def test_nonsense_ends_the_socket_after_ten(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            for _ in range(12):
                await host.communicator.send_to(text_data="{")
            self.assertEqual(await host.closed(), Close.NOT_THIS_PROTOCOL)
            self.assertEqual([m["code"] for m in host.heard if m["type"] == "error"], ["bad_json"] * 11)

    async def test_bytes_and_large_frames_end_the_socket(self) -> None:
        async with running_live() as live:
            talk = await self.host_inside(live)
            await talk.communicator.send_to(bytes_data=b"\0")
            self.assertEqual(await talk.closed(), Close.NOT_THIS_PROTOCOL)
            talk = await self.host_inside(live)
            await talk.communicator.send_to(text_data=" " * 65_537)
            self.assertEqual(await talk.closed(), Close.TOO_LARGE)

    async def test_what_may_be_large_inside_ends_the_socket_of_somebody_outside_unread(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            guest = await Browser(live).join(self.code, "Peter")
            await guest.message("door")
            commit = {"group": "AAECAwQFBgcICQoLDA0ODw", "epoch": 0, "commit": "A" * 100_000, "add": [], "remove": []}
            for talk in (guest, await Browser(live).socket()):
                await talk.send("e2ee.commit", **commit)
                self.assertEqual(await talk.closed(), Close.TOO_LARGE)
            inside = await self.host_inside(live)
            self.assertEqual((await inside.ask("e2ee.commit", **commit))["code"], "wrong_state")

    async def test_a_flood_is_refused_and_then_closed_and_others_notice_nothing(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest = await Browser(live).join(self.code, "Peter")
            await guest.message("door")
            for number in range(400):
                await guest.communicator.send_to(text_data=f'{{"type":"ping","id":"{number}"}}')
            self.assertEqual(await guest.closed(), Close.TOO_MANY)
            codes = [m.get("code") for m in guest.heard if m["type"] == "error"]
            self.assertEqual(set(codes), {"too_many"})
            self.assertEqual((await host.ask("ping"))["type"], "ok")

    async def test_a_network_has_fifty_sockets(self) -> None:
        async with running_live() as live:
            talks = [await Browser(live).socket() for _ in range(50)]
            self.assertEqual(await (await Browser(live).socket()).closed(), Close.TOO_MANY)
            elsewhere = await Browser(live, network="10.1.2.3").socket()
            await elsewhere.send("hello", protocol=1, ticket="x")
            self.assertEqual(await elsewhere.closed(), Close.TICKET)
            for talk in talks:
                await talk.cut()
            self.assertEqual(await self._hello_with_nothing(live), Close.TICKET)

    async def _hello_with_nothing(self, live: Any) -> int:
        talk = await Browser(live).socket()
        await talk.send("hello", protocol=1, ticket="x")
        return await talk.closed()

    async def test_a_version_that_we_do_not_speak_is_refused(self) -> None:
        async with running_live() as live:
            talk = await Browser(live).socket()
            await talk.send("hello", protocol=2, ticket="x")
            self.assertEqual(await talk.closed(), Close.NOT_THIS_PROTOCOL)


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.lists(st.text(max_size=4), max_size=3)
FIELDS = st.dictionaries(st.text(max_size=9), VALUES, max_size=3)
KINDS = st.sampled_from(sorted(set(CLIENT_MESSAGES) - {"host.end", "leave"}))


class FuzzTests(HypothesisMixin, LiveCase):
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(KINDS, FIELDS), min_size=5, max_size=9))
    def test_any_messages_have_stable_answers(self, frames: list[tuple[str, Json]]) -> None:
        async_to_sync(self._send)(frames)

    async def _send(self, frames: list[tuple[str, Json]]) -> None:
        async with running_live() as live:
            talk = await self.host_inside(live)
            for number, (kind, fields) in enumerate(frames):
                good = example(kind, NOBODY) if number % 2 else {}
                own = {name: value for name, value in fields.items() if name not in {"id", "type", "kind", "self"}}
                answer = await talk.ask(kind, **{**good, **own})
                if answer["type"] == "error":
                    self.assertIn(answer["code"], ERROR_CODES)
