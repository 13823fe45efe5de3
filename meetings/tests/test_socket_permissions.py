"""Who may say what over the socket: every client message × every kind of visitor, from one table.

A message that is missing from the table fails the test, so that none is added without saying whose it is. Pages and
the API have tables of their own (tests/test_permission_table.py, portal/tests/test_api_permissions.py).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from asgiref.sync import sync_to_async
from django.test import TestCase

from meetings.live import Live
from meetings.models import Block, Participant
from meetings.signaling.protocol import CLIENT_MESSAGES
from meetings.tests.live_case import Browser, Json, Talk, make_link, make_meeting, make_user, running_live

VISITORS = (
    *("nobody", "stranger", "staff", "refused", "removed", "waiting"),
    *("guest", "listed", "colleague", "admin", "former_host", "other_host", "co_host", "host"),
)
"""Without a word of the door: nobody (only the socket), stranger (was turned away), staff (signed in, never asked).
refused, removed: a host turned them away or put them out, and their old socket and ticket are still in their hands.
waiting: stands at the door. The others are inside, admin and colleague by their account alone. co_host was made a host
in the room by the one who made the meeting, former_host too, and is none any more; other_host is inside a meeting of
their own and names the people of this one."""

OUTSIDE = ("nobody", "stranger", "staff")
PUT_OUT = ("refused", "removed")

OK = "ok"
NO_HELLO = "4400"  # closed: the first message was not hello
NO_TICKET = "4401"  # closed: no ticket of theirs that lives
LEFT, ENDED = "1000", "4404"  # closed, because that was what they asked for
SILENCE = "nothing"  # the socket is closed; what still arrives over it is not acted upon

CHANGES = {OK, LEFT, ENDED}

Answers = Mapping[str, str]


def anywhere(answer: str) -> Answers:
    """For whoever the door has let as far as its threshold."""
    return {
        **dict.fromkeys(VISITORS, answer),
        **dict.fromkeys(OUTSIDE, NO_HELLO),
        **dict.fromkeys(PUT_OUT, SILENCE),
    }


def inside(answer: str) -> Answers:
    return {**anywhere(answer), "waiting": "not_inside"}


def hosts(answer: str = OK, *, elsewhere: str = "no_such_participant") -> Answers:
    """`elsewhere`: what a host of another meeting is told in their own, about somebody of this one."""
    return {**inside("not_a_host"), "host": answer, "co_host": answer, "other_host": elsewhere}


@dataclass(frozen=True)
class Row:
    """One message: what each visitor is answered, and fields that would be accepted. `target`: where the one who is
    named is, `inside` or `waiting`."""

    answers: Answers
    fields: Json
    target: str = ""


def row(answers: Answers, target: str = "", **fields: Any) -> Row:
    return Row(answers, fields, target)


OFFER = Path(__file__).parents[2].joinpath("media_engine/tests/samples/chromium-offer.sdp").read_bytes().decode()

TABLE: Mapping[str, Row] = MappingProxyType(
    {
        "hello": row(
            {**anywhere("wrong_state"), **dict.fromkeys((*OUTSIDE, *PUT_OUT), NO_TICKET)}, protocol=1, ticket="x"
        ),
        "ping": row(anywhere(OK)),
        "hand": row(inside(OK), raised=True),
        "reaction": row(inside(OK), emoji="👏"),
        "chat": row(inside(OK), text="hello"),
        "record": row(inside("not_allowed") | dict.fromkeys(("host", "co_host", "other_host"), OK), on=True),
        # The one inside does not record, nor does anybody of another meeting.
        "record.answer": row(inside("wrong_state") | {"other_host": "no_such_participant"}, "inside", agrees=True),
        "media.start": row(inside(OK), fresh=True),
        "media.publish": row(inside(OK), sdp=OFFER, sources={"0": "microphone", "1": "camera"}),
        # Nothing was offered to them: that they are told so, and not that they may not answer, is what counts here.
        "media.answer": row(inside("wrong_state"), offer=7, sdp="v=0"),
        "media.show": row(inside(OK), tiles=[]),
        "media.state": row(inside(OK), microphone=True, camera=True),
        "media.speaking": row(inside(OK), speaking=True),  # whose microphone is on, since the row before
        "media.stats": row(inside(OK)),
        "door.admit": row(hosts(), "waiting"),
        "door.refuse": row(hosts(), "waiting", note="Not today.", block=True),
        "door.message": row(hosts(), "waiting", text="Five more minutes."),
        "door.lock": row(hosts(elsewhere=OK), locked=True),
        "host.mute": row(hosts(), "inside", source="microphone"),
        "host.mute_all": row(hosts(elsewhere=OK)),
        "host.remove": row(hosts(), "inside", block=True),
        "host.to_door": row(hosts(), "inside"),
        "host.lower_hand": row(hosts(), "inside"),
        "host.spotlight": row(hosts(), "inside", on=True),
        "host.ask": row(hosts(), "inside", source="microphone"),
        "host.door": row(hosts(elsewhere=OK), row="listed", way="walks_in"),
        "host.rights": row(hosts(elsewhere=OK), share="hosts"),
        "host.person_rights": row(hosts(), "inside", chat=False),
        # Known to the meeting, but a guest: only people with an account can host.
        "host.role": row(hosts("wrong_state"), "inside", host=True),
        "host.suspend": row(hosts(elsewhere=OK)),
        "host.resume": row(hosts(elsewhere=OK), quiet=True),
        "host.end": row(hosts(ENDED, elsewhere=ENDED)),
        # Nobody asks for a link here; who may answer when somebody does is in test_live_moves.py.
        "link.answer": row(anywhere("wrong_state"), wish="1", allow=True),
        # This meeting has no group: what belongs to one is refused to everybody, and read no further.
        "e2ee.identify": row(anywhere("wrong_state"), key="A" * 43),
        "e2ee.word": row(hosts("wrong_state"), "inside", word="AA"),
        "file.begin": row(inside("wrong_state"), size=20),
        "file.chunk": row(inside("wrong_state"), file="0" * 36, number=0, data="AA"),
        "file.read": row(inside("wrong_state"), file="0" * 36, number=0),
        "file.withdraw": row(inside("wrong_state"), file="0" * 36),
        "e2ee.link": row(hosts("wrong_state", elsewhere="wrong_state"), generation=1, check="A" * 11),
        "e2ee.hello": row(inside("wrong_state"), version=1, key_package="AA"),
        "e2ee.created": row(inside("wrong_state"), group="A" * 22),
        "e2ee.commit": row(inside("wrong_state"), group="A" * 22, epoch=0, commit="AA", add=[], remove=[]),
        "e2ee.decline": row(inside("wrong_state"), offers=[], more=False),
        "e2ee.applied": row(inside("wrong_state"), group="A" * 22, epoch=0),
        "e2ee.nack": row(inside("wrong_state"), group="A" * 22, epoch=0, code="commit"),
        "e2ee.resume": row(inside("wrong_state"), group="A" * 22, epoch=0, seq=0),
        "e2ee.app": row(inside("wrong_state"), group="A" * 22, epoch=0, message="AA", **{"class": "chat"}),
        "leave": row(anywhere(LEFT)),
    }
)


def test_the_table_names_every_message_and_no_other() -> None:
    assert set(TABLE) == set(CLIENT_MESSAGES)


def test_every_row_names_every_visitor() -> None:
    for kind, one in TABLE.items():
        assert set(one.answers) == set(VISITORS), kind


class World:
    """A running meeting with a host, somebody inside and somebody at the door, and a visitor to it."""

    numbers = itertools.count(1)

    def __init__(self, live: Live, visitor: str, people: Mapping[str, Any]) -> None:
        self.live = live
        self.visitor = visitor
        self.people = people

    async def begin(self) -> None:
        self.occurrence = await sync_to_async(self._meeting)("host")
        self.elsewhere = await sync_to_async(self._meeting)("other_host")
        self.host = await (await self.browser("host")).join(self.code)
        await self.host.message("room")
        self.targets = {"inside": await self.guest(let_in=True), "waiting": await self.guest(let_in=False)}
        self.talk: Talk | None = None
        self.late_answers: dict[str, str] = {}
        self.tickets = ["a" * 32]
        await getattr(self, f"_{self.visitor}")()

    def _meeting(self, host: str) -> Any:
        occurrence = make_meeting(self.people[host])
        make_link(occurrence, self.people["listed"].email, user=self.people["listed"])
        return occurrence

    @property
    def code(self) -> str:
        return str(self.occurrence.meeting.code)

    @property
    def room(self) -> Any:
        return self.live.rooms[str(self.occurrence.pk)]

    async def browser(self, account: str = "") -> Browser:
        number = next(self.numbers)
        browser = Browser(self.live, network=f"10.{number >> 8 & 255}.{number & 255}.7")
        return await browser.sign_in(self.people[account]) if account else browser

    async def at_the_door(self) -> tuple[Browser, Talk, str]:
        """A guest with a personal link who has knocked."""
        browser = await self.browser()
        number = next(self.numbers)
        _, secret = await sync_to_async(make_link)(self.occurrence, f"guest{number}@medreg.example")
        await browser.open_link(secret)
        talk = await browser.join(self.code, f"Guest {number}")
        return browser, talk, (await talk.message("door"))["participant"]

    async def guest(self, *, let_in: bool) -> tuple[Talk, str]:
        _, talk, who = await self.at_the_door()
        if let_in:
            assert (await self.host.ask("door.admit", participant=who))["type"] == "ok"
            await talk.message("room")
            await talk.ask("media.state", microphone=True, camera=True)
            await talk.ask("hand", raised=True)
        return talk, who

    # How each visitor comes

    async def _nobody(self) -> None:
        self.hands = await self.browser()

    async def _stranger(self) -> None:
        self.hands = await self.browser()
        assert (await self.hands.arrive(self.code, "Eve"))["outcome"] == "refuse"

    async def _staff(self) -> None:
        """Has somebody else's ticket, fresh and unused."""
        browser, _, _ = await self.at_the_door()
        self.tickets = [(await browser.arrive(self.code, "Leila"))["ticket"]]
        self.hands = await self.browser("staff")

    async def _waiting(self) -> None:
        self.hands, self.talk, _ = await self.at_the_door()

    async def _refused(self) -> None:
        self.hands, self.talk, who = await self.at_the_door()
        self.tickets = [(await self.hands.arrive(self.code, "Eve"))["ticket"]]
        await self.host.ask("door.refuse", participant=who)
        await self.talk.closed()

    async def _removed(self) -> None:
        self.hands, self.talk, who = await self.at_the_door()
        await self.host.ask("door.admit", participant=who)
        self.tickets = [(await self.hands.arrive(self.code, "Eve"))["ticket"]]
        await self.host.ask("host.remove", participant=who)
        await self.talk.closed()

    async def _guest(self) -> None:
        self.talk, _ = await self.guest(let_in=True)

    async def _join(self, account: str, occurrence: Any) -> None:
        self.talk = await (await self.browser(account)).join(occurrence.meeting.code)
        await self.talk.message("room")

    async def _listed(self) -> None:
        await self._join("listed", self.occurrence)

    async def _colleague(self) -> None:
        await self._join("colleague", self.occurrence)

    async def _admin(self) -> None:
        await self._join("admin", self.occurrence)

    async def _co_host(self) -> None:
        await self._join("co_host", self.occurrence)
        await self.give_role(True)

    async def _former_host(self) -> None:
        await self._join("former_host", self.occurrence)
        await self.give_role(True)
        await self.give_role(False)

    async def give_role(self, host: bool) -> None:
        """The meeting's own host makes the visitor one, or takes that back; returns when the room has heard of it."""
        assert self.talk is not None
        (who,) = {seat.id for seat in self.room.seats.values() if seat.person.name == self.visitor}
        assert (await self.host.ask("host.role", participant=who, host=host))["type"] == "ok"
        while (await self.talk.message("room"))["capabilities"]["host"] is not host:
            pass

    async def _other_host(self) -> None:
        await self._join("other_host", self.elsewhere)

    async def _host(self) -> None:
        self.talk = self.host

    # What they say, and what comes of it

    def message(self, kind: str) -> Json:
        target = {"participant": self.targets[TABLE[kind].target][1]} if TABLE[kind].target else {}
        return TABLE[kind].fields | target

    async def answer(self, kind: str) -> str:
        if self.talk is None or (kind == "hello" and self.visitor in PUT_OUT):
            return await self._first_message(kind)
        if self.visitor in PUT_OUT:
            if not self.late_answers:
                self.late_answers = await self.after_the_end()
            return self.late_answers[kind]
        await self.talk.send(kind, id=kind, **self.message(kind))
        while (heard := await self.talk.hear()) is not None:
            if heard.get("id") == kind:
                return answer_of(heard)
        return str(self.talk.code)

    async def _first_message(self, kind: str) -> str:
        fields = self.message(kind)
        for ticket in self.tickets:
            talk = await self.hands.socket()
            await talk.send(kind, **(fields | {"ticket": ticket} if kind == "hello" else fields))
            code = await talk.closed()
            assert not [heard for heard in talk.heard if heard["type"] != "error"], talk.heard
        return str(code)

    async def after_the_end(self) -> dict[str, str]:
        """What every message over a closed socket is answered: all are taken in, in order, before the disconnect is."""
        assert self.talk is not None
        said = [kind for kind in TABLE if kind != "hello"]
        for kind in said:
            await self.talk.send(kind, id=kind, **self.message(kind))
        await self.talk.cut()
        outputs = self.talk.communicator.output_queue
        heard = {}
        while not outputs.empty():
            answer = json.loads(outputs.get_nowait()["text"])
            heard[answer["id"]] = answer_of(answer)
        return {kind: heard.get(kind, SILENCE) for kind in said}

    async def untouched(self) -> Any:
        """What nobody without the right can change, and what nobody is told of it."""
        await self.occurrence.arefresh_from_db()
        states = {str(seat.pk): seat.state async for seat in Participant.objects.filter(occurrence=self.occurrence)}
        live = {
            seat.id: (seat.inside, seat.capabilities, frozenset(seat.switches.on), seat.hand_at, seat.lease_until > 0)
            for seat in self.room.seats.values()
        }
        blocks = await Block.objects.filter(occurrence=self.occurrence).acount()
        told = [talk.communicator.output_queue.qsize() for talk, _ in self.targets.values()]
        flags = (self.occurrence.locked_at, self.occurrence.suspended_at, self.occurrence.ended_at)
        return states, live, blocks, told, flags

    async def is_used_up(self) -> bool:
        """Whether the last message has ended something that the next one needs."""
        if self.visitor not in PUT_OUT and self.talk is not None and self.talk.code is not None:
            return True
        for place, (_, who) in self.targets.items():
            if (await Participant.objects.aget(pk=who)).state != place:
                return True
        return False


