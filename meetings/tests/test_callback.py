"""`POST /rta/revoke`: signed, about now, once; it stops media before the second is over."""

from __future__ import annotations

import json
import time
from typing import Any

from asgiref.sync import sync_to_async

from meetings import vault
from meetings.models import Meeting
from meetings.roundtrip.models import ORGANISATION, AuthorizationService, Revocation
from meetings.roundtrip.protocol import SIGNATURE, TIMESTAMP, signature
from meetings.tests.live_case import Browser, Json
from meetings.tests.roundtrip_case import SECRET, RoundTripCase, questions
from meetings.views import callback

OWN = "lintelrta_the-secret-of-the-meetings-own"


class RevokeCase(RoundTripCase):
    def setUp(self) -> None:
        super().setUp()
        callback.limits = callback.Limits()

    def rules(self) -> Json:
        return {"door_anyone": "walks_in"}

    async def revoke(
        self, body: Any, *, secret: str = SECRET, at: float | None = None, given: str | None = None,
        network: str = "127.0.0.1", method: str = "POST",
    ) -> Any:  # fmt: skip
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        timestamp = str(int(time.time() if at is None else at))
        headers = {TIMESTAMP: timestamp, SIGNATURE: given if given is not None else signature(secret, timestamp, data)}
        http = Browser(None, network=network).http  # type: ignore[arg-type]
        return await http.generic(method, "/rta/revoke", data, content_type="application/json", headers=headers)


class Revoking(RevokeCase):
    async def test_a_person_is_out_when_the_service_says_so(self) -> None:
        async with self.asking() as live:
            host = await self.host_inside(live)
            peter = await self.knocker(live, authorization="ticket-7")
            who = (await peter.message("room"))["you"]
            answer = await self.revoke({"token": "ticket-7", "reason": "Your ticket was returned."})
            assert (answer.status_code, answer.json()) == (200, {"result": True, "repeated": False})
            refused = await peter.message("refused")
            assert (refused["reason"], refused["note"]) == ("not_authorized", "Your ticket was returned.")
            assert who not in live.engine.stats(self.id)
            assert (await host.message("gone"))["participant"] == who

    async def test_the_same_request_again_does_nothing_and_says_so(self) -> None:
        async with self.asking() as live:
            await self.host_inside(live)
            browser = Browser(live)
            peter = await browser.join(self.code, "Peter")
            await peter.message("room")
            name = questions(self.service)[1]["username"]
            at = time.time()
            assert (await self.revoke({"username": name}, at=at)).json()["repeated"] is False
            await peter.message("refused")
            await self.move(live, 6)
            again = await browser.join(self.code, "Peter")
            await again.message("room")
            answer = await self.revoke({"username": name}, at=at)
            assert (answer.status_code, answer.json()["repeated"]) == (200, True)
            await live.reconcile(self.id)
            assert len(live.rooms[self.id].inside()) == 2
            assert (await self.revoke({"username": name}, at=at + 1)).json()["repeated"] is False
            await again.message("refused")

    async def test_one_stream_stops(self) -> None:
        async with self.asking() as live:
            await self.host_inside(live)
            peter = await self.knocker(live)
            who = (await peter.message("room"))["you"]
            await peter.ask("media.state", microphone=True, camera=True, screen=False)
            await self.service.asked(6)
            await self.settle(live)
            await self.revoke({"streamID": f"{self.occurrence.meeting_id}/{who}/camera"})
            assert (await peter.message("authorization"))["track"] == "camera"
            assert {source.value for source in live.rooms[self.id].seats[who].open_sources()} == {"microphone"}

    async def test_whoever_can_not_sign_changes_nothing_and_learns_nothing(self) -> None:
        async with self.asking() as live:
            await self.host_inside(live)
            peter = await self.knocker(live, authorization="ticket-7")
            await peter.message("room")
            body = {"token": "ticket-7"}
            now = str(int(time.time()))
            answers = [
                await self.revoke(body, secret="another"),
                await self.revoke(body, given=""),
                await self.revoke(body, given="v1="),
                await self.revoke(body, given=signature(SECRET, now, b"{}")),
                await self.revoke(body, at=time.time() - 301),
                await self.revoke(body, at=time.time() + 305),
                await self.revoke(b"not json", secret="another"),
                await self.revoke({"streamID": f"{self.occurrence.meeting_id}/x/room"}, secret=OWN),
            ]
            assert {(answer.status_code, answer.content) for answer in answers} == {
                (403, b'{"result": false, "reason": "The signature does not fit."}')
            }
            await live.reconcile(self.id)
            assert len(live.rooms[self.id].inside()) == 2
            assert not await Revocation.objects.aexists()
            said = [facts["reason"] for facts in await self.written("authorization.callback_refused")]
            assert said == ["not_signed"] * 4 + ["not_about_now"] * 2 + ["not_signed"] * 2

    async def test_a_service_that_is_not_asked_has_nothing_to_take_back(self) -> None:
        async with self.asking(is_on=False):
            assert (await self.revoke({"username": "u"})).status_code == 403

    async def test_the_secret_before_is_good_for_a_day(self) -> None:
        from django.utils import timezone

        rotated = {
            "sealed_secret": vault.seal("new"),
            "sealed_previous": vault.seal(SECRET),
            "rotated_at": timezone.now(),
        }
        async with self.asking(**rotated):
            assert (await self.revoke({"username": "u"})).status_code == 200
            assert (await self.revoke({"username": "u"}, secret="new")).status_code == 200

    async def test_a_meetings_own_service_speaks_for_its_meeting_alone(self) -> None:
        async with self.asking(hosts_may_replace=True):
            await sync_to_async(self.give_own)()
            room = str(self.occurrence.meeting_id)
            assert (await self.revoke({"username": "u", "room": room}, secret=OWN)).status_code == 200
            assert (await self.revoke({"streamID": f"{room}/p/room"}, secret=OWN)).status_code == 200
            assert (await self.revoke({"username": "u"}, secret=OWN)).status_code == 403
            assert (await self.revoke({"username": "u", "room": self.id}, secret=OWN)).status_code == 403
            assert {row.service_key async for row in Revocation.objects.all()} == {room}
            await AuthorizationService.objects.filter(key=ORGANISATION).aupdate(hosts_may_replace=False)
            assert (await self.revoke({"username": "u", "room": room}, secret=OWN)).status_code == 403

    def give_own(self) -> None:
        meeting = Meeting.objects.get(pk=self.occurrence.meeting_id)
        AuthorizationService.objects.create(
            key=str(meeting.pk),
            meeting=meeting,
            url="https://own.example.org/",
            is_on=True,
            sealed_secret=vault.seal(OWN),
        )


