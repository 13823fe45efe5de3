"""Janus under the same load: its VideoRoom, driven through its own WebSocket API.

`apt-get install -y janus` brings it. It runs with a configuration of its own in a temporary directory. Debian builds
its libsrtp with NSS; `openssl_libsrtp` finds the faster build that pylibsrtp's wheel carries and puts it before that.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import socket
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

from websockets.asyncio.client import ClientConnection, connect

from benchmarks import process
from benchmarks.sink import Listener
from tests.support.sdp_text import Media

API_PORT = 18840
START_SECONDS = 10.0
CALL_SECONDS = 20.0
OTHER_PLUGINS = "audiobridge duktape echotest lua nosip recordplay sip streaming textroom videocall voicemail"
OTHER_TRANSPORTS = "http mqtt nanomsg pfunix rabbitmq"

CONFIGURATION = """
general: {{ session_timeout = 0, debug_level = 2, configs_folder = "{folder}" }}
media: {{ ipv6 = false }}
nat: {{ ice_lite = true, ice_enforce_list = "{address}" }}
plugins: {{ disable = "{other_plugins}" }}
transports: {{ disable = "{other_transports}" }}
events: {{ broadcast = false }}
"""
WEBSOCKETS = """
general: {{ ws = true, ws_port = {port}, ws_ip = "127.0.0.1", wss = false, json = "compact" }}
admin: {{ admin_ws = false }}
"""


class Unavailable(Exception):
    """This Janus cannot be measured here; the text says why and what to do."""


def openssl_libsrtp() -> str:
    """What LD_PRELOAD has to hold for libsrtp with OpenSSL. Raises Unavailable.

    The wheel's extension module exports libsrtp's functions. It also needs one symbol of Python, which libpython has.
    """
    import pylibsrtp._binding

    python = Path(sysconfig.get_config_var("LIBDIR") or "") / (sysconfig.get_config_var("INSTSONAME") or "")
    if ".so" not in python.name or not python.is_file():
        raise Unavailable("this Python has no shared library, which pylibsrtp's libsrtp needs inside Janus")
    return f"{python} {pylibsrtp._binding.__file__}"  # noqa: SLF001 - the file that holds libsrtp


class JanusServer:
    """One Janus process. Use as an async context manager; raises Unavailable when there is none."""

    def __init__(self, *, preload: str = "") -> None:
        self._preload = preload
        self._transactions = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._rooms = itertools.count(1)

    async def __aenter__(self) -> Self:
        program = shutil.which("janus")
        if program is None:
            raise Unavailable("Janus is not installed: apt-get install -y janus")
        self._stack = contextlib.AsyncExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="janus-")))
        self.address = own_address()
        log = self._stack.enter_context(_configure(folder, self.address))
        environment = os.environ | ({"LD_PRELOAD": self._preload} if self._preload else {})
        self._process = await asyncio.create_subprocess_exec(
            *process.pinned([program, "--configs-folder", str(folder), "--disable-colors"]),
            env=environment,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
        )
        self.pid = self._process.pid
        self._stack.push_async_callback(self._end)
        try:
            self._socket = await self._connect()
        except (OSError, TimeoutError) as error:
            log.seek(0)
            told = log.read().decode(errors="replace").strip().splitlines()[-3:]
            await self._stack.aclose()
            raise Unavailable(f"Janus did not start: {' / '.join(told) or error}") from None
        self._reading = asyncio.create_task(self._read())
        self.session = (await self.call(janus="create"))["data"]["id"]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await self._socket.close()
        await self._stack.aclose()

    async def _connect(self) -> ClientConnection:
        async with asyncio.timeout(START_SECONDS):
            while True:
                with contextlib.suppress(ConnectionRefusedError):
                    return await connect(
                        f"ws://127.0.0.1:{API_PORT}", subprotocols=["janus-protocol"], max_size=None, ping_interval=None
                    )
                if self._process.returncode is not None:
                    raise ConnectionError(f"exit code {self._process.returncode}")
                await asyncio.sleep(0.05)

    async def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(5):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if message["janus"] == "ack":
                continue
            waiter = self._waiting.pop(message.get("transaction", ""), None)
            if waiter is not None and not waiter.done():
                waiter.set_result(message)

    async def call(self, **message: Any) -> dict[str, Any]:
        """Send one request and wait for what is more than an acknowledgement. Raises RuntimeError on an error."""
        transaction = str(next(self._transactions))
        waiter = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        if "janus" in message and message["janus"] != "create":
            message["session_id"] = self.session
        await self._socket.send(json.dumps({**message, "transaction": transaction}))
        async with asyncio.timeout(CALL_SECONDS):
            answer: dict[str, Any] = await waiter
        problem = answer.get("error") or answer.get("plugindata", {}).get("data", {}).get("error")
        if problem:
            raise RuntimeError(f"Janus: {problem}")
        return answer

    async def attach(self) -> int:
        """A handle of the VideoRoom plugin."""
        return int((await self.call(janus="attach", plugin="janus.plugin.videoroom"))["data"]["id"])

    def room(self, name: str) -> JanusRoom:
        """A room of the VideoRoom; see `benchmarks.load.MediaServer`."""
        return JanusRoom(self, next(self._rooms), name)


def _configure(folder: Path, address: str) -> IO[bytes]:
    """Write the configuration; returns the file that Janus may log to."""

    def libraries(names: str) -> str:
        return ",".join(f"libjanus_{name}.so" for name in names.split())

    general = CONFIGURATION.format(
        folder=folder,
        address=address,
        other_plugins=libraries(OTHER_PLUGINS),
        other_transports=libraries(OTHER_TRANSPORTS),
    )
    (folder / "janus.jcfg").write_text(general.strip())
    (folder / "janus.transport.websockets.jcfg").write_text(WEBSOCKETS.format(port=API_PORT).strip())
    return (folder / "log").open("w+b")


class JanusRoom:
    """One VideoRoom and the clients in it: one connection up per publisher, one down per listener, as in our own."""

    def __init__(self, server: JanusServer, number: int, name: str) -> None:
        self.server = server
        self.number = number
        self.name = name
        self._handles: list[int] = []
        self._feeds: dict[str, int] = {}
        self._listeners: list[Listener] = []
        self._clients: list[Listener] = []

    async def seal(self) -> None:
        """See `benchmarks.load.Room`."""
        raise Unavailable("Janus passes on whatever it gets, sealed or not")

    async def enter(self, client: Listener, *sources: str, subscribe: bool) -> object:
        """See `benchmarks.load.Room`."""
        self._clients.append(client)
        if not self._handles:
            self._handles.append(await self.server.attach())
            await self._ask(
                request="create", room=self.number, description=self.name, publishers=100, notify_joining=False
            )
        if sources:
            await self._publish(client, *sources)
        if subscribe:
            self._listeners.append(client)
        return client

    async def _ask(self, handle: int | None = None, jsep: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
        more = {"jsep": jsep} if jsep else {}
        return await self.server.call(janus="message", handle_id=handle or self._handles[0], body=body, **more)

    async def _publish(self, client: Listener, *sources: str) -> None:
        handle = await self.server.attach()
        self._handles.append(handle)
        joined = await self._ask(handle, request="join", ptype="publisher", room=self.number, display=client.peer)
        self._feeds[client.peer] = joined["plugindata"]["data"]["id"]
        offer, _ = client.offer_publish(*sources)
        # Janus would be the active side of DTLS, if it could choose; our clients always are.
        offer = offer.replace("a=setup:actpass", "a=setup:active")
        answer = await self._ask(
            handle, {"type": "offer", "sdp": offer}, request="publish", audiocodec="opus", videocodec="vp8"
        )
        client.accept_publish_answer(answer["jsep"]["sdp"])
        assert client.publish is not None
        await client.publish.connected()

    async def settle(self) -> None:
        """See `benchmarks.load.Room`. All at once, as Janus misses the first try of DTLS and a second passes."""
        await asyncio.gather(*(self._subscribe(client) for client in self._listeners))

    async def _subscribe(self, client: Listener) -> None:
        handle = await self.server.attach()
        self._handles.append(handle)
        feeds = [{"feed": feed} for peer, feed in self._feeds.items() if peer != client.peer]
        join = {"request": "join", "ptype": "subscriber", "room": self.number, "streams": feeds}
        try:
            offered = await self._ask(handle, **join)
        except RuntimeError:  # a publisher becomes a feed a moment after its transport is up
            await asyncio.sleep(0.5)
            offered = await self._ask(handle, **join)
        streams = {stream["mid"]: stream for stream in offered["plugindata"]["data"]["streams"]}
        client.origin = _origin_by_mid(streams)  # type: ignore[method-assign]
        answer = client.answer_subscribe(offered["jsep"]["sdp"])
        await self._ask(handle, {"type": "answer", "sdp": answer}, request="start")
        assert client.subscribe is not None
        await client.subscribe.connected()

    async def close(self) -> None:
        """See `benchmarks.load.Room`."""
        for client in self._clients:
            client.close(politely=False)
        for handle in self._handles:
            await self.server.call(janus="detach", handle_id=handle)


def _origin_by_mid(streams: dict[str, dict[str, Any]]) -> Callable[[Media], tuple[str, str]]:
    def origin(media: Media) -> tuple[str, str]:
        stream = streams[media.mid]
        return stream["feed_display"], "microphone" if stream["type"] == "audio" else "camera"

    return origin


def own_address() -> str:
    """An address of this host that is not loopback, which Janus never offers. Raises Unavailable."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            raise Unavailable("Janus needs a network address besides 127.0.0.1") from None
        return str(probe.getsockname()[0])
