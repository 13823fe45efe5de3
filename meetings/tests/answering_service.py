"""A little HTTP(S) service for tests: a real socket on this machine that answers as a test says, well or badly.

Belongs to the loop that starts it (`served`: to a thread of its own). Certificates come from an authority of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import ssl
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Request:
    """One request as it arrived. `head` is everything before the body, as text."""

    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    head: str

    @property
    def json(self) -> Any:
        return json.loads(self.body.decode("latin-1"))


Reply = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def answer(status: int = 200, body: Any = b"", *, headers: str = "", reason: str = "OK") -> Reply:
    """One whole answer. `body` is bytes, or becomes JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status} {reason}\r\n{headers}Content-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)

    return reply


def raw(data: bytes) -> Reply:
    """Bytes as they are, then the end of the connection."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        writer.close()

    return reply


async def stall(request: Request, writer: asyncio.StreamWriter) -> None:
    """No answer, for as long as the test runs."""
    await asyncio.Event().wait()


@dataclass
class Service:
    """A running service. Set `reply` to what it shall answer; `requests` is what it was asked."""

    port: int
    host: str
    scheme: str
    reply: Reply
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    async def asked(self, count: int) -> list[Request]:
        """Waits until so many requests have come."""
        async with asyncio.timeout(20):
            while len(self.requests) < count:
                self.news.clear()
                await self.news.wait()
        return self.requests


@contextlib.asynccontextmanager
async def serving(
    reply: Reply, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Service]:
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        service.connections += 1
        number = service.connections
        try:
            while not writer.is_closing():
                request = await _read(reader, number)
                service.requests.append(request)
                service.news.set()
                await service.reply(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, ssl.SSLError):
            pass  # the end of the test cancels: nobody waits for this task
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    service = Service(server.sockets[0].getsockname()[1], host, "https" if tls else "http", reply)
    try:
        yield service
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def served(reply: Reply) -> Iterator[Service]:
    """The same for tests without a loop: it runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    context = serving(reply)

    def run(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)

    service: Service = run(context.__aenter__())
    try:
        yield service
    finally:
        run(context.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _read(reader: asyncio.StreamReader, connection: int) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = head.split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(lines[0].split(" ")[1], headers, body, connection, head)


# Certificates


@lru_cache(maxsize=1)
def _authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    made = _certificate(name, name, key.public_key()).add_extension(x509.BasicConstraints(True, None), critical=True)
    return made.sign(key, hashes.SHA256()), key


def _certificate(subject: x509.Name, issuer: x509.Name, key: Any, *, days: int = 30) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
    )


def trusting() -> ssl.SSLContext:
    """A client's context that trusts the tests' authority and nobody else."""
    context = ssl.create_default_context(cadata=_authority()[0].public_bytes(serialization.Encoding.PEM).decode())
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


@lru_cache(maxsize=8)
def presenting(*names: str, days: int = 30) -> ssl.SSLContext:
    """A server's context with a certificate for these names and addresses. `days` -1: expired yesterday."""
    authority, authority_key = _authority()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    made = _certificate(subject, authority.subject, key.public_key(), days=days).add_extension(
        x509.SubjectAlternativeName([_general(name) for name in names]), critical=False
    )
    pem = made.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "both.pem"
        path.write_bytes(pem)
        context.load_cert_chain(path)
    return context


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
