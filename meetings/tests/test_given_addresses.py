"""Doors that ask people with nothing but the meeting's link for an address: what it proves, and what nobody learns."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.core import mail
from django.test import TestCase, override_settings
from django.utils import timezone

from meetings import arrivals, budgets, selectors, tasks
from meetings.arrivals import Arrival, Wish, WrongEmailCode
from meetings.door import AskedAddress, Decision, Refuse, Rules, Wait, Way, decide
from meetings.models import AuditEntry, Block, DoorPolicy, EmailCode, Invitation, Participant
from meetings.register import Register
from meetings.services import exceptions, given_addresses, invitations, links, mailed_codes
from meetings.services.doorrules import set_rules
from meetings.services.mailed_codes import Verdict
from meetings.tests.domain_case import DomainCase
from meetings.tests.live_case import Browser, LiveCase, make_link, running_live
from meetings.visitors import Visitor

PETER, STRANGER = "peter@medreg.example", "stranger@elsewhere.example"
KNOCK = Rules(opens_minutes=None, anyone=Way.KNOCKS)
ANY, INVITED = AskedAddress.ANY_ADDRESS, AskedAddress.INVITED_ADDRESS
TOLD = ("state", "tries_left")


class GivenCase(DomainCase, TestCase):
    asked = INVITED

    def setUp(self) -> None:
        super().setUp()
        self.board = self.occurrence(rules=replace(KNOCK, anyone_verified=self.asked))
        self.host_inside(self.board)
        self.peter = self.invitation(self.board, PETER)

    def arrive(self, device: str = "phone", **wish: Any) -> Arrival:
        visitor = Visitor(user=None, session_key="", browser="", link=None, network="198.51.100.0/24")
        asked = Wish(name="Peter", **wish)
        return arrivals.arrive(self.board.meeting.code, visitor, device, asked, lambda _: True, timezone.now())

    def ask_for(self, address: str, device: str = "phone") -> str:
        """The digits that were made for an address, whether or not they were mailed."""
        assert given_addresses.ask(self.board, device, address)
        code = EmailCode.objects.latest("pk")
        before = len(mail.outbox)
        tasks.send_email_code.func(code.pk)
        sent = mail.outbox[before:]
        return re.findall(r"^    (\d{6})$", sent[0].body, re.MULTILINE)[0] if sent else ""

    def wrong(self, device: str, digits: str = "000000") -> Verdict:
        with self.assertRaises(WrongEmailCode) as raised:
            self.arrive(device, email_code=digits)
        return raised.exception.verdict


class InvitedAddressTests(GivenCase):
    def test_the_invited_mailbox_makes_them_that_guest_on_this_device(self) -> None:
        assert self.arrive().seen.decision == Refuse("verify_email")
        digits = self.ask_for(PETER)
        assert mail.outbox[-1].to == [PETER]
        arrival = self.arrive(email_code=digits)
        assert arrival.seen.decision == Wait("knock")
        assert arrival.participant is not None
        assert (arrival.participant.invitation, arrival.participant.kind) == (self.peter, "guest")
        self.peter.refresh_from_db()
        assert self.peter.claimed_device == "phone"
        assert self.arrive("laptop").seen.decision == Refuse("verify_email"), "on no other device"

    def test_an_address_that_is_not_invited_is_mailed_nothing_and_answered_alike(self) -> None:
        assert self.ask_for(PETER, "phone")
        assert self.ask_for(STRANGER, "tablet") == ""
        assert len(mail.outbox) == 1
        told = [given_addresses.standing(self.board, device) for device in ("phone", "tablet")]
        assert [getattr(one[1], name) for one in told for name in TOLD] == ["sent", 5] * 2
        for _ in range(mailed_codes.TRIES):
            digits = "000000"
            assert self.wrong("phone", digits) == self.wrong("tablet", digits)
        kinds = list(AuditEntry.objects.values_list("kind", flat=True))
        assert kinds.count("door.address_unknown") == 1

    def test_a_mail_server_that_fails_tells_nothing_either(self) -> None:
        with override_settings(EMAIL_BACKEND="meetings.tests.refusing_mail.EmailBackend"):
            self.ask_for(PETER, "phone")
            self.ask_for(STRANGER, "tablet")
        states = {given_addresses.standing(self.board, device)[1].state for device in ("phone", "tablet")}
        assert states == {"sent"}

    def test_whoever_is_not_invited_any_more_proves_nothing(self) -> None:
        digits = self.ask_for(PETER)
        invitations.revoke(self.ingrid, self.peter)
        assert self.arrive(email_code=digits).seen.is_closed
        assert self.arrive().seen.is_closed
        assert self.ask_for(PETER, "tablet") == ""

    def test_a_replaced_link_ends_what_an_address_had_opened(self) -> None:
        self.arrive(email_code=self.ask_for(PETER))
        links.replace_link(self.ingrid, self.peter, send=False)
        assert self.arrive().seen.decision == Refuse("verify_email")
        assert not Participant.objects.filter(device="phone", state__in=("waiting", "inside")).exists()

    def test_a_link_that_another_device_uses_moves_to_whoever_proves_the_mailbox(self) -> None:
        secret = invitations.mint_link(self.peter).rpartition("/i/")[2]
        invitations.claim(self.peter, "laptop", timezone.now(), token=invitations.open_link(secret))
        assert self.arrive(email_code=self.ask_for(PETER)).seen.decision == Wait("knock")
        self.peter.refresh_from_db()
        assert self.peter.claimed_device == "phone"

    def test_two_devices_that_prove_the_same_mailbox_have_one_place(self) -> None:
        first, second = self.ask_for(PETER, "phone"), self.ask_for(PETER, "tablet")
        self.arrive("phone", email_code=first)
        self.arrive("tablet", email_code=second)
        self.peter.refresh_from_db()
        assert self.peter.claimed_device == "tablet"
        assert self.arrive("phone").seen.decision.reason == "link_moved"

    def test_a_code_is_for_its_device_and_dies_with_five_tries(self) -> None:
        digits = self.ask_for(PETER)
        assert self.wrong("tablet", digits) == Verdict.NONE
        for _ in range(mailed_codes.TRIES):
            last = self.wrong("phone", f"{(int(digits) + 1) % 1_000_000:06d}")
        assert last == Verdict.SPENT
        assert self.wrong("phone", digits) == Verdict.SPENT

    def test_many_devices_are_given_no_more_codes_for_one_address(self) -> None:
        asked = [given_addresses.ask(self.board, f"device-{number}", PETER) for number in range(20)]
        assert sum(asked) == budgets.GIVEN_CODES_OF_ADDRESS.most
        assert given_addresses.standing(self.board, "device-19", PETER)[1].state == "none"

    def test_strangers_who_give_an_address_use_up_nothing_of_the_link_that_was_sent_there(self) -> None:
        for number in range(budgets.GIVEN_CODES_OF_ADDRESS.most):
            assert given_addresses.ask(self.board, f"device-{number}", PETER)
        assert mailed_codes.send(self.peter, "laptop")

    def test_one_device_is_given_only_so_many(self) -> None:
        asked = [given_addresses.ask(self.board, "phone", f"a{number}@elsewhere.example") for number in range(10)]
        assert sum(asked) == budgets.GIVEN_CODES_OF_DEVICE.most
        assert given_addresses.ask(self.board, "tablet", PETER), "which is no trouble for another"

    def test_a_host_who_turns_the_code_off_lets_them_knock(self) -> None:
        set_rules(self.board.meeting, KNOCK)
        self.board.meeting.save()
        assert self.arrive().seen.decision == Wait("knock")

    def test_what_was_only_given_is_forgotten_after_a_day(self) -> None:
        self.arrive(email_code=self.ask_for(PETER))
        self.ask_for(STRANGER, "tablet")
        given_addresses.forget(timezone.now() + timedelta(days=2))
        assert list(EmailCode.objects.values_list("email", flat=True)) == [PETER]


class AnyAddressTests(GivenCase):
    asked = ANY

    def test_any_mailbox_will_do_and_hosts_see_which(self) -> None:
        digits = self.ask_for(STRANGER)
        assert "Trial safety board" not in mail.outbox[-1].subject + mail.outbox[-1].body, "they may not know the title"
        arrival = self.arrive(email_code=digits)
        assert arrival.seen.decision == Wait("knock")
        assert arrival.participant is not None
        assert (arrival.participant.kind, arrival.participant.invitation) == ("anyone", None)
        assert self.arrive().seen.decision == Wait("knock"), "once is enough"
        assert self.arrive("tablet").seen.decision == Refuse("verify_email")

    def test_an_address_that_was_proved_is_not_enough_once_only_invited_ones_are(self) -> None:
        self.arrive(email_code=self.ask_for(STRANGER))
        set_rules(self.board.meeting, replace(KNOCK, anyone_verified=INVITED))
        self.board.meeting.save()
        assert self.arrive().seen.decision == Refuse("verify_email")

    def test_who_was_blocked_does_not_come_back_with_another_address(self) -> None:
        self.arrive(email_code=self.ask_for(STRANGER))
        Block.objects.create(occurrence=self.board, device="phone")
        assert self.arrive().seen.decision == Refuse("blocked")

    def test_who_was_removed_does_not_come_back_with_the_same_address_on_another_device(self) -> None:
        self.arrive("phone", email_code=self.ask_for(STRANGER, "phone"))
        Block.objects.create(occurrence=self.board, device="phone")
        assert self.arrive("tablet", email_code=self.ask_for(STRANGER, "tablet")).seen.decision == Refuse("blocked")
        assert self.arrive("desk", email_code=self.ask_for("other@elsewhere.example", "desk")).participant is not None

    def test_the_organisations_domains_hold_for_given_addresses_too(self) -> None:
        DoorPolicy.objects.create(guest_addresses="only", guest_domains=["medreg.example"])
        with self.assertRaises(arrivals.AddressNotTaken):
            self.arrive(email=STRANGER)
        self.arrive(email=PETER)

    def test_an_address_that_the_organisation_takes_no_more_is_none_any_more(self) -> None:
        assert self.arrive(email_code=self.ask_for(STRANGER)).seen.decision == Wait("knock")
        DoorPolicy.objects.create(guest_addresses="only", guest_domains=["medreg.example"])
        assert self.arrive().seen.decision == Refuse("verify_email")
        assert self.judged("phone") == Refuse("verify_email")
        assert self.arrive(email_code=self.ask_for(PETER)).seen.decision == Wait("knock"), "and another will do"

    def judged(self, device: str) -> Decision:
        """What a live meeting says to somebody with the meeting's link alone."""
        register = Register(self.board)
        seat = next(one for one in register.seats if one.device == device)
        known: dict[str, Any] = {"user": None, "invitation": None, "register": register}
        row = selectors.visitor_row(self.board, **known)
        more: dict[str, Any] = {"participant": seat, "device": device, "host_inside": True, "now": timezone.now()}
        return decide(selectors.facts_for(self.board, row=row, **known, **more))

    def test_an_exception_holds_for_whoever_shows_that_address_to_be_theirs(self) -> None:
        seat = self.arrive(email_code=self.ask_for(STRANGER)).participant
        assert seat is not None
        Participant.objects.filter(pk=seat.pk).update(let_in_at=timezone.now())
        exceptions.set_exception(self.ingrid, self.board.meeting, STRANGER, Way.TURNED_AWAY)
        assert self.judged("phone") == Refuse("closed", unknown=True), "whatever a host said before"
        assert self.arrive().seen.is_closed
        assert self.arrive("tablet", email_code=self.ask_for(STRANGER, "tablet")).seen.is_closed
        exceptions.set_exception(self.ingrid, self.board.meeting, STRANGER, Way.WALKS_IN)
        assert self.arrive().seen.decision == Wait("knock"), "to nobody's good who is not the one that was meant"

    def test_where_hosts_may_not_change_the_row_its_code_is_asked_everywhere(self) -> None:
        set_rules(self.board.meeting, KNOCK)
        self.board.meeting.save()
        policy = DoorPolicy(fixed=["anyone"])
        set_rules(policy, replace(KNOCK, anyone_verified=INVITED))
        policy.save()
        assert self.arrive().seen.decision == Refuse("verify_email")


