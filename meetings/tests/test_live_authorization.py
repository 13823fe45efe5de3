"""An authorization service must agree: before anybody comes in, before a packet flows, and for as long as it does."""

from __future__ import annotations

from typing import Any
from unittest import mock

from asgiref.sync import sync_to_async
from django.utils import timezone

from media_engine import Source
from meetings import changes
from meetings.live import Live, authorization, facts
from meetings.models import Meeting, Participant
from meetings.roundtrip import services
from meetings.roundtrip.models import AuthorizationService
from meetings.roundtrip.protocol import Outcome, Verdict
from meetings.tests.answering_service import stall
from meetings.tests.live_case import Browser, Json, Talk, make_link
from meetings.tests.roundtrip_case import YES, RoundTripCase, questions, track

NO = {"result": False, "reason": "The seat is sold."}


def no_to(**fields: str) -> Any:
    """A service that says no to questions with these fields, where `track` is the end of the streamID."""

    def says(question: Json) -> Json:
        known = question | {"track": track(question)}
        return NO if all(known.get(name) == value for name, value in fields.items()) else YES

    return says


class Coming(RoundTripCase):
    def rules(self) -> Json:
        return {"door_anyone": "walks_in"}

    async def test_somebody_is_inside_only_after_the_service_has_agreed(self) -> None:
        async with self.asking() as live:
            self.says.hold()
            host = await Browser(live).sign_in(self.host)
            talk = await host.join(self.code)
            door = await talk.message("door")
            assert door["reason"] == "authorization"
            await self.service.asked(1)
            seat = await Participant.objects.aget(user=self.host)
            assert (seat.state, seat.entered_at) == ("waiting", None)
            self.says.go_on()
            room = await talk.message("room")
            assert [person["name"] for person in room["people"]] == [self.host.name]
            (question,) = questions(self.service)
            assert question["type"] == "subscriber"
            assert question["streamID"] == f"{self.occurrence.meeting_id}/{seat.pk}/room"

    async def test_what_another_service_has_agreed_to_lets_nobody_in(self) -> None:
        async with self.asking() as live:
            self.says.hold()
            await (await self.arriving_host(live)).message("door")
            who = str((await Participant.objects.aget(user=self.host)).pk)
            trip = await sync_to_async(services.round_trip_of)(self.occurrence.meeting)
            url, *rest = trip.service.identity
            for agreed_to, is_in in (((f"{url}-of-before", *rest), False), (trip.service.identity, True)):
                agreed = facts.Agreed(agreed_to, frozenset({who}))
                await sync_to_async(facts.judge)(self.id, {who}, {who}, (), timezone.now(), agreed=agreed)
                seat = await Participant.objects.aget(pk=who)
                assert (seat.entered_at is not None) is is_in

    async def test_whom_the_door_does_not_admit_nobody_is_asked_about(self) -> None:
        await Meeting.objects.filter(pk=self.occurrence.meeting_id).aupdate(door_anyone="knocks")
        async with self.asking() as live:
            await self.host_inside(live)
            peter = await self.knocker(live)
            assert (await peter.message("door"))["reason"] == "knock"
            await self.settle(live)
            assert {question["username"][:7] for question in questions(self.service)} == {"account"}

    async def test_a_no_turns_somebody_out_with_the_services_words_and_the_hosts_are_told(self) -> None:
        async with self.asking() as live:
            host = await self.host_inside(live)
            self.says.to = lambda question: NO if question["username"].startswith("visitor") else YES
            peter = await self.knocker(live)
            refused = await peter.message("refused")
            assert (refused["reason"], refused["note"]) == ("not_authorized", "The seat is sold.")
            assert await peter.closed() == 4403
            told = await host.message("authorization")
            assert (told["outcome"], told["name"], told["track"]) == ("refused", "Peter", "room")
            assert told["reason"] == "The seat is sold."
            assert [facts["note"] for facts in await self.written("authorization.refused")] == ["The seat is sold."]
            assert (await Participant.objects.aget(name="Peter")).state == "refused"

    async def test_a_host_is_asked_about_like_everybody_else(self) -> None:
        async with self.asking() as live:
            self.says.to = lambda question: NO
            host = await Browser(live).sign_in(self.host)
            talk = await host.join(self.code)
            assert (await talk.message("refused"))["reason"] == "not_authorized"
            assert not live.host_inside(self.id)

    async def test_the_services_trouble_is_told_once_and_its_end_once(self) -> None:
        async with self.asking() as live:
            host = await self.host_inside(live)
            self.says.status = 503
            peter = await self.knocker(live)
            told = await host.message("authorization")
            assert told["outcome"] == "unanswered"
            assert told["reason"] == "The service answered with status 503 instead of 200."
            assert told["participant"] is None
            await self.move(live, 12)
            self.says.status = 200
            await self.move(live, 12)
            assert (await host.message("authorization"))["outcome"] == "answered"
            await peter.message("room")
            outcomes = [message["outcome"] for message in host.heard if message["type"] == "authorization"]
            assert outcomes == ["unanswered", "answered"]
            assert len(await self.written("authorization.unanswered")) == 1

    async def test_tokens_of_a_crowd_push_out_nobodys_who_is_inside(self) -> None:
        with mock.patch.object(authorization, "MOST_TOKENS", 3):
            async with self.asking() as live:
                await self.host_inside(live)
                peter = await self.knocker(live, authorization="peters.token")
                await peter.message("room")
                for number in range(10):
                    live.authorization.bring(self.id, f"somebody {number}", "another.token")
                await self.move(live, 50)
                about_peter = [one for one in questions(self.service) if one["username"].startswith("visitor")]
                assert len(about_peter) > 1
                tokens = {one["token"] for one in about_peter}
                assert tokens == {"peters.token"}, "asked again with what they came with"
                assert len(live.authorization._tokens) == 3

    async def test_a_token_that_somebodys_own_program_gave_them_goes_to_the_service_and_nowhere_else(self) -> None:
        async with self.asking() as live:
            await self.host_inside(live)
            peter = await self.knocker(live, authorization="their-own.token")
            await peter.message("room")
            _, question = questions(self.service)
            assert question["token"] == "their-own.token"
            seat = await Participant.objects.aget(name="Peter")
            assert "their-own.token" not in str(vars(seat))
            assert question["password"] != "their-own.token"

    async def test_a_token_that_is_none_is_refused_with_its_field(self) -> None:
        async with self.asking() as live:
            for bad in ("with space", "ä", "x" * 2049, "a\nb", 7):
                problem = await Browser(live).arrive(self.code, "Peter", authorization=bad)
                assert (problem["code"], problem["field"]) == ("bad_request", "authorization")

    async def test_names_are_made_up_and_the_same_every_time(self) -> None:
        invitation, secret = await sync_to_async(make_link)(self.occurrence, "peter@medreg.example", name="Peter")
        await Meeting.objects.filter(pk=self.occurrence.meeting_id).aupdate(door_guests="walks_in")
        async with self.asking() as live:
            for _ in range(2):
                browser = await Browser(live).sign_in(self.host)
                talk = await browser.join(self.code)
                await talk.message("room")
                await self.leave(talk)
            await self.host_inside(live)
            guest = Browser(live)
            await guest.open_link(secret)
            await (await guest.join(self.code)).message("room")
            names = [question["username"] for question in questions(self.service)]
            assert names[0] == names[1] == names[2] and names[0].startswith("account-")
            assert names[3].startswith("guest-")
            for known in (str(self.host.pk), self.host.email, str(invitation.pk), "peter"):
                assert known not in str(names)

    async def test_the_organisation_may_choose_to_tell_addresses(self) -> None:
        async with self.asking(names="email") as live:
            await self.host_inside(live)
            peter = await self.knocker(live)
            await peter.message("room")
            names = [question["username"] for question in questions(self.service)]
            assert names[0] == self.host.email
            assert names[1].startswith("visitor-"), "a typed name is nobody's address"

    async def test_hosts_are_not_called_to_the_door_for_people_whom_they_can_not_answer(self) -> None:
        async with self.asking() as live:
            host = await self.host_inside(live)
            self.says.hold()
            peter = await self.knocker(live)
            await peter.message("door", reason="authorization")
            await host.ask("ping")
            assert not [message for message in host.heard if message["type"] == "waiting" and message["waiting"]]


