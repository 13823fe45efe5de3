"""The server process: Daphne with guards, the media engine and the background worker started and stopped with it.

`portal.loop.use_uvloop` must have run before this module is imported: daphne makes its event loop at import.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from daphne.server import Server as DaphneServer
from twisted.internet import error, reactor
from twisted.logger import FilteringLogObserver, LogLevel, LogLevelFilterPredicate, STDLibLogObserver, globalLogBeginner
from twisted.protocols.tls import TLSMemoryBIOFactory

from meetings.threads import step_back
from portal.config import Config, ConfigError
from portal.guards import (
    AddressLimit,
    GuardedHTTPFactory,
    GuardedSocket,
    GuardedSocketFactory,
    Inbox,
    Limits,
    among,
    behind_proxy,
)
from portal.health import vitals
from portal.logs import redact_path
from portal.metrics import serve_metrics
from portal.tls import context_factory
from portal.worker import workers_of

T = TypeVar("T")

log = structlog.get_logger("lintel.server")
access = structlog.get_logger("lintel.access")

STOP_WITHIN_S = 4.5
FIGURES_WITHIN_S = 1.0
QUIET_PATHS = ("/static/", "/livez", "/readyz")


class LintelServer(DaphneServer):  # type: ignore[misc]
    """One process of Lintel. `run` returns the exit code when everything has been put away."""

    def __init__(
        self,
        config: Config,
        application: Any,
        live: Any,
        announcement: Callable[[], list[str]],
        limits: Limits | None = None,
    ) -> None:
        super().__init__(
            application=application,
            endpoints=["unused"],
            signal_handlers=False,
            action_logger=self._log_action,
            http_timeout=120,
            ping_interval=(limits or Limits()).ping_interval_s,
            websocket_timeout=-1,
            application_close_timeout=5,
            server_name="",
        )
        self.config = config
        self.live = live
        self.announcement = announcement
        self.limits = limits or Limits()
        self.workers = workers_of(config.node_id)
        self.connections: dict[Any, dict[str, Any]] = {}
        self.ports: list[Any] = []
        self.metrics: Any = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.exit_code = 0
        self.stopping = False
        self._tasks: set[asyncio.Task[None]] = set()

    # ---- life

    def run(self) -> int:
        loop: asyncio.AbstractEventLoop = reactor._asyncioEventloop  # noqa: SLF001 - daphne itself relies on it
        asyncio.set_event_loop(loop)
        observer = FilteringLogObserver(
            STDLibLogObserver("lintel.twisted"), [LogLevelFilterPredicate(defaultLogLevel=LogLevel.error)]
        )
        globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False, discardBuffer=True)
        self.http_factory = GuardedHTTPFactory(self, self.limits, self._stands_for_many)
        self.ws_factory = GuardedSocketFactory(self, self.limits)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        reactor.callLater(1, self.application_checker)
        reactor.callLater(2, self.timeout_checker)
        reactor.callWhenRunning(self._spawn, self._begin)
        reactor.run(installSignalHandlers=False)
        return self.exit_code

    def _spawn(self, work: Callable[[], Any]) -> None:
        task = asyncio.ensure_future(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _begin(self) -> None:
        self.loop = asyncio.get_running_loop()
        try:
            if self.live is not None:
                await self._start_media()
            self._listen()
            if self.config.metrics_port:
                self.metrics = serve_metrics(self.config.metrics_port, self._count_connections, self._media_figures)
        except ConfigError as wrong:
            for problem in wrong.problems:
                sys.stderr.write(f"{problem}\n")
            self.exit_code = 2
            await self._stop()
            return
        except Exception:
            log.exception("could not start")
            self.exit_code = 1
            await self._stop()
            return
        for worker in self.workers:
            worker.start()
        self._spawn(self._measure_lag)
        vitals.serving = True
        lines = await asyncio.to_thread(_closing_connections, self.announcement)
        for line in lines:
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        await asyncio.to_thread(_load_pages)
        # Modules, models and settings live until the end. Frozen, they are left out of every later collection, which
        # otherwise walks all of them on the loop and holds up packets meanwhile.
        gc.collect()
        gc.freeze()

    async def _start_media(self) -> None:
        try:
            await self.live.start()
            vitals.media_bound = True
        except OSError as problem:
            reason = os.strerror(problem.errno) if problem.errno else str(problem)
            host, udp, tcp = self.config.media_bind, self.config.media_port, self.config.media_tcp_port
            is_tcp = "TCP" in (problem.strerror or "")
            port = f"LINTEL_MEDIA_TCP_PORT: TCP {host}:{tcp}" if is_tcp else f"LINTEL_MEDIA_PORT: UDP {host}:{udp}"
            raise ConfigError(
                [f"{port} can't be used ({reason}); stop the other program or choose another port"]
            ) from None

    def _listen(self) -> None:
        host, number = self.config.host, self.config.port
        inner: Any = self.http_factory
        try:
            if self.config.tls_cert and self.config.tls_key:
                # TLS inside the limit: an address is counted from its first packet, and autobahn meets TLS directly.
                context = context_factory(self.config.tls_cert, self.config.tls_key)
                inner = TLSMemoryBIOFactory(context, False, self.http_factory)
            entrance = AddressLimit(inner, self.limits, self._stands_for_many)
            self.ports.append(reactor.listenTCP(number, entrance, interface=host, backlog=512))
        except error.CannotListenError as problem:
            raise ConfigError([unusable_port(host, number, problem.socketError)]) from None

    def _stands_for_many(self, host: str) -> bool:
        return among(host, self.config.trusted_proxies)

    def _signalled(self) -> None:
        if self.stopping:
            os._exit(self.exit_code)  # a second Ctrl-C: at once
        self._spawn(self._stop)

    async def _stop(self) -> None:
        """Puts everything away within `STOP_WITHIN_S`; a thread that hangs can't hold up the exit."""
        if self.stopping:
            return
        self.stopping = True
        vitals.serving = vitals.media_bound = False
        deadline = time.monotonic() + STOP_WITHIN_S
        threading.Thread(target=self._exit_at, args=(deadline,), daemon=True).start()
        for step in (
            self._close_ports,
            self._close_sockets,
            self._close_media,
            self._close_workers,
            self._write_checkpoint,
        ):
            try:
                await step(deadline)
            except Exception:
                log.exception("a part could not be put away", part=step.__name__.strip("_"))
        for details in self.connections.values():
            application = details.get("application_instance")
            if application is not None and not application.done():
                application.cancel()
        reactor.stop()

    async def _close_ports(self, deadline: float) -> None:
        for port in self.ports:
            await asyncio.wrap_future(_as_future(port.stopListening()))
        if self.metrics is not None:
            await asyncio.to_thread(self.metrics.shutdown)

    async def _close_sockets(self, deadline: float) -> None:
        for protocol in list(self.connections):
            if isinstance(protocol, GuardedSocket):
                protocol.go_away()
        await self._let_finish(until=deadline - 3.0)

    async def _close_media(self, deadline: float) -> None:
        if self.live is not None:
            async with asyncio.timeout(1.5):
                await self.live.aclose()

    async def _close_workers(self, deadline: float) -> None:
        running = (worker for worker in self.workers if worker.running)
        await asyncio.gather(*(asyncio.to_thread(worker.stop, 0.7) for worker in running))

    async def _write_checkpoint(self, deadline: float) -> None:
        """Signs the audit chain's present end. When there is no time, the next start does it."""
        if self.exit_code == 0:
            from meetings.audit import checkpoint

            async with asyncio.timeout(0.8):
                await asyncio.to_thread(_closing_connections, checkpoint)

    async def _let_finish(self, until: float) -> None:
        """Requests that are being answered, and consumers that take their leave, get a moment."""
        while time.monotonic() < until:
            waiting = [
                application
                for details in self.connections.values()
                if (application := details.get("application_instance")) is not None and not application.done()
            ]
            if not waiting:
                return
            await asyncio.wait(waiting, timeout=max(0.0, until - time.monotonic()))

    def _media_figures(self) -> Any:
        """The engine's figures, for a thread: they belong to the loop. None when it doesn't answer in time."""
        if self.live is None:
            return None

        async def ask() -> Any:
            return self.live.engine.figures()

        assert self.loop is not None  # noqa: S101 - the page is served by `_begin`
        try:
            return asyncio.run_coroutine_threadsafe(ask(), self.loop).result(FIGURES_WITHIN_S)
        except (TimeoutError, RuntimeError):
            return None

    def _count_connections(self) -> dict[str, int]:
        sockets = sum(isinstance(protocol, GuardedSocket) for protocol in tuple(self.connections))
        return {"http": len(self.connections) - sockets, "websocket": sockets}

    def _exit_at(self, deadline: float) -> None:
        time.sleep(max(0.0, deadline - time.monotonic()))
        sys.stderr.flush()
        os._exit(self.exit_code)

    def kill_all_applications(self) -> None:
        """Daphne's own trigger; `_stop` has done its work. (Daphne's fails on a connection without a request.)"""

    async def _measure_lag(self) -> None:
        """How late the loop wakes up: the first sign that media suffers."""
        while not self.stopping:
            before = time.monotonic()
            await asyncio.sleep(0.25)
            vitals.note_lag(time.monotonic() - before - 0.25)
            vitals.tasks = len(asyncio.all_tasks())

    # ---- requests and sockets

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """As Daphne's, with a queue that can hold back its sender and with forwarding headers settled."""
        if self.stopping or protocol not in self.connections:
            return None
        scope.setdefault("asgi", {"version": "3.0"})
        scope = behind_proxy(scope, self.config.trusted_proxies)
        inbox = Inbox()

        async def send(message: dict[str, Any]) -> None:
            await self.handle_reply(protocol, message)

        self.connections[protocol]["application_instance"] = asyncio.ensure_future(
            self.application(scope=scope, receive=inbox.get, send=send)
        )
        return inbox

    def _log_action(self, protocol: Any, action: str, details: dict[str, Any]) -> None:
        path = redact_path(str(details.get("path", "")))
        if protocol == "http":
            if not path.startswith(QUIET_PATHS):
                access.info(
                    "request",
                    method=details["method"],
                    path=path[:200],
                    status=details["status"],
                    ms=round(details["time_taken"] * 1000),
                )
        elif action in ("connected", "too slow"):
            access.info(f"socket {action}", path=path[:200])


