"""The guarded way out, against real sockets: nobody makes this server ask another place, wait, or fill its memory."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any
from unittest import IsolatedAsyncioTestCase

from meetings.outgoing.client import SLOTS_PER_ORIGIN, Answer, Outgoing, OutgoingFailed
from meetings.outgoing.destinations import Allowances, read_allowances, read_destination
from meetings.tests.answering_service import Request, Service, answer, presenting, raw, serving, stall, trusting

NAME = "auth.example.org"
LOOPBACK = read_allowances(["127.0.0.0/8", "::1"])
FINE = answer(200, {"result": True})


class Names:
    """A name server: gives its answers one after the other, the last for ever, and remembers who asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class OutgoingCase(IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.names = Names(["127.0.0.1"])
        self.out = Outgoing(resolve=self.resolve, tls=trusting())
        self.addAsyncCleanup(self.out.aclose)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        return await self.names(host, port)

    async def post(self, url: str, *, allow: Allowances = LOOPBACK, deadline: float = 10, **more: Any) -> Answer:
        return await self.out.post(
            read_destination(url), b"{}", {"Accept": "application/json"}, allowances=allow,
            deadline_seconds=deadline, **more,
        )  # fmt: skip

    async def fails(self, url: str, **more: Any) -> str:
        """The code with which a request fails."""
        with self.assertRaises(OutgoingFailed) as caught:
            await self.post(url, **more)
        assert caught.exception.message
        return caught.exception.code

    @staticmethod
    def plainly(service: Service) -> tuple[str, Allowances]:
        """A URL without TLS, and the allowance that a test service on this machine needs."""
        return f"{service.url}/rta", read_allowances([service.url])


class Answers(OutgoingCase):
    async def test_a_request_over_tls_is_answered(self) -> None:
        async with serving(FINE, tls=presenting(NAME)) as service:
            got = await self.post(f"https://{NAME}:{service.port}/validateCredentials?a=b")
        assert (got.status, got.body, got.address) == (200, b'{"result": true}', "127.0.0.1")
        request = service.requests[0]
        assert request.path == "/validateCredentials?a=b"
        assert request.headers["host"] == f"{NAME}:{service.port}"
        assert request.headers["content-length"] == "2"
        assert got.timing.secured is not None and got.timing.answered is not None

    async def test_an_address_in_the_certificate_is_enough_for_an_address_in_the_url(self) -> None:
        async with serving(FINE, tls=presenting("127.0.0.1")) as service:
            assert (await self.post(f"https://127.0.0.1:{service.port}/")).status == 200
        assert self.names.asked == []

    async def test_an_ipv4_address_in_ipv6_clothes_is_asked_as_what_it_is(self) -> None:
        self.names = Names(["::ffff:127.0.0.1"])
        async with serving(FINE, tls=presenting(NAME)) as service:
            assert (await self.post(f"https://{NAME}:{service.port}/")).status == 200

    async def test_a_chunked_answer_and_one_that_ends_with_its_connection_are_read(self) -> None:
        for data in (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            b"HTTP/1.0 200 OK\r\n\r\n{}",
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        ):
            async with serving(raw(data)) as service:
                url, allow = self.plainly(service)
                assert (await self.post(url, allow=allow)).body == b"{}"

    async def test_a_second_address_is_tried_when_the_first_does_not_take_the_connection(self) -> None:
        self.names = Names(["127.0.0.9", "127.0.0.1"])
        async with serving(FINE, tls=presenting(NAME)) as service:
            assert (await self.post(f"https://{NAME}:{service.port}/")).address == "127.0.0.1"


class WhereItGoes(OutgoingCase):
    async def test_a_name_that_changes_between_two_look_ups_changes_nothing(self) -> None:
        # Rebinding: the guard is told a harmless address; whoever asked again would be told the inside one.
        self.names = Names(["127.0.0.2"], ["127.0.0.1"])
        harmless = read_allowances(["127.0.0.2"])
        async with serving(FINE, host="127.0.0.2", tls=presenting(NAME)) as service:
            got = await self.post(f"https://{NAME}:{service.port}/", allow=harmless)
        assert got.address == "127.0.0.2"
        assert self.names.asked == [NAME]

    async def test_a_name_that_leads_inside_the_second_time_is_refused_the_second_time(self) -> None:
        self.names = Names(["127.0.0.2"], ["127.0.0.1"])
        harmless = read_allowances(["127.0.0.2"])
        close = answer(200, {}, headers="Connection: close\r\n")
        async with (
            serving(close, host="127.0.0.2", tls=presenting(NAME)) as service,
            serving(FINE, tls=presenting(NAME)) as inside,
        ):
            await self.post(f"https://{NAME}:{service.port}/", allow=harmless)
            assert await self.fails(f"https://{NAME}:{service.port}/", allow=harmless) == "refused"
        assert not inside.requests

    async def test_a_name_that_leads_inside_and_outside_is_refused_before_anything_is_sent(self) -> None:
        self.names = Names(["198.41.0.4", "127.0.0.1"])
        async with serving(FINE, tls=presenting(NAME)) as service:
            assert await self.fails(f"https://{NAME}:{service.port}/", allow=Allowances()) == "refused"
        assert service.connections == 0

    async def test_every_way_to_write_this_machine_is_refused(self) -> None:
        async with serving(FINE, tls=presenting("127.0.0.1")) as service:
            for url in (
                f"https://127.0.0.1:{service.port}/",
                f"https://[::ffff:127.0.0.1]:{service.port}/",
                f"https://[::1]:{service.port}/",
                f"https://localhost:{service.port}/",
                f"http://127.0.0.1:{service.port}/",
            ):
                assert await self.fails(url, allow=Allowances()) == "refused"
        assert service.connections == 0

    async def test_the_real_resolver_is_judged_too(self) -> None:
        out = Outgoing()
        self.addAsyncCleanup(out.aclose)
        with self.assertRaises(OutgoingFailed) as caught:
            await out.post(
                read_destination("https://localhost/"), b"", {}, allowances=Allowances(), deadline_seconds=10
            )
        assert caught.exception.code == "refused"

    async def test_an_alias_of_an_inside_name_is_refused(self) -> None:
        # A CNAME is followed by the resolver: what counts is where it ends.
        self.names = Names(["10.0.0.7"])
        assert await self.fails(f"https://{NAME}/", allow=Allowances()) == "refused"

    async def test_a_redirect_is_an_answer_and_nothing_more(self) -> None:
        async with serving(FINE) as secret:
            for status in (301, 302, 303, 307, 308):
                away = answer(status, b"", headers=f"Location: http://127.0.0.1:{secret.port}/latest/meta-data\r\n")
                async with serving(away, tls=presenting(NAME)) as service:
                    assert (await self.post(f"https://{NAME}:{service.port}/")).status == status
            away = answer(302, b"", headers="Location: http://169.254.169.254/latest/meta-data\r\n")
            async with serving(away, tls=presenting(NAME)) as service:
                assert (await self.post(f"https://{NAME}:{service.port}/")).status == 302
        assert secret.connections == 0

    async def test_a_kept_connection_is_not_used_once_its_address_is_allowed_no_more(self) -> None:
        async with serving(FINE, tls=presenting(NAME)) as service:
            await self.post(f"https://{NAME}:{service.port}/")
            assert await self.fails(f"https://{NAME}:{service.port}/", allow=Allowances()) == "refused"
        assert len(service.requests) == 1


class Tls(OutgoingCase):
    async def test_a_certificate_for_another_name_is_no_certificate(self) -> None:
        async with serving(FINE, tls=presenting("other.example.org")) as service:
            assert await self.fails(f"https://{NAME}:{service.port}/") == "tls"
        assert not service.requests

    async def test_an_expired_certificate_is_no_certificate(self) -> None:
        async with serving(FINE, tls=presenting(NAME, days=-1)) as service:
            assert await self.fails(f"https://{NAME}:{service.port}/") == "tls"
        assert not service.requests

    async def test_an_unknown_authority_is_no_authority(self) -> None:
        self.out = Outgoing(resolve=self.names)
        self.addAsyncCleanup(self.out.aclose)
        async with serving(FINE, tls=presenting(NAME)) as service:
            assert await self.fails(f"https://{NAME}:{service.port}/") == "tls"

    async def test_a_place_that_speaks_no_tls_gets_no_request(self) -> None:
        heard = bytearray()

        async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.extend(await reader.read(100))
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            heard.extend(await reader.read())
            writer.close()

        server = await asyncio.start_server(speak_plainly, "127.0.0.1", 0)
        async with server:
            assert await self.fails(f"https://{NAME}:{server.sockets[0].getsockname()[1]}/") == "tls"
        assert heard[:1] == b"\x16"  # a record of a handshake
        assert b"HTTP" not in heard

    async def test_old_tls_is_not_spoken(self) -> None:
        trust = Outgoing()._trust()
        assert trust.minimum_version is ssl.TLSVersion.TLSv1_2
        assert trust.check_hostname and trust.verify_mode is ssl.CERT_REQUIRED


class BadAnswers(OutgoingCase):
    async def test_nobody_is_there(self) -> None:
        async with serving(FINE) as service:
            pass
        assert await self.fails(f"https://{NAME}:{service.port}/") == "connect"

    async def test_a_name_without_an_address(self) -> None:
        for found in ([], ["nonsense"], ["fe80::1%eth0"]):
            self.names = Names(found)
            assert await self.fails(f"https://{NAME}/") in {"dns", "refused"}

    async def test_a_name_server_that_does_not_answer_ends_at_the_deadline(self) -> None:
        async def never(host: str, port: int) -> Sequence[str]:
            await asyncio.Event().wait()
            return []

        self.out = Outgoing(resolve=never)
        self.addAsyncCleanup(self.out.aclose)
        assert await self.fails(f"https://{NAME}/", deadline=0.1) == "deadline"

    async def test_a_place_that_takes_the_request_and_says_nothing(self) -> None:
        async with serving(stall) as service:
            url, allow = self.plainly(service)
            assert await self.fails(url, allow=allow, deadline=0.2) == "deadline"

    async def test_an_answer_that_drips_ends_at_the_same_deadline(self) -> None:
        async def drip(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)

        async with serving(drip) as service:
            url, allow = self.plainly(service)
            assert await self.fails(url, allow=allow, deadline=0.3) == "deadline"

    async def test_a_body_without_end_is_not_read_to_its_end(self) -> None:
        sent = 0

        async def pour(request: Request, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
                sent += 0x4000
                await writer.drain()

        async with serving(pour) as service:
            url, allow = self.plainly(service)
            assert await self.fails(url, allow=allow, most_bytes=20_000) == "too_large"
        assert sent < 50_000_000

    async def test_headers_without_end_are_refused(self) -> None:
        async def headers(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                writer.write(b"X-Filler: " + b"x" * 1000 + b"\r\n")
                await writer.drain()

        async with serving(headers) as service:
            url, allow = self.plainly(service)
            assert await self.fails(url, allow=allow) == "bad_answer"

    async def test_what_is_not_http_is_refused(self) -> None:
        for data in (
            b"",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        ):
            async with serving(raw(data)) as service:
                url, allow = self.plainly(service)
                assert await self.fails(url, allow=allow) == "bad_answer", data

    async def test_nothing_that_was_said_is_repeated(self) -> None:
        async with serving(raw(b"HTTP/1.1 two hundred secret-word\r\n\r\n")) as service:
            url, allow = self.plainly(service)
            with self.assertRaises(OutgoingFailed) as caught:
                await self.post(url, allow=allow)
        assert "secret-word" not in caught.exception.message


class Connections(OutgoingCase):
    async def test_a_connection_is_used_again(self) -> None:
        async with serving(FINE, tls=presenting(NAME)) as service:
            for _ in range(5):
                await self.post(f"https://{NAME}:{service.port}/")
            assert (service.connections, len(service.requests)) == (1, 5)
        assert self.names.asked == [NAME]

    async def test_a_connection_that_was_closed_meanwhile_is_made_anew(self) -> None:
        async with serving(FINE) as service:
            url, allow = self.plainly(service)
            await self.post(url, allow=allow)
            kept = self.out._idle[service.url][0]

            async def hang_up(request: Request, writer: asyncio.StreamWriter) -> None:
                writer.close()

            # The request goes into a connection that ends without a byte; the new one is answered.
            service.reply = lambda request, writer: (hang_up if request.connection == 1 else FINE)(request, writer)
            assert not kept.reader.at_eof()
            assert (await self.post(url, allow=allow)).status == 200
            assert service.connections == 2

    async def test_a_connection_that_said_more_than_it_was_asked_is_not_kept(self) -> None:
        two = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

        async def both(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(two)

        async with serving(both) as service:
            url, allow = self.plainly(service)
            assert (await self.post(url, allow=allow)).body == b"{}"
            assert (await self.post(url, allow=allow)).body == b"{}"
            assert service.connections == 2

    async def test_one_place_that_stalls_holds_up_no_other(self) -> None:
        async with serving(stall) as stalled, serving(FINE) as fine:
            url, allow = self.plainly(stalled)
            waiting = [
                asyncio.ensure_future(self.post(url, allow=allow, deadline=30)) for _ in range(SLOTS_PER_ORIGIN * 2)
            ]
            await stalled.asked(SLOTS_PER_ORIGIN)
            assert (await self.post(f"{fine.url}/", allow=read_allowances([fine.url]))).status == 200
            assert len(stalled.requests) == SLOTS_PER_ORIGIN
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        assert not self.out._slots

    async def test_waiting_for_a_slot_counts_towards_the_deadline(self) -> None:
        async with serving(stall) as service:
            url, allow = self.plainly(service)
            asked = (self.fails(url, allow=allow, deadline=0.2) for _ in range(SLOTS_PER_ORIGIN * 3))
            assert set(await asyncio.gather(*asked)) == {"deadline"}
