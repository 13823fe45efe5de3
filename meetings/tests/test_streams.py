"""Lintel's side of Red5 Pro's protocol: who is answered, what is a yes, and that the one door decides."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from unittest import mock

from asgiref.sync import sync_to_async
from django.utils import timezone

from meetings import vault
from meetings.audit import body_of, flush_refusals, log
from meetings.models import AuditEntry, Invitation, Meeting, Participant
from meetings.roundtrip import answering
from meetings.roundtrip.answering import Minted
from meetings.roundtrip.models import ORGANISATION, AuthorizationService, StreamAnswers, StreamPass
from meetings.services import door as door_services
from meetings.services import invitations
from meetings.services.errors import NotAHost, NotAnAdministrator, Wrong
from meetings.tests.live_case import Browser, Json, LiveCase, make_link, make_user, running_live
from meetings.views import streams

YES, NO = {"result": True}, {"result": False}


class StreamCase(LiveCase):
    def setUp(self) -> None:
        super().setUp()
        streams.limits = streams.Limits()
        log._tally.everything()  # what other tests of this process only counted
        self.admin = make_user("Ada Admin", role="admin")
        self.secret = answering.new_secret(self.admin)
        answering.change_answers(self.admin, is_on=True, networks=[])

    @sync_to_async
    def minted(self, **what: Any) -> Minted:
        by = what.pop("by", self.host)
        return answering.mint(by, self.occurrence, **{"may_publish": True, "seconds": 300, **what})

    def body(self, made: Minted, **changes: Any) -> Json:
        fields = {
            "type": "subscriber",
            "username": made.row.username,
            "password": made.password,
            "streamID": f"{self.occurrence.meeting_id}/camera",
            "token": made.token,
        } | changes
        return {name: value for name, value in fields.items() if value is not None}

    async def post(self, body: Any, *, path: str | None = None, network: str = "127.0.0.1", **more: Any) -> Any:
        browser = Browser(None, network=network)  # type: ignore[arg-type]
        data = body if isinstance(body, bytes) else json.dumps(body).encode("iso-8859-1", "replace")
        path = path if path is not None else f"/rta/{self.secret}/validateCredentials"
        return await browser.http.generic(
            more.pop("method", "POST"), path, data, content_type="application/json", **more
        )

    async def result(self, body: Any, **more: Any) -> Json:
        answer = await self.post(body, **more)
        assert answer.status_code == 200, answer.status_code
        found: Json = answer.json()
        return found


class WhoMayAsk(StreamCase):
    async def test_only_whoever_knows_the_secret_address_is_answered(self) -> None:
        made = await self.minted()
        assert await self.result(self.body(made)) == YES
        for path in (
            "/rta/wrong/validateCredentials",
            "/rta//validateCredentials",
            f"/rta/{self.secret}x/validateCredentials",
            f"/rta/{self.secret[:-1]}/validateCredentials",
            "/rta/" + "x" * 3000 + "/validateCredentials",
            "/validateCredentials",
        ):
            answer = await self.post(self.body(made), path=path)
            assert answer.status_code == 404, path

    async def test_a_listed_network_needs_no_secret_and_no_other_has_none(self) -> None:
        await sync_to_async(answering.change_answers)(self.admin, is_on=True, networks=["127.9.0.0/16"])
        made = await self.minted()
        bare = "/validateCredentials"
        assert (await self.post(self.body(made), path=bare, network="127.9.4.4")).status_code == 403
        https = await self.post(self.body(made), path=bare, network="127.9.4.4", headers={}, secure=True)
        assert https.json() == YES
        mapped = await self.post(self.body(made), path=bare, network="::ffff:127.9.4.4", secure=True)
        assert mapped.json() == YES
        assert (await self.post(self.body(made), path=bare, network="127.8.4.4", secure=True)).status_code == 404

    async def test_off_means_that_nothing_is_there(self) -> None:
        await sync_to_async(answering.change_answers)(self.admin, is_on=False, networks=["127.0.0.0/16"])
        made = await self.minted()
        for path in (None, "/validateCredentials", "/invalidateCredentials"):
            assert (await self.post(self.body(made), path=path)).status_code == 404

    async def test_a_new_secret_ends_the_one_before_and_only_its_digest_is_kept(self) -> None:
        before = self.secret
        self.secret = await sync_to_async(answering.new_secret)(self.admin)
        made = await self.minted()
        assert await self.result(self.body(made)) == YES
        assert (await self.post(self.body(made), path=f"/rta/{before}/validateCredentials")).status_code == 404
        assert self.secret not in str(vars(await StreamAnswers.objects.aget()))

    async def test_credentials_do_not_cross_a_network_in_the_open(self) -> None:
        made = await self.minted()
        assert (await self.post(self.body(made), network="203.0.113.9")).status_code == 403
        assert (await self.post(self.body(made), network="203.0.113.9", secure=True)).json() == YES
        assert (await self.post(self.body(made), network="::1")).json() == YES

    async def test_guessing_the_address_runs_out_also_for_the_right_guess(self) -> None:
        made = await self.minted()
        for _ in range(30):
            await self.post({}, path="/rta/guess/validateCredentials")
        answer = await self.post(self.body(made))
        assert answer.status_code == 429 and int(answer["Retry-After"]) >= 1
        assert (await self.post(self.body(made), network="127.0.9.1", secure=True)).json() == YES

    async def test_other_methods_and_great_bodies_are_refused(self) -> None:
        assert (await self.post({}, method="GET")).status_code == 405
        assert (await self.post(b"x" * 8193)).status_code == 413

    async def test_no_cookie_and_no_csrf_token_is_looked_at(self) -> None:
        made = await self.minted()
        assert await self.result(self.body(made), headers={"Origin": "https://elsewhere.example"}) == YES

    def test_only_administrators_set_it(self) -> None:
        for by in (self.host, make_user("Yuki Tanaka")):
            with self.assertRaises(NotAnAdministrator):
                answering.change_answers(by, is_on=True, networks=[])
            with self.assertRaises(NotAnAdministrator):
                answering.new_secret(by)

    def test_networks_are_checked(self) -> None:
        for wrong in ("nonsense", "0.0.0.0/0", "10.0.0.0/8", "10.0.0.1/24", "2001:db8::/16"):
            with self.assertRaises(Wrong) as caught:
                answering.change_answers(self.admin, is_on=True, networks=[wrong])
            assert caught.exception.field == "networks"
        with self.assertRaises(Wrong):
            answering.change_answers(self.admin, is_on=True, networks=[f"10.1.{number}.0/24" for number in range(21)])


class WhatIsAYes(StreamCase):
    async def test_everything_must_fit(self) -> None:
        made = await self.minted()
        assert await self.result(self.body(made)) == YES
        for wrong in (
            {"username": "x"},
            {"username": None},
            {"username": ""},
            {"password": "x"},
            {"password": None},
            {"password": made.token},
            {"token": "x"},
            {"token": ""},
            {"token": None},
            {"token": made.password},
            {"type": None},
            {"type": "Publisher"},
            {"type": "viewer"},
            {"type": ["subscriber"]},
            {"username": {"$ne": ""}},
            {"token": 7},
            {"password": "p" * 2049},
        ):
            assert await self.result(self.body(made, **wrong)) == NO, wrong

    async def test_a_stream_without_its_room_is_a_no(self) -> None:
        made = await self.minted()
        room, code = self.occurrence.meeting_id, self.code
        for stream in (f"{room}/cam", f"{code}/cam", f"{code.upper()}/cam", f"{str(room).upper()}/a/b/c"):
            assert await self.result(self.body(made, streamID=stream)) == YES, stream
        for stream in (
            "cam",
            "",
            "/",
            f"{room}",
            f"{room}/",
            f"/{room}/cam",
            f"live/{room}/cam",
            "other/cam",
            f"{room}/ä",
        ):
            assert await self.result(self.body(made, streamID=stream)) == NO, stream
        assert await self.result(self.body(made, streamID=None)) == NO

    async def test_a_pass_of_one_meeting_is_worth_nothing_in_another(self) -> None:
        made = await self.minted()
        other = await sync_to_async(self.another_meeting)()
        assert await self.result(self.body(made, streamID=f"{other.pk}/cam")) == NO

    def another_meeting(self) -> Meeting:
        from meetings.tests.live_case import make_meeting

        return make_meeting(self.host).meeting

    async def test_a_pass_for_somebody_else_is_good_while_its_maker_hosts(self) -> None:
        """Its secrets are known to whoever made it: a host who is removed would go on as the other."""
        omar = await sync_to_async(make_user)("Omar Haddad")
        await self.occurrence.meeting.hosts.aadd(omar)
        async with running_live() as live:
            who = (await (await Browser(live).sign_in(self.host)).join(self.code)).message("room")
            seat = await Participant.objects.aget(pk=(await who)["you"])
            others = await self.minted(by=omar, participant=seat)
            own = await self.minted(by=self.host)
            assert await self.result(self.body(others)) == YES
            await self.occurrence.meeting.hosts.aremove(omar)
            assert await self.result(self.body(others)) == NO
            assert await self.result(self.body(own)) == YES
            await self.occurrence.meeting.hosts.aadd(omar)
            assert await self.result(self.body(others)) == YES
            omar.is_active = False
            await omar.asave()
            assert await self.result(self.body(others)) == NO
            await StreamPass.objects.aupdate(created_by=None)  # nobody knows any more who made it
            assert await self.result(self.body(others)) == NO

    async def test_what_is_not_one_json_object_is_a_no(self) -> None:
        for body in (
            b"",
            b"null",
            b"[]",
            b'"x"',
            b"{",
            b"{" * 4000,
            b'{"type":"publisher","type":"subscriber"}',
            b"\xff\xfe",
        ):
            assert await self.result(body) == NO

    async def test_bodies_in_latin_1_and_with_html_escapes_are_understood(self) -> None:
        made = await self.minted()
        latin = json.dumps(self.body(made, extra="Sæther"), ensure_ascii=False).encode("iso-8859-1")
        assert await self.result(latin) == YES
        escaped = json.dumps(self.body(made)).replace(made.token[0], f"\\u{ord(made.token[0]):04x}", 1)
        assert await self.result(escaped.encode()) == YES

    async def test_a_pass_runs_out(self) -> None:
        made = await self.minted(seconds=30)
        await StreamPass.objects.aupdate(expires_at=timezone.now() - timedelta(seconds=1))
        assert await self.result(self.body(made)) == NO

    async def test_a_pass_for_listening_is_none_for_speaking(self) -> None:
        made = await self.minted(may_publish=False)
        assert await self.result(self.body(made)) == YES
        assert await self.result(self.body(made, type="publisher")) == NO
        made = await self.minted()
        assert await self.result(self.body(made, type="publisher")) == YES

    async def test_a_publisher_who_left_needs_a_new_pass(self) -> None:
        made = await self.minted()
        gone = f"/rta/{self.secret}/invalidateCredentials"
        told = self.body(made, type=None)
        for wrong in ({"password": "x"}, {"token": None}, {"username": "x"}):
            assert await self.result({**told, **wrong}, path=gone) == YES, "Red5 Pro ignores the answer"
        assert await self.result(self.body(made)) == YES
        assert await self.result(told, path=gone) == YES
        assert await self.result(self.body(made)) == NO
        assert await AuditEntry.objects.filter(kind="stream.ended").acount() == 1

    async def test_secrets_are_kept_as_digests_and_every_answer_is_written_down(self) -> None:
        made = await self.minted()
        row = await StreamPass.objects.aget()
        assert made.token not in str(vars(row)) and made.password not in str(vars(row))
        await self.result(self.body(made))
        await self.result(self.body(made, streamID="bare"))
        await sync_to_async(flush_refusals)()
        assert await AuditEntry.objects.filter(kind="stream.allowed").acount() == 1
        assert await AuditEntry.objects.filter(kind="stream.refused").acount() == 1


class TheDoorDecides(StreamCase):
    def rules(self) -> Json:
        return {"door_anyone": "knocks"}

    async def guest(self, **more: Any) -> tuple[Invitation, Minted]:
        invitation, _ = await sync_to_async(make_link)(self.occurrence, "peter@medreg.example", name="Peter")
        return invitation, await self.minted(invitation=invitation, **more)

    async def test_a_guest_who_knocks_is_let_in_by_a_host_and_not_by_a_pass(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            invitation, secret = await sync_to_async(make_link)(self.occurrence, "peter@medreg.example", name="Peter")
            made = await self.minted(invitation=invitation)
            assert await self.result(self.body(made)) == NO
            browser = Browser(live)
            await browser.open_link(secret)
            talk = await browser.join(self.code)
            who = (await talk.message("door"))["participant"]
            assert await self.result(self.body(made)) == NO
            await host.ask("door.admit", participant=who)
            await talk.message("room")
            assert await self.result(self.body(made)) == YES
            await host.ask("host.remove", participant=who)
            assert await self.result(self.body(made)) == NO

    async def test_nobody_streams_while_no_host_is_there(self) -> None:
        await Meeting.objects.aupdate(door_guests="walks_in")
        _, made = await self.guest()
        assert await self.result(self.body(made)) == NO
        async with running_live() as live:
            await self.host_inside(live)
            assert await self.result(self.body(made)) == YES

    async def test_a_revoked_invitation_a_locked_door_and_an_ended_meeting_end_it(self) -> None:
        await Meeting.objects.aupdate(door_guests="walks_in")
        invitation, made = await self.guest()
        async with running_live() as live:
            host = await self.host_inside(live)
            assert await self.result(self.body(made)) == YES
            await host.ask("door.lock", locked=True)
            assert await self.result(self.body(made)) == NO
            await host.ask("door.lock", locked=False)
            assert await self.result(self.body(made)) == YES
            await sync_to_async(invitations.revoke)(self.host, invitation)
            assert await self.result(self.body(made)) == NO

    async def test_an_account_that_was_switched_off_is_a_no(self) -> None:
        made = await self.minted()
        assert await self.result(self.body(made)) == YES
        await self.host.__class__.objects.filter(pk=self.host.pk).aupdate(is_active=False)
        assert await self.result(self.body(made)) == NO

    async def test_a_pass_for_a_seat_follows_the_seat(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = Browser(live)
            talk = await browser.join(self.code, "Peter")
            who = (await talk.message("door"))["participant"]
            seat = await Participant.objects.select_related("user", "invitation").aget(pk=who)
            made = await self.minted(participant=seat)
            assert await self.result(self.body(made)) == NO
            await host.ask("door.admit", participant=who)
            await talk.message("room")
            assert await self.result(self.body(made)) == YES
            await sync_to_async(door_services.remove)(self.host, seat, note="", block=True)
            assert await self.result(self.body(made)) == NO

    async def test_a_pass_opens_nothing_while_all_is_suspended(self) -> None:
        made = await self.minted()
        async with running_live() as live:
            host = await self.host_inside(live)
            assert await self.result(self.body(made, type="publisher")) == YES
            await host.ask("host.suspend")
            for kind in ("publisher", "subscriber"):
                assert await self.result(self.body(made, type=kind)) == NO, "hosts are stopped as well"
            await host.ask("host.resume", quiet=False)
            assert await self.result(self.body(made, type="publisher")) == YES

    async def test_a_pass_is_no_way_around_an_authorization_service(self) -> None:
        made = await self.minted()
        service = {"url": "https://auth.example.org", "is_on": True, "sealed_secret": vault.seal("lintelrta_x")}
        async with running_live() as live:
            await self.host_inside(live)
            assert await self.result(self.body(made)) == YES
            await AuthorizationService.objects.acreate(key=ORGANISATION, **service)
            assert await self.result(self.body(made)) == NO
            seat = await Participant.objects.aget()
            with mock.patch.object(live.authorization, "lets_in", lambda *whom: whom == (self.id, str(seat.pk))):
                assert await self.result(self.body(made)) == YES
        await sync_to_async(flush_refusals)()
        refused = await AuditEntry.objects.select_related("detail").aget(kind="stream.refused")
        assert body_of(refused)["facts"]["reason"] == "authorization"


class Minting(StreamCase):
    def test_hosts_make_passes_for_others_and_nobody_else_does(self) -> None:
        invitation, _ = make_link(self.occurrence, "peter@medreg.example")
        for by in (make_user("Yuki Tanaka"), self.admin):
            with self.assertRaises(NotAHost):
                answering.mint(by, self.occurrence, invitation=invitation, may_publish=False, seconds=300)

    def test_a_pass_lasts_as_long_as_it_may(self) -> None:
        for seconds in (0, 29, 3601):
            with self.assertRaises(Wrong):
                answering.mint(self.host, self.occurrence, may_publish=False, seconds=seconds)

    def test_old_passes_are_forgotten_and_valid_ones_counted(self) -> None:
        made = answering.mint(self.host, self.occurrence, may_publish=False, seconds=30)
        StreamPass.objects.update(expires_at=timezone.now() - timedelta(days=2))
        answering.mint(self.host, self.occurrence, may_publish=False, seconds=30)
        assert not StreamPass.objects.filter(pk=made.row.pk).exists()
        peter, _ = make_link(self.occurrence, "peter@medreg.example")
        StreamPass.objects.bulk_create(
            StreamPass(
                occurrence=self.occurrence, invitation=peter,
                username="u", password_digest="p", token_digest=str(number),
                expires_at=timezone.now() + timedelta(minutes=1),
            )
            for number in range(answering.MOST_PASSES)
        )  # fmt: skip
        with self.assertRaises(Wrong) as caught:
            answering.mint(self.host, self.occurrence, invitation=peter, may_publish=False, seconds=30)
        assert caught.exception.code == "too_many"
