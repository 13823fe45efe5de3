"""A room makes the door's answers true at once, tells people only what is theirs to know, and takes away first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest import IsolatedAsyncioTestCase

from media_engine import Engine, EngineConfig, Source
from meetings.door import Admit, Capabilities, Decision, Refuse, Wait
from meetings.live.facts import Judgement, MeetingFacts, Verdicts
from meetings.live.room import SEAT_SECONDS, Room
from meetings.live.seats import LinkUse, Person, Seat
from meetings.signaling.protocol import Close

NOW = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
MEMBER = Capabilities(speak=True, show=True, share=True, chat=True)
HOST = replace(MEMBER, host=True)
MEETING = MeetingFacts(
    title="Trial safety board",
    organisation="Nordhavn Institute",
    code="7kqx-mwtz-p4xa",
    starts_at=NOW,
    ends_at=NOW.replace(hour=14),
    started_at=NOW,
    encryption="transport",
    locked_at=None,
    locks_at=None,
    suspended_at=None,
    suspended_by=None,
    mics_start_off=False,
    door={"preset": "guests_knock"},
    rights={"speak": "everyone", "show": "everyone", "share": "everyone", "chat": "everyone"},
    hosts=("Ingrid Sæther",),
    ended_by=None,
)


class Socket:
    """The other end of a connection: remembers what was told."""

    def __init__(self) -> None:
        self.told: list[Mapping[str, Any]] = []
        self.code: int | None = None
        self.on_told: Callable[[], object] = lambda: None

    def tell(self, message: Mapping[str, Any]) -> None:
        self.told.append(message)
        self.on_told()

    def close(self, code: int) -> None:
        self.code = code

    def types(self) -> list[str]:
        return [message["type"] for message in self.told]

    def last(self, kind: str) -> Mapping[str, Any]:
        return next(message for message in reversed(self.told) if message["type"] == kind)


def person(who: str, **changes: Any) -> Person:
    base = Person(
        participant_id=who,
        name=who.title(),
        kind="guest",
        is_guest=True,
        provenance="Guest, personal link",
        provenance_for_hosts=f"Guest, link sent to {who}@example.org",
        email=f"{who}@example.org",
        network="127.0.0.0/24",
        invitation_id=f"invitation of {who}",
        user_id=None,
        may_know=True,
        organiser=False,
        knocked_at=NOW,
        entered_at=NOW,
        host_message="",
    )
    return replace(base, **changes)


class RoomTests(IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.engine = Engine(EngineConfig(port=0))
        await self.engine.start()
        self.addAsyncCleanup(self.engine.aclose)
        self.room = Room("occurrence", self.engine)
        self.answers: dict[str, Judgement] = {}
        self.now = 0.0

    def arrives(self, who: str, decision: Decision, **changes: Any) -> Socket:
        socket = Socket()
        self.answers[who] = Judgement(person(who, **changes), decision)
        self.room.take_seat(self.answers[who].person, socket, self.now)
        self.decide()
        return socket

    def decide(
        self, meeting: MeetingFacts = MEETING, over: str | None = None, **decisions: Decision
    ) -> dict[str, Refuse]:
        for who, decision in decisions.items():
            self.answers[who] = replace(self.answers[who], decision=decision)
        lease_until = self.engine.clock() + 10
        return self.room.apply(Verdicts(meeting, over, self.answers), lease_until=lease_until, at=NOW)

    def peers(self) -> set[str]:
        return set(self.engine.stats("occurrence").get("peers", self.engine.stats("occurrence")))

    def seat(self, who: str) -> Seat:
        return self.room.seats[who]

    async def test_media_of_everybody_who_goes_end_before_anybody_is_told_anything(self) -> None:
        sockets = [self.arrives(name, Admit(MEMBER, "guest")) for name in ("ada", "ben", "cleo", "dora")]
        host = self.arrives("ingrid", Admit(HOST, "host"))
        seen: list[set[str]] = []
        for socket in (host, *sockets):
            socket.told.clear()
            socket.on_told = lambda: seen.append(self.peers())
        no, wait = Refuse("revoked"), Wait("knock")
        self.decide(ada=no, ben=no, cleo=wait)
        self.assertEqual(set(map(frozenset, seen)), {frozenset({"ingrid", "dora"})})
        self.assertEqual((sockets[0].types(), sockets[0].code), (["refused"], Close.REFUSED))
        self.assertEqual(host.types().count("gone"), 3)
        self.assertEqual(host.types().count("waiting"), 1)

    async def test_where_a_service_must_agree_a_new_seat_begins_with_nothing(self) -> None:
        self.room.needs_agreement = True
        self.arrives("ada", Admit(MEMBER, "guest"))
        self.room.switch(self.seat("ada"), {Source.MICROPHONE: True})
        grants = self.engine._sessions["occurrence"].peers["ada"].grants
        self.assertEqual((grants.publish, grants.receive), (frozenset(), frozenset()))
        self.assertLess(grants.expires_at, self.engine.clock())

    async def test_somebody_waiting_learns_nothing_and_has_no_peer(self) -> None:
        host = self.arrives("ingrid", Admit(HOST, "host"))
        guest = self.arrives("peter", Wait("knock"), may_know=False)
        self.assertEqual(guest.types(), ["door"])
        door = guest.last("door")
        self.assertEqual((door["title"], door["starts_at"], door["hosts"]), (None, None, None))
        self.assertNotIn("Ingrid", str(guest.told))
        self.assertEqual(self.peers(), {"ingrid"})
        self.assertEqual(host.last("waiting")["waiting"][0]["participant"], "peter")

    async def test_who_is_let_in_gets_the_room_and_others_a_person(self) -> None:
        host = self.arrives("ingrid", Admit(HOST, "host"))
        guest = self.arrives("peter", Wait("knock"))
        self.decide(peter=Admit(MEMBER, "let_in"))
        self.assertEqual(guest.types(), ["door", "room"])
        self.assertEqual(host.types(), ["room", "waiting", "person", "waiting"])
        self.assertEqual(self.peers(), {"ingrid", "peter"})

    async def test_addresses_and_the_queue_are_for_hosts(self) -> None:
        host = self.arrives("ingrid", Admit(HOST, "host"))
        guest = self.arrives("peter", Admit(MEMBER, "let_in"))
        self.arrives("leila", Wait("knock"))
        self.assertIsNone(guest.last("room")["waiting"])
        self.assertNotIn("@", str(guest.told))
        self.assertNotIn("waiting", guest.types())
        self.assertIn("peter@example.org", str(host.last("person")))

    async def test_a_guest_who_becomes_host_is_told_everything_anew(self) -> None:
        guest = self.arrives("peter", Admit(MEMBER, "walks_in"))
        self.arrives("leila", Wait("knock"))
        self.decide(peter=Admit(HOST, "host"))
        self.assertEqual([waiting["participant"] for waiting in guest.last("room")["waiting"]], ["leila"])

    async def test_expelling_takes_media_before_anything_is_told(self) -> None:
        self.arrives("ingrid", Admit(HOST, "host"))
        guest = self.arrives("peter", Admit(MEMBER, "let_in"))
        self.room.expel("peter")
        self.assertEqual(self.peers(), {"ingrid"})
        self.assertEqual(guest.types(), ["room"])

    async def test_the_expelled_hear_nothing_more_and_all_anew_when_forgiven(self) -> None:
        host = self.arrives("ingrid", Admit(HOST, "host"))
        guest = self.arrives("peter", Admit(MEMBER, "let_in"))
        self.room.expel("peter")
        self.room.tell_everybody_inside({"type": "chat"})
        self.arrives("leila", Admit(MEMBER, "let_in"))
        self.assertEqual(guest.types(), ["room"])
        self.assertIn("chat", host.types())
        self.room.forgive("peter")
        self.decide()
        self.assertEqual(guest.types(), ["room", "room"])

    async def test_no_answer_of_the_door_readmits_the_expelled(self) -> None:
        self.arrives("peter", Admit(MEMBER, "let_in"))
        self.room.expel("peter")
        self.decide()
        self.room.switch(self.seat("peter"), {Source.MICROPHONE: True})
        self.assertEqual(self.peers(), set())
        self.room.forgive("peter")
        self.decide()
        self.assertEqual(self.peers(), {"peter"})

    async def test_a_refusal_puts_out_says_why_and_closes(self) -> None:
        host = self.arrives("ingrid", Admit(HOST, "host"))
        guest = self.arrives("peter", Admit(MEMBER, "let_in"))
        out = self.decide(peter=Refuse("revoked", unknown=True))
        self.assertEqual(list(out), ["peter"])
        self.assertEqual(guest.told[-1]["reason"], "closed")
        self.assertEqual(guest.code, Close.REFUSED)
        self.assertEqual(self.peers(), {"ingrid"})
        self.assertEqual(host.last("gone")["participant"], "peter")

    async def test_the_end_stops_media_and_tells_all(self) -> None:
        host = self.arrives("ingrid", Admit(HOST, "host"))
        guest = self.arrives("peter", Wait("knock"))
        self.decide(over="ended", meeting=replace(MEETING, ended_by="Ingrid"))
        self.assertEqual(self.peers(), set())
        for socket in (host, guest):
            self.assertEqual((socket.told[-1]["reason"], socket.code), ("ended", Close.ENDED))
        self.arrives("late", Admit(MEMBER, "walks_in"))
        self.assertEqual(self.peers(), set())

    async def test_a_newer_socket_takes_the_seat_and_is_told_everything(self) -> None:
        first = self.arrives("peter", Admit(MEMBER, "let_in"))
        second = self.arrives("peter", Admit(MEMBER, "seat"))
        self.assertEqual(first.code, Close.NEWER_SOCKET)
        self.assertEqual(second.types(), ["room"])
        self.room.lose_socket("peter", first, 5.0)
        self.assertIs(self.seat("peter").connection, second)

    async def test_a_seat_outlives_its_socket_by_two_minutes(self) -> None:
        host = self.arrives("ingrid", Admit(HOST, "host"))
        guest = self.arrives("peter", Admit(MEMBER, "let_in"))
        self.room.lose_socket("peter", guest, 100.0)
        self.assertFalse(host.last("person")["person"]["connected"])
        self.assertIn("peter", self.peers())
        self.assertEqual(self.room.seats_run_out(100.0 + SEAT_SECONDS - 1), [])
        self.assertEqual(self.room.seats_run_out(100.0 + SEAT_SECONDS), ["peter"])

    async def test_nothing_is_open_that_is_not_allowed_switched_on_and_unstopped(self) -> None:
        guest = self.arrives("peter", Admit(replace(MEMBER, share=False), "let_in"))
        seat = self.seat("peter")
        self.assertEqual(seat.open_sources(), frozenset())
        self.room.switch(seat, dict.fromkeys(Source, True))
        self.assertEqual(seat.open_sources(), {Source.MICROPHONE, Source.CAMERA})
        self.assertTrue(self.room.stop_source(seat, Source.MICROPHONE))
        self.assertEqual(seat.open_sources(), {Source.CAMERA})
        self.room.switch(seat, {Source.MICROPHONE: True})
        self.assertEqual(seat.open_sources(), {Source.MICROPHONE, Source.CAMERA})
        self.decide(peter=Wait("knock"))
        self.assertEqual(seat.open_sources(), frozenset())
        self.assertEqual(guest.types()[-1], "door")

    async def test_locking_is_told_with_the_host_who_did_it(self) -> None:
        guest = self.arrives("peter", Admit(MEMBER, "let_in"))
        self.room.news.changed_by = "Ingrid"
        self.decide(meeting=replace(MEETING, locked_at=NOW))
        self.assertEqual((guest.last("meeting")["meeting"]["locked"], guest.last("meeting")["by"]), (True, "Ingrid"))

    async def test_nothing_is_told_twice(self) -> None:
        host = self.arrives("ingrid", Admit(HOST, "host"))
        guest = self.arrives("peter", Wait("knock"))
        before = (len(host.told), len(guest.told))
        for _ in range(3):
            self.decide()
        self.assertEqual((len(host.told), len(guest.told)), before)

    async def test_hosts_are_warned_of_names_links_and_networks(self) -> None:
        host = self.arrives("ingrid", Admit(HOST, "host"), name="Ingrid Sæther")
        self.arrives("peter", Wait("knock"), name="lngrid Saether")
        self.assertEqual(host.last("waiting")["waiting"][0]["cautions"], ["name_in_use"])
        self.arrives("peter", Wait("knock"), name="lngrid Saether", network="10.0.0.0/24")
        use = LinkUse("192.0.2.0/24", NOW, "10.0.0.0/24", NOW, asks=True)
        self.answers["peter"] = Judgement(replace(self.answers["peter"].person, link=use), Wait("moving"))
        self.decide()
        cautions = host.last("waiting")["waiting"][0]["cautions"]
        self.assertEqual(cautions, ["name_in_use", "link_in_use", "two_networks"])

    async def test_an_interrupted_seat_has_no_grant_until_its_person_is_back(self) -> None:
        self.room.keep_seat(person("peter"), 0.0)
        self.assertEqual(self.peers(), set())
        self.assertFalse(self.room.host_inside)
        socket = self.arrives("peter", Admit(MEMBER, "seat"))
        self.assertEqual(socket.types(), ["room"])
        self.assertEqual(self.peers(), {"peter"})
