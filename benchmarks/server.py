"""The engine under test, alone in its process: no Django, no portal, only a control channel.

Run as `python -m benchmarks.server PORT`; `benchmarks.control` drives it.
"""

from __future__ import annotations

import gc
import sys
import time
from dataclasses import asdict, is_dataclass
from typing import Any

from benchmarks import channel
from media_engine import Engine, EngineConfig, Grants, OfferRejected, Source

LEASE_SECONDS = 3600.0


class Commands(channel.Usage):
    """The engine's methods with plain values in and out."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def grant(self, session: str, peer: str, publish: list[str], subscribe: bool) -> None:
        grants = Grants(
            publish=frozenset(Source(name) for name in publish),
            subscribe=subscribe,
            expires_at=time.monotonic() + LEASE_SECONDS,
        )
        self.engine.set_grants(session, peer, grants)

    def seal(self, session: str) -> None:
        self.engine.seal(session)

    def answer_publish(self, session: str, peer: str, sdp: str, sources: dict[str, str]) -> str:
        return self.engine.answer_publish(session, peer, sdp, {mid: Source(name) for mid, name in sources.items()})

    def open_subscribe(self, session: str, peer: str) -> None:
        self.engine.open_subscribe(session, peer, True)

    def accept_answer(self, session: str, peer: str, offer_id: int, sdp: str) -> None:
        self.engine.accept_answer(session, peer, offer_id, sdp)

    def revoke(self, session: str, peer: str) -> None:
        self.engine.revoke(session, peer)

    def close_session(self, session: str) -> None:
        self.engine.close_session(session)

    def stats(self, session: str) -> Any:
        return self.engine.stats(session)


def on_event(event: Any) -> None:
    assert is_dataclass(event) and not isinstance(event, type)
    channel.say({"event": type(event).__name__, **asdict(event)})


async def main() -> None:
    sys.setswitchinterval(0.0005)  # this and gc.freeze as the product's server does
    engine = Engine(EngineConfig(host="127.0.0.1", port=int(sys.argv[1])), on_event=on_event)
    await engine.start()
    gc.collect()
    gc.freeze()
    try:
        await channel.serve(Commands(engine), lambda e: e.code if isinstance(e, OfferRejected) else None)
    finally:
        await engine.aclose()


if __name__ == "__main__":
    channel.run(main)