class Staying(RoundTripCase):
    def rules(self) -> Json:
        return {"door_anyone": "walks_in"}

    async def test_a_no_to_somebody_who_is_inside_acts_at_once(self) -> None:
        async with self.asking() as live:
            self.says.to = lambda question: YES | {"ttl": 15}
            host = await self.host_inside(live)
            peter = await self.knocker(live)
            who = (await peter.message("room"))["you"]
            self.says.to = lambda question: NO if question["participant"] == who else YES
            await self.move(live, 12)
            assert (await peter.message("refused"))["reason"] == "not_authorized"
            assert (await host.message("gone"))["participant"] == who
            assert who not in live.engine.stats(self.id)

    async def test_media_stop_with_the_answer_before_the_database_is_asked(self) -> None:
        async with self.asking() as live:
            host = await self.host_inside(live)
            who = next(message["you"] for message in host.heard if message["type"] == "room")
            consent = live.authorization.consents[self.id]
            seat = live.rooms[self.id].seats[who]
            assert seat.may_receive == frozenset() and seat.agreed_until > self.clock()
            claim = next(iter(consent.ledger.claims()))
            consent.answered(claim, consent.ledger.asked(claim), Verdict(Outcome.REFUSED), self.clock())
            assert (seat.may_publish, seat.may_receive) == (frozenset(), frozenset())
            assert seat.agreed_until < self.clock()

    async def test_a_service_that_stalls_for_a_minute_cuts_nobody_whose_lease_runs_and_admits_nobody(self) -> None:
        async with self.asking() as live:
            self.says.to = lambda question: YES | {"ttl": 120}
            host = await self.host_inside(live)
            self.says.hold()
            await self.move(live, 2)
            peter = await self.knocker(live)
            assert (await peter.message("door"))["reason"] == "authorization"
            for _ in range(12):
                await self.move(live, 5)
                assert live.host_inside(self.id)
                assert len(live.rooms[self.id].inside()) == 1
            heard = len(host.heard)
            await host.ask("ping")
            assert not [message for message in host.heard[heard:] if message["type"] in {"refused", "door"}]
            self.says.go_on()
            await self.move(live, 15)
            await peter.message("room")

    async def test_a_lease_that_runs_out_without_an_answer_puts_back_at_the_door_and_an_answer_in_again(self) -> None:
        async with self.asking() as live:
            self.says.to = lambda question: YES | {"ttl": 15}
            host = await self.host_inside(live)
            self.says.status = 503
            await self.move(live, 14)
            assert live.host_inside(self.id)
            await self.move(live, 3)
            assert not live.host_inside(self.id)
            assert live.engine.stats(self.id) == {}
            assert (await host.message("door"))["reason"] == "authorization"
            (lapsed,) = await self.written("authorization.lapsed")
            assert lapsed["note"] == "The service answered with status 503 instead of 200."
            self.says.status = 200
            await self.move(live, 12)
            await host.message("room")

    async def test_a_lease_ends_in_the_engine_though_nobody_looks_after_it(self) -> None:
        async with self.asking() as live:
            self.says.to = lambda question: YES | {"ttl": 15}
            talk = await self.host_inside(live)
            who = next(message["you"] for message in talk.heard if message["type"] == "room")
            seat = live.rooms[self.id].seats[who]
            seat.lease_until = self.clock() + 1_000
            live.rooms[self.id].grant(seat)
            peer = live.engine._sessions[self.id].peers[who]
            assert peer.grants.expires_at <= self.clock() + 15

    async def test_a_reload_while_the_service_stalls_loses_nothing(self) -> None:
        async with self.asking() as live:
            browser = await Browser(live).sign_in(self.host)
            first = await browser.join(self.code)
            await first.message("room")
            self.says.hold()
            second = await browser.join(self.code)
            await second.message("room")
            assert live.host_inside(self.id)

    async def test_coming_back_within_a_lease_needs_no_answer_and_begins_with_nothing(self) -> None:
        async with self.asking() as live:
            await self.host_inside(live)
            browser = Browser(live)
            first = await browser.join(self.code, "Peter")
            who = (await first.message("room"))["you"]
            await self.leave(first)
            self.says.hold()
            granted: list[Any] = []
            grant = live.engine.set_grants
            live.engine.set_grants = lambda *args: (granted.append(args), grant(*args))[1]  # type: ignore[method-assign]
            second = await browser.join(self.code, "Peter")
            await second.message("room")
            again = [grants for _, peer, grants in granted if peer == who]
            assert again
            assert all(one.publish == frozenset() and one.receive == frozenset() for one in again)
            assert (await Participant.objects.aget(pk=who)).state == "inside"

    async def test_a_service_that_is_switched_on_is_asked_about_people_who_are_inside(self) -> None:
        async with self.asking(is_on=False) as live:
            host = await self.host_inside(live)
            self.says.hold()
            await sync_to_async(self.switch)(on=True)
            await live.reconcile(self.id)
            assert (await host.message("door"))["reason"] == "authorization"
            assert live.engine.stats(self.id) == {}
            self.says.go_on()
            await host.message("room")

    async def test_without_the_service_the_door_alone_decides_again(self) -> None:
        async with self.asking() as live:
            host = await self.host_inside(live)
            self.says.hold()
            peter = await self.knocker(live)
            await peter.message("door")
            await sync_to_async(self.switch)(on=False)
            await live.reconcile(self.id)
            who = (await peter.message("room"))["you"]
            assert live.rooms[self.id].seats[who].may_receive is None
            assert not live.authorization.consents
            del host

    @staticmethod
    def switch(*, on: bool) -> None:
        AuthorizationService.objects.update(is_on=on)
        changes.touch(None)


