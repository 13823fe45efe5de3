"""What a peer may publish and receive. Pure.

Owns the vocabulary of permission inside the engine: a source, a grant, a lease. Knows nothing about people, meetings or
why something is allowed; absent means no.
"""

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """What a published track carries. The value is what travels in signalling messages."""

    MICROPHONE = "microphone"
    CAMERA = "camera"
    SCREEN = "screen"
    SCREEN_AUDIO = "screen_audio"

    @property
    def kind(self) -> str:
        """The SDP media type of this source: "audio" or "video"."""
        return "audio" if self in (Source.MICROPHONE, Source.SCREEN_AUDIO) else "video"


@dataclass(frozen=True)
class Grants:
    """A lease: what one peer may do until `expires_at`, in seconds of the engine's clock.

    An expired lease permits nothing, whether or not a timer ran in between. `publish` empty and `subscribe` true is a
    silent listener. `receive` narrows `subscribe` to these streams, each a publisher and a source; None doesn't.
    """

    publish: frozenset[Source]
    subscribe: bool
    expires_at: float
    receive: frozenset[tuple[str, Source]] | None = None

    def may_publish(self, source: Source, now: float) -> bool:
        """Whether packets of `source` may be forwarded at `now` (seconds)."""
        return source in self.publish and now < self.expires_at

    def may_subscribe(self, now: float) -> bool:
        """Whether this peer may be sent anybody's media at `now` (seconds)."""
        return self.subscribe and now < self.expires_at

    def may_receive(self, publisher_id: str, source: Source, now: float) -> bool:
        """Whether this peer may be sent this stream at `now` (seconds)."""
        return self.may_subscribe(now) and (self.receive is None or (publisher_id, source) in self.receive)


NOTHING = Grants(publish=frozenset(), subscribe=False, expires_at=float("-inf"))