class Form(RevokeCase):
    async def test_what_is_wrong_is_said_to_whoever_signed(self) -> None:
        async with self.asking():
            for body, words in (
                ({}, "username: name a username"),
                ({"reason": "because"}, "username: name a username"),
                ({"user": "u"}, "user: there is no such field."),
                ({"username": 7}, "username: text of at most 254 characters."),
                ({"username": "u" * 255}, "username: text"),
                ({"username": None}, "username: text"),
                ({"room": "a", "streamID": "b/c"}, "streamID: is in another room."),
                (b"[]", "username: name a username"),
            ):
                answer = await self.revoke(body)
                assert answer.status_code == 422, body
                assert answer.json()["reason"].startswith(words), answer.json()
            assert not await Revocation.objects.aexists()

    async def test_a_track_that_nobody_has_takes_nothing_back_and_nobody_out(self) -> None:
        async with self.asking():
            room = str(self.occurrence.meeting_id)
            for track in ("cam", "Camera", "camera/2", "/camera"):
                answer = await self.revoke({"streamID": f"{room}/p/{track}", "username": "u"})
                assert (answer.status_code, answer.json()["reason"][:19]) == (422, "streamID: the track"), track
            assert not await Revocation.objects.aexists()
            for track in ("", "/", "/room", "/microphone", "/camera", "/screen"):
                assert (await self.revoke({"streamID": f"{room}/p{track}"})).status_code == 200, track

    async def test_letters_that_no_database_stores_are_said_and_not_stumbled_over(self) -> None:
        async with self.asking():
            room = str(self.occurrence.meeting_id)
            for field in ("username", "token", "streamID"):
                for letters in ("a\x00b", "\ud800", "a\r\nX-Evil: 1"):
                    fields = {"username": "u", field: f"{room}/{letters}" if field == "streamID" else letters}
                    answer = await self.revoke(fields)
                    assert (answer.status_code, field in answer.json()["reason"]) == (422, True), fields
            assert not await Revocation.objects.aexists()
            reason = "a\x00b\ud800\r\nX-Evil: 1" + "\u202e"
            assert (await self.revoke({"username": "u", "reason": reason})).status_code == 200
            assert (await Revocation.objects.aget()).reason == "ab X-Evil: 1"

    async def test_a_room_is_the_same_in_every_spelling_and_no_other(self) -> None:
        async with self.asking() as live:
            await self.host_inside(live)
            peter = await self.knocker(live)
            await peter.message("room")
            room = str(self.occurrence.meeting_id)
            for other in (room[:-1], room + "0", room.replace("-", "")[:31], f"{room} ", f"urn:{room}", self.id):
                answer = await self.revoke({"streamID": other})
                assert answer.status_code == (200 if other == self.id else 422), other
            await live.reconcile(self.id)
            assert len(live.rooms[self.id].inside()) == 2
            assert (await self.revoke({"streamID": room.upper(), "reason": "Out."})).status_code == 200
            assert (await peter.message("refused"))["note"] == "Out."

    async def test_only_posts_of_a_bounded_size(self) -> None:
        async with self.asking():
            assert (await self.revoke({"username": "u"}, method="GET")).status_code == 405
            assert (await self.revoke(b"x" * 8193)).status_code == 413

    async def test_wrong_signatures_run_out_per_network(self) -> None:
        async with self.asking():
            for _ in range(30):
                await self.revoke({"username": "u"}, secret="guess", network="127.0.5.1")
            answer = await self.revoke({"username": "u"}, network="127.0.5.1")
            assert answer.status_code == 429 and int(answer["Retry-After"]) >= 1
            assert (await self.revoke({"username": "u"}, network="127.0.6.1")).status_code == 200