class Speaking(RoundTripCase):
    def rules(self) -> Json:
        return {"door_anyone": "walks_in"}

    async def inside(self, live: Live, name: str = "Peter") -> tuple[Talk, str]:
        if not live.host_inside(self.id):
            await self.host_inside(live)
        talk = await self.knocker(live, name)
        return talk, (await talk.message("room"))["you"]

    async def test_each_source_is_asked_about_when_it_is_switched_on(self) -> None:
        async with self.asking() as live:
            peter, who = await self.inside(live)
            self.says.hold()
            await peter.ask("media.state", microphone=False, camera=True, screen=False)
            await self.service.asked(3)
            seat = live.rooms[self.id].seats[who]
            assert seat.open_sources() == frozenset()
            self.says.go_on()
            told = await peter.message("person")
            assert told["person"]["camera"] is True
            assert seat.open_sources() == {Source.CAMERA}
            (question,) = questions(self.service, type="publisher")
            assert question["streamID"] == f"{self.occurrence.meeting_id}/{who}/camera"

    async def test_a_source_that_is_refused_is_off_and_the_person_and_the_hosts_are_told_why(self) -> None:
        async with self.asking() as live:
            host = await self.host_inside(live)
            peter, who = await self.inside(live)
            self.says.to = no_to(type="publisher", track="camera")
            await peter.ask("media.state", microphone=True, camera=True, screen=False)
            for talk in (peter, host):
                told = await talk.message("authorization")
                assert (told["participant"], told["track"], told["outcome"]) == (who, "camera", "refused")
                assert told["reason"] == "The seat is sold."
            await self.settle(live)
            seat = live.rooms[self.id].seats[who]
            assert seat.open_sources() == {Source.MICROPHONE}
            assert Source.CAMERA not in seat.switches.on

    async def test_switching_on_again_asks_again_but_not_too_soon(self) -> None:
        async with self.asking() as live:
            peter, _ = await self.inside(live)
            self.says.to = no_to(type="publisher", track="camera")
            for _ in range(5):
                await peter.ask("media.state", microphone=False, camera=True, screen=False)
                await self.settle(live)
            assert len(questions(self.service, type="publisher")) == 1
            self.says.to = lambda question: YES
            await self.move(live, 6)
            assert len(questions(self.service, type="publisher")) == 2
            told = await peter.message("person")
            assert told["person"]["camera"] is True

    async def test_a_screen_brings_its_sound(self) -> None:
        async with self.asking() as live:
            peter, who = await self.inside(live)
            await peter.ask("media.state", microphone=False, camera=False, screen=True)
            await peter.message("person")
            assert live.rooms[self.id].seats[who].open_sources() == {Source.SCREEN, Source.SCREEN_AUDIO}
            assert [track(question) for question in questions(self.service, type="publisher")] == ["screen"]

    async def test_muting_and_unmuting_within_a_lease_is_one_question(self) -> None:
        async with self.asking() as live:
            peter, who = await self.inside(live)
            for on in (True, False, True, False, True):
                await peter.ask("media.state", microphone=on, camera=False, screen=False)
                await self.settle(live)
            assert len(questions(self.service, type="publisher")) == 1
            assert live.rooms[self.id].seats[who].open_sources() == {Source.MICROPHONE}

    async def test_a_publisher_who_leaves_is_told_of_once_for_each_track(self) -> None:
        async with self.asking() as live:
            peter, who = await self.inside(live)
            await peter.ask("media.state", microphone=True, camera=True, screen=False)
            await self.service.asked(4)
            await self.settle(live)
            await self.leave(peter)
            await self.service.asked(6)
            await self.settle(live)
            gone = [
                request.json for request in self.service.requests if request.path.endswith("/invalidateCredentials")
            ]
            room = self.occurrence.meeting_id
            assert [one["streamID"] for one in gone] == [f"{room}/{who}/camera", f"{room}/{who}/microphone"]
            assert all("type" not in one and "token" not in one for one in gone)

    async def test_a_listener_who_leaves_is_not_told_of(self) -> None:
        async with self.asking() as live:
            peter, _ = await self.inside(live)
            await self.leave(peter)
            await self.settle(live)
            assert not [request for request in self.service.requests if request.path.endswith("/invalidateCredentials")]