def unusable_port(host: str, number: int, problem: OSError) -> str:
    """One line that says why the portal can't listen, and what helps."""
    import errno

    if problem.errno == errno.EADDRINUSE:
        return f"LINTEL_PORT: {host}:{number} is in use; stop the other program or choose another port"
    if problem.errno == errno.EADDRNOTAVAIL:
        return f"LINTEL_HOST: {host} is not an address of this machine; use 127.0.0.1 or one of its own"
    if problem.errno == errno.EACCES:
        return f"LINTEL_PORT: {number} needs more rights than this user has; choose a port above 1023"
    return f"LINTEL_PORT: {host}:{number} can't be used ({problem.strerror})"


def _as_future(deferred: Any) -> Any:
    from concurrent.futures import Future

    future: Future[None] = Future()
    if deferred is None:
        future.set_result(None)
    else:
        deferred.addBoth(lambda _: future.set_result(None))
    return future


def _load_pages() -> None:
    """Loads what Django would load for the first request, which so neither waits for it nor leaves it unfrozen."""
    from django.urls import get_resolver

    step_back()
    get_resolver().reverse_dict  # noqa: B018 - walks every address


def _closing_connections(work: Callable[[], T]) -> T:
    """For a call into a thread: its database connection would otherwise stay open with the thread."""
    from django.db import connections

    try:
        return work()
    finally:
        connections.close_all()


def serve(config: Config, announcement: Callable[[], list[str]]) -> int:
    """Serves until it's told to stop; returns the exit code. Django is set up and the data up to date."""
    from portal.asgi import application_for, make_live

    # A busy Python thread (a database call, a password hash) otherwise adds up to 20 ms to media.
    sys.setswitchinterval(0.0005)
    live = make_live()
    return LintelServer(config, application_for(live), live, announcement).run()
