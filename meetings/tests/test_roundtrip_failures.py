"""Whatever goes wrong between Lintel and an authorization service: nobody new is inside, whoever is stays while their
lease runs, and hosts and the audit log are told why in one sentence.
"""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

from meetings.live import Live
from meetings.outgoing.models import AllowedDestination
from meetings.roundtrip import protocol
from meetings.tests.answering_service import Reply, answer, presenting, raw, serving, stall
from meetings.tests.live_case import Json, Talk
from meetings.tests.roundtrip_case import YES, RoundTripCase

NO_HTTP = "What came back is not an HTTP answer."
STATUS = "The service answered with status {} instead of 200."
NO_OBJECT = "The answer is not one JSON object."
NO_RESULT = "The answer has no “result” that is true or false."


async def drip(request: Any, writer: Any) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{")
    await stall(request, writer)


REPLIES: dict[str, tuple[Reply, str]] = {
    "a_redirect": (answer(302, headers="Location: https://example.org/\r\n"), STATUS.format(302)),
    "no_content": (answer(204, b""), STATUS.format(204)),
    "an_error_that_says_yes": (answer(500, YES), STATUS.format(500)),
    "a_page": (answer(200, b"<html>true</html>"), NO_OBJECT),
    "two_results": (answer(200, b'{"result": false, "result": true}'), NO_OBJECT),
    "no_result": (answer(200, {}), NO_RESULT),
    "an_url_that_is_null": (answer(200, {"result": True, "url": None}), "The answer’s “url” is not text."),
    "a_lease_that_is_text": (answer(200, {"result": True, "ttl": "60"}), "The answer’s “ttl” is not a number."),
    "too_much": (answer(200, b" " * 20_000 + b'{"result": true}'), "The answer is longer than 16384 bytes."),
    "no_http": (raw(b"220 mail.example.org ESMTP\r\n\r\n"), NO_HTTP),
    "a_closed_connection": (raw(b""), NO_HTTP),
}


class Failing(RoundTripCase):
    def rules(self) -> Json:
        return {"door_anyone": "walks_in"}

    async def reasons(self) -> list[str]:
        return [facts["note"] for facts in await self.written("authorization.unanswered")]

    async def somebody_comes(self, live: Live, host: Talk, why: str, *, deadline_seconds: float = 60.0) -> None:
        """A newcomer waits at the door until there is an answer, the host stays, both host and log are told `why`."""
        before = len(await self.reasons())
        with mock.patch.object(protocol, "DEADLINE_SECONDS", deadline_seconds):
            late = await self.knocker(live, "Late")
            assert (await late.message("door"))["reason"] == "authorization", why
            told = await host.message("authorization")
            assert (told["outcome"], told["reason"]) == ("unanswered", why)
            await self.settle(live)
        assert (await self.reasons())[before:] == [why]
        assert len(live.rooms[self.id].inside()) == 1, why
        self.service.reply = self.says
        await self.move(live, 8)
        assert (await host.message("authorization"))["outcome"] == "answered"
        await late.message("room")
        await self.leave(late)

    async def test_answers_that_are_none(self) -> None:
        async with self.asking() as live:
            host = await self.host_inside(live)
            for reply, why in REPLIES.values():
                self.service.reply = reply
                await self.somebody_comes(live, host, why)

    async def test_no_whole_answer_in_time(self) -> None:
        async with self.asking() as live:
            host = await self.host_inside(live)
            for reply in (stall, drip):
                self.service.reply = reply
                why = "There was no whole answer within 0.3 seconds."
                await self.somebody_comes(live, host, why, deadline_seconds=0.3)

    async def test_places_that_can_not_be_asked(self) -> None:
        await AllowedDestination.objects.acreate(text="127.0.0.1")
        await AllowedDestination.objects.acreate(text="http://127.0.0.1:1")
        async with (
            self.asking() as live,
            serving(answer(200, YES), tls=presenting("127.0.0.1")) as impostor,
        ):
            for settings, why in (
                ({"url": "http://127.0.0.1:1/rta"}, "The connection failed (Connect call failed ('127.0.0.1', 1))."),
                ({"url": "https://auth.invalid/"}, "There is no address for auth.invalid."),
                ({"url": "https://10.1.2.3/rta"}, "10.1.2.3 leads to 10.1.2.3, which is not a public address."),
                (
                    {"url": "https://[::ffff:10.1.2.3]/"},
                    "::ffff:a01:203 leads to 10.1.2.3, which is not a public address.",
                ),
                (
                    {"url": "http://192.0.2.7/"},
                    "Only https:// is allowed, unless an administrator allows this very http:// address.",
                ),
                (
                    {"url": "https://169.254.169.254/"},
                    "169.254.169.254 leads to 169.254.169.254, which is never asked.",
                ),
                ({"url": "nonsense"}, "This is not a URL such as https://auth.example.org/lintel."),
                ({"sealed_secret": "not sealed here"}, "The secret can’t be read any more. Make a new one."),
                ({"url": impostor.url}, "The certificate can’t be trusted: unable to get local issuer certificate."),
            ):
                await self.set_service(self.service, **settings)
                before = len(await self.reasons())
                host = await self.arriving_host(live)
                assert (await host.message("door"))["reason"] == "authorization"
                await self.until_written(live, before)
                assert (await self.reasons())[before:] == [why]
                assert not live.host_inside(self.id)
                await self.leave(host)
            assert not [*self.service.requests, *impostor.requests]

    async def until_written(self, live: Live, before: int) -> None:
        async with asyncio.timeout(20):
            while len(await self.reasons()) == before:
                await self.settle(live)
                await asyncio.sleep(0.01)