class Receiving(RoundTripCase):
    def rules(self) -> Json:
        return {"door_anyone": "walks_in"}

    async def trio(self, live: Live) -> tuple[list[Talk], list[str]]:
        talks, ids = [], []
        for name in ("the host", "Bob", "Cid"):
            talk = await (self.knocker(live, name) if talks else self.arriving_host(live))
            ids.append((await talk.message("room"))["you"])
            talks.append(talk)
        return talks, ids

    async def test_each_stream_of_the_others_is_asked_about(self) -> None:
        async with self.asking() as live:
            (ann, _, _), (a, b, c) = await self.trio(live)
            await ann.ask("media.state", microphone=True, camera=True, screen=False)
            await self.service.asked(3 + 2 + 4)
            await self.settle(live)
            asked = {
                (question["participant"], track(question))
                for question in questions(self.service, type="subscriber")
                if question["streamID"].split("/")[1] == a and track(question) != "room"
            }
            assert asked == {(b, "microphone"), (b, "camera"), (c, "microphone"), (c, "camera")}
            seat = live.rooms[self.id].seats[b]
            assert seat.may_receive == {(a, Source.MICROPHONE), (a, Source.CAMERA)}

    async def test_one_person_may_be_refused_one_stream(self) -> None:
        async with self.asking() as live:
            (ann, bob, _), (a, b, c) = await self.trio(live)
            self.says.to = lambda q: NO if (q["participant"], track(q)) == (b, "camera") else YES
            await ann.ask("media.state", microphone=True, camera=True, screen=False)
            told = await bob.message("authorization")
            assert (told["track"], told["of"], told["participant"]) == ("camera", a, b)
            await self.service.asked(9)
            await self.settle(live)
            seats = live.rooms[self.id].seats
            assert seats[b].may_receive == {(a, Source.MICROPHONE)}
            assert seats[c].may_receive == {(a, Source.MICROPHONE), (a, Source.CAMERA)}

    async def test_grants_in_the_answer_about_the_room_settle_what_is_received(self) -> None:
        async with self.asking() as live:
            self.says.to = lambda q: YES | ({"grants": ["audio"]} if track(q) == "room" else {})
            (ann, bob, _), (a, b, c) = await self.trio(live)
            await ann.ask("media.state", microphone=True, camera=True, screen=False)
            await self.service.asked(5)
            await self.settle(live)
            assert len(self.service.requests) == 5, "one for each person and one for each published source"
            assert live.rooms[self.id].seats[b].may_receive == {(a, Source.MICROPHONE), (c, Source.MICROPHONE)}
            capabilities = next(m["capabilities"] for m in bob.heard if m["type"] == "room")
            assert capabilities["chat"] is False
            assert (await bob.ask("chat", text="hello"))["code"] == "not_allowed"

    async def test_a_newcomer_is_asked_about_every_stream_that_is_there(self) -> None:
        async with self.asking() as live:
            (ann, _, _), (a, *_) = await self.trio(live)
            await ann.ask("media.state", microphone=True, camera=False, screen=False)
            await self.service.asked(6)
            self.says.hold()
            dora = await self.knocker(live, "Dora")
            await dora.message("door")
            self.says.go_on()
            d = (await dora.message("room"))["you"]
            await self.service.asked(8)
            await self.settle(live)
            assert live.rooms[self.id].seats[d].may_receive == {(a, Source.MICROPHONE)}


