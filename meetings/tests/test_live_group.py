"""Encrypted meetings over real sockets: members hear everything in order, and nobody else hears or says anything."""

from __future__ import annotations

import base64
import os
import uuid
from typing import Any

from asgiref.sync import sync_to_async
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.test import override_settings

from meetings import budgets
from meetings.e2ee import attestations
from meetings.models import AuditDetail, Participant
from meetings.tests.live_case import Browser, Json, LiveCase, Talk, running_live

GROUP = base64.urlsafe_b64encode(bytes(16)).rstrip(b"=").decode()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def told(talk: Talk, kind: str, **fields: Any) -> Json:
    """A message that was heard already, or comes next."""
    for message in talk.heard:
        if message["type"] == kind and all(message.get(name) == value for name, value in fields.items()):
            return message
    return await talk.message(kind, **fields)


def new_key() -> str:
    return b64(Ed25519PrivateKey.generate().public_key().public_bytes_raw())


class GroupCase(LiveCase):
    def rules(self) -> Json:
        return {"door_anyone": "knocks", "encryption": "e2ee"}

    async def founded(self, live: Any) -> Talk:
        """A host who has begun the group and is alone in it."""
        host = await self.host_inside(live)
        assert (await host.ask("e2ee.hello", version=1, key_package="AA"))["type"] == "ok"
        assert {"type": "e2ee.create"} in host.heard
        assert (await host.ask("e2ee.created", group=GROUP))["type"] == "ok"
        return host

    async def knock(self, live: Any, host: Talk, name: str = "Peter") -> tuple[Talk, str]:
        guest = await Browser(live).join(self.code, name)
        await guest.message("door")
        waiting: Json = {}
        while not any(one["name"] == name for one in waiting.get("waiting", [])):
            waiting = await host.message("waiting")
        return guest, next(one["participant"] for one in waiting["waiting"] if one["name"] == name)

    async def added(self, live: Any, host: Talk, name: str = "Peter") -> tuple[Talk, str]:
        """Somebody who was let in and is a member, added by the host."""
        guest, who = await self.knock(live, host, name)
        await host.ask("door.admit", participant=who, word=b64(f"word for {name}".encode()))
        await guest.message("room")
        await guest.ask("e2ee.hello", version=1, key_package="AA")
        work = await told(host, "e2ee.work")
        add = [{"participant": entry["participant"], "offer": entry["offer"]} for entry in work["add"]]
        commit = b64(f"commit {work['epoch']}".encode())
        answer = await host.ask(
            "e2ee.commit", group=GROUP, epoch=work["epoch"], commit=commit, welcome="AA", add=add, remove=work["remove"]
        )
        assert answer["type"] == "ok", answer
        await told(guest, "e2ee.welcome")
        for talk in (host, guest):
            await talk.ask("e2ee.applied", group=GROUP, epoch=work["epoch"] + 1)
        return guest, who


