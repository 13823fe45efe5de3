"""Who may speak, show, share and chat: by role, by person, at once, and against a client that asks for more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from asgiref.sync import sync_to_async
from hypothesis import given
from hypothesis import strategies as st

from media_engine import Source
from meetings.doorlimits import Limits
from meetings.live import Live
from meetings.models import AuditEntry, Meeting, Participant
from meetings.rights import WIDTH, Audience, Own, Right, combined, may, narrower
from meetings.services import organisation
from meetings.tests.live_case import Browser, Json, LiveCase, Talk, make_link, make_user, running_live

ALL_ON = {"microphone": True, "camera": True}
owns = st.builds(Own, *[st.none() | st.booleans()] * 4)
audiences = st.sampled_from(Audience)


@given(audiences, st.none() | st.booleans(), st.booleans())
def test_hosts_have_every_right_and_a_word_about_somebody_outweighs_the_rule(
    audience: Audience, own: bool | None, signed_in: bool
) -> None:
    assert may(audience, own, host=True, signed_in=signed_in)
    if own is not None:
        assert may(audience, own, host=False, signed_in=signed_in) is own


@given(audiences, audiences, st.booleans())
def test_a_wider_audience_takes_nothing_from_anybody(one: Audience, other: Audience, signed_in: bool) -> None:
    wide, narrow = sorted((one, other), key=lambda audience: -WIDTH[audience])
    assert narrower(one, other) is narrow
    if may(narrow, None, host=False, signed_in=signed_in):
        assert may(wide, None, host=False, signed_in=signed_in)


@given(st.lists(owns, max_size=3), st.lists(owns, max_size=3))
def test_a_no_holds_wherever_it_may_be_the_same_person_and_a_yes_only_where_it_surely_is(
    surely: list[Own], maybe: list[Own]
) -> None:
    found = combined(surely, maybe)
    for right in Right:
        words = [own.word(right) for own in (*surely, *maybe)]
        if False in words:
            assert found.word(right) is False
        elif found.word(right):
            assert any(own.word(right) for own in surely)
        else:
            assert not any(own.word(right) for own in surely)


class RightsTests(LiveCase):
    async def guest(self, live: Live, host: Talk, name: str = "Peter") -> tuple[Talk, str]:
        talk = await Browser(live).join(self.code, name)
        who = (await talk.message("door"))["participant"]
        await host.ask("door.admit", participant=who)
        await talk.message("room")
        return talk, who

    def open_sources(self, live: Live, who: str) -> frozenset[Source]:
        return live.rooms[self.id].seats[who].open_sources()

    async def test_who_loses_a_right_is_stopped_before_the_host_is_answered_and_told_by_whom(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest, who = await self.guest(live, host)
            await guest.ask("media.state", **ALL_ON)
            self.assertEqual(self.open_sources(live, who), {Source.MICROPHONE, Source.CAMERA})
            self.assertEqual((await host.ask("host.rights", speak="hosts", share="hosts"))["type"], "ok")
            self.assertEqual(self.open_sources(live, who), {Source.CAMERA})
            self.assertEqual((await guest.message("meeting"))["meeting"]["rights"]["speak"], "hosts")
            told = await guest.message("capabilities")
            self.assertEqual((told["capabilities"]["speak"], told["by"]), (False, "Ingrid Sæther"))
            entry = await AuditEntry.objects.select_related("detail").aget(kind="host.rights_changed")
            self.assertIn('"speak":"hosts"', entry.detail.body)
            await host.ask("host.rights", speak="everyone")
            self.assertEqual(
                self.open_sources(live, who), {Source.CAMERA}, "a right that comes back switches nothing on"
            )

    async def test_a_client_that_asks_for_more_than_it_may_gets_nothing_of_it(self) -> None:
        self.occurrence.meeting.may_speak = self.occurrence.meeting.may_share = "hosts"
        await self.occurrence.meeting.asave()
        async with running_live() as live:
            host = await self.host_inside(live)
            guest, who = await self.guest(live, host)
            answer = await guest.ask("media.state", **ALL_ON)
            self.assertEqual((answer["microphone"], answer["camera"], answer["screen"]), (False, True, False))
            self.assertEqual(self.open_sources(live, who), {Source.CAMERA})
            self.assertEqual((await guest.ask("media.state", **ALL_ON, screen=True))["code"], "not_allowed")
            # The right alone switches nothing on: what was asked for while it was forbidden is forgotten.
            await host.ask("host.rights", speak="everyone")
            self.assertEqual(self.open_sources(live, who), {Source.CAMERA})
            await guest.ask("media.state", **ALL_ON)
            self.assertEqual(self.open_sources(live, who), {Source.MICROPHONE, Source.CAMERA})

    async def test_signed_in_people_are_told_apart_from_guests(self) -> None:
        colleague = await sync_to_async(make_user)("Sofie Brandt")
        async with running_live() as live:
            host = await self.host_inside(live)
            _guest, who = await self.guest(live, host)
            talk = await (await Browser(live).sign_in(colleague)).join(self.code)
            me = (await talk.message("room"))["you"]
            await host.ask("host.rights", speak="signed_in", show="signed_in", share="signed_in", chat="signed_in")
            room = live.rooms[self.id]
            self.assertFalse(any(self._rights(room.seats[who].capabilities)))
            self.assertTrue(all(self._rights(room.seats[me].capabilities)))

    def _rights(self, those: Any) -> list[bool]:
        return [those.speak, those.show, those.share, those.chat]

    async def test_guests_who_start_without_any_right_publish_nothing(self) -> None:
        await Meeting.objects.aupdate(may_speak="signed_in", may_show="signed_in", may_share="signed_in")
        async with running_live() as live:
            host = await self.host_inside(live)
            guest, who = await self.guest(live, host)
            self.assertEqual((await guest.ask("media.publish", sdp="v=0", sources={}))["code"], "no_grant")
            await guest.ask("media.state", **ALL_ON)
            self.assertEqual(self.open_sources(live, who), frozenset())

    async def test_a_word_about_one_person_outweighs_the_rule_until_it_is_taken_back(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest, who = await self.guest(live, host)
            await guest.ask("media.state", **ALL_ON)
            await host.ask("host.person_rights", participant=who, show=False, chat=False)
            self.assertEqual(self.open_sources(live, who), {Source.MICROPHONE})
            self.assertEqual((await guest.ask("chat", text="hello"))["code"], "not_allowed")
            await host.ask("host.rights", speak="hosts")
            await host.ask("host.person_rights", participant=who, speak=True, show=None)
            seen = (await host.ask("ping")) and [m["person"] for m in host.heard if m["type"] == "person"][-1]
            self.assertEqual((seen["capabilities"]["speak"], seen["capabilities"]["show"]), (True, True))
            await guest.ask("media.state", **ALL_ON)
            self.assertEqual(self.open_sources(live, who), {Source.MICROPHONE, Source.CAMERA})

    async def test_a_right_that_was_taken_does_not_come_back_with_another_device_or_a_dropped_link(self) -> None:
        _, secret = await sync_to_async(make_link)(self.occurrence, "peter@medreg.example")
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = Browser(live)
            await browser.open_link(secret)
            guest = await browser.join(self.code, "Peter")
            who = (await guest.message("door"))["participant"]
            await host.ask("door.admit", participant=who)
            await guest.message("room")
            await host.ask("host.person_rights", participant=who, chat=False)
            await guest.send("leave")
            await guest.closed()
            browser.http.cookies.pop("lintel-link")
            again = await browser.join(self.code, "Not Peter")
            other = (await again.message("door"))["participant"]
            self.assertNotEqual(other, who)
            await host.ask("door.admit", participant=other)
            self.assertFalse((await again.message("room"))["capabilities"]["chat"])

    async def test_a_right_that_was_given_is_nobody_elses_on_the_same_device(self) -> None:
        await Meeting.objects.aupdate(may_speak="hosts")
        colleague = await sync_to_async(make_user)("Sofie Brandt")
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = Browser(live)
            guest = await browser.join(self.code, "Peter")
            who = (await guest.message("door"))["participant"]
            await host.ask("door.admit", participant=who)
            await guest.message("room")
            await host.ask("host.person_rights", participant=who, speak=True)
            self.assertTrue((await guest.message("capabilities"))["capabilities"]["speak"])
            await browser.sign_in(colleague)
            talk = await browser.join(self.code)
            self.assertFalse((await talk.message("room"))["capabilities"]["speak"])

    async def test_a_right_that_was_given_to_an_account_holds_on_its_second_device(self) -> None:
        await Meeting.objects.aupdate(may_speak="hosts")
        colleague = await sync_to_async(make_user)("Sofie Brandt")
        async with running_live() as live:
            host = await self.host_inside(live)
            talk = await (await Browser(live).sign_in(colleague)).join(self.code)
            me = (await talk.message("room"))["you"]
            await host.ask("host.person_rights", participant=me, speak=True)
            second = await (await Browser(live).sign_in(colleague)).join(self.code)
            self.assertTrue((await second.message("room"))["capabilities"]["speak"])

    async def test_who_is_asked_to_speak_may_and_is_switched_on_by_nobody_else(self) -> None:
        await Meeting.objects.aupdate(may_speak="hosts")
        async with running_live() as live:
            host = await self.host_inside(live)
            guest, who = await self.guest(live, host)
            self.assertEqual((await host.ask("host.ask", participant=who, source="microphone"))["type"], "ok")
            asked = await guest.message("host.asked")
            self.assertEqual((asked["source"], asked["by"]), ("microphone", "Ingrid Sæther"))
            self.assertEqual(self.open_sources(live, who), frozenset())
            await guest.ask("media.state", microphone=True, camera=False)
            self.assertEqual(self.open_sources(live, who), {Source.MICROPHONE})

    async def test_mute_all_leaves_the_way_back_open_or_closes_it(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest, who = await self.guest(live, host)
            me = live.rooms[self.id].hosts()[0].id
            for talk in (guest, host):
                await talk.ask("media.state", **ALL_ON)
            await host.ask("host.mute_all")
            self.assertEqual(self.open_sources(live, who), {Source.CAMERA})
            self.assertIn(Source.MICROPHONE, self.open_sources(live, me))
            await guest.ask("media.state", **ALL_ON)
            self.assertIn(Source.MICROPHONE, self.open_sources(live, who))
            await host.ask("host.mute_all", unmute=False)
            self.assertEqual((await guest.message("muted"))["by"], "Ingrid Sæther")
            self.assertFalse((await guest.ask("media.state", **ALL_ON))["microphone"])
            self.assertEqual((await Meeting.objects.aget()).may_speak, "hosts")

    async def test_what_the_organisation_settled_no_host_changes(self) -> None:
        admin = await sync_to_async(make_user)("Ada Admin", role="admin")
        limits = Limits()
        limits = replace(limits, defaults=replace(limits.defaults, chat=Audience.SIGNED_IN), fixed=frozenset({"chat"}))
        await sync_to_async(organisation.change_door_policy)(admin, limits)
        async with running_live() as live:
            host = await self.host_inside(live)
            self.assertEqual((await host.ask("host.rights", chat="everyone"))["code"], "limited")
            _guest, who = await self.guest(live, host)
            self.assertFalse(live.rooms[self.id].seats[who].capabilities.chat)

    async def test_bodies_that_name_nothing_or_nonsense_are_refused(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            _guest, who = await self.guest(live, host)
            me = live.rooms[self.id].hosts()[0].id
            bad: list[tuple[str, Json]] = [
                ("host.rights", {}),
                ("host.rights", {"speak": "nobody"}),
                ("host.person_rights", {"participant": who}),
                ("host.person_rights", {"participant": who, "speak": "yes"}),
                ("host.ask", {"participant": who, "source": "screen_audio"}),
            ]
            for kind, fields in bad:
                self.assertEqual((await host.ask(kind, **fields))["code"], "bad_field", (kind, fields))
            for kind, fields, code in (
                ("host.person_rights", {"chat": False}, "wrong_state"),
                ("host.role", {"host": False}, "organiser"),
            ):
                self.assertEqual((await host.ask(kind, participant=me, **fields))["code"], code, kind)
            self.assertIsNone((await Participant.objects.aget(pk=me)).may_chat)