class TakingBack(RoundTripCase):
    def rules(self) -> Json:
        return {"door_anyone": "walks_in"}

    async def test_a_person_is_put_out_by_the_name_that_the_service_knows(self) -> None:
        async with self.asking() as live:
            host = await self.host_inside(live)
            peter = await self.knocker(live, "Peter")
            other = await self.knocker(live, "Other")
            await peter.message("room")
            await other.message("room")
            name = questions(self.service)[1]["username"]
            await self.take_back(username=name, reason="Your ticket was returned.")
            refused = await peter.message("refused")
            assert (refused["reason"], refused["note"]) == ("not_authorized", "Your ticket was returned.")
            assert len(live.rooms[self.id].inside()) == 2
            assert (await host.message("authorization"))["outcome"] == "refused"

    async def test_a_person_is_put_out_by_their_token(self) -> None:
        async with self.asking() as live:
            await self.host_inside(live)
            peter = await self.knocker(live, "Peter", authorization="ticket-7")
            other = await self.knocker(live, "Other", authorization="ticket-8")
            await peter.message("room")
            await other.message("room")
            await self.take_back(token="ticket-7")
            await peter.message("refused")
            assert len(live.rooms[self.id].inside()) == 2

    async def test_one_stream_stops_for_everybody_and_its_owner_stays(self) -> None:
        async with self.asking() as live:
            host = await self.host_inside(live)
            peter = await self.knocker(live, "Peter")
            who = (await peter.message("room"))["you"]
            await peter.ask("media.state", microphone=True, camera=True, screen=False)
            await self.service.asked(6)
            await self.settle(live)
            await self.take_back(stream=f"{self.occurrence.meeting_id}/{who}/camera", reason="Not in this hall.")
            told = await peter.message("authorization")
            assert (told["track"], told["reason"]) == ("camera", "Not in this hall.")
            assert live.rooms[self.id].seats[who].open_sources() == {Source.MICROPHONE}
            assert live.rooms[self.id].seats[who].inside
            del host

    async def test_a_whole_room_a_person_in_it_and_nobody_elsewhere(self) -> None:
        async with self.asking() as live:
            await self.host_inside(live)
            peter = await self.knocker(live, "Peter")
            who = (await peter.message("room"))["you"]
            for elsewhere in ("another-room", f"another-room/{who}/room", f"{self.occurrence.meeting_id}/nobody"):
                await self.take_back(stream=elsewhere)
                await live.reconcile(self.id)
                assert len(live.rooms[self.id].inside()) == 2
            await self.take_back(stream=f"{self.occurrence.meeting_id}/{who}")
            await peter.message("refused")

    async def test_everything_that_is_named_must_fit(self) -> None:
        async with self.asking() as live:
            await self.host_inside(live)
            peter = await self.knocker(live, "Peter", authorization="ticket-7")
            await peter.message("room")
            name = questions(self.service)[1]["username"]
            await self.take_back(username=name, token="another")
            await live.reconcile(self.id)
            assert len(live.rooms[self.id].inside()) == 2
            await self.take_back(username=name, token="ticket-7")
            await peter.message("refused")

    async def test_another_services_word_is_not_heard(self) -> None:
        async with self.asking() as live:
            await self.host_inside(live)
            peter = await self.knocker(live, "Peter")
            await peter.message("room")
            name = questions(self.service)[1]["username"]
            await sync_to_async(services.take_back)(str(self.occurrence.meeting_id), username=name)
            await live.reconcile(self.id)
            assert len(live.rooms[self.id].inside()) == 2

    async def test_the_same_request_counts_once_and_whoever_comes_again_is_asked_about_again(self) -> None:
        async with self.asking() as live:
            await self.host_inside(live)
            browser = Browser(live)
            peter = await browser.join(self.code, "Peter")
            await peter.message("room")
            name = questions(self.service)[1]["username"]
            assert await self.take_back(username=name, request="digest-1")
            await peter.message("refused")
            await self.move(live, 6)
            again = await browser.join(self.code, "Peter")
            await again.message("room")
            assert not await self.take_back(username=name, request="digest-1")
            await live.reconcile(self.id)
            assert len(live.rooms[self.id].inside()) == 2

    async def test_nobody_in_particular_can_not_be_taken_back(self) -> None:
        with self.assertRaises(services.Wrong):
            await sync_to_async(services.take_back)("organisation")

    @staticmethod
    async def take_back(**about: str) -> bool:
        return await sync_to_async(services.take_back)("organisation", **about)