class ComingTests(GroupCase):
    async def test_a_guest_comes_in_with_the_hosts_word_and_both_hear_each_other(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            guest, who = await self.added(live, host)
            work = next(m for m in host.heard if m["type"] == "e2ee.work")
            self.assertEqual(work["add"][0]["word"], b64(b"word for Peter"))
            await told(guest, "e2ee.activate", epoch=1)
            answer = await guest.ask("e2ee.app", group=GROUP, epoch=1, message="AAAA", **{"class": "chat"})
            app = await told(host, "e2ee.app")
            self.assertEqual(
                (app["from"], app["class"], app["message"], app["seq"]), (who, "chat", "AAAA", answer["seq"])
            )
            self.assertFalse([m for m in guest.heard if m["type"] == "e2ee.app"])

    async def test_nobody_makes_the_others_work_by_coming_anew_without_end(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            guest, _who = await self.added(live, host)
            once = [
                {"type": "e2ee.hello", "version": 1, "key_package": "AA"},
                {"type": "e2ee.nack", "group": GROUP, "epoch": 1, "code": "commit"},
                {"type": "e2ee.resume", "group": GROUP, "epoch": 1, "seq": 0},
            ]
            said = 1  # as they came in
            while True:
                message = dict(once[said % 3])
                answer = await guest.ask(message.pop("type"), **message)
                if answer.get("code") == "too_many":
                    break
                said += 1
            self.assertLess(said, budgets.COMINGS.most + 5)  # it is refilled meanwhile
            self.assertEqual((await host.ask("e2ee.hello", version=1, key_package="AA"))["type"], "ok")

    async def test_commits_have_a_budget_of_their_own(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            guest, _who = await self.added(live, host)
            late = {"group": GROUP, "epoch": 0, "commit": "AA", "add": [], "remove": []}
            codes, now = [], live.clock()
            live.clock = lambda: now  # nothing is refilled meanwhile
            while "too_many" not in codes:
                codes.append((await guest.ask("e2ee.commit", **late))["code"])
            self.assertEqual(codes, ["conflict"] * budgets.COMMITS.most + ["too_many"])
            self.assertEqual((await guest.ask("ping"))["type"], "ok")
            self.assertEqual((await host.ask("e2ee.commit", **late))["code"], "conflict")

    async def test_somebody_at_the_door_hears_nothing_and_says_nothing(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            guest, _who = await self.knock(live, host)
            self.assertEqual((await guest.ask("e2ee.hello", version=1, key_package="AA"))["code"], "not_inside")
            await host.ask("e2ee.app", group=GROUP, epoch=0, message="AAAA", **{"class": "chat"})
            self.assertEqual((await guest.ask("ping"))["type"], "ok")
            self.assertEqual({m["type"] for m in guest.heard}, {"door", "error", "ok"})

    async def test_a_removed_person_is_out_of_the_order_at_once_and_their_word_is_void(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            guest, who = await self.added(live, host)
            await host.ask("host.remove", participant=who, block=False)
            work = await told(host, "e2ee.work", epoch=1)
            self.assertEqual((work["add"], work["remove"]), ([], [who]))
            await host.ask("e2ee.app", group=GROUP, epoch=1, message="AAAA", **{"class": "chat"})
            await guest.closed()
            self.assertFalse([m for m in guest.heard if m["type"] == "e2ee.app"])
            self.assertEqual((await Participant.objects.aget(pk=who)).word, "")
            self.assertNotIn(who, live.rooms[self.id].group.delivery.words)

    async def test_what_the_server_could_read_is_refused_here(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            for kind, fields in (
                ("chat", {"text": "hello"}),
                ("reaction", {"emoji": "👏"}),
                ("hand", {"raised": True}),
            ):
                self.assertEqual((kind, (await host.ask(kind, **fields))["code"]), (kind, "wrong_state"))

    async def test_chat_needs_its_right_also_when_it_is_sealed(self) -> None:
        self.occurrence.meeting.may_chat = "hosts"
        await self.occurrence.meeting.asave()
        async with running_live() as live:
            host = await self.founded(live)
            guest, _who = await self.added(live, host)
            for kind, code in (("chat", "not_allowed"), ("file", "not_allowed"), ("reaction", None), ("control", None)):
                answer = await guest.ask("e2ee.app", group=GROUP, epoch=1, message="AAAA", **{"class": kind})
                self.assertEqual((kind, answer.get("code")), (kind, code))

    async def test_who_comes_too_late_is_told_and_the_first_commit_stands(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            guest, _who = await self.added(live, host)
            self.assertEqual(
                (await guest.ask("e2ee.commit", group=GROUP, epoch=0, commit="AA", add=[], remove=[]))["code"],
                "conflict",
            )
            self.assertEqual((await guest.ask("e2ee.created", group=GROUP))["code"], "conflict")
            self.assertEqual(
                (await guest.ask("e2ee.app", group=GROUP, epoch=7, message="AA", **{"class": "chat"}))["code"],
                "conflict",
            )
            self.assertEqual(live.rooms[self.id].group.delivery.epoch, 1)

    async def test_a_cut_is_made_up_for_by_the_log(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            browser = Browser(live)
            guest = await browser.join(self.code, "Peter")
            who = (await host.message("waiting"))["waiting"][0]["participant"]
            await host.ask("door.admit", participant=who, word="AA")
            await guest.message("room")
            await guest.ask("e2ee.hello", version=1, key_package="AA")
            work = await told(host, "e2ee.work")
            add = [{"participant": who, "offer": work["add"][0]["offer"]}]
            await host.ask("e2ee.commit", group=GROUP, epoch=0, commit="AA", welcome="AA", add=add, remove=[])
            seq = (await told(guest, "e2ee.welcome"))["seq"]
            await guest.cut()
            await host.ask("e2ee.applied", group=GROUP, epoch=1)
            await host.ask("e2ee.app", group=GROUP, epoch=1, message="AAAA", **{"class": "chat"})
            again = await browser.join(self.code, "Peter")
            await again.message("room")
            self.assertEqual((await again.ask("e2ee.resume", group=GROUP, epoch=1, seq=seq))["type"], "ok")
            self.assertIn("AAAA", [m.get("message") for m in again.heard])
            self.assertEqual((await again.ask("e2ee.resume", group=GROUP, epoch=1, seq=seq + 99))["code"], "conflict")

    async def test_a_restart_forgets_the_group_and_keeps_the_words(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            _guest, who = await self.added(live, host)
        async with running_live() as live:
            host = await self.host_inside(live)
            self.assertEqual((await host.ask("e2ee.resume", group=GROUP, epoch=1, seq=1))["code"], "conflict")
            await host.ask("e2ee.hello", version=1, key_package="AA")
            self.assertEqual((await Participant.objects.aget(pk=who)).word, b64(b"word for Peter"))
            self.assertEqual(live.rooms[self.id].seats[who].word, b64(b"word for Peter"))


class IdentityTests(GroupCase):
    async def test_the_portal_attests_what_it_knows_of_somebody_and_hosts_see_the_key(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            guest, who = await self.knock(live, host)
            key = new_key()
            answer = await guest.ask("e2ee.identify", key=key)
            credential = answer["credential"]
            self.assertEqual(
                {name: credential[name] for name in ("room", "participant", "account", "row", "name")},
                {"room": self.id, "participant": who, "account": None, "row": "anyone", "name": "Peter"},
            )
            signed = attestations.statement(attestations.LABEL, self.id, who, "", "anyone", "Peter", key)
            public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(answer["portal_key"] + "="))
            public.verify(base64.urlsafe_b64decode(credential["attestation"] + "=="), signed)
            self.assertEqual((await host.message("waiting"))["waiting"][0]["identity"], key)
            account = (await host.ask("e2ee.identify", key=new_key(), account=str(self.host.pk)))["credential"]
            self.assertEqual(
                (account["account"], account["row"], account["name"]), (str(self.host.pk), "host", "Ingrid Sæther")
            )

    async def test_the_key_of_one_account_is_attested_for_nobody_else(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            guest, _who = await self.knock(live, host)
            nobody = uuid.uuid4()
            for talk, others in (guest, [self.host.pk, nobody]), (host, [None, nobody]):
                for other in others:
                    claimed = {"account": str(other)} if other else {}
                    answer = await talk.ask("e2ee.identify", key=new_key(), **claimed)
                    self.assertEqual((answer["type"], answer["code"]), ("error", "other_account"))
            shown = [one["identity"] for m in host.heard if m["type"] == "waiting" for one in m["waiting"]]
            self.assertEqual({*shown}, {None})

    async def test_a_socket_shows_one_key_and_not_without_end(self) -> None:
        """Hosts are sent the whole queue for each, and whoever has the meeting's link stands in it."""
        async with running_live() as live:
            host = await self.founded(live)
            browser = Browser(live)
            guest = await browser.join(self.code, "Peter")
            await guest.message("door")
            key, another = new_key(), new_key()
            for shown, answer in ((key, "ok"), (key, "ok"), (another, "error")):
                self.assertEqual((await guest.ask("e2ee.identify", key=shown))["type"], answer)
            self.assertEqual(guest.heard[-1]["code"], "conflict")
            await host.ask("ping")
            queues = [message["waiting"] for message in host.heard if message["type"] == "waiting"]
            self.assertEqual([queue[0]["identity"] for queue in queues], [None, key])
            again = await browser.join(self.code, "Peter")  # a page that has lost its key
            await again.message("door")
            self.assertEqual((await again.ask("e2ee.identify", key=another))["type"], "ok")
            codes = {(await again.ask("e2ee.identify", key=another)).get("code") for _ in range(50)}
            self.assertEqual(codes, {None, "too_many"})

    async def test_a_host_can_say_their_word_later_and_nobody_else_can(self) -> None:
        async with running_live() as live:
            host = await self.founded(live)
            guest, who = await self.knock(live, host)
            word = b64(b"later")
            self.assertEqual((await host.ask("e2ee.word", participant=who, word=word))["code"], "wrong_state")
            await host.ask("door.admit", participant=who)
            await guest.message("room")
            await guest.ask("e2ee.hello", version=1, key_package="AA")
            work = await told(host, "e2ee.work")
            self.assertIsNone(work["add"][0]["word"])
            offers = [{"participant": who, "offer": work["add"][0]["offer"]}]
            await host.ask("e2ee.decline", offers=offers, more=False)
            self.assertIn([who], [m["held"] for m in host.heard if m["type"] == "e2ee.held"])
            self.assertFalse([m for m in guest.heard if m["type"] == "e2ee.held"])
            self.assertEqual((await guest.ask("e2ee.word", participant=who, word=word))["code"], "not_a_host")
            self.assertEqual((await host.ask("e2ee.word", participant=who, word=word))["type"], "ok")
            self.assertEqual((await host.message("e2ee.work"))["add"][0]["word"], word)
            kinds = await sync_to_async(lambda: list(AuditDetail.objects.values_list("entry__kind", flat=True)))()
            self.assertIn("door.vouched", kinds)


def test_attestations_depend_on_every_field_and_on_the_secret() -> None:
    who = {"room": "r", "participant": "p", "account": "a", "row": "host", "name": "n", "key": "k"}
    seen = {attestations.attest(**who)["attestation"]}
    for name in who:
        seen.add(attestations.attest(**(who | {name: f"{who[name]}x"}))["attestation"])
    # A text that moves from one field to its neighbour is another statement.
    seen.add(attestations.attest(**(who | {"row": "hostn", "name": ""}))["attestation"])
    with override_settings(SECRET_KEY=os.urandom(16).hex()):
        seen.add(attestations.attest(**who)["attestation"])
    assert len(seen) == len(who) + 3
