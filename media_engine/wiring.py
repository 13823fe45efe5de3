"""What every part of one engine shares."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from media_engine.config import EngineConfig
from media_engine.fanout import FanOut
from media_engine.mux import UdpMux


@dataclass(frozen=True)
class Wiring:
    """The port, the limits, the clock (seconds) and the way out, handed down from the engine to every transport."""

    mux: UdpMux
    config: EngineConfig
    clock: Callable[[], float]
    fan_out: FanOut
    retired: Counter[str] = field(default_factory=Counter)
    """What transports that are gone have counted, as `Link.counted` names it."""
