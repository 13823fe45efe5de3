"""Passes for a TURN server, for networks that let no UDP through. Pure.

The scheme is coturn's `use-auth-secret` (draft-uberti-behave-turn-rest-00): the name says until when the pass is good,
the password proves that somebody with the secret wrote the name. Nothing is registered anywhere, and a pass tells the
TURN server nothing about who holds it but the number of a seat. Given to people inside only, and anew for each
transport: a relay that is in use goes on when its pass is over.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any

PASS_SECONDS = 300


@dataclass(frozen=True)
class Relays:
    """The TURN servers of this installation; none without `urls`."""

    urls: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)

    def servers_for(self, seat_id: str, unix_seconds: float) -> list[dict[str, Any]]:
        """RTCIceServer dictionaries (W3C webrtc-pc, section 4.2.4) for one seat, good for `PASS_SECONDS`."""
        if not self.urls:
            return []
        username = f"{int(unix_seconds) + PASS_SECONDS}:{seat_id}"
        digest = hmac.new(self.secret.encode(), username.encode(), hashlib.sha1).digest()
        return [{"urls": list(self.urls), "username": username, "credential": base64.b64encode(digest).decode()}]


NO_RELAYS = Relays()
