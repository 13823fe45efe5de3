"""T12: host's powers, and sources that were not granted, for somebody who only says so."""

from __future__ import annotations

from dataclasses import replace

from tests.intruder.case import HOST, IntruderCase
from tests.intruder.engine_case import CAMERA, MICROPHONE, EngineCase, heard, hears
from tests.support.client import Json, Refused
from tests.support.engine_room import settle, talk_once

HOST_MESSAGES: dict[str, Json] = {
    "door.admit": {},
    "door.refuse": {"note": "no", "block": True},
    "door.message": {"text": "hello"},
    "door.lock": {"locked": True},
    "host.mute": {"source": "microphone"},
    "host.mute_all": {},
    "host.remove": {"block": True},
    "host.to_door": {},
    "host.lower_hand": {},
    "host.spotlight": {"on": True},
    "host.end": {},
}
WITHOUT_TARGET = {"door.lock", "host.mute_all", "host.end"}


class T12Escalation(IntruderCase):
    async def test_no_host_message_works_from_a_guests_socket(self) -> None:
        """Guard: `commands.act` and, behind it, `roles.require_host` in every service."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        guest = await self.join(client, meeting["code"], "Peter")
        who = await self.let_in(host, guest)
        waiting, _ = await self.guest_with_link(meeting, "leila@medreg.example")
        knocker = await self.join(waiting, meeting["code"], "Leila")
        leila = (await knocker.message("door"))["participant"]
        me = (await host.message("room"))["you"]
        for kind, fields in HOST_MESSAGES.items():
            for target in (me, who, leila):
                more = {} if kind in WITHOUT_TARGET else {"participant": target}
                with self.assertRaises(Refused) as refused:
                    await guest.ask(kind, **fields, **more)
                self.assertEqual(refused.exception.code, "not_a_host")
        now = await self.portal.api(HOST, "GET", f"/meetings/{meeting['id']}/participants")
        self.assertEqual(
            {one["id"]: one["state"] for one in now["items"]}, {me: "inside", who: "inside", leila: "waiting"}
        )
        self.assertFalse((await self.portal.api(HOST, "GET", f"/meetings/{meeting['id']}"))["locked"])

    async def test_what_a_client_says_about_itself_is_not_taken(self) -> None:
        """Guard: `protocol.decode` knows every field; who speaks, from where and as what is the server's to say."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        guest = await self.join(client, meeting["code"], "Peter")
        who = await self.let_in(host, guest)
        me = (await host.message("room"))["you"]
        for forged in (
            {"participant": me},
            {"name": "Ingrid Sæther"},
            {"host": True},
            {"by": me},
            {"capabilities": {"host": True}},
            {"at": "2026-01-01T00:00:00Z"},
        ):
            with self.assertRaises(Refused) as refused:
                await guest.ask("chat", text="I am the host", **forged)
            self.assertEqual(refused.exception.code, "bad_field")
        await guest.send_raw('{"type":"chat","text":"mine","id":"t","type":"host.end"}')
        self.assertEqual((await guest.until(lambda m: m.get("code") == "bad_json"))["type"], "error")
        await guest.ask("chat", text="mine")
        said = await host.message("chat")
        self.assertEqual((said["participant"], said["name"], said["text"]), (who, "Peter", "mine"))

    async def test_a_message_inside_a_message_is_text(self) -> None:
        """Guard: text is written by one encoder and never spliced (the smuggled stanza)."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        guest = await self.join(client, meeting["code"], "Peter")
        await self.let_in(host, guest)
        smuggled = 'x"}\n{"type":"refused","reason":"ended","at":"","until":null,"note":null,"by":null}'
        await guest.ask("chat", text=smuggled)
        self.assertEqual((await host.message("chat"))["text"], smuggled)
        self.assertEqual(host.count("refused"), 0)

    async def test_a_type_that_is_not_exactly_one_of_ours_is_none(self) -> None:
        """Guard: `commands.COMMANDS` is a table; nothing is looked up by what a client wrote."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        guest = await self.join(client, meeting["code"], "Peter")
        await self.let_in(host, guest)
        for kind in ("HOST.END", "host.end ", "host..end", "host_end", "__class__", "room", "refused", "h\u043est.end"):
            with self.assertRaises(Refused) as refused:
                await guest.ask(kind)
            self.assertEqual(refused.exception.code, "bad_type")
        self.assertEqual((await host.ask("ping"))["type"], "ok")


class T12EscalationByMedia(EngineCase):
    async def test_a_camera_is_not_forwarded_with_a_grant_for_the_microphone_only(self) -> None:
        """Guard: `Grants.may_publish` per source; its lack is how mute is enforced."""
        await self.all_has_come()
        talk_once([self.alice])
        self.room.grant("alice", MICROPHONE, subscribe=False)
        camera = heard(self.bob, "alice", CAMERA)
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))
        await self.all_has_come()
        self.assertEqual(heard(self.bob, "alice", CAMERA), camera)

    async def test_a_second_stream_does_not_ride_on_another_sources_m_line(self) -> None:
        """Guard: the cap of one stream per m-line (SSRC learning by mid)."""
        mallory = await self.room.enter("mallory", MICROPHONE, subscribe=False)
        await self.room.talk_until([mallory], hears(self.bob, "mallory"))
        up = mallory.up[MICROPHONE]
        smuggled = replace(up, ssrc=up.ssrc ^ 0x55AA, source=CAMERA, sequence=1)
        for _ in range(20):
            smuggled.send_frame(1)
        await settle()
        self.assertEqual(heard(self.bob, "mallory", CAMERA), 0)