def answer_of(message: Json) -> str:
    return OK if message["type"] == "ok" else str(message["code"])


class EveryVisitor(TestCase):
    """One test per visitor. A message that may change something gets a meeting of its own when it has."""

    @classmethod
    def setUpTestData(cls) -> None:
        accounts = ("staff", "listed", "colleague", "admin", "former_host", "other_host", "co_host", "host")
        cls.people = {name: make_user(name, **({"role": "admin"} if name == "admin" else {})) for name in accounts}

    async def answers(self, visitor: str) -> dict[str, str]:
        found = {}
        async with running_live() as live:
            world = World(live, visitor, self.people)
            await world.begin()
            for kind, one in TABLE.items():
                before = await world.untouched()
                found[kind] = await world.answer(kind)
                if visitor == "other_host" or one.answers[visitor] not in CHANGES:
                    assert await world.untouched() == before, f"{kind} of {visitor} changed something"
                if await world.is_used_up():
                    world = World(live, visitor, self.people)
                    await world.begin()
        return found


def _add(visitor: str) -> None:
    async def test(self: EveryVisitor) -> None:
        assert await self.answers(visitor) == {kind: one.answers[visitor] for kind, one in TABLE.items()}

    setattr(EveryVisitor, f"test_{visitor}_is_answered_as_the_table_says", test)


for _visitor in VISITORS:
    _add(_visitor)
