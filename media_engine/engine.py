"""The engine: one UDP port, many sessions. What the owner of the library talks to.

Every method that changes who may do what is synchronous and has taken effect when it returns. Events are delivered on
the loop's thread right after the current callback, so that the owner may call the engine from inside its `on_event`.
"""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from media_engine import COMPILED, compiled, native
from media_engine.config import EngineConfig
from media_engine.errors import OfferRejected
from media_engine.events import Event, SubscribeOffer, TransportName
from media_engine.fanout import FanOut
from media_engine.figures import EngineFigures
from media_engine.fragment import Fragment
from media_engine.grants import Grants, Source
from media_engine.link import Link
from media_engine.mux import UdpMux
from media_engine.offered import Offered, read_offer
from media_engine.packet_trace import MAX_SECONDS, PacketTrace
from media_engine.rota import PARTS, Rota
from media_engine.session import MediaSession
from media_engine.statistics import peer_report
from media_engine.turns import Turns
from media_engine.wiring import Wiring

_SUMMARY_SECONDS = 30.0
_CLOSE_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Engine:
    """Forwards media between the peers of a session, as far as their grants say.

    `on_event` is called with the values of `events.py`. `clock` gives seconds and is what `Grants.expires_at` refers
    to.
    """

    def __init__(
        self,
        config: EngineConfig,
        on_event: Callable[[Event], None] = lambda event: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self.clock = clock
        self._on_event = on_event
        self._mux = UdpMux(config, clock)
        fan_out = FanOut(self._mux.outbox)
        self._mux.after_batch = fan_out.flush
        self._wiring = Wiring(self._mux, config, clock, fan_out)
        self._sessions: dict[str, MediaSession] = {}
        self._rota: Rota[MediaSession] = Rota(lambda session: 1 + len(session.peers))
        self._taken_at = 0.0
        """When the latest part of the rota was due, by the loop's clock."""
        self._turns: Turns[MediaSession] = Turns(MediaSession.turn, self._after_turn)
        self._events: deque[Event] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._past: dict[str, deque[dict[str, Any]]] = {}
        self._packets: PacketTrace | None = None
        self._summary_at = 0.0
        self._summarised: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<Engine port={self._mux.port} {len(self._sessions)} sessions>"

    @property
    def port(self) -> int:
        """The UDP port that is bound (the configured one, or the kernel's choice when that was 0)."""
        return self._mux.port

    @property
    def tcp_port(self) -> int:
        """The TCP port that is bound; 0 for none."""
        return self._mux.streams.port

    @property
    def dropped(self) -> dict[str, int]:
        """What the port dropped before it reached any peer, by reason."""
        return dict(self._mux.dropped)

    async def start(self) -> None:
        """Bind the ports and begin to serve. Raises OSError whose text an operator can act on."""
        loop = asyncio.get_running_loop()
        self._mux.open(loop)
        try:
            await self._mux.streams.open(loop)
        except OSError:
            self._mux.close()
            raise
        self._loop, self._taken_at = loop, loop.time()
        self._arm()
        compiled.tell(COMPILED, _log, has_inner_loops=native.inner is not None)

    async def aclose(self) -> None:
        """Close every session, tell the peers, release the port and wait until every task has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._turns.stop()
        for session_id in tuple(self._sessions):
            self.close_session(session_id)
        while self._closing:
            await asyncio.wait(tuple(self._closing), timeout=_CLOSE_SECONDS)
        self._mux.close()
        self._loop = None

    def set_grants(self, session_id: str, peer_id: str, grants: Grants) -> None:
        """Say what a peer may do from now on; creates session and peer when missing.

        Raises OfferRejected("busy") at a limit and ValueError for an id that does not fit into SDP.
        """
        self._made(session_id).set_grants(peer_id, grants)

    def revoke(self, session_id: str, peer_id: str) -> None:
        """Forget a peer: when this returns, not one more packet goes to it or is taken from it."""
        session = self._sessions.get(session_id)
        if session is not None:
            session.revoke(peer_id)

    def hold(self, session_id: str) -> None:
        """Forward nothing in this session until `release`: when this returns, not one more packet passes.

        Grants, transports and offers stay, so that releasing needs no negotiation. Creates the session when missing.
        Raises OfferRejected("busy") at the limit of sessions.
        """
        self._made(session_id).hold()

    def release(self, session_id: str) -> None:
        """Let the grants of a held session decide again."""
        session = self._sessions.get(session_id)
        if session is not None:
            session.release()

    def seal(self, session_id: str) -> None:
        """From now on this session carries SFrame only: a source that doesn't is forwarded no more, and said.

        Looked at now and then, for mistakes of clients. Creates the session when missing. Raises OfferRejected("busy")
        at the limit of sessions.
        """
        self._made(session_id).sealed = True

    def close_session(self, session_id: str) -> None:
        """Forget a session and everybody in it."""
        session = self._sessions.get(session_id)
        if session is not None:
            self._forget(session)
            session.close()

    def answer_publish(self, session_id: str, peer_id: str, offer_sdp: str, sources: Mapping[str, Source]) -> str:
        """Answer a publisher's offer; `sources` maps the mid of each sending m-line to what it carries.

        The same RTCPeerConnection may offer again (m-lines added or stopped, ICE restart); another one, after a page
        reload, replaces the transport. Sources without a grant are answered but not forwarded. Raises OfferRejected.
        """
        return self._session(session_id).answer_publish(peer_id, offer_sdp, sources)

    def read_offer(self, offer_sdp: str) -> Offered:
        """What an offer has to say about media, before anybody may do anything. Raises OfferRejected("bad_sdp")."""
        return read_offer(offer_sdp, max_bytes=self.config.max_sdp_bytes, max_sections=self.config.max_sections)

    def restart_ice(self, session_id: str, peer_id: str, transport: TransportName, theirs: Fragment) -> str:
        """New ICE credentials for a transport that goes on (RFC 8445, section 9), as an SDP fragment for the peer.

        `theirs` is the peer's fragment, with its new credentials. Raises OfferRejected.
        """
        return self._session(session_id).restart_ice(peer_id, transport, theirs)

    def close_transport(self, session_id: str, peer_id: str, transport: TransportName) -> None:
        """End one transport of a peer; no event follows. Nothing happens where there is none."""
        session = self._sessions.get(session_id)
        if session is not None:
            session.close_transport(peer_id, transport)

    def open_subscribe(
        self, session_id: str, peer_id: str, fresh: bool, decodes: AbstractSet[str] | None = None
    ) -> None:
        """Let the peer receive. A SubscribeOffer follows when there is anything, and whenever that changes.

        `fresh` drops the transport that was there; otherwise the current offer is made again, with new ICE credentials
        (RFC 8445, section 9). `decodes`: the codecs (`codecs.PICTURES`) of pictures that the client can show; others
        are not offered. None: whatever it doesn't reject in an answer. Raises OfferRejected.
        """
        self._session(session_id).open_subscribe(peer_id, fresh=fresh, decodes=decodes)

    def answer_subscribe(self, session_id: str, peer_id: str, offer_sdp: str) -> str:
        """Answer the offer of a receiver that has no other signalling: its m-lines are all it will ever have.

        Each sound carries one voice, the loudest first, each picture a shared screen or else who speaks (`watch.py`).
        It takes the place of any subscribing transport before. Raises OfferRejected.
        """
        return self._session(session_id).answer_subscribe(peer_id, offer_sdp)

    def accept_answer(self, session_id: str, peer_id: str, offer_id: int, sdp: str) -> None:
        """Take the answer to the SubscribeOffer `offer_id`. Raises OfferRejected."""
        self._session(session_id).accept_answer(peer_id, offer_id, sdp)

    def show(self, session_id: str, peer_id: str, tiles: Mapping[tuple[str, Source], int]) -> None:
        """Which publishers' pictures the peer shows, the most important first, and how high each is in device pixels.

        Others are not sent.

        Until this is called, all are sent as large as they come. A promise of nothing: bandwidth may allow less.
        Raises OfferRejected.
        """
        self._session(session_id).show(peer_id, tiles)

    def set_speaking(self, session_id: str, peer_id: str, speaking: bool | None) -> None:
        """What a peer says of its own microphone, in a session whose packets must not say how loud they are.

        It has a part in the choice of who is heard, and in `Speakers`, as if it were as loud as can be; packets that
        say how loud they are outweigh it. Whoever speaks for long is behind who hasn't, so that a lie takes nobody's
        place for good. None: it says nothing, and is always heard; so it is 30 seconds after its last word. No grant
        is needed to say it, and it gives none.
        """
        session = self._sessions.get(session_id)
        if session is not None:
            session.set_speaking(peer_id, speaking)

    def stats(self, session_id: str) -> dict[str, Any]:
        """Counters by peer id; empty for an unknown session."""
        session = self._sessions.get(session_id)
        return session.stats() if session is not None else {}

    def report(self, session_id: str, peer_id: str) -> list[dict[str, Any]]:
        """Statistics of one peer in the terms of W3C webrtc-stats (`statistics.py`); empty for an unknown one."""
        session = self._sessions.get(session_id)
        peer = session.peers.get(peer_id) if session is not None else None
        now = self.clock()
        offset = time.time() - now
        return peer_report(peer.links, lambda at: round((at + offset) * 1000, 1), now) if peer is not None else []

    def figures(self) -> EngineFigures:
        """What the engine is doing and has done, for a graph."""
        links = [link for session in self._sessions.values() for peer in session.peers.values() for link in peer.links]
        counted = self._wiring.retired.copy()
        for link in links:
            if link.state != "closed":
                counted.update(link.counted())
        dropped = Counter(self._mux.dropped)
        dropped["send_failed"] = self._wiring.fan_out.failures
        for name in [name for name in counted if name.startswith("dropped_")]:
            dropped[name.removeprefix("dropped_")] += counted.pop(name)
        return EngineFigures(
            sessions=len(self._sessions),
            peers=sum(len(session.peers) for session in self._sessions.values()),
            transports=dict(Counter(link.state or "new" for link in links)),
            counted=counted,
            dropped=dropped,
            waits=self._mux.waits,
            busy_seconds=self._mux.busy_seconds,
        )

    def trace(self, session_id: str) -> list[dict[str, Any]]:
        """The last things that happened in a session, oldest first; never SDP, credentials or addresses.

        Of sessions that are over, the last `config.kept_traces` are known.
        """
        session = self._sessions.get(session_id)
        return list(session.trace if session is not None else self._past.get(session_id, ()))

    def trace_packets(self, session_id: str, seconds: float) -> bool:
        """Note the headers of this session's packets for so long (at most `packet_trace.MAX_SECONDS`).

        One session at a time; a new trace replaces the one before. False when there is no such session.
        """
        session = self._sessions.get(session_id)
        if session is not None:
            until = self.clock() + min(max(seconds, 0.0), MAX_SECONDS)
            self._wiring.fan_out.trace = self._packets = PacketTrace(session, until)
        return session is not None

    def traced_packets(self) -> list[dict[str, Any]]:
        """The headers that the latest packet trace has noted, oldest first. They are forgotten with this."""
        trace, self._packets, self._wiring.fan_out.trace = self._packets, None, None
        return trace.packets() if trace is not None else []

    def _made(self, session_id: str) -> MediaSession:
        session = self._sessions.get(session_id)
        if session is None:
            if len(self._sessions) >= self.config.max_sessions:
                raise OfferRejected("busy", "the engine has its maximum of sessions")
            session = MediaSession(session_id, self._wiring, self._emit, self._on_closing)
            self._sessions[session_id] = session
            self._rota.join(session)
            self._arm()
        return session

    def _session(self, session_id: str) -> MediaSession:
        session = self._sessions.get(session_id)
        if session is None:
            raise OfferRejected("no_grant", "this peer may not exchange media here")
        return session

    def _forget(self, session: MediaSession) -> None:
        del self._sessions[session.session_id]
        self._rota.leave(session)
        self._past.pop(session.session_id, None)
        self._past[session.session_id] = session.trace
        while len(self._past) > self.config.kept_traces:
            del self._past[next(iter(self._past))]

    def _emit(self, event: Event) -> None:
        if not self._events and self._loop is not None:
            self._loop.call_soon(self._deliver)
        self._events.append(event)

    def _deliver(self) -> None:
        while self._events:
            event = self._events.popleft()
            if isinstance(event, SubscribeOffer) and not self._is_current(event):
                continue
            try:
                self._on_event(event)
            except Exception:  # noqa: BLE001 - the owner's mistake must not stop anybody's media
                _log.exception("on_event failed for %s", type(event).__name__)

    def _is_current(self, offer: SubscribeOffer) -> bool:
        """An offer to a peer that was revoked or replaced in the meantime is not for anybody's eyes."""
        session = self._sessions.get(offer.session_id)
        peer = session.peers.get(offer.peer_id) if session is not None else None
        return peer is not None and peer.subscribe is not None and peer.subscribe.offer_id == offer.offer_id

    def _on_closing(self, link: Link) -> None:
        if self._loop is not None:
            task = self._loop.create_task(link.wait_closed())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _arm(self) -> None:
        """Wake for the next part of the rota."""
        if self._timer is not None:
            self._timer.cancel()
        if self._loop is not None:
            self._timer = self._loop.call_at(self._due_at(), self._tick)

    def _due_at(self) -> float:
        return self._taken_at + self._rota.parts_to_go() * self.config.tick_seconds / PARTS

    def _tick(self) -> None:
        """What is due for the sessions whose turn it is, and once in `config.tick_seconds` what is for all.

        Parts that have become due while the loop was busy are taken together, each once: a loop that is busy all the
        time would be late for each of them, and allowances are filled up by turns. Whoever was due several times has
        one turn, not several at once.
        """
        if self._loop is None:
            return
        at, tick_seconds = self._loop.time(), self.config.tick_seconds
        due: list[MediaSession] = []
        is_first = False
        for _ in range(PARTS):
            self._taken_at = max(self._due_at(), at - tick_seconds * (PARTS - 1) / PARTS)
            due += self._rota.take()
            is_first |= self._rota.is_first
            if self._due_at() > at:
                break
        self._arm()
        now = self.clock()
        if is_first:
            self._mux.tick(now)
            self._end_trace(now)
            self._summarise(now)
        self._wiring.fan_out.release(now)
        self._turns.begin(due, self._loop)

    def _after_turn(self, session: MediaSession) -> None:
        is_known = self._sessions.get(session.session_id) is session  # it may have been closed, and made anew since
        if is_known and not session.peers and not session.held:
            self._forget(session)

    def _end_trace(self, now: float) -> None:
        trace = self._wiring.fan_out.trace
        if trace is not None and now >= trace.until:
            self._wiring.fan_out.trace = None

    def _summarise(self, now: float) -> None:
        """Now and then one line about what was dropped since the last one, however much it was."""
        if now < self._summary_at:
            return
        self._summary_at = now + _SUMMARY_SECONDS
        dropped = self.dropped
        news = {name: count - self._summarised.get(name, 0) for name, count in dropped.items()}
        self._summarised = dropped
        if any(news.values()):
            _log.info("dropped datagrams: %s", ", ".join(f"{name} {count}" for name, count in news.items() if count))
