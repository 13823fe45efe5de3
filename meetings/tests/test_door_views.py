"""The door over HTTP: strangers learn nothing, links claim nothing until somebody joins, requests are read strictly."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.utils import timezone

from meetings import codes
from meetings.live.tries import Tries
from meetings.models import AuditEntry, EmailCode, Invitation, InvitationToken, Participant
from meetings.services import invitations, links, mailed_codes
from meetings.tests.live_case import Browser, Json, LiveCase, make_link, make_meeting, make_user, running_live


def door_data(page: Any) -> Json:
    found = re.search(r'<script id="door-data" type="application/json">(.*?)</script>', page.content.decode(), re.S)
    assert found is not None
    data: Json = json.loads(found.group(1))
    return data


def comparable(page: Any, code: str) -> str:
    """The page without what differs on every request and without the code that was asked for."""
    text = page.content.decode().replace(code, "CODE")
    return re.sub(r'"csrf": "\w+"', '"csrf": ""', re.sub(r'value="\w{64}"', 'value=""', text))


class StrangerTests(LiveCase):
    def rules(self) -> Json:
        return {"door_anyone": "turned_away"}

    async def test_unknown_revoked_and_forbidden_are_one_page(self) -> None:
        invitation, secret = await sync_to_async(make_link)(self.occurrence, "peter@medreg.example")
        stranger = await sync_to_async(make_user)("Jonas Moss")
        closed = await sync_to_async(make_meeting)(
            self.host, door_anyone="turned_away", door_colleagues="turned_away", door_guests="turned_away"
        )
        async with running_live() as live:
            revoked = Browser(live)
            await revoked.open_link(secret)
            invitation.revoked_at = timezone.now()
            await invitation.asave()
            unknown = codes.new_meeting_code()
            anonymous = [
                (await Browser(live).page(unknown), unknown),
                (await Browser(live).page(self.code), self.code),
                (await revoked.page(self.code), self.code),
            ]
            signed_in = await Browser(live).sign_in(stranger)
            known = [
                (await signed_in.page(unknown), unknown),
                (await signed_in.page(closed.meeting.code), closed.meeting.code),
            ]
            for pages in (anonymous, known):
                self.assertEqual({page.status_code for page, _ in pages}, {404})
                self.assertEqual(len({comparable(page, code) for page, code in pages}), 1)
            for page, _ in anonymous + known:
                self.assertNotIn("Trial safety board", page.content.decode())
                self.assertEqual(door_data(page)["look"], {"outcome": "refuse", "reason": "closed", "until": None})

    async def test_headers_of_unknown_and_forbidden_are_the_same(self) -> None:
        async with running_live() as live:
            pages = [await Browser(live).page(code) for code in (codes.new_meeting_code(), self.code)]
            names = [{name: value for name, value in page.headers.items()} for page in pages]
            self.assertEqual(names[0], names[1])
            self.assertEqual([sorted(page.cookies) for page in pages], [["lintel-csrf"], ["lintel-csrf"]])

    async def test_arriving_at_unknown_and_forbidden_is_one_answer_after_one_time(self) -> None:
        async with running_live() as live:
            answers, spent = [], []
            for code in (codes.new_meeting_code(), self.code, "no-code", "x" * 300):
                browser = Browser(live)
                await browser.page("x")
                started = time.monotonic()
                answers.append(await browser.arrive(code, "Peter"))
                spent.append(time.monotonic() - started)
            self.assertEqual(answers, [{"outcome": "refuse", "reason": "closed", "until": None}] * 4)
            self.assertGreaterEqual(min(spent), 0.08)
            self.assertEqual(await Participant.objects.acount(), 0)

    async def test_a_spent_budget_has_words_of_its_own_that_say_how_long_and_nothing_about_a_link(self) -> None:
        _, secret = await sync_to_async(make_link)(self.occurrence, "peter@medreg.example")
        async with running_live() as live:
            live.clock = lambda: 1_000.0
            live.tries.refused._clock = live.clock
            for _ in range(20):
                await Browser(live).page(codes.new_meeting_code())
            pages = []
            for code in (self.code, codes.new_meeting_code()):
                answer = await Browser(live).page(code)
                look = door_data(answer)["look"]
                self.assertEqual((look["outcome"], look["reason"]), ("refuse", "too_many"))
                until = datetime.fromisoformat(look["until"]) - timezone.now()
                self.assertLess(abs(until.total_seconds() - int(answer["Retry-After"])), 2)
                pages.append(re.sub(r'"until": "[^"]*"', "", comparable(answer, code)))
            self.assertEqual(pages[0], pages[1])
            links = [await Browser(live).open_link(one) for one in (secret, codes.new_secret())]
            for answer in links:
                self.assertContains(answer, "says nothing about it", status_code=429)
                self.assertContains(answer, f"Wait {answer['Retry-After']} second", status_code=429)
            self.assertEqual(links[0].content, links[1].content)
            problem = await Browser(live).arrive(self.code, "Peter")
            self.assertEqual((problem["code"], "wait " in problem["detail"]), ("too_many", True))

    async def test_guessing_runs_out_whatever_is_guessed_and_proofs_of_identity_still_pass(self) -> None:
        _, secret = await sync_to_async(make_link)(self.occurrence, "peter@medreg.example")
        async with running_live() as live:
            live.clock = lambda: 1_000.0
            live.tries = Tries(live.clock)
            invited = Browser(live)
            await invited.open_link(secret)
            statuses = [(await Browser(live).page(codes.new_meeting_code())).status_code for _ in range(22)]
            self.assertEqual(statuses, [404] * 20 + [429] * 2)
            self.assertEqual((await Browser(live).page(self.code)).status_code, 429)
            self.assertEqual((await Browser(live).open_link("x" * 32)).status_code, 429)
            self.assertEqual((await invited.page(self.code)).status_code, 200)
            self.assertEqual((await (await Browser(live).sign_in(self.host)).page(self.code)).status_code, 200)
            self.assertEqual((await Browser(live, network="10.9.8.7").page(self.code)).status_code, 404)


class LinkTests(LiveCase):
    def setUp(self) -> None:
        super().setUp()
        self.invitation, self.secret = make_link(self.occurrence, "peter@medreg.example", name="Peter Lindqvist")

    async def test_fetching_a_link_claims_nothing_and_leaves_the_address_bar(self) -> None:
        async with running_live() as live:
            browser = Browser(live)
            answer = await browser.open_link(self.secret)
            self.assertEqual((answer.status_code, answer["Location"]), (302, f"/m/{self.code}"))
            cookie = answer.cookies["lintel-link"]
            self.assertTrue(cookie["httponly"])
            self.assertEqual((cookie["samesite"], cookie["path"]), ("Lax", f"/m/{self.code}"))
            self.assertNotIn(self.secret, cookie.value)
            page = await browser.page(self.code)
            self.assertEqual(page.status_code, 200)
            data = door_data(page)
            self.assertEqual(data["meeting"]["title"], "Trial safety board")
            self.assertEqual(data["suggested_name"], "Peter Lindqvist")
            self.assertEqual((data["row"], data["invited_email"]), ("knocks", "p•••@medreg.example"))
            self.assertEqual((await Invitation.objects.aget()).claimed_device, "")

    async def test_a_link_that_opens_nothing_is_answered_alike(self) -> None:
        async with running_live() as live:
            good = await Browser(live).open_link(self.secret)
            bad = await Browser(live).open_link(codes.new_secret())
            self.assertEqual((good.status_code, good.content), (bad.status_code, bad.content))
            self.assertEqual(len(good["Location"]), len(bad["Location"]))
            self.assertEqual(good.headers.keys(), bad.headers.keys())
            self.assertEqual(good.cookies.keys(), bad.cookies.keys())
            self.assertEqual((await Browser(live).http.get(bad["Location"])).status_code, 404)

    async def test_the_first_knock_claims_it_and_a_second_device_is_refused_audited_and_told_to_hosts(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            first, second = Browser(live), Browser(live)
            await first.open_link(self.secret)
            await second.open_link(self.secret)
            talk = await first.join(self.code, "Peter")
            door = await talk.message("door")
            self.assertEqual((door["title"], door["hosts"]), ("Trial safety board", ["Ingrid Sæther"]))
            await host.message("waiting")
            answer = await second.arrive(self.code, "Peter too")
            self.assertEqual((answer["outcome"], answer["reason"]), ("refuse", "link_in_use"))
            self.assertNotIn("ticket", answer)
            queue = (await host.message("waiting"))["waiting"]
            self.assertEqual([one["cautions"] for one in queue], [["link_in_use"]])
            self.assertEqual(queue[0]["email"], "peter@medreg.example")
            kinds = [entry.kind async for entry in AuditEntry.objects.all()]
            self.assertIn("door.refused", kinds)
            self.assertEqual(await Participant.objects.exclude(user=self.host).acount(), 1)

    async def test_revoking_puts_out_who_waits_or_is_inside(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = Browser(live)
            await browser.open_link(self.secret)
            talk = await browser.join(self.code, "Peter")
            await talk.message("door")
            who = next(seat.id for seat in live.rooms[self.id].waiting())
            await host.ask("door.admit", participant=who)
            await talk.message("room")
            await sync_to_async(invitations.revoke)(self.host, await Invitation.objects.aget())
            self.assertEqual((await talk.message("refused"))["reason"], "closed")
            self.assertNotIn(who, live.engine.stats(self.id))
            self.assertEqual((await browser.arrive(self.code, "Peter"))["reason"], "closed")

    async def test_a_link_of_another_meeting_opens_nothing_here(self) -> None:
        other = await sync_to_async(make_meeting)(self.host, door_anyone="turned_away")
        async with running_live() as live:
            browser = Browser(live)
            answer = await browser.open_link(self.secret)
            browser.http.cookies["lintel-link"]["path"] = "/"
            self.assertEqual(answer.status_code, 302)
            self.assertEqual((await browser.page(other.meeting.code)).status_code, 404)
            self.assertEqual((await browser.arrive(other.meeting.code, "Peter"))["reason"], "closed")

    async def test_a_cookie_that_we_did_not_sign_is_nothing(self) -> None:
        self.occurrence.meeting.door_anyone = "turned_away"
        await self.occurrence.meeting.asave()
        token = await InvitationToken.objects.afirst()
        assert token is not None
        async with running_live() as live:
            browser = Browser(live)
            browser.http.cookies["lintel-link"] = str(token.pk)
            self.assertEqual((await browser.page(self.code)).status_code, 404)

    async def test_a_named_guest_types_the_code_that_was_mailed(self) -> None:
        meeting = self.occurrence.meeting
        meeting.door_guests, meeting.door_guests_verified, meeting.door_anyone = "walks_in", True, "turned_away"
        await meeting.asave()
        async with running_live() as live:
            await self.host_inside(live)
            browser = Browser(live)
            await browser.open_link(self.secret)
            asked = await browser.arrive(self.code, "Peter")
            self.assertEqual(asked["reason"], "verify_email")
            self.assertEqual((asked["email_code"]["state"], asked["email_code"]["tries_left"]), ("sent", 5))
            self.assertEqual(asked["email_code"]["sent_to"], "p•••@medreg.example")
            self.assertEqual((await Invitation.objects.aget()).claimed_device, "")
            digits = await sync_to_async(self._mail)()
            wrong = await browser.arrive(self.code, "Peter", email_code="000000" if digits != "000000" else "1")
            self.assertEqual((wrong["status"], wrong["field"]), (400, "email_code"))
            self.assertEqual((wrong["verdict"], wrong["email_code"]["tries_left"]), ("wrong", 4))
            nonsense = await browser.arrive(self.code, "Peter", new_code="yes")
            self.assertEqual((nonsense["status"], nonsense["field"]), (400, "new_code"))
            talk = await self._join_with(browser, digits)
            self.assertEqual((await talk.message("room"))["meeting"]["title"], "Trial safety board")

    def _mail(self) -> str:
        return mailed_codes.mint(EmailCode.objects.get())

    async def _join_with(self, browser: Browser, digits: str) -> Any:
        answer = await browser.arrive(self.code, "Peter", email_code=digits)
        self.assertEqual(answer.get("outcome"), "admit", answer)
        talk = await browser.socket()
        await talk.send("hello", protocol=1, ticket=answer["ticket"])
        return talk

    async def test_the_calendar_is_for_those_who_may_know(self) -> None:
        async with running_live() as live:
            browser = Browser(live)
            await browser.open_link(self.secret)
            answer = await browser.http.get(f"/m/{self.code}/calendar.ics")
            self.assertIn(b"SUMMARY:Trial safety board", answer.content)
            self.assertNotIn(b"peter@medreg.example", answer.content)
            self.assertEqual((await Browser(live).http.get(f"/m/{self.code}/calendar.ics")).status_code, 404)


class RequestTests(LiveCase):
    async def test_a_page_of_another_account_seats_nobody(self) -> None:
        colleague = await sync_to_async(make_user)("Marcus Bell")
        async with running_live() as live:
            guest, signed_in = Browser(live), await Browser(live).sign_in(colleague)
            for browser in (guest, signed_in):
                answer = await browser.arrive(self.code, "Peter", account=str(self.host.pk))
                self.assertEqual((answer["status"], answer["code"]), (409, "other_account"))
            self.assertEqual(await Participant.objects.acount(), 0)
            self.assertEqual((await signed_in.arrive(self.code, account=str(colleague.pk)))["outcome"], "wait")

    async def test_a_tab_comes_back_by_no_link_that_was_opened_in_another_one(self) -> None:
        anna, bo = [
            (await sync_to_async(make_link)(self.occurrence, f"{name}@medreg.example", name=name))[1]
            for name in ("anna", "bo")
        ]
        async with running_live() as live:
            browser = Browser(live)
            tabs = []
            for opens in (None, anna, bo):
                if opens is not None:
                    await browser.open_link(opens)
                tabs.append(door_data(await browser.page(self.code))["invitation"])
            self.assertEqual((tabs[0], len(set(tabs))), ("", 3))
            for older in tabs[:2]:
                answer = await browser.arrive(self.code, "Anna", invitation=older)
                self.assertEqual((answer["status"], answer["code"]), (409, "other_link"))
            self.assertEqual(await Participant.objects.acount(), 0)
            self.assertEqual((await browser.arrive(self.code, "Bo", invitation=tabs[2]))["outcome"], "wait")
            await browser.open_link(anna)  # her way on
            self.assertEqual((await browser.arrive(self.code, "Anna", invitation=tabs[1]))["outcome"], "wait")
            self.assertEqual(await Participant.objects.values("invitation").distinct().acount(), 2)

    async def test_a_page_says_of_whose_link_it_is_only_where_the_door_knows_them(self) -> None:
        invitation, secret = await sync_to_async(make_link)(self.occurrence, "peter@medreg.example")
        async with running_live() as live:
            browser = Browser(live)
            await browser.open_link(secret)
            self.assertEqual(door_data(await browser.page(self.code))["invitation"], str(invitation.pk))
            await browser.sign_in(self.host)
            self.assertIsNone(door_data(await browser.page(self.code))["invitation"])
            self.assertIsNone(door_data(await Browser(live).page(codes.new_meeting_code()))["invitation"])

    async def answer(self, live: Any, body: Any, path: str = "arrive", **headers: Any) -> tuple[int, str, str]:
        browser = Browser(live)
        await browser.page(self.code)
        answer = await browser.post(f"/m/{self.code}/{path}", body, **headers)
        problem = answer.json()
        self.assertEqual(answer["Content-Type"], "application/problem+json")
        return answer.status_code, problem["code"], problem.get("field", "")

    async def test_origin_and_csrf_are_required(self) -> None:
        async with running_live() as live:
            for origin in (None, "", "null", "http://evil.example", "http://testserver.evil.example"):
                self.assertEqual(await self.answer(live, {}, Origin=origin), (403, "origin", ""))
            for token in (None, "", "x" * 64):
                self.assertEqual(await self.answer(live, {}, **{"X-CSRFToken": token}), (403, "csrf", ""))

    async def test_bodies_are_one_small_json_object_of_known_fields(self) -> None:
        async with running_live() as live:
            for body in ("", "[]", "x", '{"name":1,"name":2}', b"\xff", "[" * 5_000):
                self.assertEqual((await self.answer(live, body))[:2], (400, "bad_request"))
            self.assertEqual((await self.answer(live, {"host": True}))[:2], (400, "bad_request"))
            self.assertEqual(await self.answer(live, {"name": "x" * 9_000}), (413, "too_large", ""))
            self.assertEqual(await self.answer(live, {"name": 5}), (400, "bad_request", "name"))
            self.assertEqual(await self.answer(live, {"name": "x"}), (400, "bad_request", "device"))

    async def test_a_guest_has_a_visible_name(self) -> None:
        async with running_live() as live:
            for name in ("", "   ", "\u200b\u202e"):
                self.assertEqual((await Browser(live).arrive(self.code, name)).get("field"), "name")

    async def test_proofs_fit_the_key_the_code_and_the_time_and_are_used_once(self) -> None:
        async with running_live() as live:
            browser, other = Browser(live), Browser(live)
            now = int(time.time())
            proof = browser.prove(self.code)
            self.assertEqual((await browser.arrive(self.code, "Peter", proof=proof))["outcome"], "wait")
            for bad in (
                proof,
                other.prove(self.code),
                browser.prove(codes.new_meeting_code()),
                browser.prove(self.code, at=now - 600),
                browser.prove(self.code, at=now + 600),
                browser.prove(self.code, nonce="short"),
                {**browser.prove(self.code), "signature": "A" * 86},
                {**browser.prove(self.code), "at": True},
                {**browser.prove(self.code), "at": 10**30},
            ):
                answer = await browser.arrive(self.code, "Peter", proof=bad)
                self.assertEqual((answer.get("status"), answer.get("code")), (403, "proof"), bad)

    async def test_a_proof_that_doesnt_fit_counts_as_a_try(self) -> None:
        async with running_live() as live:
            live.clock = lambda: 1_000.0
            live.tries = Tries(live.clock)
            browser = Browser(live)
            bad = {**browser.prove(self.code), "signature": "A" * 86}
            for _ in range(20):
                self.assertEqual((await browser.arrive(self.code, "Peter", proof=bad))["code"], "proof")
            # Whoever goes on is told nothing more, whatever they bring.
            self.assertEqual((await browser.arrive(self.code, "Peter"))["code"], "too_many")
            self.assertEqual(await Participant.objects.acount(), 0)

    async def test_a_newer_link_is_mailed_for_a_proof_that_was_not_used_before(self) -> None:
        marcus = await sync_to_async(make_user)("Marcus Bell")
        await Invitation.objects.acreate(occurrence=self.occurrence, user=marcus)
        await sync_to_async(links.replace_meeting_link)(self.host, self.occurrence.meeting)
        async with running_live() as live:
            browser = await Browser(live).sign_in(marcus)
            self.assertEqual((await browser.arrive(self.code))["reason"], "link_replaced")
            seen = {"device": browser.jwk, "proof": browser.prove(self.code)}
            answers = [await browser.post(f"/m/{self.code}/new-link", seen) for _ in range(2)]
            self.assertEqual([answer.status_code for answer in answers], [200, 403])
            self.assertEqual(answers[1].json()["code"], "proof")

    async def test_looking_changes_nothing(self) -> None:
        async with running_live() as live:
            browser = Browser(live)
            await browser.page(self.code)
            answer = await browser.post(f"/m/{self.code}/look", {})
            self.assertEqual(answer.json(), {"outcome": "wait", "reason": "no_host", "until": None})
            proved = {"device": browser.jwk, "proof": browser.prove(self.code)}
            self.assertEqual((await browser.post(f"/m/{self.code}/look", proved)).json()["outcome"], "wait")
            self.assertEqual(await Participant.objects.acount(), 0)
            self.assertEqual(await AuditEntry.objects.acount(), 0)

    async def test_being_early_says_until_when(self) -> None:
        self.occurrence.starts_at = timezone.now() + timedelta(minutes=30)
        self.occurrence.ends_at = self.occurrence.starts_at + timedelta(hours=1)
        await self.occurrence.asave()
        async with running_live() as live:
            answer = await Browser(live).arrive(self.code, "Peter")
            self.assertEqual((answer["outcome"], answer["reason"]), ("wait", "early"))
            self.assertIsNotNone(answer["until"])

    async def test_without_a_live_process_the_door_stays_shut(self) -> None:
        browser = Browser(None)  # type: ignore[arg-type]
        await browser.page(self.code)
        answer = await browser.post(f"/m/{self.code}/arrive", {})
        self.assertEqual((answer.status_code, answer.json()["code"]), (503, "try_again"))
