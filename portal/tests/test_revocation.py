"""Every way to lose a right reaches a running meeting by itself: no tick helps here, both stand still for an hour."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from allauth.account.models import EmailAddress
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.test import TestCase

from meetings.door import Rules, Way, with_preset
from meetings.live import upkeep
from meetings.models import Invitation, Meeting
from meetings.rights import Audience
from meetings.services import invitations, scheduling
from meetings.tests.live_case import Browser, Json, running_live
from portal.accounts import services
from portal.models import User
from portal.tests.api_case import meeting_of, person

KNOCK = with_preset(Rules(opens_minutes=None), "guests_knock")
SECOND_ADDRESS = "marcus@other.example"
LISTED_ONLY = Rules(opens_minutes=None, colleagues=Way.TURNED_AWAY)


class Loss(TestCase):
    """One meeting with a host; `rules` and `account` say who else is inside."""

    def setUp(self) -> None:
        self.ingrid = person("ingrid", User.Role.ADMIN)
        self.marcus = person("marcus")

    @sync_to_async
    def commit(self, change: Callable[..., Any], *args: Any, **details: Any) -> None:
        """Makes the change and rings whatever rings when it is committed."""
        with self.captureOnCommitCallbacks(execute=True):
            change(*args, **details)

    async def loses(
        self, change: Callable[[Meeting], Any], *, rules: Rules = KNOCK, people: tuple[str, ...] = (), says: str
    ) -> Json:
        """Marcus is inside; after the change he is told so and out. Returns what he was told."""
        meeting = await sync_to_async(meeting_of)(self.ingrid, rules=rules, people=people)
        # Proved only after the invitation was written: it names the address and not yet the account.
        await EmailAddress.objects.acreate(user=self.marcus, email=SECOND_ADDRESS, verified=True)
        with still_ticks():
            async with running_live() as live:
                host = await (await Browser(live).sign_in(self.ingrid)).join(meeting.code)
                await host.message("room")
                marcus = await (await Browser(live).sign_in(self.marcus)).join(meeting.code)
                await marcus.message("room")
                self.assertEqual(len(live.engine.stats(str((await meeting.occurrences.aget()).pk))), 2)
                await self.commit(change, meeting)
                refused = await marcus.message("refused")
                self.assertEqual(refused["reason"], says)
                await marcus.closed()
                return refused

    async def test_a_deactivated_account(self) -> None:
        await self.loses(lambda _: services.deactivate(self.marcus, self.ingrid), says="inactive")

    async def test_an_account_that_another_program_deactivated(self) -> None:
        def by_hand(_: Meeting) -> None:
            self.marcus.is_active = False
            self.marcus.save()

        await self.loses(by_hand, says="inactive")

    async def test_an_account_that_is_deleted(self) -> None:
        await self.loses(lambda _: self.marcus.delete(), rules=with_preset(KNOCK, "anyone_with_link"), says="sign_in")

    async def test_a_session_that_has_ended(self) -> None:
        def sign_out(_: Meeting) -> None:
            mine = [one for one in Session.objects.all() if one.get_decoded()["_auth_user_id"] == str(self.marcus.pk)]
            mine[0].delete()

        await self.loses(sign_out, says="sign_in")

    async def test_sessions_that_an_administrator_ends(self) -> None:
        await self.loses(lambda _: services.end_sessions(self.marcus), says="sign_in")

    async def test_a_changed_password(self) -> None:
        def change(_: Meeting) -> None:
            self.marcus.set_password("another long password")
            self.marcus.save(update_fields=["password"])

        await self.loses(change, says="sign_in")

    async def test_an_address_that_is_taken_from_the_account(self) -> None:
        await self.loses(
            lambda _: self.second_address().delete(), rules=LISTED_ONLY, people=(SECOND_ADDRESS,), says="closed"
        )

    async def test_an_address_that_counts_as_verified_no_more(self) -> None:
        def doubt(_: Meeting) -> None:
            address = self.second_address()
            address.verified = False
            address.save()

        await self.loses(doubt, rules=LISTED_ONLY, people=(SECOND_ADDRESS,), says="closed")

    def second_address(self) -> EmailAddress:
        return EmailAddress.objects.get(user=self.marcus, email=SECOND_ADDRESS)

    async def test_an_invitation_that_is_revoked(self) -> None:
        def revoke(meeting: Meeting) -> None:
            invitations.revoke(self.ingrid, Invitation.objects.get(occurrence__meeting=meeting))

        await self.loses(revoke, rules=LISTED_ONLY, people=("marcus@example.org",), says="closed")

    async def test_a_row_of_the_door_that_turns_away_now(self) -> None:
        def change(meeting: Meeting) -> None:
            scheduling.change_meeting(self.ingrid, meeting, tell=False, rules=LISTED_ONLY)

        await self.loses(change, says="closed")

    async def test_a_meeting_that_is_cancelled(self) -> None:
        await self.loses(lambda meeting: scheduling.cancel_meeting(self.ingrid, meeting, tell=False), says="cancelled")

    async def test_a_host_who_is_none_any_more(self) -> None:
        meeting = await sync_to_async(meeting_of)(self.ingrid, rules=KNOCK, hosts=[self.marcus])
        with still_ticks():
            async with running_live() as live:
                marcus = await (await Browser(live).sign_in(self.marcus)).join(meeting.code)
                self.assertTrue((await marcus.message("room"))["capabilities"]["host"])
                await self.commit(scheduling.change_meeting, self.ingrid, meeting, tell=False, hosts=[self.ingrid])
                self.assertFalse((await marcus.message("room"))["capabilities"]["host"])
                self.assertEqual((await marcus.ask("door.lock", locked=True))["code"], "not_a_host")

    async def test_sharing_that_is_switched_off(self) -> None:
        meeting = await sync_to_async(meeting_of)(self.ingrid, rules=KNOCK)
        rules = Rules(opens_minutes=None, share=Audience.HOSTS)
        with still_ticks():
            async with running_live() as live:
                host = await (await Browser(live).sign_in(self.ingrid)).join(meeting.code)
                await host.message("room")
                marcus = await (await Browser(live).sign_in(self.marcus)).join(meeting.code)
                await marcus.message("room")
                await marcus.ask("media.state", microphone=True, camera=True, screen=True)
                await self.commit(scheduling.change_meeting, self.ingrid, meeting, tell=False, rules=rules)
                self.assertFalse((await marcus.message("capabilities"))["capabilities"]["share"])
                answer = await marcus.ask("media.state", microphone=True, camera=True, screen=True)
                self.assertEqual(answer["code"], "not_allowed")


def still_ticks() -> ExitStack:
    stack = ExitStack()
    for tick in ("CHANGE_TICK_SECONDS", "LEASE_TICK_SECONDS"):
        stack.enter_context(patch.object(upkeep, tick, 3_600))
    return stack
