"""What one participant holds in a session: rights, transports, and what it has said."""

from media_engine.events import TransportName
from media_engine.grants import NOTHING, Grants
from media_engine.key_frames import KeyFrameBudget
from media_engine.link import Link
from media_engine.publish import PublishLink
from media_engine.subscribe import SubscribeLink
from media_engine.tracks import TrackKey, UpTrack
from media_engine.voices import Said


class Peer:
    """What one participant holds in the session. Absent grants mean no.

    `said` is what they say of their own microphone, if anything; `speakers` whom they were told last to speak;
    `key_frames` what they may have others make; `put_off` the encodings whose key frame they wait for, and of which
    they have had so many made that nobody has been asked yet.
    """

    __slots__ = ("grants", "key_frames", "peer_id", "publish", "put_off", "said", "speakers", "subscribe")

    def __init__(self, peer_id: str) -> None:
        self.peer_id = peer_id
        self.grants: Grants = NOTHING
        self.publish: PublishLink | None = None
        self.subscribe: SubscribeLink | None = None
        self.said: Said | None = None
        self.speakers: tuple[str, ...] = ()
        self.key_frames: dict[TrackKey, KeyFrameBudget] = {}
        self.put_off: set[UpTrack] = set()

    def __repr__(self) -> str:
        return f"<Peer {self.peer_id} publish={self.publish} subscribe={self.subscribe}>"

    @property
    def links(self) -> list[Link]:
        """The transports that exist."""
        return [link for link in (self.publish, self.subscribe) if link is not None]

    def may_be_sent(self, key: TrackKey, now: float) -> bool:
        """Whether they may be sent this source of somebody else now."""
        return key[0] != self.peer_id and self.grants.may_receive(*key, now)

    def link(self, name: TransportName) -> Link | None:
        """The transport of this name, if there is one."""
        return self.publish if name == "publish" else self.subscribe