class ShownAddressTests(LiveCase):
    def rules(self) -> dict[str, Any]:
        return {"door_anyone": "knocks", "door_anyone_verified": "any_address"}

    async def test_an_address_of_look_alike_letters_is_shown_to_hosts_as_dns_has_it(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = Browser(live)
            await browser.arrive(self.code, "Peter", email="ingrid@nordh\N{CYRILLIC SMALL LETTER A}vn.example")
            digits = await sync_to_async(lambda: mailed_codes.mint(EmailCode.objects.get()))()
            answer = await browser.arrive(self.code, "Peter", email_code=digits)
            talk = await browser.socket()
            await talk.send("hello", protocol=1, ticket=answer["ticket"])
            await talk.message("door")
            waiting = (await host.message("waiting"))["waiting"][0]
            self.assertEqual(waiting["email"], "ingrid@xn--nordhvn-6fg.example")
            self.assertIn(waiting["email"], waiting["provenance"])


class RequestTests(LiveCase):
    def rules(self) -> dict[str, Any]:
        return {"door_anyone": "knocks", "door_anyone_verified": "invited_address"}

    async def test_the_page_asks_for_an_address_and_says_where_its_code_stands(self) -> None:
        await sync_to_async(make_link)(self.occurrence, PETER)
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = Browser(live)
            asked = await browser.arrive(self.code, "Peter")
            self.assertEqual((asked["reason"], asked["asks_address"]), ("verify_email", "invited_address"))
            self.assertIsNone(asked["email_code"])
            wrong = await browser.arrive(self.code, "Peter", email="peter at medreg")
            self.assertEqual((wrong["status"], wrong["field"]), (400, "email"))
            invited = await browser.arrive(self.code, "Peter", email=" Peter@Medreg.example")
            self.assertEqual((invited["email_code"]["state"], invited["email_code"]["sent_to"]), ("sent", PETER))
            other = await Browser(live, network="198.51.100.7").arrive(self.code, "Peter", email=STRANGER)
            for answer in (invited, other):
                for name in ("sent_at", "expires_at", "again_at", "sent_to"):
                    answer["email_code"].pop(name)
            self.assertEqual(invited, other, "nobody learns whether an address is invited")
            digits = await sync_to_async(lambda: mailed_codes.mint(EmailCode.objects.get(email=PETER)))()
            wrong = await browser.arrive(self.code, "Peter", email_code="1")
            self.assertEqual((wrong["verdict"], wrong["email_code"]["tries_left"]), ("wrong", 4))
            answer = await browser.arrive(self.code, "Peter", email_code=digits)
            self.assertEqual((answer["outcome"], answer["reason"]), ("wait", "knock"), answer)
            self.assertEqual((await browser.look(self.code))["reason"], "knock")
            talk = await browser.socket()
            await talk.send("hello", protocol=1, ticket=answer["ticket"])
            await talk.message("door")
            queue = (await host.message("waiting"))["waiting"]
            self.assertEqual((queue[0]["kind"], queue[0]["email"]), ("guest", PETER))
            await host.ask("door.admit", participant=answer["participant"])
            await talk.message("room")
            peter = await Invitation.objects.select_related("occurrence__meeting").aget()
            await sync_to_async(links.replace_link)(self.host, peter, send=False)
            self.assertEqual((await talk.message("refused"))["reason"], "closed")
            self.assertNotIn(answer["participant"], live.engine.stats(self.id))
            self.assertEqual((await browser.arrive(self.code, "Peter"))["reason"], "verify_email")

    async def test_one_mailbox_is_one_address_however_it_is_written(self) -> None:
        """Mail to any of these goes to one mailbox: each would be somebody new to budgets, exceptions and blocks."""
        async with running_live() as live:
            for address in ("x@else\N{SOFT HYPHEN}where.example", "x@ｅlsewhere.example", "ſ@elsewhere.example"):
                answer = await Browser(live).arrive(self.code, "Peter", email=address)
                self.assertEqual((answer["status"], answer.get("field")), (400, "email"), ascii(address))
            self.assertEqual(await EmailCode.objects.acount(), 0)

    async def test_whoever_waits_by_a_proved_address_is_out_when_it_is_revoked(self) -> None:
        peter, _ = await sync_to_async(make_link)(self.occurrence, PETER)
        async with running_live() as live:
            await self.host_inside(live)
            browser = Browser(live)
            await browser.arrive(self.code, "Peter", email=PETER)
            digits = await sync_to_async(lambda: mailed_codes.mint(EmailCode.objects.get()))()
            answer = await browser.arrive(self.code, "Peter", email_code=digits)
            talk = await browser.socket()
            await talk.send("hello", protocol=1, ticket=answer["ticket"])
            await talk.message("door")
            peter = await Invitation.objects.select_related("occurrence__meeting").aget(pk=peter.pk)
            await sync_to_async(invitations.revoke)(self.host, peter)
            self.assertEqual((await talk.message("refused"))["reason"], "closed")
            self.assertEqual((await browser.arrive(self.code, "Peter"))["reason"], "closed")
            again = await browser.arrive(self.code, "Peter", email=PETER)
            self.assertEqual(again["reason"], "closed", "the device is known for who was revoked")

    async def test_a_device_with_anothers_link_asks_for_no_address_in_its_stead(self) -> None:
        _, secret = await sync_to_async(make_link)(self.occurrence, PETER)
        async with running_live() as live:
            await self.host_inside(live)
            first, thief = Browser(live), Browser(live, network="198.51.100.7")
            await first.open_link(secret)
            self.assertEqual((await first.arrive(self.code, "Peter"))["reason"], "knock")
            await thief.open_link(secret)
            answer = await thief.arrive(self.code, "Peter", email="thief@elsewhere.example")
            self.assertEqual((answer["reason"], "asks_address" in answer), ("link_in_use", False))
            self.assertEqual(await EmailCode.objects.acount(), 0)

    async def test_a_network_that_mails_to_many_addresses_is_stopped(self) -> None:
        async with running_live() as live:
            for _ in range(budgets.GIVEN_CODES.most - 1):
                live.tries.given_codes.take("127.0.0.1")
            answers = [await Browser(live).arrive(self.code, "P", email=f"{name}@elsewhere.example") for name in "ab"]
            self.assertEqual([one.get("status") for one in answers], [None, 429])
            self.assertEqual(await EmailCode.objects.acount(), 1)