class Floods(RoundTripCase):
    def rules(self) -> Json:
        return {"door_anyone": "walks_in"}

    async def test_a_service_that_stalls_gets_a_bounded_number_of_questions_at_once(self) -> None:
        async with self.asking() as live:
            await self.host_inside(live)
            self.service.reply = stall
            most = 0
            for number in range(24):
                talk = await self.knocker(live, f"Guest {number}")
                await talk.message("door")
                (line,) = live.authorization.lines.values()
                most = max(most, line.open_questions)
                assert len(live.authorization._tasks) <= line.open_questions + 2
            assert 5 <= most <= 16

    async def test_after_some_failures_one_question_is_asked_for_all(self) -> None:
        async with self.asking() as live:
            self.says.to = lambda question: YES | {"ttl": 3600}
            await self.host_inside(live)
            self.says.status = 500
            talks = [await self.knocker(live, f"Guest {number}") for number in range(8)]
            for talk in talks:
                await talk.message("door")
            await self.move(live, 20)
            before = len(self.service.requests)
            await self.move(live, 20)
            assert len(self.service.requests) - before <= 4
            self.says.status = 200
            await self.move(live, 25)
            assert len(live.rooms[self.id].inside()) == 9

    async def test_the_loop_goes_on_while_the_service_stalls(self) -> None:
        async with self.asking() as live:
            self.service.reply = stall
            talk = await self.arriving_host(live)
            await talk.message("door")
            await self.service.asked(1)
            assert (await talk.ask("ping"))["type"] == "ok"
            (line,) = live.authorization.lines.values()
            assert line.open_questions == 1
