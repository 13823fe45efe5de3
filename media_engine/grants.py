"""What a peer may publish and receive. Pure.

Owns the vocabulary of permission inside the engine: a source, a grant, a lease. Knows nothing about people, meetings or
why something is allowed; absent means no.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Source(StrEnum):
    """What a published track carries. The value is what travels in signalling messages.

    `kind` is the SDP media type: "audio" or "video".
    """

    MICROPHONE = "microphone", "audio"
    CAMERA = "camera", "video"
    SCREEN = "screen", "video"
    SCREEN_AUDIO = "screen_audio", "audio"

    kind: str

    def __new__(cls, value: str, kind: str) -> Self:
        made = str.__new__(cls, value)
        made._value_, made.kind = value, kind
        return made

    __hash__ = str.__hash__  # that of enumerations is slower by far, and streams are looked up by their source


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
