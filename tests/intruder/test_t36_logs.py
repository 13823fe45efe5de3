"""T36: secrets in logs and in what pages are told."""

from __future__ import annotations

import asyncio
import re
import secrets
import urllib.parse
from pathlib import Path

from tests.intruder.case import HOST, IntruderCase
from tests.intruder.media_case import MediaCase
from tests.support.portal import PASSWORD


class T36Logs(IntruderCase):
    async def test_secrets_of_links_are_in_no_log(self) -> None:
        """Guard: redaction in the server's access log."""
        meeting = await self.portal.schedule(HOST)
        before = len(self.portal.server.log)
        client, link = await self.guest_with_link(meeting)
        await client.get(f"/m/{meeting['code']}")  # when this is answered, the request before is in the log
        written = self.portal.server.log[before:]
        self.assertIn("/i/[secret]", written)
        self.assertNotIn(link.rsplit("/", 1)[1], written)

    async def test_what_is_asked_for_with_a_query_or_wrongly_is_in_no_log_either(self) -> None:
        """Guard: `logs.redact_path`: no query string, whoever wrote a secret into it, and a path is what it means."""
        secret = secrets.token_urlsafe(24)
        before = len(self.portal.server.log)
        client = self.client()
        for path in (
            f"/i/{secret}?x={secret}",
            f"/%69/{secret}",
            f"/i%2F{secret}",
            f"//i/{secret}",
            f"/i//{secret}",
            f"/setup/{secret}/",
            f"/m/2222-3333-4444?token={secret}",
            f"/password/reset/key/1-{secret}/",
            f"/sign-in/?next=/i/{secret}",
            f"/nowhere/?access_token={secret}",
        ):
            await client.get(path)
        await client.request("GET", "/api/v1/meetings", None, {"Authorization": f"Bearer lintel_{secret}"})
        form = urllib.parse.urlencode({"login": f"{secret}@nordhavn.example", "password": secret}).encode()
        await client.request("POST", "/sign-in/", form, {"Content-Type": "application/x-www-form-urlencoded"})
        await client.arrive("2222-3333-4444", secret)
        await client.get("/sign-in/")
        self.assertNotIn(secret, self.portal.server.log[before:])


class T36LogOfAMeeting(MediaCase):
    async def test_a_whole_meeting_leaves_neither_secret_nor_name_nor_word_in_the_log(self) -> None:
        """Guards: `logs.scrub`; nothing under `lintel.live` and `media_engine` logs more than ids and codes."""
        before = self.portal.server.log
        guest, link = await self.guest_with_link(self.meeting, "confidential@medreg.example")
        answer = (await guest.arrive(self.meeting["code"], "Confidential Person")).json
        socket = await self.open(guest)
        await socket.send("hello", protocol=1, ticket=answer["ticket"])
        who = await self.let_in(self.ingrid.socket, socket)
        member = self.member(socket, who)
        await member.speak()
        await socket.ask("chat", text="a confidential remark")
        for sdp in ("v=0\r\na=ice-pwd:" + "p" * 30, "m=confidential"):
            await socket.send("media.publish", sdp=sdp, sources={"0": "microphone"})
        await self.ingrid.socket.ask("host.remove", participant=who, note="a confidential reason")
        await socket.closed()
        await guest.get(f"/m/{self.meeting['code']}")
        written = self.portal.server.log[len(before) :]
        self.assertIn("/i/[secret]", written)
        publish = member.media.publish
        assert publish is not None and publish.remote is not None
        for secret in (
            *("onfidential", "Peter", "Ingrid", "medreg.example", PASSWORD),
            *(link.rsplit("/", 1)[1], answer["ticket"], self.portal.tokens[HOST]),
            *(value for value, _ in guest.cookies.values()),
            *(publish.local.password, publish.remote.password, publish.local.fingerprint, publish.remote.fingerprint),
        ):
            self.assertNotIn(secret, written)

    async def test_pages_and_scripts_are_told_no_secret_of_the_server(self) -> None:
        """Guard: nothing of `data/secrets` or of another's session is in what a browser is given."""
        hidden = [path.read_bytes().strip() for path in await asyncio.to_thread(self.secret_files)]
        self.assertGreater(len(hidden), 0)
        client, _ = await self.guest_with_link(self.meeting, "leila@medreg.example")
        page = (await client.get(f"/m/{self.meeting['code']}")).body
        told = [page, (await client.get("/api/v1/openapi.json")).body, (await client.get("/livez")).body]
        for path in set(re.findall(rb'(?:src|href)="(/static/[^"]+\.js)"', page)):
            told.append((await client.get(path.decode())).body)
        for text in told:
            for secret in (*hidden, self.portal.tokens[HOST].encode(), str(self.portal.data_dir).encode()):
                self.assertNotIn(secret, text)

    def secret_files(self) -> list[Path]:
        return [path for path in (self.portal.data_dir / "secrets").iterdir() if path.is_file()]
